import LabCore

/// Explains one packet, cut by its remaining length.
enum MQTTReport {
    /// - Parameter version: the connection's; a CONNECT changes it.
    static func explain(_ bytes: [UInt8], _ version: inout MQTTProtocolVersion, _ sender: FrameToolOptions.Sender?) -> FrameReport {
        var report = FrameReport(protocolName: "mqtt", length: bytes.count)
        guard let first = bytes.first, let type = MQTTPacketType(rawValue: first >> 4) else {
            report.problems.append(FrameProblem(.refusal, at: 0, "0 is no packet type [MQTT-2.2.1]"))
            return report
        }
        report.command = type.description
        let sender = sender ?? only(type, version)
        report.direction = sender.map { $0 == .device ? .deviceToPlatform : .platformToDevice }
        if type == .connect, let level = level(bytes) { version = level }
        var walk = MQTTWalk(bytes, type, version)
        walk.run()
        report.fields = walk.fields
        report.commandName = "\(version)"
        check(bytes, type, version, sender, &report)
        return report
    }

    /// The end that alone may send it.
    private static func only(_ type: MQTTPacketType, _ version: MQTTProtocolVersion) -> FrameToolOptions.Sender? {
        switch (type.mayReach(.server, version), type.mayReach(.client, version)) {
        case (true, false): .device
        case (false, true): .platform
        default: nil
        }
    }

    private static func level(_ bytes: [UInt8]) -> MQTTProtocolVersion? {
        // Behind the fixed header: a length of 2 bytes and MQTT.
        guard let start = bytes.indices.dropFirst().first(where: { bytes[$0] & 0x80 == 0 }), bytes.count > start + 7 else { return nil }
        return MQTTProtocolVersion(rawValue: bytes[start + 7])
    }

    private static func check(
        _ bytes: [UInt8], _ type: MQTTPacketType, _ version: MQTTProtocolVersion, _ sender: FrameToolOptions.Sender?,
        _ report: inout FrameReport
    ) {
        let role: MQTTRole = (sender ?? .device) == .device ? .server : .client
        let isFirst = type == .connect || type == .connack
        var decoder = MQTTPacketDecoder(role: role, version: type == .connect ? nil : version, awaitsFirstPacket: isFirst)
        decoder.append(bytes)
        do {
            _ = try decoder.next()
        } catch {
            report.problems.append(FrameProblem(.refusal, at: error.offset, "\(error.violation.reason) [\(error.clause)]"))
        }
    }
}

/// Goes through the fields of a packet; stops without a word where they end early, since the decoder tells.
private struct MQTTWalk {
    private let bytes: [UInt8]
    private let type: MQTTPacketType
    private let version: MQTTProtocolVersion
    private var position = 0
    private(set) var fields: [FrameField] = []
    private var source = ""

    init(_ bytes: [UInt8], _ type: MQTTPacketType, _ version: MQTTProtocolVersion) {
        self.bytes = bytes
        self.type = type
        self.version = version
    }

    private struct Ended: Error {}

    private var isAtEnd: Bool { position == bytes.count }

    mutating func run() { try? walk() }

    private mutating func walk() throws(Ended) {
        source = "\(version) §2.2"
        let type = type
        let first = try number("packet_type", 1) { Self.words(type, first: $0) }
        let start = position
        while try byte() & 0x80 != 0 {}
        let length = bytes[start..<position].reversed().reduce(0) { $0 << 7 | Int64($1 & 0x7f) }
        add("remaining_length", start, .integer(length), "bytes")
        source = "\(version) §3.\(type.rawValue)"
        switch type {
        case .connect: try connect()
        case .connack:
            _ = try number("session_present", 1)
            try reason("reason")
            try properties()
        case .publish:
            try text("topic")
            if first & 6 != 0 { _ = try number("packet_id", 2) }
            try properties()
            rest("payload")
        case .puback, .pubrec, .pubrel, .pubcomp:
            _ = try number("packet_id", 2)
            if version == .v5_0, !isAtEnd { try reason("reason") }
            if !isAtEnd { try properties() }
        case .subscribe, .unsubscribe:
            _ = try number("packet_id", 2)
            try properties()
            for index in 0... {
                if isAtEnd { break }
                try text("topic_filter[\(index)]")
                if type == .subscribe { _ = try number("options[\(index)]", 1) { "quality \($0 & 3)" } }
            }
        case .suback, .unsuback:
            _ = try number("packet_id", 2)
            try properties()
            for index in 0... {
                if isAtEnd { break }
                try reason("reason[\(index)]")
            }
        case .disconnect, .auth:
            if !isAtEnd { try reason("reason") }
            if !isAtEnd { try properties() }
        case .pingreq, .pingresp: break
        }
        rest("rest")
    }

    /// The first byte in words.
    private static func words(_ type: MQTTPacketType, first: Int64) -> String {
        guard type == .publish else { return "\(type)" }
        return "\(type), quality \(first >> 1 & 3)\(first & 1 != 0 ? ", retained" : "")\(first & 8 != 0 ? ", sent again" : "")"
    }

