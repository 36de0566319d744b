import LabCore
import Testing

@testable import Bench

@Suite("The keys of a device: what two labs with different files meet at")
struct DeviceKeyTests {
    private static let here = SourceLocation(file: "lab.yaml", line: 7, column: 3)

    /// A module as in specs/rg500q.md §1.5, whose serial port 2 is /dev/ttyUSB2.
    private func port(_ interface: Int, serial: String = "3a5f21c7", driver: String = "option", device: String = "2-1") -> PortRecord {
        PortRecord(
            path: "/dev/ttyUSB\(interface)",
            devicePath: "/devices/pci0000:00/0000:00:14.0/usb2/\(device)/\(device):1.\(interface)/ttyUSB\(interface)/tty/ttyUSB\(interface)",
            properties: [
                .init("ID_VENDOR_ID", "2c7c"), .init("ID_MODEL_ID", "0800"), .init("ID_SERIAL_SHORT", serial), .init("ID_USB_DRIVER", driver),
                .init("ID_USB_INTERFACE_NUM", "0\(interface)"), .init("DEVLINKS", "/dev/serial/by-id/usb-Quectel-if0\(interface)-port0"),
            ])
    }

    private func source(_ place: PortSource.Place) -> PortSource { PortSource(place, location: Self.here) }

    private func keys(_ place: PortSource.Place, _ ports: [PortRecord]) throws -> [LeaseKey] {
        try LeaseKey.keys(of: HardwareSide(ports: [.init(.serial, source(place))], location: Self.here), among: ports)
    }

    private func meet(_ one: [LeaseKey], _ other: [LeaseKey]) -> Bool { LeaseRules.overlaps(one, other) }

    @Test("a module is one thing, whichever of its ports is named and however")
    func module() throws {
        let ports = [port(2), port(3)]
        let byMatch = try keys(.match(PortMatch(words: [("vid", "2c7c"), ("interface", "2")])), ports)
        let byPath = try keys(.path("/dev/ttyUSB3"), ports)
        let byLink = try keys(.path("/dev/serial/by-id/usb-Quectel-if02-port0"), ports)
        #expect(byMatch.map(\.text) == ["match ID_USB_INTERFACE_NUM=2 ID_VENDOR_ID=2c7c", "serial 2c7c-0800-3a5f21c7", "usb 2-1"])
        #expect(meet(byMatch, byPath) && meet(byMatch, byLink) && meet(byPath, byLink))
    }

    @Test("two modules with one serial number in their firmware's place are two")
    func placeholders() {
        let (one, other) = (port(2, serial: "0123456789ABCDEF"), port(2, serial: "0123456789ABCDEF", device: "2-2"))
        #expect(!meet(LeaseKey.keys(of: one), LeaseKey.keys(of: other)))
    }

    @Test("a module that was plugged in elsewhere is still the same")
    func moved() { #expect(meet(LeaseKey.keys(of: port(2)), LeaseKey.keys(of: port(2, device: "1-4.1")))) }

    @Test("the ports of an adapter are things of their own, and parts of it")
    func adapter() {
        let (one, other) = (LeaseKey.keys(of: port(0, driver: "ftdi_sio")), LeaseKey.keys(of: port(1, driver: "ftdi_sio")))
        #expect(!meet(one, other))
        #expect(meet(one, [LeaseKey("usb 2-1")]))
    }

    @Test("the same port of another machine is one, by either protocol; places of labgrid are things")
    func remote() throws {
        #expect(try keys(.rfc2217(host: "Rack3", port: 4_001), []) == keys(.tcp(host: "rack3", port: 4_001), []))
        #expect(try keys(.tcp(host: "127.0.0.1", port: 4_001), []) == keys(.tcp(host: "localhost", port: 4_001), []))
        #expect(try !meet(keys(.tcp(host: "rack3", port: 4_001), []), keys(.tcp(host: "rack3", port: 4_002), [])))
        #expect(try keys(.labgrid(place: "rg500q-7", resource: "at"), []).map(\.text) == ["labgrid rg500q-7"])
    }

    @Test("a device that is switched off meets itself switched on")
    func absent() throws {
        let match = PortSource.Place.match(PortMatch(words: [("vid", "2c7c")]))
        #expect(try meet(keys(match, []), keys(match, [port(2)])))
    }

    @Test("several ports that are what the entry says are refused")
    func several() {
        #expect(throws: StreamFailure.self) { try keys(.match(PortMatch(words: [("vid", "2c7c")])), [port(2), port(3)]) }
    }

    @Test("two nodes on one channel of a relay board meet, two channels do not")
    func relays() throws {
        let board = RelayBoard(name: "relay_1", wire: .lcus, port: source(.path("/dev/ttyUSB0")))
        func keys(_ channel: Int) throws -> [LeaseKey] {
            try LeaseKey.keys(
                of: HardwareSide(power: PowerSource(.relay(board, channel: channel), location: Self.here), location: Self.here),
                among: [port(0, driver: "ch341")])
        }
        #expect(try meet(keys(3), keys(3)))
        #expect(try !meet(keys(3), keys(4)))
    }

    @Test("the power of a hub's port is the device in it and all behind it (uhubctl's locations are the kernel's names)")
    func hubs() throws {
        func keys(_ power: PowerSource.Switch) throws -> [LeaseKey] {
            try LeaseKey.keys(of: HardwareSide(power: PowerSource(power, location: Self.here), location: Self.here), among: [])
        }
        #expect(try keys(.hubPort(hub: "2", port: 1)).map(\.text) == ["usb 2-1"])
        #expect(try keys(.hubPort(hub: "1-1.4", port: 2)).map(\.text) == ["usb 1-1.4.2"])
        #expect(try meet(keys(.hubPort(hub: "2", port: 1)), LeaseKey.keys(of: port(2))))
        #expect(try keys(.authorized(device: "2-1")).map(\.text) == ["usb 2-1"])
    }
}
