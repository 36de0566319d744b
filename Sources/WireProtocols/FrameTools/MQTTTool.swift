package import LabCore

/// `mqtt`: packets of one connection. They have no mark to find them by, so a stream is given up at the first header that is none.
package struct MQTTTool: FrameTool {
    package let name = "mqtt"
    package let about = "MQTT packets; a CONNECT tells the version of those behind it"
    package let dialects = ["3.1.1", "5.0"]

    package init() {}

    private func version(_ options: FrameToolOptions) -> MQTTProtocolVersion { options.dialect == "5.0" ? .v5_0 : .v3_1_1 }

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        MQTTExplainer(version: version(options), sender: options.sender)
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        var version = version(options)
        if let level = values["protocol_level"].flatMap({ FieldFiller.number($0) }) { version = level == 5 ? .v5_0 : .v3_1_1 }
        var making = MQTTMaking(values)
        let packet = try making.packet(command, version)
        if let name = making.unusedName { throw FieldFault(.value("a \(packet.type) has no such field here"), field: name, offset: 0) }
        do { return try packet.encoded(version) } catch { throw FieldFault(.value("\(error)"), field: "packet", offset: 0) }
    }
}

struct MQTTExplainer: FrameExplainer {
    /// Larger packets are not shown. Source: chosen.
    private static let longest = 1 << 20

    private var version: MQTTProtocolVersion
    private let sender: FrameToolOptions.Sender?
    private var buffer: [UInt8] = []
    private var position = 0
    private var base = 0
    private var isFinished = false
    private var isLost = false

    init(version: MQTTProtocolVersion, sender: FrameToolOptions.Sender?) {
        self.version = version
        self.sender = sender
    }

    mutating func append(_ bytes: [UInt8]) {
        if position * 2 > buffer.count {
            buffer.removeFirst(position)
            base += position
            position = 0
        }
        buffer += bytes
    }

    mutating func finish() { isFinished = true }

    mutating func next() -> FrameReport? {
        let rest = buffer[position...]
        guard !rest.isEmpty else { return nil }
        if isLost { return lose("", rest.prefix(512)) }
        switch Self.size(rest) {
        case .some(let size) where size > Self.longest:
            return lose("a packet of \(size) bytes is not shown; the rest of the stream neither", rest.prefix(5))
        case .some(let size) where size <= rest.count: return take(size)
        case .none where rest.count >= 5: return lose("the remaining length has a fifth byte [MQTT-2.2.3]", rest.prefix(5))
        default: return isFinished ? lose("the packet is cut off", rest) : nil
        }
    }

    /// Bytes of the packet that begins here; `nil` while its length is not there, or if it has none.
    private static func size(_ bytes: ArraySlice<UInt8>) -> Int? {
        var length = 0
        for (index, byte) in bytes.dropFirst().prefix(4).enumerated() {
            length |= Int(byte & 0x7f) << (7 * index)
            if byte & 0x80 == 0 { return 2 + index + length }
        }
        return nil
    }

    private mutating func take(_ size: Int) -> FrameReport {
        let bytes = Array(buffer[position..<position + size])
        var report = MQTTReport.explain(bytes, &version, sender)
        report.streamOffset = base + position
        position += size
        return report
    }

    private mutating func lose(_ reason: String, _ bytes: ArraySlice<UInt8>) -> FrameReport {
        isLost = true
        var report = FrameTools.garbage(Array(bytes), at: base + position, "mqtt")
        if !reason.isEmpty { report.problems = [FrameProblem(.refusal, at: 0, reason)] }
        position += bytes.count
        return report
    }
}

/// Makes packets from the names that reports use.
struct MQTTMaking {
    private let values: Fields
    private var used: Set<String> = [
        "packet_type", "remaining_length", "protocol_name", "protocol_level", "connect_flags", "property_length",
    ]

    init(_ values: Fields) { self.values = values.nested }

    var unusedName: String? { values.first { !used.contains($0.name) }?.name }

    mutating func packet(_ command: String, _ version: MQTTProtocolVersion) throws(FieldFault) -> MQTTPacket {
        guard let type = MQTTPacketType.allCases.first(where: { $0.description == command.uppercased() }) else {
            throw Self.fault("command", "'\(command)' is no packet; write publish, subscribe, …")
        }
        switch type {
        case .connect: return .connect(try connect(version))
        case .connack: return .connack(MQTTConnack(sessionPresent: try flag("session_present"), reason: try reason()))
        case .publish: return .publish(try publish())
        case .puback: return .puback(try acknowledgement())
        case .pubrec: return .pubrec(try acknowledgement())
        case .pubrel: return .pubrel(try acknowledgement())
        case .pubcomp: return .pubcomp(try acknowledgement())
        case .subscribe: return .subscribe(MQTTSubscribe(packetID: try packetID(), subscriptions: try subscriptions()))
        case .suback:
            let codes = try list("reason") { UInt8(clamping: FieldFiller.number($0) ?? -1) }
            return .suback(MQTTSuback(packetID: try packetID(), codes: codes))
        case .unsubscribe:
            var filters: [MQTTTopicFilter] = []
            for text in try list("topic_filter", { FieldFiller.words($0) ?? "" }) { filters.append(try filter(text)) }
            return .unsubscribe(MQTTUnsubscribe(packetID: try packetID(), filters: filters))
        case .unsuback: return .unsuback(MQTTUnsuback(packetID: try packetID()))
        case .pingreq: return .pingreq
        case .pingresp: return .pingresp
        case .disconnect: return .disconnect(MQTTDisconnect(reason: try reason()))
        case .auth: throw Self.fault("command", "an AUTH needs properties, which cannot be written here")
        }
    }

