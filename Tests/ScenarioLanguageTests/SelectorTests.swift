import LabCore
import ScenarioLanguage
import Testing

@Suite("SELECT (cli.md)")
struct SelectorTests {
    private struct Candidate { var name: String; var tags: [String] }

    private let candidates = [
        Candidate(name: "badge/register", tags: ["badge", "smoke"]), Candidate(name: "badge/ota/rollback", tags: ["ota", "slow"]),
        Candidate(name: "ota/resume", tags: ["ota"]), Candidate(name: "charging/two-ports", tags: ["charging", "smoke"]),
    ]

    private func selected(_ text: String) throws -> [String] {
        let selector = try Selector(parsing: text)
        return candidates.filter { selector.matches(name: $0.name, file: "scenarios/\($0.name).yaml", tags: $0.tags) }.map(\.name)
    }

    @Test("selects", arguments: [
        ("tag:ota", ["badge/ota/rollback", "ota/resume"]), ("tag:ota & !tag:slow", ["ota/resume"]),
        ("badge.*", ["badge/register", "badge/ota/rollback"]), ("tag:ota & !tag:slow & badge.*", []),
        ("badge/register", ["badge/register"]), ("badge.register", ["badge/register"]), ("badge", ["badge/register", "badge/ota/rollback"]),
        ("scenarios/badge/register.yaml", ["badge/register"]), ("./scenarios/ota/", ["ota/resume"]),
        ("scenarios", ["badge/register", "badge/ota/rollback", "ota/resume", "charging/two-ports"]), ("*/re*", ["badge/register", "ota/resume"]),
        ("charging/two-port?", ["charging/two-ports"]), ("tag:sm* & (badge | charging)", ["badge/register", "charging/two-ports"]),
        ("tag:slow | tag:smoke & charging", ["badge/ota/rollback", "charging/two-ports"]), ("!tag:smoke", ["badge/ota/rollback", "ota/resume"]),
        ("reg", []),
    ])
    func selects(_ text: String, _ names: [String]) throws { #expect(try selected(text) == names) }

    @Test("says where it is wrong", arguments: [
        ("", "1: error: tag:WORD, a path or a name such as badge.* expected, found the end"),
        ("tag:ota &", "10: error: tag:WORD, a path or a name such as badge.* expected, found the end"),
        ("tag:ota badge", "9: error: '&' or '|' expected between two terms, found 'b'"), ("tga:ota", "1: error: unknown 'tga:'; only tag: is known"),
        ("tag:", "5: error: a word expected after 'tag:'"), ("(badge", "7: error: ')' expected"), ("badge)", "6: error: ')' without a '('"),
    ])
    func refuses(_ text: String, _ message: String) {
        do throws(Diagnostic) {
            _ = try Selector(parsing: text)
            Issue.record("'\(text)' was taken")
        } catch {
            #expect(error.description == "selection:1:\(message)")
        }
    }

    @Test("deep nesting and stars cost bounded time", .timeLimit(.minutes(1)))
    func hostile() throws {
        #expect(throws: Diagnostic.self) { try Selector(parsing: String(repeating: "!", count: 1_000)) }
        #expect(throws: Diagnostic.self) { try Selector(parsing: String(repeating: "x", count: 100_000)) }
        let stars = try Selector(parsing: String(repeating: "*a", count: 500) + "b")
        #expect(!stars.matches(name: String(repeating: "a", count: 2_000), file: "", tags: []))
    }
}