    private mutating func connect() throws(Ended) {
        try text("protocol_name")
        _ = try number("protocol_level", 1) { MQTTProtocolVersion(rawValue: UInt8(clamping: $0)).map { "\($0)" } ?? "unknown" }
        let flags = try number("connect_flags", 1) { Self.words($0) }
        _ = try number("keep_alive", 2, "s")
        try properties()
        try text("client_id")
        if flags & 4 != 0 {
            if version == .v5_0 { try properties("will_") }
            try text("will_topic")
            try binary("will_payload")
        }
        if flags & 0x80 != 0 { try text("user_name") }
        if flags & 0x40 != 0 { try binary("password") }
    }

    private static func words(_ flags: Int64) -> String {
        var words = [flags & 2 != 0 ? "clean" : "resume"]
        if flags & 4 != 0 { words.append("will of quality \(flags >> 3 & 3)\(flags & 0x20 != 0 ? ", retained" : "")") }
        if flags & 0x80 != 0 { words.append("user name") }
        if flags & 0x40 != 0 { words.append("password") }
        return words.joined(separator: ", ")
    }

    private mutating func reason(_ name: String) throws(Ended) {
        let (version, type) = (version, type)
        _ = try number(name, 1) { raw in
            guard version == .v5_0 else {
                if type == .connack { return MQTTConnectReturnCode(rawValue: UInt8(clamping: raw)).map { "\($0)" } ?? "unknown" }
                return raw == 0x80 ? "failure" : "quality \(raw)"
            }
            return MQTTReasonCode(rawValue: UInt8(clamping: raw)).map { "\($0)" } ?? "unknown"
        }
    }

    // MARK: Properties of MQTT 5.0

    private mutating func properties(_ prefix: String = "") throws(Ended) {
        guard version == .v5_0 else { return }
        let start = position
        while try byte() & 0x80 != 0 {}
        let length = bytes[start..<position].reversed().reduce(0) { $0 << 7 | Int($1 & 0x7f) }
        add(prefix + "property_length", start, .integer(Int64(length)), "bytes")
        let end = position + length
        guard end <= bytes.count else { throw Ended() }
        let outer = source
        source = "\(version) §2.2.2"
        while position < end { try property(prefix) }
        source = outer
    }

    private mutating func property(_ prefix: String) throws(Ended) {
        let start = position
        guard let id = MQTTPropertyID(rawValue: try byte()) else { throw Ended() }
        let value: FieldValue
        switch id.format {
        case .byte: value = .integer(try big(1))
        case .twoBytes: value = .integer(try big(2))
        case .fourBytes: value = .integer(try big(4))
        case .variableInteger:
            let first = position
            while try byte() & 0x80 != 0 {}
            value = .integer(bytes[first..<position].reversed().reduce(0) { $0 << 7 | Int64($1 & 0x7f) })
        case .text: value = .text(String(decoding: try counted(), as: UTF8.self))
        case .binary: value = .bytes(Array(try counted()))
        case .textPair:
            let name = String(decoding: try counted(), as: UTF8.self)
            value = .text(name + "=" + String(decoding: try counted(), as: UTF8.self))
        }
        let name = "\(id)".map { $0 == " " ? "_" : $0 }
        add(prefix + "property_" + String(name), start, value)
    }

    // MARK: Pieces

    private mutating func byte() throws(Ended) -> UInt8 {
        guard position < bytes.count else { throw Ended() }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func big(_ size: Int) throws(Ended) -> Int64 {
        guard position + size <= bytes.count else { throw Ended() }
        defer { position += size }
        return bytes[position..<position + size].reduce(0) { $0 << 8 | Int64($1) }
    }

    private mutating func counted() throws(Ended) -> ArraySlice<UInt8> {
        let count = Int(try big(2))
        guard position + count <= bytes.count else { throw Ended() }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func number(_ name: String, _ size: Int, _ unit: String = "", _ meaning: (Int64) -> String = { _ in "" }) throws(Ended)
        -> Int64
    {
        let start = position
        let value = try big(size)
        add(name, start, .integer(value), unit, meaning(value))
        return value
    }

    private mutating func text(_ name: String) throws(Ended) {
        let start = position
        let bytes = try counted()
        add(name, start, .text(String(decoding: bytes, as: UTF8.self)))
    }

    private mutating func binary(_ name: String) throws(Ended) {
        let start = position
        let bytes = try counted()
        add(name, start, .bytes(Array(bytes)))
    }

    private mutating func rest(_ name: String) {
        guard !isAtEnd else { return }
        let start = position
        position = bytes.count
        let content = Array(bytes[start...])
        let text = String(validating: content, as: UTF8.self)
        add(name, start, .bytes(content), "", text.map { $0.count > 60 ? String($0.prefix(60)) + "…" : $0 } ?? "")
    }

    private mutating func add(_ name: String, _ start: Int, _ value: FieldValue, _ unit: String = "", _ meaning: String = "") {
        fields.append(
            FrameField(
                name: name, offset: start, bytes: bytes[start..<position], value: value, unit: unit, meaning: meaning, source: source))
    }
}
