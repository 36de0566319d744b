package import LabCore

/// A value of a YAML file as it was written: raw scalars, keys in order, every place.
///
/// Nothing is resolved: whether `2.40` is a text or a number is for the field that it is written for.
package struct SourceValue: Sendable, Hashable {
    package var location: SourceLocation
    package var content: Content

    package indirect enum Content: Sendable, Hashable {
        case scalar(Scalar)
        case list([SourceValue])
        case record([Entry])
    }

    package struct Scalar: Sendable, Hashable {
        package enum Style: Sendable, Hashable {
            case plain, singleQuoted, doubleQuoted, block
            /// Put together from `${…}`: neither quoted nor plain, so every type may read it.
            case computed
        }

        package var text: String
        package var style: Style
        package var location: SourceLocation

        package init(_ text: String, _ style: Style, at location: SourceLocation) {
            self.text = text
            self.style = style
            self.location = location
        }

        /// Nothing was written: `key:` and the end of the line.
        package var isMissing: Bool { text.isEmpty && style == .plain }
    }

    package struct Entry: Sendable, Hashable {
        package var name: String
        package var location: SourceLocation
        package var value: SourceValue
    }

    package init(_ content: Content, at location: SourceLocation) {
        self.content = content
        self.location = location
    }

    package var scalar: Scalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
    package var list: [SourceValue]? { if case .list(let items) = content { items } else { nil } }
    package var record: [Entry]? { if case .record(let entries) = content { entries } else { nil } }

    /// The value of a key; `nil` also where this is no record.
    package subscript(name: String) -> SourceValue? { entry(name)?.value }

    func entry(_ name: String) -> Entry? {
        guard case .record(let entries) = content, let index = entries.firstIndex(where: { $0.name == name }) else { return nil }
        return entries[index]
    }

    /// The word for messages: what a reader sees in the file.
    var shapeName: String {
        switch content {
        case .scalar(let scalar): scalar.isMissing ? "nothing" : scalar.shown
        case .list: "a list"
        case .record: "a record"
        }
    }
}

extension SourceValue.Scalar {
    /// As written, shortened for messages, and without the user and password of an address: messages end in logs.
    var shown: String {
        let text = withoutCredentials
        let short = text.count > 40 ? text.prefix(40) + "…" : text[...]
        switch style {
        case .plain, .computed: return String(short)
        case .singleQuoted: return "'\(short)'"
        case .doubleQuoted, .block: return "\"\(short)\""
        }
    }

    private var withoutCredentials: String {
        guard let scheme = text.firstRange(of: "://") else { return text }
        let authority = text[scheme.upperBound...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return text }
        return text[..<scheme.upperBound] + "…" + text[at...]
    }
}

extension SourceValue {
    /// As YAML on one line, read back as the same value.
    var flowText: String {
        switch content {
        case .scalar(let scalar) where scalar.style == .plain || scalar.style == .computed: scalar.text
        case .scalar(let scalar): JSONWriter.text(.text(scalar.text))
        case .list(let items): "[" + items.map(\.flowText).joined(separator: ", ") + "]"
        case .record(let entries): "{" + entries.map { "\($0.name): \($0.value.flowText)" }.joined(separator: ", ") + "}"
        }
    }
}
