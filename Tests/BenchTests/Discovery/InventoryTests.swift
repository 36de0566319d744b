import Bench
import Foundation
import LabCore
import Testing

@Suite("The inventory of a bench (lab devices)")
struct InventoryTests {
    private func node(_ name: String, _ source: PortSource, power: PowerSource? = nil) -> Inventory.Node {
        Inventory.Node(
            name: name, kind: "rg500q", hardware: HardwareSide(ports: [.init(.serial, source)], power: power, location: source.location))
    }

    private let modem = TestPorts.source(("serial", "3a5f21c7"), ("interface", "2"), line: 4)

    @Test("a device whose port is there is present, with the path that it has today")
    func present() {
        let inventory = Inventory([node("modem_1", modem)], ports: TestPorts.module)
        #expect(inventory.devices.map(\.state) == [.present])
        #expect(inventory.devices.first?.ports.first?.path == "/dev/ttyUSB2")
        #expect(inventory.unnamed.map(\.path) == ["/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB3"])
        #expect(inventory.problems.isEmpty)
    }

    @Test("the other ports of a module that a node names are that node's; those of an adapter are not")
    func owner() {
        let quad = [TestPorts.usb(8, interface: 0, vendor: "0403", driver: "ftdi_sio"), TestPorts.usb(9, interface: 1, vendor: "0403", driver: "ftdi_sio")]
        let inventory = Inventory([node("modem_1", modem)], ports: TestPorts.module + TestPorts.second)
        #expect(inventory.owner(of: TestPorts.module[3]) == "modem_1")
        #expect(inventory.owner(of: TestPorts.second[3]) == nil)
        let adapters = Inventory([node("pile_a", TestPorts.source(("interface", "0")))], ports: quad)
        #expect(adapters.owner(of: quad[1]) == nil)
    }

    @Test("absent, ambiguous, remote and without a port are states of their own, with a reason where something can be done")
    func states() {
        let location = SourceLocation(file: "lab.yaml", line: 9, column: 5)
        let network = Inventory.Node(name: "badge_7", kind: "badge", hardware: HardwareSide(client: "BDG-0007", location: location))
        let inventory = Inventory(
            [
                node("gone", TestPorts.source(("serial", "0"))), node("two", TestPorts.source(("interface", "2"))),
                node("far", PortSource(.tcp(host: "bench", port: 4001), location: location)), network,
            ], ports: TestPorts.module + TestPorts.second)
        #expect(inventory.devices.map(\.state) == [.absent, .ambiguous, .remote, .network])
        #expect(inventory.devices.map { $0.ports.first?.problem == nil } == [false, false, true, true])
    }

