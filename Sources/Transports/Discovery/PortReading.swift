import Foundation
import LabCore

/// From devices of libudev to the records of ports. What ports have in common, such as their USB device, is read once.
struct PortReading {
    /// What changes with every event and says nothing about the port.
    private static let passing: Set<String> = ["ACTION", "SEQNUM", "SYNTH_UUID", "USEC_INITIALIZED", "TAGS", "CURRENT_TAGS"]
    /// What makes it needless to look at a port's USB device.
    private static let wanted = ["ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT", "ID_VENDOR", "ID_MODEL", "ID_USB_INTERFACE_NUM", "ID_USB_DRIVER", "ID_PATH"]

    /// What was read, by place in the device tree.
    private var ancestries: [String: Ancestry] = [:]

    /// What a device and everything above it tell of a port below.
    private struct Ancestry {
        /// From the device itself to the root.
        var parents: [SlotName.Parent]
        var properties: [PortRecord.Property] = []
    }

    /// - Returns: `nil` for what is no real port: terminals of the console and of programs, and a UART that the kernel only has a place for.
    mutating func record(of device: UdevDevice) -> PortRecord? {
        // What hangs on no device: terminals of the console and of programs.
        guard let node = device.node, !node.isEmpty, !device.devicePath.hasPrefix("/devices/virtual/") else { return nil }
        let isUSB = device.devicePath.contains("/usb")
        guard isUSB || Self.hasHardware(device) else { return nil }
        var properties = device.properties.filter { !Self.passing.contains($0.name) && !$0.name.hasPrefix(".") }
        var known = Set(properties.map(\.name))
        func add(_ property: PortRecord.Property) {
            if !property.value.isEmpty, known.insert(property.name).inserted { properties.append(property) }
        }
        if let number = Self.adapterPort(in: properties) { add(.init("ID_PORT", number)) }
        if !known.contains("ID_PATH") || isUSB && !(Self.wanted.allSatisfy(known.contains) && known.contains("ID_PORT")) {
            let ancestry = device.parent.map { self.ancestry(of: $0) } ?? Ancestry(parents: [])
            ancestry.properties.forEach(add)
            add(.init("ID_PATH", SlotName.make(parents: ancestry.parents, devicePath: device.devicePath, name: device.name)))
        }
        return PortRecord(path: node, devicePath: device.devicePath, properties: properties)
    }

    /// `type` is the kernel's number for the kind of UART (linux/serial_core.h); 0 is PORT_UNKNOWN, where it found no hardware.
    private static func hasHardware(_ device: UdevDevice) -> Bool { device.attribute("type") != "0" }

    /// Reads from the parents in sysfs what udev did not tell (specs/rg500q.md §1.5).
    private mutating func ancestry(of device: UdevDevice) -> Ancestry {
        let place = device.devicePath
        if let known = ancestries[place] { return known }
        var found = Ancestry(parents: [])
        if let parent = device.parent { found = ancestry(of: parent) }
        found.parents.insert(SlotName.Parent(subsystem: device.subsystem, name: device.name), at: 0)
        switch (device.subsystem, device.type) {
        case ("usb-serial", _): found.properties += device.attribute("port_number").map { [PortRecord.Property("ID_PORT", $0)] } ?? []
        case ("usb", "usb_interface"): found.properties += Self.interfaceProperties(device)
        // The innermost counts: a hub above it is a USB device, too.
        case ("usb", "usb_device"): found.properties = Self.deviceProperties(device)
        default: break
        }
        ancestries[place] = found
        return found
    }

    /// Which port of an adapter with several on one interface it is: udev has that only in the names of its links, `…-if00-port0`.
    private static func adapterPort(in properties: [PortRecord.Property]) -> String? {
        guard let links = properties.first(where: { $0.name == "DEVLINKS" })?.value else { return nil }
        for link in links.split(separator: " ") where link.hasPrefix("/dev/serial/") {
            guard let range = link.range(of: "-port", options: .backwards) else { continue }
            let number = link[range.upperBound...]
            if !number.isEmpty, number.allSatisfy({ $0.isASCII && $0.isNumber }) { return String(number) }
        }
        return nil
    }

    private static func interfaceProperties(_ interface: UdevDevice) -> [PortRecord.Property] {
        [("ID_USB_INTERFACE_NUM", interface.attribute("bInterfaceNumber")), ("ID_USB_DRIVER", interface.driver)].compactMap { name, value in
            value.map { PortRecord.Property(name, $0) }
        }
    }

    private static func deviceProperties(_ usb: UdevDevice) -> [PortRecord.Property] {
        let (vendor, product) = (usb.attribute("idVendor"), usb.attribute("idProduct"))
        let names = [usb.attribute("manufacturer") ?? vendor, usb.attribute("product") ?? product].map { $0.map(udevName) }
        let serial = usb.attribute("serial").map(udevName)
        let whole = (names + [serial]).compactMap(\.self).joined(separator: "_")
        let values = [
            ("ID_BUS", "usb"), ("ID_VENDOR_ID", vendor), ("ID_MODEL_ID", product), ("ID_REVISION", usb.attribute("bcdDevice")),
            ("ID_VENDOR", names[0]), ("ID_MODEL", names[1]), ("ID_SERIAL_SHORT", serial), ("ID_SERIAL", whole),
        ]
        return values.compactMap { name, value in value.map { PortRecord.Property(name, $0) } }
    }

    /// A text of a device as udev writes it into a property: blanks become one `_`, so does what belongs in no file name.
    static func udevName(_ text: String) -> String {
        let words = text.split { $0 == " " || $0 == "\t" || $0 == "\n" }.joined(separator: "_")
        return String(words.map { $0.isASCII && !($0.isLetter || $0.isNumber || "#+-.:=@_".contains($0)) ? "_" : $0 })
    }
}
