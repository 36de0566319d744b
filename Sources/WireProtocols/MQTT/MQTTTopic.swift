/// Why a text is not a topic name or a topic filter. Offsets count bytes of UTF-8 from 0.
package enum MQTTTopicError: Error, Sendable, Equatable, CustomStringConvertible {
    case empty
    case tooLong(bytes: Int)
    case nullCharacter(offset: Int)
    /// `+` or `#` in a topic name.
    case wildcardInName(offset: Int)
    /// `#` that is not the whole last level.
    case misplacedMultiLevelWildcard(offset: Int)
    /// `+` that is not a whole level.
    case misplacedSingleLevelWildcard(offset: Int)
    /// `$share/…` without a name of at least one character, or with `+` or `#` in it, or without a filter behind it.
    case malformedShare(offset: Int)

    package var clause: String { clause(.v3_1_1) }

    /// The normative statement; the versions number them differently.
    package func clause(_ version: MQTTProtocolVersion) -> String {
        switch (self, version) {
        case (.wildcardInName, .v5_0): "MQTT-4.7.0-1"
        case (.misplacedMultiLevelWildcard, .v5_0): "MQTT-4.7.1-1"
        case (.misplacedSingleLevelWildcard, .v5_0): "MQTT-4.7.1-2"
        default: ownClause
        }
    }

    private var ownClause: String {
        switch self {
        case .empty: "MQTT-4.7.3-1"
        case .nullCharacter: "MQTT-4.7.3-2"
        case .tooLong: "MQTT-4.7.3-3"
        case .wildcardInName: "MQTT-3.3.2-2"
        case .misplacedMultiLevelWildcard: "MQTT-4.7.1-2"
        case .misplacedSingleLevelWildcard: "MQTT-4.7.1-3"
        case .malformedShare: "MQTT-4.8.2-2"
        }
    }

    /// Where in the text it is wrong.
    package var offset: Int {
        switch self {
        case .empty: 0
        case .tooLong: 65_535
        case .nullCharacter(let offset), .wildcardInName(let offset), .misplacedMultiLevelWildcard(let offset),
            .misplacedSingleLevelWildcard(let offset), .malformedShare(let offset):
            offset
        }
    }

    package var description: String {
        switch self {
        case .empty: "A topic needs at least one character [\(clause)]."
        case .tooLong(let bytes): "A topic may have 65535 bytes, this one has \(bytes) [\(clause)]."
        case .nullCharacter(let offset): "U+0000 at byte \(offset) of a topic [\(clause)]."
        case .wildcardInName(let offset): "Wildcard at byte \(offset) of a topic name: only filters may have one [\(clause)]."
        case .misplacedMultiLevelWildcard(let offset): "'#' at byte \(offset) must be the whole last level of the filter [\(clause)]."
        case .misplacedSingleLevelWildcard(let offset): "'+' at byte \(offset) must be a whole level of the filter [\(clause)]."
        case .malformedShare(let offset): "A shared subscription is $share/name/filter; this one is wrong at byte \(offset) [\(clause)]."
        }
    }
}

/// A topic name: what a PUBLISH carries (MQTT 3.1.1 §4.7).
package struct MQTTTopic: Sendable, Hashable, CustomStringConvertible {
    package let exact: ExactText
    package var text: String { exact.text }

    package init(_ text: String) throws(MQTTTopicError) {
        let bytes = text.utf8Span.span
        if bytes.isEmpty { throw .empty }
        if bytes.count > 65_535 { throw .tooLong(bytes: bytes.count) }
        for index in bytes.indices {
            switch bytes[index] {
            case 0: throw .nullCharacter(offset: index)
            case UInt8(ascii: "+"), UInt8(ascii: "#"): throw .wildcardInName(offset: index)
            default: break
            }
        }
        exact = ExactText(text)
    }

    private init() { exact = ExactText("") }

    /// The zero-length name of a PUBLISH whose topic alias stands for the topic (MQTT 5.0 §3.3.2.1). It matches nothing.
    package static let aliased = MQTTTopic()
    package var isAliased: Bool { text.isEmpty }

    /// Topics such as `$SYS/…` belong to the server (§4.7.2).
    package var isReserved: Bool { text.utf8.first == UInt8(ascii: "$") }
    package var description: String { text }
}

