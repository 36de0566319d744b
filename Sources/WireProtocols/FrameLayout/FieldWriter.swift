import LabCore

/// Writes a message's fields.
package struct FieldWriter: FieldWalk {
    package private(set) var bytes: [UInt8] = []
    private let order: FieldOrder
    /// Bytes of appended fields that were left out so far.
    private var gap = 0

    package init(order: FieldOrder = .bigEndian) { self.order = order }

    package var left: Int { .max }
    package var isReading: Bool { false }
    package func isGiven(_ name: String) -> Bool { false }

    package mutating func number<I: FixedWidthInteger & UnsignedInteger>(
        _ value: inout I, _ name: String, _ unit: String, _ meaning: (I) -> String?
    ) throws(FieldFault) {
        let ordered = order == .littleEndian ? value.byteSwapped : value
        for shift in stride(from: I.bitWidth - 8, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: ordered >> shift)) }
    }

    package mutating func hasAppended(_ name: String, size: Int, isGiven: Bool) -> Bool {
        if isGiven { fillGap() } else { gap += size }
        return isGiven
    }

    private mutating func fillGap() {
        bytes.append(contentsOf: repeatElement(0, count: gap))
        gap = 0
    }

    package mutating func octets(_ value: inout [UInt8], _ count: Int, _ name: String) throws(FieldFault) {
        guard value.count == count else {
            throw FieldFault(.value("\(value.count) bytes, the field has \(count)"), field: name, offset: bytes.count)
        }
        bytes += value
    }

    package mutating func text(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault) {
        let scalars = value.unicodeScalars
        guard scalars.count <= count, scalars.allSatisfy({ $0.value < 256 }) else {
            throw FieldFault(.value("'\(value)' is not at most \(count) characters of ASCII"), field: name, offset: bytes.count)
        }
        for scalar in scalars { bytes.append(UInt8(truncatingIfNeeded: scalar.value)) }
        bytes.append(contentsOf: repeatElement(0, count: count - scalars.count))
    }

    package mutating func digits(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault) {
        guard value.utf8.count == 2 * count, let field = Hexadecimal.bytes(value) else {
            throw FieldFault(.value("'\(value)' is not \(2 * count) digits"), field: name, offset: bytes.count)
        }
        bytes += field
    }

    package mutating func rest(_ value: inout [UInt8], _ name: String) throws(FieldFault) {
        // What was read behind a field that was cut short goes back as it came.
        bytes += value
    }

    package mutating func list<Element: FieldLayout>(_ elements: inout [Element], count: Int?, _ name: String) throws(FieldFault) {
        if let count, count != elements.count {
            throw FieldFault(.value("\(elements.count) elements, the message has room for \(count)"), field: name, offset: bytes.count)
        }
        for index in elements.indices { try elements[index].walk(&self) }
    }

    package mutating func counted<Element: FieldLayout>(_ elements: inout [Element], _ name: String, most: Int) throws(FieldFault) {
        guard elements.count <= most else {
            throw FieldFault(.tooMany(found: elements.count, most: most), field: name, offset: bytes.count)
        }
        bytes.append(UInt8(elements.count))
        try list(&elements, count: elements.count, name)
    }
}
