import WireProtocols

enum MQTTHex {
    /// Bytes from hexadecimal digits; spaces are for the reader.
    static func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    static func text(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: " ")
    }
}

func mqttTopic(_ text: String) throws -> MQTTTopic { try MQTTTopic(text) }
func mqttFilter(_ text: String) throws -> MQTTTopicFilter { try MQTTTopicFilter(text) }

extension MQTTPacketDecoder {
    /// All packets of `bytes` as one feed.
    static func packets(_ bytes: [UInt8], role: MQTTRole, awaitsFirstPacket: Bool = false) throws -> [MQTTPacket] {
        var decoder = MQTTPacketDecoder(role: role, awaitsFirstPacket: awaitsFirstPacket)
        decoder.append(bytes)
        var packets: [MQTTPacket] = []
        while let packet = try decoder.next() { packets.append(packet) }
        return packets
    }
}
