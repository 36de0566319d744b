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
    static func packets(
        _ bytes: [UInt8], role: MQTTRole, version: MQTTProtocolVersion? = .v3_1_1, awaitsFirstPacket: Bool = false
    ) throws -> [MQTTPacket] {
        var decoder = MQTTPacketDecoder(role: role, version: version, awaitsFirstPacket: awaitsFirstPacket)
        decoder.append(bytes)
        var packets: [MQTTPacket] = []
        while let packet = try decoder.next() { packets.append(packet) }
        return packets
    }
}

/// Properties from what is set in them.
func mqttProperties(_ set: (inout MQTTProperties) -> Void) -> MQTTProperties {
    var properties = MQTTProperties()
    set(&properties)
    return properties
}

extension MQTTVector {
    /// The packets of the wire, in MQTT 5.0.
    func decoded5() throws -> [MQTTPacket] {
        let first = MQTTHex.bytes(wire).first.map { $0 >> 4 }
        return try MQTTPacketDecoder.packets(MQTTHex.bytes(wire), role: role, version: .v5_0, awaitsFirstPacket: first == 1 || first == 2)
    }
}
