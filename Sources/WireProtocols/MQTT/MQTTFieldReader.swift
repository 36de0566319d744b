/// Takes the fields of one packet in their order; every error names the byte.
struct MQTTFieldReader {
    let frame: MQTTFrame
    let bytes: [UInt8]
    private(set) var position: Int
    /// Where the fields end: the packet's end, or the properties' while these are read.
    private(set) var end: Int

    init(_ frame: MQTTFrame, in bytes: [UInt8], from start: Int? = nil) {
        self.frame = frame
        self.bytes = bytes
        position = start ?? frame.body.lowerBound
        end = frame.body.upperBound
    }

    var isAtEnd: Bool { position == end }

    /// Confines the reader to the next `length` bytes; gives what to `leave` to.
    mutating func enter(_ length: Int, _ field: String) throws(MQTTDecodingError) -> Int {
        guard end - position >= length else { throw error(.truncated(field: field), at: position) }
        let outer = end
        end = position + length
        return outer
    }

    mutating func leave(to outer: Int) { end = outer }

    func error(_ violation: MQTTViolation, at index: Int) -> MQTTDecodingError {
        MQTTDecodingError(
            violation, packet: frame.type, offset: index - frame.start, streamOffset: frame.streamOffset, version: frame.version)
    }

    mutating func byte(_ field: String) throws(MQTTDecodingError) -> UInt8 {
        guard position < end else { throw error(.truncated(field: field), at: position) }
        defer { position += 1 }
        return bytes[position]
    }

    /// Two bytes, the more significant first (§1.5.2).
    mutating func word(_ field: String) throws(MQTTDecodingError) -> UInt16 {
        guard end - position >= 2 else { throw error(.truncated(field: field), at: position) }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    /// A variable byte integer: up to 4 bytes of 7 bits, low bits first (5.0 §1.5.5).
    mutating func variableInteger(_ field: String) throws(MQTTDecodingError) -> UInt32 {
        let start = position
        var value: UInt32 = 0
        for shift: UInt32 in [0, 7, 14, 21] {
            let byte = try byte(field)
            value |= UInt32(byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                // As few bytes as the value needs [MQTT-1.5.5-1].
                if byte == 0, shift > 0 { throw error(.notMinimal(field: field), at: start) }
                return value
            }
        }
        throw error(.variableIntegerTooLong(field: field), at: start)
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
        guard end - position >= length else { throw error(.truncated(field: field), at: start) }
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
        do {
            let filter = try MQTTTopicFilter(text)
            if frame.version == .v5_0 { _ = try filter.shared() }
            return filter
        } catch { throw self.error(.topic(error), at: range.lowerBound + error.offset) }
    }

    func expectEnd() throws(MQTTDecodingError) {
        if !isAtEnd { throw error(.trailingBytes(end - position), at: position) }
    }
}
