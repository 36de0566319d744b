import LabCore

/// Holds queries and bodies against an endpoint's lists of fields.
enum FieldValidation {
    // MARK: Body

    /// The fields of a body, in the order in which they were sent.
    static func body(_ bytes: [UInt8], of endpoint: Endpoint, limits: RequestLimits) throws(APIError) -> Fields {
        if endpoint.takesBytes { return [:] }
        guard let kinds = endpoint.body else {
            if bytes.isEmpty { return [:] }
            throw APIError(.malformedRequest, "\(endpoint.method) \(endpoint.path) takes no body.")
        }
        if bytes.isEmpty { return try check([:], kinds, isOpen: endpoint.bodyIsOpen, path: "") }
        if bytes.count(where: { $0 == UInt8(ascii: ",") }) > limits.bodyItems {
            throw APIError(.malformedBody, "The body has more than \(limits.bodyItems) values.")
        }
        let value: FieldValue
        do { value = try JSONReader.read(bytes, maximumDepth: limits.bodyDepth) } catch {
            throw APIError(.malformedBody, "\(error.description).", details: ["offset": .integer(Int64(error.offset))])
        }
        guard case .record(let fields) = value else { throw APIError(.malformedBody, "The body must be a JSON record.") }
        return try check(fields, kinds, isOpen: endpoint.bodyIsOpen, path: "")
    }

    private static func check(_ fields: Fields, _ kinds: [FieldKind], isOpen: Bool, path: String) throws(APIError) -> Fields {
        for kind in kinds where kind.isRequired && fields[kind.name] == nil {
            throw APIError(
                .missingField, "The field '\(path + kind.name)' is missing; it must be \(kind.type.name).",
                details: ["field": .text(path + kind.name)])
        }
        for entry in fields.entries {
            guard let kind = kinds.first(where: { $0.name == entry.name }) else {
                if isOpen { continue }
                throw unknown(entry.name, kinds.map(\.name), path: path)
            }
            try check(entry.value, kind.type, path: path + kind.name)
        }
        return fields
    }

    private static func unknown(_ name: String, _ known: [String], path: String) -> APIError {
        let shown = String(name.prefix(64))
        let hint = DidYouMean.suggestion(for: name, among: known).map { " Did you mean '\($0)'?" }
            ?? (known.isEmpty ? " Nothing is taken here." : " Known here: \(known.joined(separator: ", ")).")
        return APIError(.unknownField, "The field '\(path)\(shown)' is not known here.\(hint)", details: ["field": .text(path + shown)])
    }

    private static func check(_ value: FieldValue, _ type: FieldType, path: String) throws(APIError) {
        let fits =
            switch (type, value) {
            case (.text, .text), (.integer, .integer), (.bool, .bool), (.any, _): true
            case (.number, .integer), (.number, .number): true
            case (.duration, .text(let text)): DurationText.parse(text) != nil
            case (.ratio, _): (0.0...1.0).contains(value.asNumber ?? -1)
            case (.bytes, .text(let text)): Hexadecimal.bytes(text) != nil
            case (.choice(let words), .text(let word)): words.contains(word)
            case (.list, .list), (.record, .record): true
            default: false
            }
        guard fits else { throw .invalidField(path, "The field '\(path)' must be \(type.name).") }
        if case .list(let element) = type, case .list(let items) = value {
            for (index, item) in items.enumerated() { try check(item, element, path: "\(path)[\(index)]") }
        }
        if case .record(let kinds) = type, case .record(let fields) = value, !kinds.isEmpty {
            _ = try check(fields, kinds, isOpen: false, path: path + ".")
        }
    }

    // MARK: Query

    /// The pairs of a query, read as the types of the list.
    static func query(_ text: String, _ kinds: [FieldKind]) throws(APIError) -> Fields {
        var fields: Fields = [:]
        if text.isEmpty { return try check(fields, kinds, isOpen: false, path: "") }
        for pair in text.split(separator: "&", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap({ decoded($0) }), let raw = decoded(parts.count > 1 ? parts[1] : "") else {
                throw APIError(.malformedRequest, "The query is not percent-encoded UTF-8.")
            }
            guard let kind = kinds.first(where: { $0.name == name }) else { throw unknown(name, kinds.map(\.name), path: "") }
            guard fields[name] == nil else { throw .invalidField(name, "The field '\(name)' occurs twice in the query.") }
            fields[name] = typed(raw, kind.type)
        }
        return try check(fields, kinds, isOpen: false, path: "")
    }

    /// A query knows texts only: the type says what a text stands for. What does not fit stays text and is refused later.
    private static func typed(_ text: String, _ type: FieldType) -> FieldValue {
        switch type {
        case .integer: text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "-") }) ? Int64(text).map { .integer($0) } ?? .text(text) : .text(text)
        case .number, .ratio: Double(text).flatMap { $0.isFinite ? .number($0) : nil } ?? .text(text)
        case .bool: text == "true" ? .bool(true) : text == "false" ? .bool(false) : .text(text)
        default: .text(text)
        }
    }

    /// Percent-decoded UTF-8, `nil` where it is not; '+' is a space as in forms.
    static func decoded(_ text: some StringProtocol, plusIsSpace: Bool = true) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(Hexadecimal.value), let low = rest.popFirst().flatMap(Hexadecimal.value) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    // MARK: Path

    /// The values of a path's parameters.
    static func pathParameters(_ template: String, path: String) throws(APIError) -> Fields {
        var fields: Fields = [:]
        guard template.utf8.contains(UInt8(ascii: "{")) else { return fields }
        let names = template.split(separator: "/", omittingEmptySubsequences: false)
        for (name, segment) in zip(names, path.split(separator: "/", omittingEmptySubsequences: false)) where name.hasPrefix("{") {
            let name = String(name.dropFirst().dropLast())
            guard let value = decoded(segment, plusIsSpace: false), (1...128).contains(value.utf8.count),
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") })
            else { throw .invalidField(name, "'\(name)' in the path must be 1 to 128 bytes without control characters and '/'.") }
            fields[name] = .text(value)
        }
        return fields
    }
}
