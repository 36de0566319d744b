/// Takes the fields of one packet in their order; every error names the byte.
struct MQTTFieldReader {
    let frame: MQTTFrame
    let bytes: [UInt8]
    private(set) var position: Int

    init(_ frame: MQTTFrame, in bytes: [UInt8]) {
        self.frame = frame
        self.bytes = bytes
        position = frame.body.lowerBound
    }

    var isAtEnd: Bool { position == frame.body.upperBound }

    func error(_ violation: MQTTViolation, at index: Int) -> MQTTDecodingError {
        MQTTDecodingError(violation, packet: frame.type, offset: index - frame.start, streamOffset: frame.streamOffset)
    }

    mutating func byte(_ field: String) throws(MQTTDecodingError) -> UInt8 {
        guard position < frame.body.upperBound else { throw error(.truncated(field: field), at: position) }
        defer { position += 1 }
        return bytes[position]
    }

    /// Two bytes, the more significant first (§1.5.2).
    mutating func word(_ field: String) throws(MQTTDecodingError) -> UInt16 {
        guard frame.body.upperBound - position >= 2 else { throw error(.truncated(field: field), at: position) }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    /// [MQTT-2.3.1-1]: SUBSCRIBE, UNSUBSCRIBE and PUBLISH with QoS > 0 carry an identifier that is not 0,
    /// and so do the acknowledgements that repeat it.
    mutating func packetID() throws(MQTTDecodingError) -> UInt16 {
        let id = try word("packet identifier")
        if id == 0 { throw error(.packetIdentifierZero, at: position - 2) }
        return id
    }

    /// The indices of a field that begins with its length in two bytes.
    mutating func sized(_ field: String) throws(MQTTDecodingError) -> Range<Int> {
        let start = position
        let length = Int(try word(field))
        guard frame.body.upperBound - position >= length else { throw error(.truncated(field: field), at: start) }
        defer { position += length }
        return position..<position + length
    }

    /// A UTF-8 encoded string (§1.5.3). U+FEFF stays where it is [MQTT-1.5.3-3].
    mutating func text(_ field: String) throws(MQTTDecodingError) -> String {
        let range = try sized(field)
        return try text(in: range, field)
    }

    func text(in range: Range<Int>, _ field: String) throws(MQTTDecodingError) -> String {
        let text: String
        do {
            text = String(copying: try UTF8Span(validating: bytes.span.extracting(range)))
        } catch {
            // Surrogates are ill-formed too [MQTT-1.5.3-1].
            throw self.error(.illFormedUTF8(field: field), at: range.lowerBound + error.byteOffsets.lowerBound)
        }
        for index in range where bytes[index] == 0 { throw error(.nullCharacter(field: field), at: index) }  // [MQTT-1.5.3-2]
        return text
    }

    mutating func topic(_ field: String) throws(MQTTDecodingError) -> MQTTTopic {
        let range = try sized(field)
        return try topic(in: range, field)
    }

    func topic(in range: Range<Int>, _ field: String) throws(MQTTDecodingError) -> MQTTTopic {
        let text = try text(in: range, field)
        do { return try MQTTTopic(text) } catch { throw self.error(.topic(error), at: range.lowerBound + error.offset) }
    }

    mutating func filter() throws(MQTTDecodingError) -> MQTTTopicFilter {
        let range = try sized("topic filter")
        let text = try text(in: range, "topic filter")  // [MQTT-3.8.3-1], [MQTT-3.10.3-1]
        do { return try MQTTTopicFilter(text) } catch { throw self.error(.topic(error), at: range.lowerBound + error.offset) }
    }

    func expectEnd() throws(MQTTDecodingError) {
        if !isAtEnd { throw error(.trailingBytes(frame.body.upperBound - position), at: position) }
    }
}
