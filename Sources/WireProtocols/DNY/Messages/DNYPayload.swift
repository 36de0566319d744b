import LabCore

/// The data of a DNY frame. Fields that later editions appended are optional and `nil` in shorter frames; what stands
/// behind the known fields is kept in `rest` and written again.
package protocol DNYPayload: FieldLayout {
    /// The section of charging-protocols.md that has its table.
    static var section: String { get }
}

extension DNYPayload {
    /// A message with some of its fields set: `DNYHeartbeat { $0.voltageDecivolts = 2_300 }`.
    package init(_ fill: (inout Self) -> Void) {
        self.init()
        fill(&self)
    }

    static var source: String { "charging-protocols.md " + section }
}

/// Fields of the kinds that DNY has.
extension FieldWalk {
    mutating func code<Code: DNYCode>(_ value: inout Code, _ name: String) throws(FieldFault) {
        var raw = value.rawValue
        try number(&raw, name, "") { Code(rawValue: $0).description }
        value = Code(rawValue: raw)
    }

    mutating func appendedCode<Code: DNYCode>(_ value: inout Code?, _ name: String) throws(FieldFault) {
        var raw = value?.rawValue
        try appended(&raw, name) { Code(rawValue: $0).description }
        value = raw.map(Code.init(rawValue:))
    }

    /// A port as the wire counts it, from 0.
    mutating func port(_ value: inout UInt8) throws(FieldFault) {
        try number(&value, "port", "") { $0 == 0xff ? "any" : "port \(Int($0) + 1), counted from 1" }
    }

    mutating func order(_ value: inout DNYOrder) throws(FieldFault) {
        var bytes = value.bytes
        try octets(&bytes, DNYOrder.size, "order")
        value = DNYOrder(bytes)
    }

    /// Hundredths: 640 is V6.40.
    mutating func versionNumber(_ value: inout UInt16, _ name: String = "firmware") throws(FieldFault) {
        try number(&value, name, "") { "V" + FrameField.scaled(Int64($0), decimals: 2, "") }
    }

    mutating func time(_ value: inout UInt32, _ name: String = "time") throws(FieldFault) {
        try number(&value, name, "Unix s") { UTCText.text(unixSeconds: $0) }
    }

    mutating func appendedTime(_ value: inout UInt32?, _ name: String = "device_time") throws(FieldFault) {
        try appended(&value, name, "Unix s") { UTCText.text(unixSeconds: $0) }
    }

    /// A card's number in the order of the wire, which is how it is printed: as a big-endian number.
    mutating func card(_ value: inout UInt32, _ name: String) throws(FieldFault) {
        var bytes = (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
        try octets(&bytes, 4, name)
        value = bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// As many numbers as `values` has, under names with their places.
    mutating func numbers<Number: FixedWidthInteger & UnsignedInteger>(
        _ values: inout [Number], _ names: [String], _ unit: String = "", _ meaning: (Number) -> String? = { _ in nil }
    ) throws(FieldFault) {
        for index in values.indices { try number(&values[index], names[index], unit, meaning) }
    }

    mutating func codes<Code: DNYCode>(_ values: inout [Code], _ names: [String]) throws(FieldFault) {
        for index in values.indices { try code(&values[index], names[index]) }
    }

    /// Money in cents, or the end of a plan: above 100,000,000 a device takes it for a date (4.6).
    mutating func balanceOrExpiry(_ value: inout UInt32) throws(FieldFault) {
        try number(&value, "balance_or_expiry", "0.01 yuan or Unix s") {
            $0 > 100_000_000 ? UTCText.text(unixSeconds: $0) : FrameField.scaled(Int64($0), decimals: 2, "yuan")
        }
    }
}

/// Names of the fields of each port, made once.
enum DNYPortNames {
    static let states = names("port_state")
    static let powers = names("power")
    static let peaks = names("peak_power")

    private static func names(_ name: String) -> [String] { (0...255).map { "\(name)[\($0)]" } }
}

extension Array {
    /// The first `count` elements, filled up where they are fewer.
    func resized(to count: Int, filling element: Element) -> [Element] {
        count <= self.count ? Array(prefix(count)) : self + Array(repeating: element, count: count - self.count)
    }
}