    @Test("two nodes on one port are an error at both places, whatever words they used")
    func shared() {
        let other = TestPorts.source(("path", "pci-0000:00:14.0-usb-0:1:1.2"), line: 8)
        let inventory = Inventory([node("modem_1", modem), node("modem_2", other)], ports: TestPorts.module)
        #expect(inventory.devices.map(\.state) == [.shared, .shared])
        #expect(
            inventory.problems.map(\.description) == [
                "lab.yaml:4:20: error: /dev/ttyUSB2 is 'serial' of modem_1 and also 'serial' of modem_2 (lab.yaml:8:20); each needs its own port",
                "lab.yaml:8:20: error: /dev/ttyUSB2 is 'serial' of modem_2 and also 'serial' of modem_1 (lab.yaml:4:20); each needs its own port",
            ])
    }

    @Test("a port with two names is one port")
    func links() throws {
        let folder = LeaseTestFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
        try Data().write(to: URL(filePath: folder.file("port")))
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "port")
        try FileManager.default.createSymbolicLink(atPath: folder.file("second"), withDestinationPath: folder.file("link"))
        func source(_ name: String, _ line: Int) -> PortSource { PortSource(.path(folder.file(name)), location: SourceLocation(file: "lab.yaml", line: line, column: 9)) }
        let inventory = Inventory([node("modem_1", source("second", 4)), node("modem_2", source("port", 8))], ports: [])
        #expect(inventory.devices.map(\.state) == [.shared, .shared])
        #expect(
            inventory.problems.map(\.message) == [
                "\(folder.file("second")) is 'serial' of modem_1 and also as \(folder.file("port")) 'serial' of modem_2 (lab.yaml:8:9); each needs its own port",
                "\(folder.file("port")) is 'serial' of modem_2 and also as \(folder.file("second")) 'serial' of modem_1 (lab.yaml:4:9); each needs its own port",
            ])
    }

    @Test("a relay board with two channels belongs to two nodes; a node on the board's port is an error")
    func relay() {
        let board = RelayBoard(name: "relay_1", wire: .lcus, port: TestPorts.source(("vid", "1a86"), line: 20))
        func power(_ channel: Int) -> PowerSource { PowerSource(.relay(board, channel: channel), location: board.port.location) }
        let second = TestPorts.source(("serial", "77770000"), ("interface", "2"), line: 8)
        let ports = TestPorts.module + TestPorts.second + [TestPorts.adapter]
        let good = Inventory([node("modem_1", modem, power: power(1)), node("modem_2", second, power: power(2))], ports: ports)
        #expect(good.problems.isEmpty)
        #expect(!good.unnamed.contains(TestPorts.adapter))
        let bad = Inventory([node("modem_1", TestPorts.source(("vid", "1a86"), line: 4), power: power(1))], ports: ports)
        #expect(bad.problems.map(\.location.line) == [4, 20])
    }

    @Test("a port that a program has open is busy, and the program is named; what the holder of the lease opened is as it should be")
    func busy() {
        let users = PortUsers(["/dev/ttyUSB2": [PortUsers.User(process: 4242, program: "picocom")]])
        let foreign = Inventory([node("modem_1", modem)], ports: TestPorts.module, users: users)
        #expect(foreign.devices.first?.state == .busy)
        #expect(foreign.devices.first?.ports.first?.problem == "used by picocom (pid 4242); end it, or wait")
        let held = Inventory([node("modem_1", modem)], ports: TestPorts.module, users: users, holder: { _, _ in "anna, run 7 (pid 4242)" })
        #expect(held.devices.first?.state == .present)
        let stolen = Inventory([node("modem_1", modem)], ports: TestPorts.module, users: users, holder: { _, _ in "anna, run 7 (pid 42)" })
        #expect(stolen.devices.first?.state == .busy)
    }

    @Test("the table has holder, firmware and health, problems below their device, and the ports that are left")
    func table() {
        let inventory = Inventory(
            [node("modem_1", modem), node("modem_2", TestPorts.source(("serial", "1"), line: 8))], ports: [TestPorts.module[2], TestPorts.adapter],
            holder: { node, _ in node.name == "modem_1" ? "anna, run 7 (pid 42)" : nil },
            notes: { _ in Inventory.Notes(firmware: "RG500QEAAAR11A06M4G", health: "ok 2m ago") })
        #expect(
            inventory.lines == [
                "node     kind    state    port                      holder                firmware             health",
                "modem_1  rg500q  present  serial /dev/ttyUSB2       anna, run 7 (pid 42)  RG500QEAAAR11A06M4G  ok 2m ago",
                "modem_2  rg500q  absent   serial ID_SERIAL_SHORT=1  –                     RG500QEAAAR11A06M4G  ok 2m ago",
                "  lab.yaml:8:20: serial (ID_SERIAL_SHORT=1): no port is that; plug the device in, or correct the match; `lab devices --scan` shows the ports",
                "",
                "ports that no node names (`lab devices --scan` proposes entries):",
                "  /dev/ttyUSB8  1a86:7523, interface 00, slot pci-0000:00:14.0-usb-0:3:1.0",
            ])
    }
}
