import Foundation
import Testing

@Suite("Ctrl-C and SIGTERM (cli.md, exit codes 130 and 143; scenario-language.md, semantics 8)")
struct InterruptTests {
    @Test("run the teardown, write the reports, print the summary", arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))])
    func interrupted(_ signal: Int32, _ status: Int32) throws {
        let folder = try TemporaryFolder()
        let result = try LabProcess.run(
            [
                "run", "Tests/ScenarioTests/Failing/long.yaml", "scenarios/badge/register.yaml", "--jobs", "1", "--plain", "--out",
                folder.path,
            ],
            signal: .whileRunning(signal, folder))
        #expect(result.status == status, "\(result.all)")
        #expect(result.error.contains("stopping: the teardown runs"))
        #expect(result.output.contains("interrupted during wait 8000h (Tests/ScenarioTests/Failing/long.yaml:17)"))
        #expect(result.output.contains("  skipped  2 cells: not run, the lab was interrupted"))
        #expect(result.lastLine == "0 passed, 0 failed, 3 skipped")
        #expect(result.output.contains("partial: it did not come to its end"))
        #expect(folder.only("summary.md").flatMap(folder.read)?.contains("partial: it did not come to its end") == true)

        let log = try #require(folder.only("events.jsonl").flatMap(folder.read))
        #expect(log.contains(#""phase":"teardown""#))
        #expect(log.split(separator: "\n").last?.contains(#""reason":"interrupted""#) == true)
        // The last step of the teardown came to its end.
        #expect(log.contains(#""step":"teardown.1","outcome":"passed""#))
        for name in ["result.json", "report.html", "junit.xml"] { #expect(folder.only(name) != nil, "\(name) is missing") }
    }
}
