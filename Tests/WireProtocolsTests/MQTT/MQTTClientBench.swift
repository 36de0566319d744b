import LabCore
import Testing
import WireProtocols

/// A client session on a bench: all effects kept, the server played by the test.
struct ClientBench {
    var session: MQTTClientSession
    var now = RunInstant.start
    var sent: [UInt8] = []
    var effects: [MQTTClientEffect] = []
    var timers: [MQTTClientTimer: RunInstant] = [:]

    init(_ change: (inout MQTTClientSession.Settings) -> Void = { _ in }) {
        var settings = MQTTClientSession.Settings()
        change(&settings)
        session = MQTTClientSession(settings)
    }

    /// Gives an input and returns what comes out, but for bytes and timers.
    @discardableResult
    mutating func give(_ input: MQTTClientInput) -> [MQTTClientEffect] {
        var all: [MQTTClientEffect] = []
        session.handle(input, at: now, &all)
        #expect(all.count { if case .send = $0 { true } else { false } } <= 1)
        var rest: [MQTTClientEffect] = []
        for effect in all {
            switch effect {
            case .send(let bytes): sent += bytes
            case .startTimer(let timer, let at): timers[timer] = at
            case .cancelTimer(let timer):
                #expect(timers[timer] != nil, "cancelled \(timer), which does not run")
                timers[timer] = nil
            default: rest.append(effect)
            }
        }
        effects += rest
        return rest
    }

    mutating func take() throws -> [MQTTPacket] {
        defer { sent = [] }
        return try MQTTPacketDecoder.packets(sent, role: .server, awaitsFirstPacket: sent.first == 0x10)
    }

    @discardableResult
    mutating func feed(_ packets: MQTTPacket...) throws -> [MQTTClientEffect] {
        var bytes: [UInt8] = []
        for packet in packets { try packet.encode(to: &bytes) }
        return give(.received(bytes))
    }

    mutating func connect(clean: Bool = true, keepAlive: UInt16 = 0, present: Bool = false) throws {
        give(.command(.connect(MQTTConnection(clientID: "badge-1", isClean: clean, keepAlive: keepAlive))))
        give(.transportOpened)
        try feed(.connack(MQTTConnack(sessionPresent: present, code: .accepted)))
        #expect(session.isConnected)
        sent.removeFirst(21)
    }

    mutating func publish(_ payload: String, _ quality: UInt8, _ token: UInt32 = 0) -> [MQTTClientEffect] {
        give(.command(.publish(topic: "a", payload: [UInt8](payload.utf8), quality: quality, retain: false, token: Token(rawValue: token))))
    }

    mutating func fire(_ timer: MQTTClientTimer) -> [MQTTClientEffect] {
        if let at = timers.removeValue(forKey: timer) { now = at }
        return give(.timerFired(timer))
    }

    mutating func advance(_ seconds: Int64) { now = now.advanced(byNanoseconds: seconds * 1_000_000_000) }
}

func message(_ payload: String, _ qos: MQTTQoS, id: UInt16 = 0, dup: Bool = false) throws -> MQTTPacket {
    .publish(MQTTPublish(topic: try mqttTopic("a"), payload: [UInt8](payload.utf8), qos: qos, isDuplicate: dup, packetID: id))
}
func ack(_ type: MQTTPacketType, _ id: UInt16) -> MQTTPacket {
    let body = MQTTAcknowledgement(packetID: id)
    return switch type {
    case .puback: .puback(body)
    case .pubrec: .pubrec(body)
    case .pubrel: .pubrel(body)
    default: .pubcomp(body)
    }
}
