import Foundation
import Programs
import Testing

/// The built command, in a mocked machine, as users start it.
@Suite("lab devices", .serialized, .timeLimit(.minutes(3)))
struct DevicesCommandTests {
    private final class Marker {}

    /// The binary beside the test bundle; `LAB_BINARY` names another.
    private static let lab: String? = {
        var paths: [String] = []
        if let own = ProcessInfo.processInfo.environment["LAB_BINARY"] { paths.append(own) }
        if let folder = Bundle.main.executableURL?.deletingLastPathComponent().path { paths.append("\(folder)/lab") }
        paths.append(Bundle(for: Marker.self).bundleURL.deletingLastPathComponent().path + "/lab")
        return paths.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// Runs it in a folder with this lab.yaml.
    private func run(_ arguments: [String], _ file: String?, modules: [SmallModule] = []) async throws -> ChildProcess.Outcome? {
        guard let lab = Self.lab else {
            print("SKIPPED lab devices: the command is not built")
            return nil
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "devices-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        if let file { try Data(file.utf8).write(to: URL(filePath: "\(folder)/lab.yaml")) }
        // The modules are put in the place of the testbed's own terminals.
        let links = modules.enumerated().map { "ln -sf \($1.terminal) $UMOCKDEV_DIR/dev/ttyUSB\($0) && " }.joined()
        let words = ([lab, "devices"] + arguments).map { "'\($0)'" }.joined(separator: " ")
        return try await Testbed.run(
            "sh", ["-c", "cd '\(folder)' && \(links)\(words); status=$?; echo '@@ done'; exit $status"], description: try Testbed.module,
            environment: ["LAB_LEASES": "\(folder)/leases"], for: "lab devices")
    }

    private let file = """
        lab: 1
        about: A bench with one module.
        nodes:
          modem_1:
            kind: rg500q
            hw:
              serial: {match: {serial: "3a5f21c7", interface: 2}}
          modem_2:
            kind: rg500q
            hw:
              serial: {match: {path: "pci-0000:00:14.0-usb-0:9:1.2"}}

        """

    @Test("a device that is there is present with its port of today, one that is not is absent with the reason")
    func inventory() async throws {
        guard let outcome = try await run([], file) else { return }
        #expect(outcome.status == 0, "\(outcome)")
        let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ").prefix(5).joined(separator: " ") }
        #expect(lines.contains("modem_1 rg500q present serial /dev/ttyUSB2"), "\(outcome)")
        #expect(lines.contains("modem_2 rg500q absent serial ID_PATH=pci-0000:00:14.0-usb-0:9:1.2"), "\(outcome)")
        #expect(outcome.output.contains("/dev/ttyUSB3  2c7c:0800 Quectel RG500Q-EA, interface 03, serial 3a5f21c7"))
    }

    @Test("two nodes that mean one port by different words are told at both places, with exit code 2")
    func shared() async throws {
        let both = file.replacing("usb-0:9:1.2", with: "usb-0:1:1.2")
        guard let outcome = try await run(["--json"], both) else { return }
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.errors.contains("lab.yaml:7:15: error: /dev/ttyUSB2 is 'serial' of modem_1 and also 'serial' of modem_2 (lab.yaml:11:15)"), "\(outcome)")
        #expect(outcome.output.contains(#""state":"shared""#))
    }

    @Test("a port that another program has open is busy, and the program is named; --scan leaves it alone")
    func busy() async throws {
        let modules = try (0..<4).map { try SmallModule(answers: $0 >= 2) }
        defer { for module in modules { module.stop() } }
        let holder = try ChildProcess("sh", ["-c", "exec 3<>\(modules[2].terminal) 4<>\(modules[3].terminal); echo open; exec sleep 60"], limit: .seconds(60))
        defer { holder.kill() }
        _ = holder.output { $0.contains("open") }
        guard let outcome = try await run([], file, modules: modules) else { return }
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("(pid \(holder.identifier)); end it, or wait"), "\(outcome)")
        guard let scan = try await run(["--scan"], nil, modules: modules) else { return }
        #expect(scan.output.contains("(pid \(holder.identifier)) has it open"), "\(scan)")
        #expect(modules.map(\.heard) == ["", "", "", ""])
    }

    @Test("--ask of a port that is not there ends with 2, after the scan of those that are")
    func missingPort() async throws {
        guard let outcome = try await run(["--scan", "--ask", "/dev/ttyUSB99"], file) else { return }
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.errors.contains("--ask /dev/ttyUSB99: there is no such port"), "\(outcome)")
        #expect(outcome.output.contains("/dev/ttyUSB3"), "\(outcome)")
    }

    @Test("--scan asks the module that no node names and proposes an entry that lab.yaml takes")
    func scan() async throws {
        let modules = try (0..<4).map { try SmallModule(answers: $0 >= 2) }
        defer { for module in modules { module.stop() } }
        guard let outcome = try await run(["--scan"], nil, modules: modules) else { return }
        #expect(outcome.status == 0, "\(outcome)")
        // Another program's test may have started one for its own mocked machine: the processes are those of the real one.
        if outcome.output.contains("ModemManager runs") { return print("SKIPPED lab devices --scan: ModemManager runs on this machine") }
        #expect(modules.map(\.heard) == ["", "", "AT\rATI\r", ""], "\(outcome)")
        let proposal = outcome.output.split(separator: "\n").filter { !$0.hasPrefix("@@") }.joined(separator: "\n")
        guard let again = try await run(["--json"], "lab: 1\nabout: As proposed.\n\(proposal)\n") else { return }
        #expect(again.status == 0, "\(again)\n\(proposal)")
        #expect(again.output.contains(#""node":"rg500q_1","kind":"rg500q","state":"present""#), "\(again)\n\(proposal)")
    }
}
