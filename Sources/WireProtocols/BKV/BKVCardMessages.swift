import LabCore

/// 0015/0B from the device: a card was held to it; the LED blinks until the platform answers (charging-protocols.md 2.6).
package struct BKVCardSwipe: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var business: UInt16 = 0
    package var status = BKVStatus.idle
    /// 12 hexadecimal digits.
    package var card = ""
    /// 20 bytes of offline data, zero: offline cards are not supported yet.
    package var offline = Array(repeating: 0 as UInt8, count: 20)

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.number(&business, "business")
        try wire.status(&status)
        try wire.card(&card)
        try wire.octets(&offline, 20, "offline")
    }
}

/// 0015/0B from the platform: what the card may do.
package struct BKVCardOrder: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    /// As received.
    package var business: UInt16 = 0
    package var isOn = true
    /// 1 time, 2 energy, 3 power. (07 uses 0 for energy.)
    package var mode: UInt8 = 1
    package var minutes: UInt16 = 0
    /// Wh
    package var energy: UInt16 = 0
    /// 0.01 yuan, only in mode 3.
    package var amount: UInt16 = 0
    /// Only in mode 3.
    package var tiers: [BKVPowerTier] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.number(&business, "business")
        try wire.flag(&isOn, "switch") { $0 ? "on" : "off" }
        try wire.mode(&mode)
        try wire.number(&minutes, "minutes", "min")
        try wire.number(&energy, "energy", "Wh")
        guard mode == 3 else { return }
        try wire.number(&amount, "amount", "0.01 yuan")
        try wire.counted(&tiers, "tiers", most: 5)
    }
}

/// 0015/0C from the device: the end of a charge that a card began.
package struct BKVCardEnd: FieldLayout {
    package var end = BKVChargeEnd()
    /// 12 hexadecimal digits.
    package var card = ""
    /// 0 online.
    package var cardType: UInt8 = 0
    /// 1 time, 2 energy, 3 power.
    package var mode: UInt8 = 1
    /// 0.01 yuan
    package var amount: UInt16 = 0
    /// 0.1 W
    package var settlePower: UInt16 = 0
    package var tiers: [BKVTierMinutes] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try end.walk(&wire)
        try wire.card(&card)
        try wire.number(&cardType, "card_type", "") { $0 == 0 ? "online" : nil }
        try wire.mode(&mode)
        try wire.number(&amount, "amount", "0.01 yuan")
        try wire.number(&settlePower, "settle_power", "0.1 W")
        try wire.counted(&tiers, "tiers", most: 255)
    }
}

/// 0015/1A from the device: asks for a card's balance.
package struct BKVBalanceQuery: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var card = ""

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.card(&card)
    }
}

/// 0015/1A from the platform: a card's balance.
package struct BKVBalance: FieldLayout {
    package var socket: UInt8 = 1
    package var port: UInt8 = 0
    package var card = ""
    /// 0.01 yuan
    package var balance: UInt32 = 0

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&socket, "socket")
        try wire.number(&port, "port")
        try wire.card(&card)
        try wire.number(&balance, "balance", "0.01 yuan")
    }
}

/// Card numbers as on the wire and as printed.
package enum BKVCard {
    /// The number on the card: the last four bytes, read little endian, as 10 decimal digits (2.6, second platform).
    package static func printed(_ card: String) -> String? {
        guard let bytes = Hexadecimal.bytes(card), bytes.count == 6 else { return nil }
        let number = String(bytes.suffix(4).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) })
        return String(repeating: "0", count: 10 - number.count) + number
    }

    /// The six bytes, as 12 digits, of a printed number of at most 10 decimal digits.
    package static func wire(printed number: String) -> String? {
        guard number.utf8.count <= 10, let value = UInt32(number) else { return nil }
        return "0000" + Hexadecimal.text((0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) })
    }
}

extension FieldWalk {
    mutating func card(_ card: inout String) throws(FieldFault) { try digits(&card, 6, "card") }

    mutating func mode(_ mode: inout UInt8) throws(FieldFault) {
        try number(&mode, "mode", "") { [1: "by time", 2: "by energy", 3: "by power"][$0] }
    }
}