    private mutating func connect(_ version: MQTTProtocolVersion) throws(FieldFault) -> MQTTConnect {
        let flags = values["connect_flags"].flatMap { FieldFiller.number($0) } ?? 2
        let keepAlive = try number("keep_alive", 0...65_535) ?? 60
        var connect = MQTTConnect(
            version: version, clientID: text("client_id") ?? "", isClean: flags & 2 != 0, keepAlive: UInt16(keepAlive))
        if let clean = value("clean") { connect.isClean = FieldFiller.number(clean) != 0 }
        connect.username = text("user_name")
        connect.password = try bytes("password")
        if let topic = text("will_topic") {
            let qos = MQTTQoS(rawValue: UInt8(flags >> 3 & 3)) ?? .atMostOnce
            connect.will = MQTTWill(topic: try name(topic), payload: try bytes("will_payload") ?? [], qos: qos, retain: flags & 0x20 != 0)
        }
        return connect
    }

    private mutating func publish() throws(FieldFault) -> MQTTPublish {
        let flags = values["packet_type"].flatMap { FieldFiller.number($0) } ?? 0
        let number = try number("qos", 0...2) ?? flags >> 1 & 3
        let retain = try value("retain") != nil ? flag("retain") : flags & 1 != 0
        var publish = MQTTPublish(
            topic: try name(text("topic") ?? ""), payload: try bytes("payload") ?? [], qos: MQTTQoS(rawValue: UInt8(number)) ?? .atMostOnce,
            retain: retain, isDuplicate: flags & 8 != 0)
        if publish.qos != .atMostOnce { publish.packetID = try packetID() }
        return publish
    }

    private mutating func acknowledgement() throws(FieldFault) -> MQTTAcknowledgement {
        MQTTAcknowledgement(packetID: try packetID(), reason: try reason())
    }

    private mutating func subscriptions() throws(FieldFault) -> [MQTTSubscription] {
        let options = try list("options") { UInt8(clamping: FieldFiller.number($0) ?? 0) }
        var subscriptions: [MQTTSubscription] = []
        for (index, text) in try list("topic_filter", { FieldFiller.words($0) ?? "" }).enumerated() {
            let byte = options.indices.contains(index) ? options[index] : 0
            guard let qos = MQTTQoS(rawValue: byte & 3), let handling = MQTTRetainHandling(rawValue: byte >> 4 & 3) else {
                throw Self.fault("options", "the quality is 0 to 2, retain handling 0 to 2")
            }
            subscriptions.append(
                MQTTSubscription(
                    filter: try filter(text), qos: qos, noLocal: byte & 4 != 0, retainAsPublished: byte & 8 != 0, retainHandling: handling))
        }
        return subscriptions
    }

    // MARK: Values

    private mutating func value(_ name: String) -> FieldValue? {
        used.insert(name)
        return values[name]
    }

    private mutating func text(_ name: String) -> String? { value(name).flatMap { FieldFiller.words($0) } }

    private mutating func number(_ name: String, _ range: ClosedRange<Int64>) throws(FieldFault) -> Int64? {
        guard let given = value(name) else { return nil }
        guard let number = FieldFiller.number(given), range.contains(number) else {
            throw Self.fault(name, "a whole number from \(range.lowerBound) to \(range.upperBound) is allowed")
        }
        return number
    }

    private mutating func flag(_ name: String) throws(FieldFault) -> Bool { try number(name, 0...1) == 1 }

    private mutating func packetID() throws(FieldFault) -> UInt16 { UInt16(clamping: try number("packet_id", 1...65_535) ?? 1) }

    private mutating func reason() throws(FieldFault) -> MQTTReasonCode {
        guard let raw = try number("reason", 0...255) else { return .success }
        guard let reason = MQTTReasonCode(rawValue: UInt8(clamping: raw)) else {
            throw Self.fault("reason", "\(raw) is none of MQTT 5.0 §2.4")
        }
        return reason
    }

    /// `NAME` in hexadecimal, as reports have it, or `NAME_text`.
    private mutating func bytes(_ name: String) throws(FieldFault) -> [UInt8]? {
        if let text = text(name + "_text") { return Array(text.utf8) }
        guard let given = value(name) else { return nil }
        guard let bytes = FieldFiller.bytes(given) else { throw Self.fault(name, "hexadecimal is allowed, and text as \(name)_text") }
        return bytes
    }

    /// `NAME[0]`, `NAME[1]`, …, or `NAME` alone.
    private mutating func list<Item>(_ name: String, _ item: (FieldValue) -> Item) throws(FieldFault) -> [Item] {
        guard let given = value(name) else { return [] }
        return (given.list ?? [given]).map(item)
    }

    private func name(_ text: String) throws(FieldFault) -> MQTTTopic {
        do { return try MQTTTopic(text) } catch { throw Self.fault("topic", "\(error)") }
    }

    private func filter(_ text: String) throws(FieldFault) -> MQTTTopicFilter {
        do { return try MQTTTopicFilter(text) } catch { throw Self.fault("topic_filter", "\(error)") }
    }

    private static func fault(_ field: String, _ text: String) -> FieldFault { FieldFault(.value(text), field: field, offset: 0) }
}
