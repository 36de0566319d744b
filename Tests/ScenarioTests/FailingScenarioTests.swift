import Foundation
import Testing

/// The scenarios in Failing/, each with the text that `lab run` prints after the table: `RUN` stands for the run's name.
struct FailingScenario: CustomTestStringConvertible, Sendable {
    var file: String
    var testDescription: String { file }

    static let all = Repository.scenarioFiles(in: "Tests/ScenarioTests/Failing").filter { !$0.hasSuffix("/long.yaml") }.map(
        FailingScenario.init)

    /// The exit code and the text.
    func expected() throws -> (status: Int32, text: String) {
        let text = try Repository.text(String(file.dropLast(".yaml".count)) + ".expected")
        let parts = text.split(separator: "\n\n", maxSplits: 1).map(String.init)
        let status = try #require(parts.first?.split(separator: " ").last.flatMap { Int32($0) })
        return (status, try #require(parts.last))
    }
}

@Suite("Scenarios that must fail say why (cli.md, “A failure that can be acted on without opening a file”)")
struct FailingScenarioTests {
    @Test("with exactly this text and exit code, and with the same from the stored log", arguments: FailingScenario.all)
    func message(_ scenario: FailingScenario) throws {
        let folder = try TemporaryFolder()
        let expected = try scenario.expected()
        let run = try LabProcess.run(["run", scenario.file, "--plain", "--out", folder.path])
        #expect(run.status == expected.status)
        #expect(try Self.closing(run.output, folder) == expected.text)

        let judged = try LabProcess.run(["judge", "last", "--out", folder.path])
        #expect(judged.status == expected.status)
        #expect(try Self.closing(judged.output, folder) == expected.text.replacing(" — RUN/report.html", with: ""))
        #expect(try LabProcess.run(["replay", "last", "--out", folder.path]).status == 0)
    }

    @Test("the collection is whole")
    func collection() {
        #expect(FailingScenario.all.count >= 15)
    }

    /// What stands after the table, without what differs from run to run.
    private static func closing(_ output: String, _ folder: TemporaryFolder) throws -> String {
        let parts = output.split(separator: "\n\n", maxSplits: 1).map(String.init)
        let name = try #require(folder.files.first { !$0.contains("/") })
        return try #require(parts.last).replacing("\(folder.path)/", with: "").replacing("\(name)/", with: "RUN/")
    }
}

@Suite("Wrong files are refused with their places (cli.md, `lab check`)")
struct WrongFileTests {
    static let files = Repository.scenarioFiles(in: "Tests/ScenarioTests/Wrong")

    @Test("with exactly these lines", arguments: files)
    func check(_ file: String) throws {
        let result = try LabProcess.run(["check", file])
        #expect(result.status == 2)
        #expect(result.output == (try Repository.text(String(file.dropLast(".yaml".count)) + ".expected")))
        #expect(result.error == "")
    }

    @Test("ten and more")
    func collection() { #expect(Self.files.count >= 10) }

    @Test("all at once, as JSON and as SARIF, and nothing of them runs")
    func together() throws {
        let lines = try LabProcess.run(["check", "Tests/ScenarioTests/Wrong"]).output.split(separator: "\n").dropLast()
        #expect(lines.count >= 30)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(LabProcess.run(["check", "Tests/ScenarioTests/Wrong", "--json"]).output.utf8))
                as? [[String: Any]])
        let asLines = json.compactMap { entry -> String? in
            guard let file = entry["file"] as? String, let line = entry["line"] as? Int, let column = entry["column"] as? Int,
                let severity = entry["severity"] as? String, let message = entry["message"] as? String
            else { return nil }
            return "\(file):\(line):\(column): \(severity): \(message)"
        }
        #expect(asLines == lines.map(String.init))

        let sarif = try #require(
            try JSONSerialization.jsonObject(with: Data(LabProcess.run(["check", "Tests/ScenarioTests/Wrong", "--sarif"]).output.utf8))
                as? [String: Any])
        #expect(sarif["version"] as? String == "2.1.0")
        let runs = try #require(sarif["runs"] as? [[String: Any]])
        #expect((runs.first?["results"] as? [Any])?.count == lines.count)

        let run = try LabProcess.run(["run", "Tests/ScenarioTests/Wrong", "--plain"])
        #expect(run.status == 2)
        #expect(run.output == "")
    }
}
