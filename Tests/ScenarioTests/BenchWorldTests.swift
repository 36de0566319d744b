import Foundation
import Programs
import Testing

/// Scenarios on devices that umockdev presents as plugged in: the lab goes through the code that real ones do.
@Suite("The world hw (Docs/bench.md)", .serialized, .timeLimit(.minutes(5)))
struct BenchWorldTests {
    private static let script = "\(Repository.root)/Tests/BenchTests/MockBench/run-on-mock-bench"

    /// What the mocked bus needs; a line that counts as a skipped test where something is missing.
    private func isPossible(_ test: String) -> Bool {
        let python = try? ChildProcess("/usr/bin/python3", ["-c", "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"])
        guard ChildProcess.path(of: "umockdev-wrapper") != nil, python?.wait().status == 0 else {
            print("SKIPPED \(test): umockdev, python3-gi and gir1.2-umockdev-1.0 are not installed")
            return false
        }
        return true
    }

    private func onBench(_ options: [String] = [], _ command: String...) throws -> (result: LabProcess.Result, folder: TemporaryFolder) {
        let folder = try TemporaryFolder()
        var variables = ProcessInfo.processInfo.environment
        variables["KEEP"] = folder.path
        variables["LAB_LEASES"] = "\(folder.path)/leases"
        let arguments = [LabProcess.path, "--speed", "10x"] + options + ["--", "run"] + command + ["--on", "hw", "--speed", "10x", "--plain"]
        return (try LabProcess.run(Self.script, arguments, in: folder.path, environment: variables), folder)
    }

    @Test("a module is found on the bus, registers, resets in the middle of a command and comes back; its bytes are in the run")
    func module() throws {
        guard isPossible("a module on the bench") else { return }
        let (result, folder) = try onBench([], "scenarios/module/register.yaml", "scenarios/module/reset-in-command.yaml")
        #expect(result.status == 0, "\(result.all)")
        #expect(result.lastLine == "4 passed, 0 failed, 0 skipped", "\(result.all)")
        let log = try #require(folder.files.first { $0.contains("reset-in-command") && $0.hasSuffix("events.jsonl") })
        let events = folder.read(log) ?? ""
        for event in ["usb.unplugged", "usb.plugged", "line.opened", "port.sent", "port.received"] { #expect(events.contains("\"event\":\"\(event)\""), "\(event)") }
    }

    @Test("a pile on an adapter charges, and its order is settled")
    func pile() throws {
        guard isPossible("a pile on the bench") else { return }
        let (result, _) = try onBench([], "scenarios/charging/paid-in-app.yaml")
        #expect(result.lastLine == "2 passed, 0 failed, 0 skipped", "\(result.all)")
    }

    @Test("a device that is unplugged in the middle blocks its case, with what to do; plugged in again, the next one passes")
    func unplugged() throws {
        guard isPossible("unplugging on the bench") else { return }
        let (result, folder) = try onBench(["--unplug", "modem_1@10+2"], "scenarios/module/attach-lost.yaml", "scenarios/module/register.yaml", "--jobs", "1")
        #expect(result.status == 3, "\(result.all)")
        #expect(result.lastLine == "3 passed, 0 failed, 1 skipped", "\(result.all)")
        #expect(result.output.contains("blocked  module/attach-lost"), "\(result.all)")
        // What it said until then is there to be read.
        #expect(folder.files.contains { $0.contains("attach-lost") && $0.hasSuffix("/nodes/modem.log") }, "\(folder.files)")
        #expect(result.output.contains("plug modem_1 in again") || result.output.contains("the port hung up"), "\(result.all)")
    }

    @Test("another board than lab.yaml means blocks the case, and is named")
    func swapped() throws {
        guard isPossible("another board on the bench") else { return }
        let folder = try TemporaryFolder()
        var variables = ProcessInfo.processInfo.environment
        variables["KEEP"] = folder.path
        variables["LAB_LEASES"] = "\(folder.path)/leases"
        variables["LAB_YAML"] = "\(Repository.root)/Tests/BenchTests/MockBench/charging-bench.yaml"
        // The devices are up when lab.yaml says something else of one of them.
        let command = """
            sed -i 's/pile: "04ceaa40", report/pile: "04ceaa41", report/' lab.yaml
            exec "$LAB" run scenarios/charging/order.yaml --on hw --speed 10x --plain --shard 1/20
            """
        let result = try LabProcess.run(Self.script, [LabProcess.path, "--speed", "10x", "--program", "--", "sh", "-c", command], in: folder.path, environment: variables)
        #expect(result.status == 3, "\(result.all)")
        #expect(result.lastLine == "0 passed, 0 failed, 1 skipped", "\(result.all)")
        #expect(result.output.contains("another device is plugged in here: it is 04ceaa40, not 04ceaa41; plug the right one in, or correct `pile` of pile_dny in lab.yaml"), "\(result.all)")
    }

    @Test("two labs with one device take turns")
    func twoLabs() throws {
        guard isPossible("two labs on one bench") else { return }
        let leases = try TemporaryFolder()
        let folders = [try TemporaryFolder(), try TemporaryFolder()]
        let labs = try folders.map { folder in
            var variables = ProcessInfo.processInfo.environment
            variables["KEEP"] = folder.path
            variables["LAB_LEASES"] = leases.path
            return try ChildProcess(
                Self.script, [LabProcess.path, "--speed", "10x", "--", "run", "scenarios/module/register.yaml", "--on", "hw", "--speed", "10x", "--plain"],
                in: folder.path, environment: variables, limit: .seconds(120))
        }
        for lab in labs {
            let outcome = lab.wait()
            #expect(outcome.output.hasSuffix("3 passed, 0 failed, 0 skipped\n"), "\(outcome)")
        }
    }
}
