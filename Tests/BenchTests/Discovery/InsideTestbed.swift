import Bench
import Foundation
import LabCore
import Testing
import Transports

/// What a process sees in a mocked machine; started by `MockedPortTests`.
@Suite("Inside a mocked machine", .enabled(if: Testbed.isInside, "it is run by the tests of mocked ports"), .serialized)
struct InsideTestbed {
    private static let usb = "/devices/pci0000:00/0000:00:14.0/usb2/2-1"
    private static func device(_ number: Int) -> String { "\(usb)/2-1:1.\(number)/ttyUSB\(number)/tty/ttyUSB\(number)" }
    private static let patience = Duration.seconds(10)

    /// rg500q.md §1.5, and §1.2 for the other interfaces.
    @Test func properties() throws {
        let ports = try PortDirectory.scan()
        #expect(ports.map(\.path) == ["/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2", "/dev/ttyUSB3"])
        #expect(ports.map(\.interface) == [0, 1, 2, 3])
        let command = try #require(ports.first { $0.path == "/dev/ttyUSB2" })
        let expected = [
            "DEVNAME": "/dev/ttyUSB2", "SUBSYSTEM": "tty", "MAJOR": "188", "MINOR": "2", "ID_BUS": "usb", "ID_VENDOR_ID": "2c7c",
            "ID_MODEL_ID": "0800", "ID_VENDOR": "Quectel", "ID_MODEL": "RG500Q-EA", "ID_REVISION": "0414",
            "ID_SERIAL": "Quectel_RG500Q-EA_3a5f21c7", "ID_SERIAL_SHORT": "3a5f21c7", "ID_USB_DRIVER": "option", "ID_USB_INTERFACE_NUM": "02",
            "ID_PATH": "pci-0000:00:14.0-usb-0:1:1.2", "ID_MM_CANDIDATE": "1", "ID_MM_PORT_TYPE_AT_PRIMARY": "1",
        ]
        for (name, value) in expected { #expect(command[name] == value, "\(name)") }
        #expect(command.links.contains("/dev/serial/by-id/usb-Quectel_RG500Q-EA_3a5f21c7-if02-port0"))
        #expect(command.devicePath == Self.device(2))
        #expect(command.usbDevice == Self.usb)
        Testbed.done()
    }

    @Test func fallback() throws {
        let ports = try PortDirectory.scan()
        #expect(ports.count == 4)
        for (number, port) in ports.enumerated() {
            #expect(port.vendor == "2c7c" && port.product == "0800" && port.serial == "3a5f21c7" && port.interface == number)
            #expect(port["ID_USB_INTERFACE_NUM"] == "0\(number)")
            #expect(port.slot == "pci-0000:00:14.0-usb-0:1:1.\(number)")
            #expect(port["ID_VENDOR"] == "Quectel" && port["ID_MODEL"] == "RG500Q-EA" && port["ID_REVISION"] == "0414")
            #expect(port["ID_SERIAL"] == "Quectel_RG500Q-EA_3a5f21c7" && port["ID_BUS"] == "usb" && port["ID_USB_DRIVER"] == "option")
        }
        Testbed.done()
    }

    @Test func renumbered() throws {
        let ports = try PortDirectory.scan()
        #expect(ports.map(\.path) == ["/dev/ttyUSB4", "/dev/ttyUSB5", "/dev/ttyUSB6", "/dev/ttyUSB7"])
        let location = SourceLocation(file: "lab.yaml", line: 7, column: 9)
        for match in [
            PortMatch(words: [("vid", "2c7c"), ("interface", "2")]), PortMatch(words: [("serial", "3a5f21c7"), ("interface", "02")]),
            PortMatch(words: [("path", "pci-0000:00:14.0-usb-0:1:1.2")]),
        ] {
            #expect(try PortLookup.resolve(PortSource(.match(match), location: location), among: ports) == "/dev/ttyUSB6")
        }
        let link = "/dev/serial/by-id/usb-Quectel_RG500Q-EA_3a5f21c7-if02-port0"
        #expect(try PortLookup.resolve(PortSource(.path(link), location: location), among: ports) == "/dev/ttyUSB6")
        Testbed.done()
    }

    @Test func realPorts() throws {
        let ports = try PortDirectory.scan()
        #expect(ports.map(\.path) == ["/dev/ttyS0"])
        #expect(ports.first?.slot == "sysfs-pnp0_00:04")
        Testbed.done()
    }

    /// Notes what a directory tells, on the reactor of the test.
    private final class Watcher {
        let reactor: Reactor
        let directory: PortDirectory
        private(set) var changes: [PortChange] = []

        init() throws {
            reactor = try Reactor()
            directory = try PortDirectory(on: reactor)
            directory.onChange = { [unowned self] in changes.append($0) }
        }

        func wait(for count: Int) { reactor.run(until: { changes.count >= count }, timeout: patience) }

        /// As long as a burst takes to settle, and longer than the pace of looking again.
        func settle() { reactor.run(until: { false }, timeout: .milliseconds(1_300)) }
    }

    @Test func replug() throws {
        let watcher = try Watcher()
        let before = watcher.directory.ports
        #expect(before.count == 4)
        Testbed.ask("unplug " + (0..<4).map(Self.device).joined(separator: " "))
        watcher.wait(for: 4)
        // With everything that was known, though the parents are gone by now.
        #expect(watcher.changes == before.map { .removed($0) })
        #expect(watcher.directory.ports.isEmpty)
        Testbed.ask("replug")
        watcher.wait(for: 8)
        watcher.settle()
        #expect(Set(watcher.changes.dropFirst(4).map(\.description)) == Set((0..<4).map { "added /dev/ttyUSB\($0)" }))
        #expect(watcher.changes.count == 8)
        #expect(watcher.directory.ports.map(\.slot) == before.map(\.slot))
        Testbed.done()
    }

    /// As after a reset with the old ports still open (rg500q.md §5.4).
    @Test func otherNumbers() throws {
        let watcher = try Watcher()
        let before = watcher.directory.ports
        Testbed.ask("unplug " + (0..<4).map(Self.device).joined(separator: " "))
        watcher.wait(for: 4)
        let file = FileManager.default.temporaryDirectory.appending(path: "replug-\(UUID().uuidString).umockdev")
        defer { try? FileManager.default.removeItem(at: file) }
        // The ports alone: what they hang on stayed.
        let records = MockedMachine.renumbered(try Testbed.module).components(separatedBy: "\n\n").filter { $0.contains("/ttyUSB") }
        let ports = records.map { $0.split(separator: "\n").filter { !$0.hasPrefix("S: ") }.joined(separator: "\n") }
        try Data((ports.joined(separator: "\n\n") + "\n\n").utf8).write(to: file)
        Testbed.ask("plug \(file.path)")
        watcher.wait(for: 8)
        watcher.settle()
        #expect(watcher.directory.ports.map(\.path) == ["/dev/ttyUSB4", "/dev/ttyUSB5", "/dev/ttyUSB6", "/dev/ttyUSB7"])
        #expect(watcher.directory.ports.map(\.slot) == before.map(\.slot))
        #expect(watcher.changes.count == 8)
        Testbed.done()
    }

    @Test func lostEvents() throws {
        let watcher = try Watcher()
        Testbed.ask("gone \(Self.device(2)) \(Self.device(3))")
        Testbed.ask("unplug \(Self.device(0)) \(Self.device(1))")
        watcher.wait(for: 4)
        watcher.settle()
        #expect(watcher.changes.map(\.description) == (0..<4).map { "removed /dev/ttyUSB\($0)" })
        Testbed.done()
    }

    @Test func noEvents() throws {
        let watcher = try Watcher()
        Testbed.ask("gone \(Self.device(2))")
        watcher.wait(for: 1)
        #expect(watcher.changes.map(\.description) == ["removed /dev/ttyUSB2"])
        #expect(watcher.changes.first?.port.serial == "3a5f21c7")
        watcher.directory.close()
        Testbed.ask("gone \(Self.device(3))")
        watcher.settle()
        #expect(watcher.changes.count == 1, "a directory that is closed tells nothing")
        Testbed.done()
    }

    @Test func asking() throws {
        let root = try #require(ProcessInfo.processInfo.environment["UMOCKDEV_DIR"])
        let terminals = try #require(ProcessInfo.processInfo.environment["LAB_TESTBED_PORTS"]).split(separator: ",").map(String.init)
        for (number, terminal) in terminals.enumerated() {
            let node = "\(root)/dev/ttyUSB\(number)"
            try FileManager.default.removeItem(atPath: node)
            try FileManager.default.createSymbolicLink(atPath: node, withDestinationPath: terminal)
        }
        let ports = try PortDirectory.scan()
        let scan = BenchScan(ports, users: PortUsers()) { port throws(StreamFailure) in try PortQuestion.ask(port.path) }
        #expect(scan.devices.count == 1)
        let findings = scan.devices.flatMap { $0.ports.map { "\($0.port.path) \($0.finding)" } }
        let answering = scan.devices.first?.module
        let module = try #require(answering, "\(findings)")
        #expect(module.port.path == "/dev/ttyUSB2")
        #expect(module.answer.lines == ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G"])
        let yaml = scan.yaml(among: ports, names: ["rg500q_1"])
        #expect(yaml.contains("  rg500q_2:"))
        #expect(yaml.contains("    kind: rg500q"))
        #expect(yaml.contains(#"      serial: {match: {ID_SERIAL_SHORT: "3a5f21c7", interface: 2}}"#))
        #expect(yaml.contains("  #   not asked: interface 00 of a module is for diagnosis and must never get text"))
        Testbed.done()
    }
}
