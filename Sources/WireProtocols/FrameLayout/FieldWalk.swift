/// One walk over the fields of a message in the order of the wire.
///
/// A message describes its layout once (`FieldLayout.walk`); what walks along decides whether the bytes are read, written,
/// explained, or made from named values. Numbers are big endian unless the walk was made for the other order.
package protocol FieldWalk {
    /// Bytes that are left, for layouts that grew over the years and are decided by length; a writer always has room.
    var left: Int { get }
    var isReading: Bool { get }
    /// Whether a value of that name waits to be filled in, for fields that a message may lack.
    func isGiven(_ name: String) -> Bool

    mutating func number<I: FixedWidthInteger & UnsignedInteger>(
        _ value: inout I, _ name: String, _ unit: String, _ meaning: (I) -> String?
    ) throws(FieldFault)
    /// Whether a field is there that later editions of a protocol appended: a reader looks at the bytes that are left, a filler at the
    /// names. A writer leaves it out if it is not given, and writes zeros in its place if a later one is.
    mutating func hasAppended(_ name: String, size: Int, isGiven: Bool) -> Bool
    /// Bytes as they are.
    mutating func octets(_ value: inout [UInt8], _ count: Int, _ name: String) throws(FieldFault)
    /// ASCII, padded with NULs.
    mutating func text(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault)
    /// `count` bytes whose nibbles are digits: BCD numbers, addresses, card numbers.
    mutating func digits(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault)
    /// Whatever follows; vendors append fields, and what is not known is kept.
    mutating func rest(_ value: inout [UInt8], _ name: String) throws(FieldFault)
    /// Elements behind one another: `count` of them, or as many as there are bytes.
    mutating func list<Element: FieldLayout>(_ elements: inout [Element], count: Int?, _ name: String) throws(FieldFault)
    /// A count in one byte and that many elements.
    mutating func counted<Element: FieldLayout>(_ elements: inout [Element], _ name: String, most: Int) throws(FieldFault)
}

/// A message, or a part of one, that knows the order, the sizes and the names of its fields.
package protocol FieldLayout: Sendable, Hashable {
    init()
    mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault)
}

extension FieldWalk {
    package mutating func number<I: FixedWidthInteger & UnsignedInteger>(
        _ value: inout I, _ name: String, _ unit: String = ""
    ) throws(FieldFault) {
        try number(&value, name, unit) { _ in nil }
    }

    /// A number that later editions of the protocol appended; `nil` in shorter messages.
    package mutating func appended<I: FixedWidthInteger & UnsignedInteger>(
        _ value: inout I?, _ name: String, _ unit: String = "", _ meaning: (I) -> String? = { _ in nil }
    ) throws(FieldFault) {
        guard hasAppended(name, size: I.bitWidth / 8, isGiven: value != nil) else {
            if isReading { value = nil }
            return
        }
        var number = value ?? 0
        try self.number(&number, name, unit, meaning)
        value = number
    }

    package mutating func rest(_ value: inout [UInt8]) throws(FieldFault) { try rest(&value, "rest") }

    /// One byte that is 0 or 1.
    package mutating func flag(_ value: inout Bool, _ name: String, _ meaning: (Bool) -> String? = { _ in nil }) throws(FieldFault) {
        var byte: UInt8 = value ? 1 : 0
        try number(&byte, name, "") { meaning($0 != 0) }
        value = byte != 0
    }
}

extension FieldLayout {
    /// Reads a message from the whole of `bytes`.
    package init(reading bytes: ArraySlice<UInt8>) throws(FieldFault) {
        self.init()
        var reader = FieldReader(bytes)
        try walk(&reader)
    }

    /// The bytes of the message.
    package func written() throws(FieldFault) -> [UInt8] {
        var message = self
        var writer = FieldWriter()
        try message.walk(&writer)
        return writer.bytes
    }
}

/// How numbers of more than one byte are written.
package enum FieldOrder: Sendable, Hashable { case bigEndian, littleEndian }

/// Why bytes are not the message that they should be, or values do not make one.
package struct FieldFault: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: Sendable, Hashable {
        /// The field needs bytes that are not there.
        case truncated(needed: Int, found: Int)
        /// More elements than the protocol allows.
        case tooMany(found: Int, most: Int)
        /// A named value does not fit: with what is allowed.
        case value(String)
    }

    package var reason: Reason
    package var field: String
    /// From the first byte of the message's payload.
    package var offset: Int

    package init(_ reason: Reason, field: String, offset: Int) {
        self.reason = reason
        self.field = field
        self.offset = offset
    }

    package var description: String {
        switch reason {
        case .truncated(let needed, let found): "\(field) at offset \(offset) needs \(needed) bytes, \(found) are left"
        case .tooMany(let found, let most): "\(field) at offset \(offset) has \(found) elements, at most \(most) are allowed"
        case .value(let allowed): "\(field): \(allowed)"
        }
    }
}
