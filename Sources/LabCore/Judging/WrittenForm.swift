/// Values in the form in which a log gives them back.
///
/// Bytes and durations stand in a log as text. Conditions and laws look at this form while a run goes on as well, so that
/// the runner and whoever judges the stored log cannot come to different answers: for them bytes are their hexadecimal
/// digits, also for `len`, and durations their text, which compares as a duration.
extension FieldValue {
    package var asWritten: FieldValue {
        switch self {
        case .null, .bool, .integer, .text: self
        // JSON has neither not-a-number nor infinity; they are written as null.
        case .number(let number): number.isFinite ? self : .null
        case .bytes(let bytes): .text(Hexadecimal.text(bytes))
        case .duration(let nanoseconds): .text(DurationText.format(nanoseconds: nanoseconds))
        case .list(let items): .list(items.map(\.asWritten))
        case .record(let fields): .record(fields.asWritten)
        }
    }

    /// A form that is the same for values that count as equal, for use as a key: 2.0 is 2, and the order of a record's
    /// fields does not matter.
    var asKey: FieldValue {
        switch asWritten {
        case .number(let number): return Int64(exactly: number).map { .integer($0) } ?? .number(number)
        case .list(let items): return .list(items.map(\.asKey))
        case .record(let fields):
            var sorted = Fields()
            for entry in fields.sorted(by: { $0.name < $1.name }) { sorted[entry.name] = entry.value.asKey }
            return .record(sorted)
        case let plain: return plain
        }
    }
}

extension Fields {
    package var asWritten: Fields {
        var result = Fields()
        for entry in self { result[entry.name] = entry.value.asWritten }
        return result
    }
}

extension RunEvent {
    /// The value of a field as a log gives it back. `member` is the number of the fleet member that noted the event.
    package func value(at path: String) -> FieldValue? {
        if path == "member", let member { return .integer(Int64(member)) }
        return fields.value(at: path)?.asWritten
    }
}
