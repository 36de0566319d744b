import LabCore
import Testing

@testable import Transports

@Suite("Ports that are known (rg500q.md §1, §5.4)")
struct PortBookTests {
    private static let usb = "/devices/pci0000:00/0000:00:14.0/usb2/2-1"

    private func port(_ number: Int, interface: Int = 2, serial: String = "3a5f21c7", at place: String = Self.usb) -> PortRecord {
        PortRecord(
            path: "/dev/ttyUSB\(number)", devicePath: "\(place)/2-1:1.\(interface)/ttyUSB\(number)/tty/ttyUSB\(number)",
            properties: [.init("ID_SERIAL_SHORT", serial), .init("ID_USB_INTERFACE_NUM", "0\(interface)")])
    }

    @Test("a port is told when it comes, and not again by a second event")
    func add() {
        var book = PortBook()
        #expect(book.add(port(2)) == [.added(port(2))])
        #expect(book.add(port(2)) == [])
        #expect(book.ports == [port(2)])
    }

    @Test("a remove event has a place and little else; all that was known of the port is told")
    func remove() {
        var book = PortBook([port(2)])
        #expect(book.remove(port(2).devicePath) == [.removed(port(2))])
        #expect(book.remove(port(2).devicePath) == [])
        #expect(book.remove("/devices/virtual/tty/tty1") == [])
        #expect(book.ports.isEmpty)
    }

    @Test("a property that udev adds later is kept, and is no change")
    func later() {
        var (book, more) = (PortBook([port(2)]), port(2))
        more.properties.append(.init("ID_VENDOR_FROM_DATABASE", "Quectel Wireless Solutions Co., Ltd."))
        #expect(book.add(more) == [])
        #expect(book.ports == [more])
    }

    @Test("another device at the same place is the old one gone and a new one come")
    func swapped() {
        var book = PortBook([port(2)])
        let other = port(2, serial: "77770000")
        #expect(book.add(other) == [.removed(port(2)), .added(other)])
    }

    @Test("a comparison tells what was missed: first what is gone, then what is new, in the order of names")
    func compare() {
        var book = PortBook([port(2), port(3, interface: 3)])
        let (second, tenth) = (port(4), port(10, interface: 3))
        #expect(
            book.compare(with: [tenth, second]) == [.removed(port(2)), .removed(port(3, interface: 3)), .added(second), .added(tenth)])
        #expect(book.compare(with: [second, tenth]) == [])
        #expect(book.ports.map(\.path) == ["/dev/ttyUSB4", "/dev/ttyUSB10"])
    }
}

@Suite("Names of slots where udev does not run (systemd's path_id)")
struct SlotNameTests {
    private func slot(_ parents: [(String, String)], _ path: String = "/devices/x/tty/ttyX0", _ name: String = "ttyX0") -> String {
        SlotName.make(parents: parents.map { SlotName.Parent(subsystem: $0.0, name: $0.1) }, devicePath: path, name: name)
    }

    @Test("a module on a USB bus of a PCI controller has the name that udev gives it (rg500q.md §1.5)")
    func usb() {
        let parents = [
            ("usb-serial", "ttyUSB2"), ("usb", "2-1:1.2"), ("usb", "2-1"), ("usb", "usb2"), ("pci", "0000:00:14.0"),
        ]
        #expect(slot(parents) == "pci-0000:00:14.0-usb-0:1:1.2")
    }

    @Test("ports of hubs stand in it, so that two modules on one hub differ")
    func hub() {
        let parents = [
            ("usb-serial", "ttyUSB5"), ("usb", "1-2.3:1.0"), ("usb", "1-2.3"), ("usb", "1-2"), ("usb", "usb1"), ("pci", "0000:00:14.0"),
            ("pci", "0000:00:1c.0"),
        ]
        #expect(slot(parents) == "pci-0000:00:14.0-usb-0:2.3:1.0")
    }

    @Test("a UART of a chip has the platform's name")
    func platform() { #expect(slot([("platform", "fe201000.serial"), ("platform", "soc")]) == "platform-fe201000.serial") }

    @Test("on a bus that udev does not know the place in the device tree is the name, without what is numbered")
    func tree() {
        #expect(slot([("pnp", "00:04")], "/devices/pnp0/00:04/tty/ttyS0", "ttyS0") == "sysfs-pnp0_00:04")
        let parents = [("usb-serial", "ttyUSB2"), ("usb", "2-1:1.2"), ("usb", "2-1")]
        #expect(slot(parents, "/devices/vhci/usb2/2-1/2-1:1.2/ttyUSB2/tty/ttyUSB2", "ttyUSB2") == "sysfs-vhci_usb2_2-1_2-1:1.2")
    }

    @Test("a text of a device becomes a name as udev writes it: blanks are one _, so is what no file name should have")
    func names() {
        #expect(PortReading.udevName("Quectel") == "Quectel")
        #expect(PortReading.udevName(" USB  Serial ") == "USB_Serial")
        #expect(PortReading.udevName("FT232R/USB UART*") == "FT232R_USB_UART_")
    }
}
