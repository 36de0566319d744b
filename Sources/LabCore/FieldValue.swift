/// A value in an event, an answer, a scenario or a JSON document.
///
/// Whole numbers and texts are kept apart, and nothing is guessed: `"2.40"` stays text.
package enum FieldValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case bytes([UInt8])
    /// Nanoseconds; written as text in JSON (`"250ms"`).
    case duration(Int64)
    case list([FieldValue])
    case record(Fields)

    package var text: String? { if case .text(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var list: [FieldValue]? { if case .list(let value) = self { value } else { nil } }
    package var record: Fields? { if case .record(let value) = self { value } else { nil } }

    /// The value as a number where it is one; durations count in seconds.
    package var asNumber: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .duration(let nanoseconds): Double(nanoseconds) / 1e9
        default: nil
        }
    }

    /// Nanoseconds, for a duration or a text that is one.
    package var durationNanoseconds: Int64? {
        switch self {
        case .duration(let nanoseconds): nanoseconds
        case .text(let text): DurationText.parse(text)
        default: nil
        }
    }
}

/// Named values in the order in which they were written. Names occur once.
package struct Fields: Sendable, Hashable, ExpressibleByDictionaryLiteral, RandomAccessCollection {
    package private(set) var entries: [Entry]

    package struct Entry: Sendable, Hashable {
        package var name: String
        package var value: FieldValue
    }

    package init() { entries = [] }
    package init(dictionaryLiteral elements: (String, FieldValue)...) { self.init(elements) }

    /// Of a name that occurs twice the last value counts, at the place of the first.
    fileprivate init(_ elements: [(String, FieldValue)]) {
        entries = elements.map { Entry(name: $0.0, value: $0.1) }
        guard !hasDistinctNames else { return }
        entries.removeAll(keepingCapacity: true)
        for (name, value) in elements { self[name] = value }
    }

    /// The array's own, which loops of other modules go through without a call for each step.
    package func makeIterator() -> IndexingIterator<[Entry]> { entries.makeIterator() }
    package var startIndex: Int { entries.startIndex }
    package var endIndex: Int { entries.endIndex }
    package subscript(position: Int) -> Entry { entries[position] }

    /// The value of a field; setting `nil` removes it, setting a new name appends it.
    package subscript(name: String) -> FieldValue? {
        get { index(of: name).map { entries[$0].value } }
        set {
            switch (index(of: name), newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): entries.append(Entry(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// As nearly always.
    private var hasDistinctNames: Bool {
        for index in entries.indices.dropFirst() {
            for earlier in 0..<index where entries[earlier].name == entries[index].name { return false }
        }
        return true
    }

    /// By place, so that no entry is copied to be looked at.
    private func index(of name: String) -> Int? {
        for index in entries.indices where entries[index].name == name { return index }
        return nil
    }

    /// Adds a field whose name is known to be new, without looking for it.
    mutating func append(new name: String, _ value: FieldValue) { entries.append(Entry(name: name, value: value)) }

    /// The value at a dotted path such as `injected.fault`.
    package func value(at path: some StringProtocol) -> FieldValue? {
        var current: FieldValue? = .record(self)
        for part in path.split(separator: ".") {
            guard case .record(let fields)? = current else { return nil }
            current = fields[String(part)]
        }
        return current
    }

    /// The fields with those of `other` added; a name that occurs in both takes the value of `other`.
    package func merging(_ other: Fields) -> Fields {
        var result = self
        for entry in other.entries { result[entry.name] = entry.value }
        return result
    }
}

extension FieldValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(arrayLiteral elements: FieldValue...) { self = .list(elements) }
    package init(dictionaryLiteral elements: (String, FieldValue)...) { self = .record(Fields(elements)) }
    package init(nilLiteral: ()) { self = .null }
}

extension FieldValue: CustomStringConvertible {
    /// The value as a person reads it: text without quotes, lists and records as compact JSON.
    package var description: String {
        switch self {
        case .text(let text): text
        default: JSONWriter.text(self).trimmingJSONQuotes
        }
    }
}

extension String {
    fileprivate var trimmingJSONQuotes: String {
        hasPrefix("\"") && hasSuffix("\"") && count >= 2 ? String(dropFirst().dropLast()) : self
    }
}
