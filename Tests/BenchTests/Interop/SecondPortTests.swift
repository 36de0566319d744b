import Programs
import Testing

/// A module has two ports for commands, each with its own settings (rg500q.md §1.2, §5.2): two programs can have one each.
@Suite("Other programs beside a run of the lab (rg500q.md §6.1)", .serialized, .timeLimit(.minutes(3)))
struct SecondPortTests {
    @Test("gammu and picocom work on the module's second port while a scenario holds the first, and the scenario passes")
    func beside() async throws {
        guard let report = try await InteropBench.run("beside-a-run", needing: ["gammu", "picocom"], limit: .seconds(170), for: "programs beside a run")
        else { return }
        #expect(report.outcome.status == 0, "\(report)")
        for part in ["identify", "networkinfo", "getallsms", "monitor", "picocom", "sendsms"] {
            #expect(report.heading(part).hasSuffix("the run holds the first port"), "\(part): \(report)")
        }
        contains(report["identify"], ["/dev/ttyUSB3", "Quectel", "RG500Q-EA", "RG500QEAAAR11A06M4G", "860000000000009", "001010123456780"])
        contains(report["networkinfo"], ["home network", "001 01", "\"Lab Mobile\"", "attached"])
        contains(report["getallsms"], ["+15557654321", "hello from the network", "1 SMS parts in 1 SMS"])
        contains(report["monitor"], ["-69 dBm", "home network", "Leaving monitor mode"])
        contains(report["picocom"], ["ATI", "Revision: RG500QEAAAR11A06M4G", "+CSQ: 22,99", "OK"])
        contains(report["sendsms"], ["OK, message reference=1"])
        contains(report["run"], ["1 passed, 0 failed, 0 skipped"])
    }

    private func contains(_ text: String, _ words: [String], at location: SourceLocation = #_sourceLocation) {
        for word in words { #expect(text.contains(word), "\(word) is not in:\n\(text)", sourceLocation: location) }
    }
}
