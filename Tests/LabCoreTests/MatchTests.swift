import LabCore
import Testing

@Suite("Matchers (scenario language, grammar: MATCH and OP)")
struct MatchTests {
    struct Case: CustomTestStringConvertible {
        let value: FieldValue?
        let name: Match.Operator
        let operand: FieldValue
        let holds: Bool
        var testDescription: String { "\(value.map(\.description) ?? "absent") \(name) \(operand)" }
        init(_ value: FieldValue?, _ name: Match.Operator, _ operand: FieldValue, _ holds: Bool) {
            (self.value, self.name, self.operand, self.holds) = (value, name, operand, holds)
        }
    }

    private func holds(_ test: Case) -> Bool {
        Match.Test.operators([Match.Operation(test.name, .constant(test.operand))]).holds(for: test.value)
    }

    @Test(
        "compare",
        arguments: [
            Case(2, .eq, 2, true), Case(2, .eq, 2.0, true), Case(2, .eq, "2", false), Case("2.40", .eq, 2.4, false), Case(2, .ne, 3, true),
            Case(2, .ne, 2, false), Case(nil, .ne, 2, true), Case(nil, .eq, 2, false), Case(true, .eq, true, true), Case(true, .eq, 1, false),
            Case(2, .lt, 3, true), Case(3, .lt, 3, false), Case(3, .le, 3, true), Case(3.5, .gt, 3, true), Case(3, .gt, 3, false),
            Case(3, .ge, 3, true), Case("a", .lt, "b", true), Case("a", .lt, 1, false), Case(nil, .ge, 0, false), Case(.null, .ge, 0, false),
            Case("2.10.0", .gt, "2.9.0", true), Case("2.4", .ge, "2.4.0", true), Case("2.40", .gt, "2.4", true),
            Case(.duration(5_000_000_000), .eq, "5s", true), Case("90s", .lt, "2m", true), Case(.duration(1), .le, 1, true),
            Case(.bytes([0x01, 0xff]), .eq, "01ff", true), Case(.bytes([0x01, 0xff]), .eq, "01fe", false),
            Case(.integer(.max), .gt, .integer(.max - 1), true), Case(.number(.nan), .le, 1, false), Case(.number(.nan), .ge, 1, false),
        ])
    func comparisons(_ test: Case) { #expect(holds(test) == test.holds) }

    @Test(
        "sets, distances and parts",
        arguments: [
            Case(2, .in, [1, 2], true), Case(3, .in, [1, 2], false), Case(2, .in, 2, false), Case(20, .near, [21, 1], true),
            Case(20, .near, [22, 1], false), Case(40.5, .near, [40, 0.5], true), Case("4s", .near, ["5s", "1s"], true),
            Case("3.9s", .near, ["5s", "1s"], false), Case(20, .near, [20], false), Case(20, .near, 20, false),
            Case(.duration(.max), .near, [.duration(-5), .duration(1)], false), Case("2.3.0", .matches, "^[0-9]+[.][0-9]+", true),
            Case("v2.3.0", .matches, "^[0-9]+", false), Case("x", .matches, "[", false), Case(12, .matches, "^1", true),
            Case(["a", "b"], .has, "b", true), Case(["a", "b"], .has, "c", false), Case("abc", .has, "bc", true), Case("abc", .has, "cb", false),
            Case(["k": 1], .has, "k", true), Case(5, .has, 5, false), Case("abc", .len, 3, true), Case([1, 2], .len, 2, true),
            Case(.bytes([1, 2, 3]), .len, 3, true), Case([:], .len, 0, true), Case(3, .len, 1, false), Case("x", .present, true, true),
            Case(nil, .present, true, false), Case(nil, .present, false, true), Case(.null, .present, true, false),
            Case(false, .present, true, true),
        ])
    func others(_ test: Case) { #expect(holds(test) == test.holds) }

    static let fields: Fields = ["state": "active", "credentials": ["token": "x", "age": 3], "gone": .null]

    @Test("conditions reach into records, by path or nested, and all must hold")
    func nesting() {
        let path = Match([.init(field: "credentials.age", test: .operators([.init(.ge, .constant(2)), .init(.lt, .constant(5))]))])
        #expect(path.holds(for: Self.fields))
        let nested = Match([.init(field: "credentials", test: .fields(Match([.init(field: "age", test: .equals(.constant(4)))])))])
        #expect(!nested.holds(for: Self.fields))
        let both = Match([.init(field: "state", test: .equals(.constant("active"))), .init(field: "credentials.age", test: .equals(.constant(4)))])
        #expect(both.differences(in: Self.fields) == ["credentials.age"])
        #expect(!Match([.init(field: "state", test: .fields(Match()))]).holds(for: Self.fields))
        #expect(Match().holds(for: [:]))
    }

    @Test("null equals null and what is absent, and nothing else")
    func null() {
        func equals(_ field: String, _ value: FieldValue) -> Bool { Match([.init(field: field, test: .equals(.constant(value)))]).holds(for: Self.fields) }
        #expect(equals("gone", .null))
        #expect(equals("missing", .null))
        #expect(!equals("state", .null))
        #expect(!equals("missing", ""))
    }

    @Test("records are equal whatever the order of their fields; lists are not")
    func deepEquality() {
        #expect(FieldComparison.equal(["a": 1, "b": [2.0]], ["b": [2], "a": 1.0]))
        #expect(!FieldComparison.equal(["a": 1], ["a": 1, "b": 2]))
        #expect(!FieldComparison.equal([1, 2], [2, 1]))
    }

    @Test("an unresolved operand never holds, a resolved one does")
    func resolution() throws {
        let match = Match([.init(field: "state", test: .equals(.expression(.name("wanted"))))])
        #expect(!match.holds(for: Self.fields))
        #expect(try match.resolved(in: Scope(["wanted": "active"])).holds(for: Self.fields))
        #expect(throws: ExpressionFailure.self) { try match.resolved(in: Scope()) }
    }

    @Test("are described as a person would write them")
    func description() {
        let match = Match([
            .init(field: "firmware", test: .equals(.constant("2.3.0"))), .init(field: "port", test: .operators([.init(.ge, .constant(2))])),
        ])
        #expect(match.description == "firmware = 2.3.0, port ≥ 2")
    }
}
