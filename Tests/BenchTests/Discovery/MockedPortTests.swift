import Foundation
import Testing

/// What a machine has, and which test of `InsideTestbed` looks at it.
struct MockedMachine: Sendable, CustomTestStringConvertible {
    var title: String
    var test: String
    var hasUdev = false
    var describe: @Sendable (String) -> String = { $0 }

    var testDescription: String { title }

    /// As where udev never ran: its properties and links are missing.
    @Sendable static func withoutUdev(_ module: String) -> String {
        module.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("E: ID_") && !$0.hasPrefix("E: DEVLINKS") && !$0.hasPrefix("S: ") }
            .joined(separator: "\n")
    }

    /// The four ports as ttyUSB4 to ttyUSB7, as after a reset with the old ones still open.
    @Sendable static func renumbered(_ module: String) -> String {
        (0..<4).reduce(module) { $0.replacing("ttyUSB\($1)", with: "ttyUSB\($1 + 4)").replacing("188:\($1)\\n", with: "188:\($1 + 4)\\n") }
            .replacing("E: MAJOR=188\nE: MINOR=0", with: "E: MAJOR=188\nE: MINOR=4")
    }

    /// A console, a UART with hardware and one without.
    static let terminals = """
        P: /devices/virtual/tty/tty1
        N: tty1
        E: DEVNAME=/dev/tty1
        E: MAJOR=4
        E: MINOR=1
        E: SUBSYSTEM=tty
        A: dev=4:1\\n

        P: /devices/pnp0/00:04
        E: SUBSYSTEM=pnp

        P: /devices/pnp0/00:04/tty/ttyS0
        N: ttyS0
        E: DEVNAME=/dev/ttyS0
        E: MAJOR=4
        E: MINOR=64
        E: SUBSYSTEM=tty
        A: dev=4:64\\n
        A: type=4\\n

        P: /devices/platform/serial8250
        E: SUBSYSTEM=platform

        P: /devices/platform/serial8250/tty/ttyS1
        N: ttyS1
        E: DEVNAME=/dev/ttyS1
        E: MAJOR=4
        E: MINOR=65
        E: SUBSYSTEM=tty
        A: dev=4:65\\n
        A: type=0\\n

        """

    static let all = [
        MockedMachine(title: "every port of a module is listed with udev's properties", test: "properties"),
        MockedMachine(
            title: "without udev vendor, product, serial, interface and slot are read from sysfs", test: "fallback", describe: withoutUdev),
        MockedMachine(title: "an entry of lab.yaml finds its port under another number", test: "renumbered", describe: renumbered),
        MockedMachine(title: "a console and a UART without hardware are no ports", test: "realPorts", describe: { _ in terminals }),
        MockedMachine(title: "unplugged and plugged in again, with udev", test: "replug", hasUdev: true),
        MockedMachine(title: "unplugged and plugged in again, without udev", test: "replug", describe: withoutUdev),
        MockedMachine(title: "plugged in again under other numbers: the slots are the same", test: "otherNumbers", hasUdev: true),
        MockedMachine(title: "after a burst of which half was lost everything that is gone is told", test: "lostEvents", hasUdev: true),
        MockedMachine(title: "without any event what is gone is found by looking again", test: "noEvents"),
    ]
}

@Suite("Ports of a machine that umockdev makes up (rg500q.md §1.5, §1.6)", .serialized, .timeLimit(.minutes(3)))
struct MockedPortTests {
    @Test("the directory", arguments: MockedMachine.all)
    func inside(_ machine: MockedMachine) async throws {
        try await Testbed.runInside(machine.test, description: machine.describe(try Testbed.module), hasUdev: machine.hasUdev)
    }

    @Test("a module is confirmed by asking it, and nothing is written to its other ports")
    func asking() async throws {
        let modules = try (0..<4).map { try SmallModule(answers: $0 >= 2) }
        defer { for module in modules { module.stop() } }
        let terminals = modules.map(\.terminal).joined(separator: ",")
        try await Testbed.runInside("asking", description: try Testbed.module, environment: ["LAB_TESTBED_PORTS": terminals])
        if modules[2].heard.isEmpty { return }
        #expect(modules.map(\.heard) == ["", "", "AT\rATI\r", ""])
    }
}
