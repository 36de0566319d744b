package import LabCore

/// Fills a message from named values, under the names that `FieldReader` notes; what is not named keeps its default.
package struct FieldFiller: FieldWalk {
    private var scopes: [Fields]
    private var used: Set<String> = []
    private var prefix = ""

    package init(_ values: Fields) { scopes = [values.nested] }

    package var left: Int { .max }
    package var isReading: Bool { false }
    package func isGiven(_ name: String) -> Bool { scopes.last?[name] != nil }
    /// The first name that no field has, so that a misspelt one is not passed over.
    package var unusedName: String? { scopes[0].first { !used.contains($0.name) }?.name }

    package mutating func number<I: FixedWidthInteger & UnsignedInteger>(
        _ value: inout I, _ name: String, _ unit: String, _ meaning: (I) -> String?
    ) throws(FieldFault) {
        guard let given = look(name) else { return }
        guard let number = Self.number(given), let fitting = I(exactly: number) else {
            throw fault(name, "a whole number from 0 to \(I.max)\(unit.isEmpty ? "" : " (\(unit))") is allowed")
        }
        value = fitting
    }

    package mutating func hasAppended(_ name: String, size: Int, isGiven: Bool) -> Bool { isGiven || look(name) != nil }

    package mutating func octets(_ value: inout [UInt8], _ count: Int, _ name: String) throws(FieldFault) {
        guard let given = look(name) else { return value = value.isEmpty ? Array(repeating: 0, count: count) : value }
        guard let bytes = Self.bytes(given), bytes.count == count else { throw fault(name, "\(count) bytes in hexadecimal are allowed") }
        value = bytes
    }

    package mutating func text(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault) {
        guard let given = look(name) else { return }
        guard let text = Self.words(given), text.utf8.count <= count, text.utf8.allSatisfy({ $0 < 128 }) else {
            throw fault(name, "at most \(count) characters of ASCII are allowed")
        }
        value = text
    }

    package mutating func digits(_ value: inout String, _ count: Int, _ name: String) throws(FieldFault) {
        if let given = look(name) {
            guard let text = Self.words(given), text.utf8.count == 2 * count, Hexadecimal.bytes(text) != nil else {
                throw fault(name, "\(2 * count) digits are allowed")
            }
            value = text
        } else if value.isEmpty {
            value = String(repeating: "0", count: 2 * count)
        }
    }

    package mutating func rest(_ value: inout [UInt8], _ name: String) throws(FieldFault) {
        guard let given = look(name) else { return }
        guard let bytes = Self.bytes(given) else { throw fault(name, "bytes in hexadecimal are allowed") }
        value = bytes
    }

    package mutating func list<Element: FieldLayout>(_ elements: inout [Element], count: Int?, _ name: String) throws(FieldFault) {
        guard let given = look(name) else {
            if let count { elements = Array(repeating: Element(), count: count) }
            return
        }
        guard let records = given.list, count.map({ $0 == records.count }) ?? (records.count <= 255) else {
            throw fault(name, "a list of \(count.map { "\($0)" } ?? "at most 255") records is allowed")
        }
        elements = []
        let outer = prefix
        for (index, record) in records.enumerated() {
            guard let record = record.record else { throw fault(name, "a list of records is allowed") }
            scopes.append(record)
            prefix = "\(outer)\(name)[\(index)]."
            var element = Element()
            try element.walk(&self)
            elements.append(element)
            scopes.removeLast()
            if let unknown = record.first(where: { !used.contains(prefix + $0.name) }) { throw fault(unknown.name, "no such field here") }
        }
        prefix = outer
    }

    package mutating func counted<Element: FieldLayout>(_ elements: inout [Element], _ name: String, most: Int) throws(FieldFault) {
        _ = look(name + "_count")
        try list(&elements, count: nil, name)
        guard elements.count <= most else { throw FieldFault(.tooMany(found: elements.count, most: most), field: prefix + name, offset: 0) }
    }

    private mutating func look(_ name: String) -> FieldValue? {
        used.insert(prefix + name)
        return scopes.last?[name] ?? element(name)
    }

    /// The second number of a list `power` for `power[1]`: lists of bare numbers have no names of their own.
    private mutating func element(_ name: String) -> FieldValue? {
        guard name.last == "]", let bracket = name.lastIndex(of: "[") else { return nil }
        let list = String(name[..<bracket])
        used.insert(prefix + list)
        guard let index = Int(name[name.index(after: bracket)...].dropLast()), let items = scopes.last?[list]?.list else { return nil }
        return items.indices.contains(index) ? items[index] : nil
    }

    private func fault(_ name: String, _ allowed: String) -> FieldFault { FieldFault(.value(allowed), field: prefix + name, offset: 0) }

    /// A whole number, or a text of digits or of `0x` and hexadecimal digits, as a command line gives it.
    static func number(_ value: FieldValue) -> Int64? {
        switch value {
        case .integer(let number): number
        case .bool(let flag): flag ? 1 : 0
        case .text(let text): text.hasPrefix("0x") ? Int64(text.dropFirst(2), radix: 16) : Int64(text)
        default: nil
        }
    }

    static func words(_ value: FieldValue) -> String? {
        switch value {
        case .text(let text): text
        case .integer(let number): String(number)
        default: nil
        }
    }

    static func bytes(_ value: FieldValue) -> [UInt8]? {
        switch value {
        case .bytes(let bytes): bytes
        case .text(let text): Hexadecimal.bytes(text)
        default: nil
        }
    }
}
