import Foundation
import Programs
import Testing

/// The lock files by which programs tell one another that they use a port (FHS 3.0, 5.9.1): gammu makes and honours them, picocom as Debian has it locks the
/// port itself.
@Suite("Ports that are someone else's, and the lab's own ones (Docs/bench-leases.md)", .serialized, .timeLimit(.minutes(3)))
struct LockedPortTests {
    @Test("a lock file or a program that has the port blocks the lab and is named; a stale lock is taken over; gammu keeps off the lab's port")
    func locked() async throws {
        guard let report = try await InteropBench.run("locked-port", needing: ["gammu", "picocom"], limit: .seconds(170), for: "lock files of ports") else { return }
        if report.outcome.status == 77 { return print("SKIPPED lock files of ports: none can be made in /run/lock here") }
        let foreign = report["foreign"]
        let holder = try #require(number(after: "holder ", in: foreign), "\(report)")
        let uses = "/dev/ttyUSB2: sleep (pid \(holder)) uses it, says /run/lock/LCK..ttyUSB2"
        contains(foreign, ["modem_1: \(uses)", "\n\(uses)", "sleep (pid \(holder)) claims /dev/ttyUSB2 by /run/lock/LCK..ttyUSB2", "0 passed, 0 failed, 1 skipped"])
        #expect(foreign.components(separatedBy: "exit code 3").count == 4, "\(report)")
        let stale = report["stale"]
        contains(stale, ["1 passed, 0 failed, 0 skipped", "/run/lock/LCK..ttyUSB2 was of process \(holder), which is gone; removed"])
        #expect(!stale.contains("\nLCK..ttyUSB2"), "\(stale)")
        let picocom = report["picocom"]
        let user = try #require(number(after: "holder ", in: picocom), "\(report)")
        contains(picocom, ["pile_dny: /dev/ttyUSB4: picocom (pid \(user)) has it open", "exit code 3"])
        let gammu = report["gammu"]
        contains(gammu, ["Error opening device, it is locked.", "exit code 103", "RG500Q-EA", "exit code 0"])
        #expect(number(after: "recorder ", in: gammu) == number(after: "lock ", in: gammu), "\(gammu)")
    }

    private func number(after word: String, in text: String) -> Int? {
        text.range(of: word).flatMap { Int(text[$0.upperBound...].drop { $0 == " " }.prefix { $0.isNumber }) }
    }

    private func contains(_ text: String, _ words: [String], at location: SourceLocation = #_sourceLocation) {
        for word in words { #expect(text.contains(word), "\(word) is not in:\n\(text)", sourceLocation: location) }
    }
}
