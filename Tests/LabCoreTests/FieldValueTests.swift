import LabCore
import Testing

@Suite("Fields and words")
struct FieldValueTests {
    @Test("a field keeps its place when it is set again, and goes when it is set to nil")
    func setting() {
        var fields: Fields = ["a": 1, "b": 2, "c": 3]
        fields["b"] = 9
        fields["d"] = 4
        fields["a"] = nil
        fields["x"] = nil
        #expect(fields == ["b": 9, "c": 3, "d": 4])
        #expect(fields.map(\.name) == ["b", "c", "d"])
    }

    @Test("a literal with a doubled name keeps the last value in the first place")
    func doubled() { #expect((["a": 1, "b": 2, "a": 3] as Fields).map(\.value) == [3, 2]) }

    @Test("a dotted path leads into records and nowhere else")
    func paths() {
        let fields: Fields = ["a": ["b": ["c": 1]], "l": [1]]
        #expect(fields.value(at: "a.b.c") == 1)
        #expect(fields.value(at: "a.b") == ["c": 1])
        #expect(fields.value(at: "a.x.c") == nil)
        #expect(fields.value(at: "l.0") == nil)
    }

    @Test("merging takes the other's value where both have the name")
    func merging() { #expect((["a": 1, "b": 2] as Fields).merging(["b": 3, "c": 4]) == ["a": 1, "b": 3, "c": 4]) }

    @Test("is described as a person reads it")
    func description() {
        #expect(FieldValue.text("a\"b").description == "a\"b")
        #expect(FieldValue.duration(250_000_000).description == "250ms")
        #expect(FieldValue.bytes([1, 2]).description == "0102")
        #expect((["a", 1] as FieldValue).description == #"["a",1]"#)
    }

    struct Proposal: CustomTestStringConvertible {
        let word: String
        let meant: String?
        var testDescription: String { word }
        init(_ word: String, _ meant: String?) { (self.word, self.meant) = (word, meant) }
    }

    // Distances counted by hand: inserted, removed, replaced and swapped letters.
    @Test(
        "proposes the nearest word within a third of the letters, at least 1 and at most 3",
        arguments: [
            Proposal("expct", "expect"), Proposal("exepct", "expect"), Proposal("expect", "expect"), Proposal("forbdi", "forbid"),
            Proposal("wiat", "wait"), Proposal("wxyt", nil), Proposal("fualt", "fault"), Proposal("check", "check"), Proposal("prallel", "parallel"),
            Proposal("parlel", "parallel"), Proposal("zzzzzz", nil), Proposal("", nil), Proposal(String(repeating: "x", count: 65), nil),
        ])
    func proposals(_ proposal: Proposal) {
        let words = ["do", "expect", "forbid", "check", "fault", "clear", "wait", "load", "loop", "parallel", "use"]
        #expect(DidYouMean.suggestion(for: proposal.word, among: words) == proposal.meant)
    }

    @Test("the first of equally near words is proposed")
    func ties() { #expect(DidYouMean.suggestion(for: "cart", among: ["card", "care", "dart"]) == "card") }

    @Test("a diagnostic is printed as compilers do")
    func diagnostics() {
        let location = SourceLocation(file: "a.yaml", line: 3, column: 7)
        #expect(Diagnostic(at: location, "unknown key").description == "a.yaml:3:7: error: unknown key")
        #expect(Diagnostic(.warning, at: location, "old form").description == "a.yaml:3:7: warning: old form")
        #expect(location < SourceLocation(file: "a.yaml", line: 10, column: 1))
    }
}
