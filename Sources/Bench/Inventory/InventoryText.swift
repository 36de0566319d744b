package import LabCore

extension Inventory {
    /// For programs.
    package var asValue: FieldValue {
        [
            "nodes": .list(devices.map(\.asValue)), "unnamed": .list(unnamed.map(Self.value)),
            "problems": .list(problems.map { .text($0.description) }),
        ]
    }

    /// For people: a line for each device, what is wrong below it, then the ports that nobody names.
    package var lines: [String] {
        var table = [["node", "kind", "state", "port", "holder", "firmware", "health"]]
        var below: [Int: [String]] = [:]
        for device in devices {
            table.append(device.cells)
            below[table.count - 1] = device.ports.compactMap { port in
                port.problem.map { "  \(port.source.location): \(port.purpose.rawValue) (\(port.source.place)): \($0)" }
            }
        }
        var lines: [String] = []
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        for (row, cells) in table.enumerated() where !devices.isEmpty {
            var line = ""
            for (cell, width) in zip(cells, widths) { line += cell + String(repeating: " ", count: width - cell.count + 2) }
            lines.append(String(line.reversed().drop { $0 == " " }.reversed()))
            lines += below[row] ?? []
        }
        if !unnamed.isEmpty {
            if !lines.isEmpty { lines.append("") }
            lines.append("ports that no node names (`lab devices --scan` proposes entries):")
            lines += unnamed.map { port in "  " + PortText.line(port) + (owner(of: port).map { ", of the module of \($0)" } ?? "") }
        }
        return lines
    }

    /// What identifies a port, for programs.
    package static func value(_ port: PortRecord) -> FieldValue {
        [
            "path": .text(port.path), "slot": text(port.slot), "serial": text(port.serial), "vendor": text(port.vendor),
            "product": text(port.product), "interface": port.interface.map { .integer(Int64($0)) } ?? .null,
            "device_path": .text(port.devicePath),
        ]
    }

    fileprivate static func text(_ text: String?) -> FieldValue { text.map { .text($0) } ?? .null }
}

extension Inventory.Device {
    fileprivate var cells: [String] {
        let places = ports.map { "\($0.purpose.rawValue) \($0.path ?? "\($0.source.place)")" }
        return [
            node, kind, state.rawValue, places.isEmpty ? "–" : places.joined(separator: ", "), holder ?? "–", notes.firmware ?? "–",
            notes.health ?? "–",
        ]
    }

    fileprivate var asValue: FieldValue {
        [
            "node": .text(node), "kind": .text(kind), "state": .text(state.rawValue), "ports": .list(ports.map(\.asValue)),
            "holder": Inventory.text(holder), "firmware": Inventory.text(notes.firmware), "health": Inventory.text(notes.health),
        ]
    }
}

extension Inventory.Port {
    fileprivate var asValue: FieldValue {
        [
            "purpose": .text(purpose.rawValue), "source": .text("\(source.place)"), "state": .text(state.rawValue), "path": Inventory.text(path),
            "slot": Inventory.text(record?.slot), "serial": Inventory.text(record?.serial),
            "users": .list(users.map { ["pid": .integer(Int64($0.process)), "program": .text($0.program)] }),
            "problem": Inventory.text(problem),
        ]
    }
}

/// A port in one line, for people.
package enum PortText {
    /// `/dev/ttyUSB2  2c7c:0800 Quectel RG500Q-EA, interface 02, serial 3a5f21c7, slot pci-0000:00:14.0-usb-0:1:1.2`
    package static func line(_ port: PortRecord) -> String {
        var facts: [String] = []
        if let device = device(port) { facts.append(device) }
        if let interface = port["ID_USB_INTERFACE_NUM"] { facts.append("interface \(interface)") }
        if let serial = port.serial { facts.append("serial \(serial)") }
        if let slot = port.slot { facts.append("slot \(slot)") }
        return facts.isEmpty ? port.path : "\(port.path)  \(facts.joined(separator: ", "))"
    }

    /// `2c7c:0800 Quectel RG500Q-EA`; `nil` for a port that is on no USB.
    package static func device(_ port: PortRecord) -> String? {
        guard let vendor = port.vendor, let product = port.product else { return nil }
        let names = [port["ID_VENDOR"], port["ID_MODEL"]].compactMap(\.self).filter { !$0.isEmpty }
        return (["\(vendor):\(product)"] + names).joined(separator: " ")
    }
}
