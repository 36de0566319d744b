import Bench
import LabCore
import Testing

/// Ports as udev tells of them (rg500q.md §1.5).
enum TestPorts {
    static func usb(
        _ number: Int, interface: Int, serial: String? = "3a5f21c7", bus: String = "2-1", vendor: String = "2c7c", product: String = "0800",
        driver: String = "option", slot: String = "pci-0000:00:14.0-usb-0:1", _ more: [String: String] = [:]
    ) -> PortRecord {
        var properties = [
            "ID_VENDOR_ID": vendor, "ID_MODEL_ID": product, "ID_USB_INTERFACE_NUM": "0\(interface)", "ID_USB_DRIVER": driver,
            "ID_PATH": "\(slot):1.\(interface)",
        ]
        properties["ID_SERIAL_SHORT"] = serial
        return PortRecord(
            path: "/dev/ttyUSB\(number)",
            devicePath: "/devices/pci0000:00/0000:00:14.0/usb2/\(bus)/\(bus):1.\(interface)/ttyUSB\(number)/tty/ttyUSB\(number)",
            properties: properties.merging(more) { $1 }.map { PortRecord.Property($0.key, $0.value) })
    }

    static let module = (0..<4).map { usb($0, interface: $0) }
    /// A second module of the same make.
    static let second = (0..<4).map { usb($0 + 4, interface: $0, serial: "77770000", bus: "2-2", slot: "pci-0000:00:14.0-usb-0:2") }
    /// An adapter that has no serial number, as cheap ones have none.
    static let adapter = usb(8, interface: 0, serial: nil, bus: "1-3", vendor: "1a86", product: "7523", driver: "ch341", slot: "pci-0000:00:14.0-usb-0:3")

    static func source(_ words: (String, String)..., line: Int = 7) -> PortSource {
        PortSource(.match(PortMatch(words: words.map { ($0.0, $0.1) })), location: SourceLocation(file: "lab.yaml", line: line, column: 20))
    }
}

@Suite("Which port an entry of lab.yaml means")
struct PortLookupTests {
    private func failure(_ source: PortSource, _ ports: [PortRecord]) -> StreamFailure? {
        do throws(StreamFailure) {
            _ = try PortLookup.resolve(source, among: ports)
            return nil
        } catch { return error }
    }

    @Test("vendor and interface name a port while there is one such device")
    func match() throws {
        #expect(try PortLookup.resolve(TestPorts.source(("vid", "2c7c"), ("interface", "2")), among: TestPorts.module) == "/dev/ttyUSB2")
        #expect(try PortLookup.resolve(TestPorts.source(("ID_VENDOR_ID", "2C7C"), ("interface", "02")), among: TestPorts.module) == "/dev/ttyUSB2")
    }

    @Test("with a second module on the bench it is ambiguous, and all that it could be are listed; serial number or slot tell them apart")
    func ambiguous() throws {
        let ports = TestPorts.module + TestPorts.second
        #expect(
            failure(TestPorts.source(("vid", "2c7c"), ("interface", "2")), ports)?.description
                == "lab.yaml:7:20: ID_USB_INTERFACE_NUM=2 ID_VENDOR_ID=2c7c: 2 ports are that: "
                + "/dev/ttyUSB2 (serial 3a5f21c7, slot pci-0000:00:14.0-usb-0:1:1.2), /dev/ttyUSB6 (serial 77770000, slot pci-0000:00:14.0-usb-0:2:1.2); "
                + "say more in the match, such as 'serial' or 'path', so that one is left")
        #expect(failure(TestPorts.source(("vid", "2c7c"), ("interface", "2")), ports)?.reason == .busy)
        #expect(try PortLookup.resolve(TestPorts.source(("serial", "77770000"), ("interface", "2")), among: ports) == "/dev/ttyUSB6")
        #expect(try PortLookup.resolve(TestPorts.source(("path", "pci-0000:00:14.0-usb-0:2:1.2")), among: ports) == "/dev/ttyUSB6")
    }

    @Test("a device that was swapped for another of its make is not taken for it, and the other serial number is named")
    func swapped() {
        let found = failure(TestPorts.source(("serial", "3a5f21c7"), ("interface", "2")), TestPorts.second)
        #expect(found?.reason == .notFound)
        #expect(found?.detail == "no port is that; nearest is /dev/ttyUSB6, whose ID_SERIAL_SHORT is 77770000 and not 3a5f21c7")
        #expect(found?.remedy == "plug the device in, or correct the match; `lab devices --scan` shows the ports")
    }

    @Test("a machine without ports is told as such; a port of which nothing fits is not the nearest")
    func none() {
        #expect(failure(TestPorts.source(("vid", "2c7c")), [])?.detail == "no port is that; this machine has no serial ports now")
        #expect(failure(TestPorts.source(("vid", "2c7c")), [TestPorts.adapter])?.detail == "no port is that")
    }

    @Test("a path, or a link that udev made, is the port that it leads to; a path that is none is refused")
    func paths() throws {
        let location = SourceLocation(file: "lab.yaml", line: 7, column: 20)
        let linked = TestPorts.usb(9, interface: 2, ["DEVLINKS": "/dev/serial/by-id/a /dev/serial/by-id/b"])
        #expect(try PortLookup.resolve(PortSource(.path("/dev/serial/by-id/b"), location: location), among: [linked]) == "/dev/ttyUSB9")
        #expect(try PortLookup.resolve(PortSource(.path("/dev/ttyUSB9"), location: location), among: [linked]) == "/dev/ttyUSB9")
        // No serial port that udev knows, but there: a pseudo terminal is opened the same way.
        #expect(try PortLookup.resolve(PortSource(.path("/dev/ptmx"), location: location), among: []) == "/dev/ptmx")
        #expect(failure(PortSource(.path("/dev/ttyUSB77"), location: location), [linked])?.reason == .notFound)
        #expect(failure(PortSource(.path("/dev/ttyUSB77"), location: location), [linked])?.medium == "lab.yaml:7:20: /dev/ttyUSB77")
    }

    @Test("ports of other machines have no path here")
    func remote() {
        let location = SourceLocation(file: "lab.yaml", line: 7, column: 20)
        for place in [PortSource.Place.rfc2217(host: "bench", port: 4001), .tcp(host: "bench", port: 4001), .labgrid(place: "a", resource: nil)] {
            #expect(failure(PortSource(place, location: location), TestPorts.module)?.reason == .unsupported)
        }
    }

    @Test("ports of one USB device are known by its place in the device tree")
    func usbDevice() {
        #expect(TestPorts.module[2].usbDevice == "/devices/pci0000:00/0000:00:14.0/usb2/2-1")
        #expect(PortRecord(path: "/dev/ttyS0", devicePath: "/devices/pnp0/00:04/tty/ttyS0", properties: []).usbDevice == nil)
        #expect(PortRecord(path: "/dev/ttyS4", devicePath: "/devices/pci0000:00/0000:00:16.3/tty/ttyS4", properties: []).usbDevice == nil)
    }
}
