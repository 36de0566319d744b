/// A key of the pairs in command 1000, with what is known of it (charging-protocols.md 2.10). Any byte is a key; the table knows 74.
package struct BKVKey: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package init(_ rawValue: UInt8) { self.rawValue = rawValue }

    package static let command = BKVKey(0x01)
    package static let sequence = BKVKey(0x02)
    package static let gateway = BKVKey(0x03)
    package static let time = BKVKey(0x06)
    package static let temperature = BKVKey(0x07)
    package static let port = BKVKey(0x08)
    package static let status = BKVKey(0x09)
    package static let business = BKVKey(0x0a)
    package static let power = BKVKey(0x0b)
    package static let current = BKVKey(0x0c)
    package static let energy = BKVKey(0x0d)
    package static let minutes = BKVKey(0x0e)
    package static let acknowledgement = BKVKey(0x0f)
    package static let overCurrentLimit = BKVKey(0x10)
    package static let powerLimit = BKVKey(0x11)
    package static let chargeMode = BKVKey(0x12)
    package static let isOn = BKVKey(0x13)
    package static let wantedMinutes = BKVKey(0x14)
    package static let fullTopUp = BKVKey(0x21)
    package static let noLoadDelay = BKVKey(0x22)
    package static let fullThreshold = BKVKey(0x23)
    package static let noLoadThreshold = BKVKey(0x24)
    package static let highTemperature = BKVKey(0x25)
    package static let endTime = BKVKey(0x2e)
    package static let endReason = BKVKey(0x2f)
    package static let firmware = BKVKey(0x3e)
    package static let control = BKVKey(0x47)
    package static let socket = BKVKey(0x4a)
    package static let maximumMinutes = BKVKey(0x59)
    package static let bootWord = BKVKey(0x5a)
    package static let portContainer = BKVKey(0x5b)
    package static let trickle = BKVKey(0x60)
    package static let feeMode = BKVKey(0x80)
    package static let feeTier = BKVKey(0x83)
    package static let tierUse = BKVKey(0x84)
    package static let electricityFee = BKVKey(0x85)
    package static let serviceFee = BKVKey(0x86)
    package static let prepaid = BKVKey(0x88)
    package static let tierCount = BKVKey(0x89)
    package static let socketContainer = BKVKey(0x94)
    package static let voltage = BKVKey(0x95)
    package static let rssi = BKVKey(0x96)
    package static let unknownF4 = BKVKey(0xf4)

    package enum Kind: Sendable, Hashable { case number, digits, octets, container, feeTier }

    package struct Facts: Sendable, Hashable {
        package var name: String
        /// `nil` where it varies.
        package var size: Int?
        package var unit: String
        package var kind: Kind
    }

    package var facts: Facts? { Self.table[rawValue] }
    package var size: Int? { facts?.size }
    /// The name in reports: `power`, or `key_1e` for one that nobody has explained.
    package var name: String { facts?.name ?? "key_" + hexadecimal(rawValue) }

    /// The key with that name.
    package init?(name: String) {
        if let entry = Self.byName[name] {
            rawValue = entry
        } else if name.hasPrefix("key_"), name.utf8.count == 6, let number = UInt8(name.dropFirst(4), radix: 16) {
            rawValue = number
        } else {
            return nil
        }
    }

    private static func fact(_ name: String, _ size: Int?, _ unit: String = "", _ kind: Kind = .number) -> Facts {
        Facts(name: name, size: size, unit: unit, kind: kind)
    }

    private static let byName: [String: UInt8] = Dictionary(uniqueKeysWithValues: table.map { ($0.value.name, $0.key) })

    private static let table: [UInt8: Facts] = [
        0x01: fact("command", 2), 0x02: fact("sequence", 8), 0x03: fact("gateway", 7, "", .digits), 0x06: fact("time", 7, "", .digits),
        0x07: fact("temperature", 1, "°C"), 0x08: fact("port", 1), 0x09: fact("status", 1), 0x0a: fact("business", 2),
        0x0b: fact("power", 2, "0.1 W"), 0x0c: fact("current", 2, "mA"), 0x0d: fact("energy", 2, "0.01 kWh"),
        0x0e: fact("minutes", 2, "min"), 0x0f: fact("result", 1), 0x10: fact("over_current_limit", 2, "mA"),
        0x11: fact("power_limit", 2, "0.1 W"), 0x12: fact("charge_mode", 1), 0x13: fact("switch", 1),
        0x14: fact("wanted_minutes", 2, "min"), 0x19: fact("server_address", 16, "", .octets), 0x1a: fact("server_port", 2),
        0x1b: fact("file_name", nil, "", .octets), 0x21: fact("full_top_up", 2, "s"), 0x22: fact("no_load_delay", 2, "s"),
        0x23: fact("full_threshold", 2, "0.1 W"), 0x24: fact("no_load_threshold", 2, "0.1 W"), 0x25: fact("high_temperature", 1, "°C"),
        0x2e: fact("end_time", 7, "", .digits), 0x2f: fact("end_reason", 1), 0x3e: fact("firmware", 2), 0x47: fact("control", 1),
        0x4a: fact("socket", 1), 0x4b: fact("socket_event", 1), 0x4c: fact("port1_event", 1), 0x4d: fact("port2_event", 1),
        0x4e: fact("over_voltage", 2, "0.1 V"), 0x4f: fact("under_voltage", 2, "0.1 V"), 0x50: fact("port1_leakage", 2),
        0x51: fact("port2_leakage", 2), 0x52: fact("port1_temperature", 1, "°C"), 0x53: fact("port2_temperature", 1, "°C"),
        0x54: fact("socket_event_reason", 1), 0x55: fact("port1_event_reason", 1), 0x56: fact("port2_event_reason", 1),
        0x57: fact("port1_status", 1), 0x58: fact("port2_status", 1), 0x59: fact("maximum_minutes", 2, "min"), 0x5a: fact("key_5a", 2),
        0x5b: fact("port_status", nil, "", .container), 0x60: fact("trickle", 1, "%"), 0x68: fact("key_press_amount", 4),
        0x80: fact("fee_mode", 1), 0x83: fact("fee_tier", 6, "", .feeTier), 0x84: fact("tier_use", 6, "", .octets),
        0x85: fact("electricity_fee", 2, "0.01 yuan"), 0x86: fact("service_fee", 2, "0.01 yuan"), 0x88: fact("prepaid", 2, "0.01 yuan"),
        0x89: fact("tier_count", 1), 0x93: fact("anti_pulse", 2), 0x94: fact("socket_status", nil, "", .container),
        0x95: fact("voltage", 2, "0.1 V"), 0x96: fact("rssi", 1),
    ]
}
