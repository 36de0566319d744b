import LabCore
import Testing

@Suite("Values with ${…} (scenario language, grammar: VALUE)")
struct TemplateTests {
    static let scope = Scope([
        "port": 2, "loss": 0.2, "serial": "BDG-7", "limit": .duration(5_000_000_000), "injected": ["fault": "badge.power.cut"],
    ])

    private func binary(_ sign: Expression.Operator, _ left: FieldValue, _ right: FieldValue) throws -> FieldValue {
        try Expression.binary(sign, .constant(left), .constant(right)).value(in: Self.scope)
    }

    @Test("a template that is one expression keeps the type of its result; text around it makes text")
    func types() throws {
        #expect(try Template.expression(.name("port")).resolved(in: Self.scope) == 2)
        #expect(try Template.expression(.name("injected.fault")).resolved(in: Self.scope) == "badge.power.cut")
        let text = Template.text([.literal("p"), .expression(.name("port")), .literal("-"), .expression(.name("limit"))])
        #expect(try text.resolved(in: Self.scope) == "p2-5s")
    }

    @Test("lists and records are filled in member by member")
    func members() throws {
        let template = Template.record([
            .init(name: "a", value: .list([.expression(.name("port")), .constant("x")])), .init(name: "b", value: .constant(.null)),
        ])
        #expect(try template.resolved(in: Self.scope) == ["a": [2, "x"], "b": .null])
    }

    @Test("whole numbers stay whole where the result is")
    func integers() throws {
        #expect(try binary(.add, 2, 3) == 5)
        #expect(try binary(.subtract, 2, 3) == -1)
        #expect(try binary(.multiply, 4, 3) == 12)
        #expect(try binary(.divide, 6, 3) == 2)
        #expect(try binary(.divide, 7, 2) == 3.5)
        #expect(try binary(.add, 2, 0.5) == 2.5)
    }

    @Test("durations add to durations and scale by numbers")
    func durations() throws {
        let fiveSeconds = FieldValue.duration(5_000_000_000)
        #expect(try binary(.add, fiveSeconds, .duration(1)) == .duration(5_000_000_001))
        #expect(try binary(.multiply, fiveSeconds, 3) == .duration(15_000_000_000))
        #expect(try binary(.multiply, 1.5, fiveSeconds) == .duration(7_500_000_000))
        #expect(try binary(.divide, fiveSeconds, 2) == .duration(2_500_000_000))
        #expect(try binary(.divide, fiveSeconds, .duration(2_000_000_000)) == 2.5)
        #expect(try binary(.multiply, .duration(9_007_199_254_740_993), 3) == .duration(27_021_597_764_222_979))
    }

    @Test("a minus turns numbers and durations round")
    func negation() throws {
        #expect(try Expression.negated(.name("port")).value(in: Self.scope) == -2)
        #expect(try Expression.negated(.name("loss")).value(in: Self.scope) == -0.2)
        #expect(try Expression.negated(.name("limit")).value(in: Self.scope) == .duration(-5_000_000_000))
        #expect(throws: ExpressionFailure.notNumbers("-")) { try Expression.negated(.name("serial")).value(in: Self.scope) }
    }

    struct Refusal: CustomTestStringConvertible {
        let left: FieldValue
        let sign: Expression.Operator
        let right: FieldValue
        let failure: ExpressionFailure
        var testDescription: String { "\(left) \(sign.rawValue) \(right)" }
        init(_ left: FieldValue, _ sign: Expression.Operator, _ right: FieldValue, _ failure: ExpressionFailure) {
            (self.left, self.sign, self.right, self.failure) = (left, sign, right, failure)
        }
    }

    @Test(
        "what cannot be counted is refused",
        arguments: [
            Refusal(1, .divide, 0, .divisionByZero), Refusal(1.5, .divide, 0.0, .divisionByZero), Refusal(.duration(5), .divide, 0, .divisionByZero),
            Refusal(.duration(5), .divide, .duration(0), .divisionByZero), Refusal(.integer(.max), .add, 1, .outOfRange),
            Refusal(.integer(.min), .divide, -1, .outOfRange), Refusal(.integer(.min), .subtract, 1, .outOfRange),
            Refusal(.duration(.max), .add, .duration(1), .outOfRange), Refusal(.duration(.max), .multiply, 2, .outOfRange),
            Refusal(.duration(.max), .multiply, 1e300, .outOfRange), Refusal(1e300, .multiply, 1e300, .outOfRange),
            Refusal("a", .add, 1, .notNumbers("+")), Refusal(.duration(1), .add, 1, .notNumbers("+")), Refusal(1, .divide, .duration(1), .notNumbers("/")),
            Refusal([1], .multiply, 2, .notNumbers("*")), Refusal(true, .add, 1, .notNumbers("+")),
        ])
    func refused(_ refusal: Refusal) {
        #expect(throws: refusal.failure) { try binary(refusal.sign, refusal.left, refusal.right) }
    }

    @Test("an unknown name is refused with what was probably meant")
    func unknown() {
        let failure = #expect(throws: ExpressionFailure.self) { try Template.expression(.name("prot")).resolved(in: Self.scope) }
        #expect(failure?.description == "nothing is called 'prot' here — did you mean 'port'?")
        let other = #expect(throws: ExpressionFailure.self) { try Template.expression(.name("zzz")).resolved(in: Self.scope) }
        #expect(other?.description == "nothing is called 'zzz' here (known: port, loss, serial, limit, injected)")
    }
}
