/// A serial port of this machine as its device directory tells of it.
package struct PortRecord: Sendable, Hashable {
    /// The device node: `/dev/ttyUSB2`. Renumbered by the system as it likes.
    package var path: String
    /// Its place in the kernel's device tree: `/devices/pci0000:00/…/ttyUSB2`. Events name it, also when a port is gone.
    package var devicePath: String
    /// Properties by udev's names (`ID_VENDOR_ID`, `ID_USB_INTERFACE_NUM`, `ID_PATH`, …), sorted by name, whether udev told them or they were read
    /// from the parents in sysfs (specs/rg500q.md §1.5).
    package var properties: [Property]

    package struct Property: Sendable, Hashable {
        package var name: String
        package var value: String
        package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    package init(path: String, devicePath: String, properties: [Property]) {
        self.path = path
        self.devicePath = devicePath
        self.properties = properties.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
    }

    package subscript(name: String) -> String? { properties.first { $0.name == name }?.value }

    /// USB vendor, 4 hexadecimal digits.
    package var vendor: String? { self["ID_VENDOR_ID"] ?? self["ID_USB_VENDOR_ID"] }
    /// USB product, 4 hexadecimal digits.
    package var product: String? { self["ID_MODEL_ID"] ?? self["ID_USB_MODEL_ID"] }
    /// The number of the USB interface; two hexadecimal digits in udev.
    package var interface: Int? { (self["ID_USB_INTERFACE_NUM"]).flatMap { Int($0, radix: 16) } }
    /// The serial number of the USB device.
    package var serial: String? { self["ID_SERIAL_SHORT"] ?? self["ID_USB_SERIAL_SHORT"] }
    /// The slot: where on the bus the device is plugged in.
    package var slot: String? { self["ID_PATH"] }
}

/// What a port must be: every condition holds. Stays true when the system renumbers its ports.
package struct PortMatch: Sendable, Hashable, CustomStringConvertible {
    package var conditions: [PortRecord.Property]

    /// Short words for properties: what lab.yaml may say in place of udev's names.
    package static let words = [
        "vid": "ID_VENDOR_ID", "pid": "ID_MODEL_ID", "serial": "ID_SERIAL_SHORT", "path": "ID_PATH", "interface": "ID_USB_INTERFACE_NUM",
    ]

    package init(_ conditions: [PortRecord.Property]) { self.conditions = conditions.sorted { ($0.name, $0.value) < ($1.name, $1.value) } }

    /// - Parameter conditions: by udev's names or by the words; `interface` is a number.
    package init(words conditions: [(name: String, value: String)]) {
        self.init(conditions.map { PortRecord.Property(Self.words[$0.name] ?? $0.name, $0.value) })
    }

    package func holds(for port: PortRecord) -> Bool {
        conditions.allSatisfy { condition in
            switch condition.name {
            case "ID_VENDOR_ID": port.vendor?.lowercased() == condition.value.lowercased()
            case "ID_MODEL_ID": port.product?.lowercased() == condition.value.lowercased()
            case "ID_SERIAL_SHORT": port.serial == condition.value
            // `2` and `02` are the same interface.
            case "ID_USB_INTERFACE_NUM": port.interface == Int(condition.value, radix: 16)
            default: port[condition.name] == condition.value
            }
        }
    }

    /// `ID_VENDOR_ID=2c7c interface=02`
    package var description: String { conditions.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
}
