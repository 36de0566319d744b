import LabCore

/// From a device of libudev to the record of a port.
enum PortReading {
    /// What changes with every event and says nothing about the port.
    private static let passing: Set<String> = ["ACTION", "SEQNUM", "SYNTH_UUID", "USEC_INITIALIZED", "TAGS", "CURRENT_TAGS"]

    /// - Returns: `nil` for what is no real port: terminals of the console and of programs hang on no device, and a UART that the
    ///   kernel only has a place for says that its type is 0.
    static func record(of device: UdevDevice) -> PortRecord? {
        guard let node = device.node, !node.isEmpty, device.parent != nil, isReal(device) else { return nil }
        var properties = device.properties.filter { !passing.contains($0.name) && !$0.name.hasPrefix(".") }
        complete(&properties, of: device)
        return PortRecord(path: node, devicePath: device.devicePath, properties: properties)
    }

    /// `type` is the kernel's number for the kind of UART (linux/serial_core.h); 0 is PORT_UNKNOWN, where it found no hardware.
    private static func isReal(_ device: UdevDevice) -> Bool { device.attribute("type") != "0" }

    /// Reads from the parents in sysfs what udev did not tell (specs/rg500q.md §1.5).
    private static func complete(_ properties: inout [PortRecord.Property], of device: UdevDevice) {
        var known = Set(properties.map(\.name))
        func add(_ name: String, _ value: @autoclosure () -> String?) {
            guard !known.contains(name), let value = value(), !value.isEmpty else { return }
            known.insert(name)
            properties.append(PortRecord.Property(name, value))
        }
        if !["ID_USB_INTERFACE_NUM", "ID_USB_DRIVER"].allSatisfy(known.contains), let interface = device.parent(in: "usb", type: "usb_interface") {
            add("ID_USB_INTERFACE_NUM", interface.attribute("bInterfaceNumber"))
            add("ID_USB_DRIVER", interface.driver)
        }
        if !["ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT", "ID_VENDOR", "ID_MODEL"].allSatisfy(known.contains),
            let usb = device.parent(in: "usb", type: "usb_device")
        {
            add("ID_BUS", "usb")
            add("ID_VENDOR_ID", usb.attribute("idVendor"))
            add("ID_MODEL_ID", usb.attribute("idProduct"))
            add("ID_REVISION", usb.attribute("bcdDevice"))
            let serial = usb.attribute("serial").map(udevName)
            let names = [usb.attribute("manufacturer") ?? usb.attribute("idVendor"), usb.attribute("product") ?? usb.attribute("idProduct")]
                .compactMap { $0.map(udevName) }
            add("ID_SERIAL_SHORT", serial)
            add("ID_VENDOR", names.first)
            add("ID_MODEL", names.count == 2 ? names[1] : nil)
            add("ID_SERIAL", (names + [serial].compactMap(\.self)).joined(separator: "_"))
        }
        // Which port of an adapter with several on one interface it is; udev has it only in the names of its links.
        add("ID_PORT", device.parent(in: "usb-serial")?.attribute("port_number"))
        if !known.contains("ID_PATH") {
            add("ID_PATH", SlotName.make(parents: parents(of: device), devicePath: device.devicePath, name: device.name))
        }
    }

    private static func parents(of device: UdevDevice) -> [SlotName.Parent] {
        var parents: [SlotName.Parent] = []
        var next = device.parent
        while let parent = next {
            parents.append(SlotName.Parent(subsystem: parent.subsystem, name: parent.name))
            next = parent.parent
        }
        return parents
    }

    /// A text of a device as udev writes it into a property: blanks become one `_`, so does what belongs in no file name.
    static func udevName(_ text: String) -> String {
        let words = text.split { $0 == " " || $0 == "\t" || $0 == "\n" }.joined(separator: "_")
        return String(words.map { $0.isASCII && !($0.isLetter || $0.isNumber || "#+-.:=@_".contains($0)) ? "_" : $0 })
    }
}
