/// Values that came as JSON, as the types that a vocabulary says: bytes and durations are texts there.
extension FieldType {
    /// The value with its type; as it is where the text is none of that type.
    package func typed(_ value: FieldValue) -> FieldValue {
        switch (self, value) {
        case (.bytes, .text(let text)): Hexadecimal.bytes(text).map(FieldValue.bytes) ?? value
        case (.duration, .text(let text)): DurationText.parse(text).map(FieldValue.duration) ?? value
        case (.number, .integer(let number)): .number(Double(number))
        // A file: its path with its content.
        case (.file, .record(let file)): .record(Self.fileMembers.typed(file))
        case (.list(let element), .list(let values)): .list(values.map(element.typed))
        case (.record(let kinds), .record(let fields)): .record(kinds.typed(fields))
        default: value
        }
    }

    private static let fileMembers: [FieldKind] = [FieldKind("bytes", .bytes)] + PlanFile.endings.map { FieldKind($0.field, .bytes) }
}

extension [FieldKind] {
    /// The fields with the types that these kinds say; unknown ones stay as they are.
    package func typed(_ fields: Fields) -> Fields {
        var result = fields
        for kind in self { if let value = fields[kind.name] { result[kind.name] = kind.type.typed(value) } }
        return result
    }
}
