import LabCore

/// Reads a message's fields, and notes them if asked to.
package struct FieldReader: FieldWalk {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private let isNoting: Bool
    private let order: FieldOrder
    /// An appended field was missing, and so are all behind it.
    private var isShort = false
    private let source: String
    private var prefix = ""
    /// In the order of the wire, with offsets as the indices of the slice have them; empty unless they are asked for.
    package private(set) var noted: [FrameField] = []

    package init(_ bytes: ArraySlice<UInt8>, order: FieldOrder = .bigEndian) {
        self.bytes = bytes
        self.order = order
        position = bytes.startIndex
        isNoting = false
        source = ""
    }

    /// Notes every field for a report, with the section that specifies it.
    package init(noting bytes: ArraySlice<UInt8>, source: String, order: FieldOrder = .bigEndian) {
        self.bytes = bytes
        self.order = order
        position = bytes.startIndex
        isNoting = true
        self.source = source
    }

    package var left: Int { bytes.endIndex - position }
    package var isReading: Bool { true }
    package func isGiven(_ name: String) -> Bool { false }
    private var offset: Int { position - bytes.startIndex }

    package mutating func number<I: FixedWidthInteger & UnsignedInteger>(
        _ value: inout I, _ name: String, _ unit: String, _ meaning: (I) -> String?
    ) throws(FieldFault) {
        let size = I.bitWidth / 8
        let start = try take(size, name)
        value = bytes[start..<start + size].reduce(0) { $0 << 8 | I(truncatingIfNeeded: $1) }
        if order == .littleEndian { value = value.byteSwapped }
        if isNoting {
            let number = FieldValue.integer(Int64(clamping: value))
            note(name, size, number, unit, meaning(value))
        }
    }

    package mutating func hasAppended(_ name: String, size: Int, isGiven: Bool) -> Bool {
        isShort = isShort || left < size
        return !isShort
    }

    package mutating func octets(_ value: inout [UInt8], _ count: Int, _ name: String) throws(FieldFault) {
        let start = try take(count, name)
        value = Array(bytes[start..<start + count])
        if isNoting { note(name, count, .bytes(value)) }
    }

    package mutating func text(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault) {
        let start = try take(count, name)
        var field = bytes[start..<start + count]
        while field.last == 0 { field.removeLast() }
        // Devices write ASCII; what is none stays visible as Latin-1 and goes back as it came.
        value = String(String.UnicodeScalarView(field.map { Unicode.Scalar($0) }))
        if isNoting { note(name, count, .text(value)) }
    }

    package mutating func digits(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault) {
        let start = try take(count, name)
        value = Hexadecimal.text(bytes[start..<start + count])
        if isNoting { note(name, count, .text(value)) }
    }

    package mutating func rest(_ value: inout [UInt8], _ name: String) throws(FieldFault) {
        guard left > 0 else { return }
        try octets(&value, left, name)
    }

    package mutating func list<Element: FieldLayout>(_ elements: inout [Element], count: Int?, _ name: String) throws(FieldFault) {
        elements = []
        let outer = prefix
        while count.map({ elements.count < $0 }) ?? (left > 0) {
            if isNoting { prefix = "\(outer)\(name)[\(elements.count)]." }
            var element = Element()
            try element.walk(&self)
            elements.append(element)
        }
        prefix = outer
    }

    package mutating func counted<Element: FieldLayout>(_ elements: inout [Element], _ name: String, most: Int) throws(FieldFault) {
        var count: UInt8 = 0
        let place = offset
        try number(&count, name + "_count", "")
        guard count <= most else { throw FieldFault(.tooMany(found: Int(count), most: most), field: prefix + name, offset: place) }
        try list(&elements, count: Int(count), name)
    }

    private mutating func take(_ count: Int, _ name: String) throws(FieldFault) -> Int {
        guard count <= left else { throw FieldFault(.truncated(needed: count, found: left), field: prefix + name, offset: offset) }
        defer { position += count }
        return position
    }

    private mutating func note(_ name: String, _ size: Int, _ value: FieldValue, _ unit: String = "", _ meaning: String? = nil) {
        let field = FrameField(
            name: prefix + name, offset: position - size, bytes: bytes[position - size..<position], value: value, unit: unit,
            meaning: meaning ?? Self.scaled(value, unit), source: source)
        noted.append(field)
    }

    /// `229.7 V` for 2297 in units of `0.1 V`.
    static func scaled(_ value: FieldValue, _ unit: String) -> String {
        guard let number = value.integer, unit.hasPrefix("0."), let space = unit.firstIndex(of: " ") else { return "" }
        let decimals = unit.distance(from: unit.startIndex, to: space) - 2
        return FrameField.scaled(number, decimals: decimals, String(unit[unit.index(after: space)...]))
    }
}