/// A topic filter: what a SUBSCRIBE carries, with `+` for one level and `#` for all that follow (MQTT 3.1.1 §4.7.1).
package struct MQTTTopicFilter: Sendable, Hashable, CustomStringConvertible {
    package let exact: ExactText
    package let hasWildcard: Bool
    package var text: String { exact.text }

    package init(_ text: String) throws(MQTTTopicError) {
        let bytes = text.utf8Span.span
        if bytes.isEmpty { throw .empty }
        if bytes.count > 65_535 { throw .tooLong(bytes: bytes.count) }
        var hasWildcard = false
        for index in bytes.indices {
            let beginsLevel = index == 0 || bytes[index - 1] == UInt8(ascii: "/")
            switch bytes[index] {
            case 0: throw .nullCharacter(offset: index)
            case UInt8(ascii: "#"):
                guard beginsLevel, index == bytes.count - 1 else { throw .misplacedMultiLevelWildcard(offset: index) }
                hasWildcard = true
            case UInt8(ascii: "+"):
                let endsLevel = index == bytes.count - 1 || bytes[index + 1] == UInt8(ascii: "/")
                guard beginsLevel, endsLevel else { throw .misplacedSingleLevelWildcard(offset: index) }
                hasWildcard = true
            default: break
            }
        }
        exact = ExactText(text)
        self.hasWildcard = hasWildcard
    }

    /// Filters such as `$SYS/#`.
    package var isReserved: Bool { text.utf8.first == UInt8(ascii: "$") }
    package var description: String { text }

    /// Whether the filter matches the topic (§4.7), byte by byte [MQTT-4.7.3-4].
    package func matches(_ topic: MQTTTopic) -> Bool {
        let filter = text.utf8Span.span
        let name = topic.text.utf8Span.span
        if name.isEmpty { return false }
        // A wildcard in front does not match topics that begin with `$` [MQTT-4.7.2-1].
        if name[0] == UInt8(ascii: "$"), filter[0] != UInt8(ascii: "$") { return false }
        var f = 0
        var t = 0
        while f < filter.count {
            if filter[f] == UInt8(ascii: "#") { return true }
            if filter[f] == UInt8(ascii: "+") {
                while t < name.count, name[t] != UInt8(ascii: "/") { t += 1 }
                f += 1
            } else if t < name.count, name[t] == filter[f] {
                f += 1
                t += 1
            } else {
                // "sport/#" also matches "sport" itself (§4.7.1.2).
                return t == name.count && f + 2 == filter.count && filter[f] == UInt8(ascii: "/")
                    && filter[f + 1] == UInt8(ascii: "#")
            }
        }
        return t == name.count
    }

    /// Whether this filter matches every topic that `other` matches: the question of rights, "is what is asked
    /// within what is granted?"
    package func covers(_ other: MQTTTopicFilter) -> Bool {
        if other.isReserved, !isReserved { return false }
        var mine = Levels(text)
        var theirs = Levels(other.text)
        while let level = mine.next() {
            if level == "#" { return true }
            guard let asked = theirs.next() else { return false }
            if asked == "#" { return false }
            if level != "+" && ExactText(level) != ExactText(asked) { return false }
            // "a/#" covers "a" too, for "#" includes the parent level.
            if theirs.isAtEnd, mine.rest == "#" { return true }
        }
        return theirs.isAtEnd
    }

    /// Walks the levels of a topic or filter. Splits bytes, not characters: "/" with a combining mark still separates.
    package struct Levels: Sequence, IteratorProtocol {
        private let text: Substring.UTF8View
        private var position: String.Index?

        package init(_ text: String) {
            self.text = Substring(text).utf8
            position = self.text.startIndex
        }

        var isAtEnd: Bool { position == nil }
        /// What is left, with its separators.
        var rest: String? { position.map { String(Substring(text[$0...])) } }

        package mutating func next() -> String? {
            guard let start = position else { return nil }
            if let slash = text[start...].firstIndex(of: UInt8(ascii: "/")) {
                position = text.index(after: slash)
                return String(Substring(text[start..<slash]))
            }
            position = nil
            return String(Substring(text[start...]))
        }
    }
}
