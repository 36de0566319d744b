/// Text that is compared byte by byte, as MQTT compares topics and client identifiers.
///
/// Swift's `String` calls precomposed and decomposed accents equal; MQTT must not:
/// no normalization or substitution of characters [MQTT-4.7.3-4].
package struct ExactText: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (left: ExactText, right: ExactText) -> Bool {
        // Different texts differ in bytes, and for ASCII (nearly always) equal texts have equal bytes.
        guard left.text == right.text else { return false }
        if left.text.utf8Span.isKnownASCII && right.text.utf8Span.isKnownASCII { return true }
        return left.text.utf8.elementsEqual(right.text.utf8)
    }

    /// Equal bytes are equal texts, so the text's own hash fits.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Whether the text has exactly the bytes at `range` of `bytes`.
    package func equals(_ bytes: borrowing [UInt8], _ range: Range<Int>) -> Bool {
        let own = text.utf8Span.span
        guard own.count == range.count else { return false }
        let other = bytes.span.extracting(range)
        // Topics of one device differ at their end, so comparing from there fails early.
        for index in own.indices.reversed() where own[index] != other[index] { return false }
        return true
    }

    package var description: String { text }
}
