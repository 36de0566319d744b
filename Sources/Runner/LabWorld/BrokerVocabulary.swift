import LabCore
import MQTTBroker
import Simulation
import WireProtocols

/// What the broker adds to what scenarios can say to and about the cloud. Its events begin with `broker.`.
enum BrokerVocabulary {
    private static let client = FieldKind("client", .text, "client identifier")
    private static let peer = FieldKind("peer", .text, "the node at the other end")
    private static let reason = FieldKind("reason", .text)

    static let events: [EventKind] = [
        EventKind("broker.restarted", "The broker stopped and started again.", fields: [FieldKind("persistent", .bool, "sessions survived")]),
        EventKind("broker.opened", "A connection was opened to the broker.", fields: [peer], volume: .traffic),
        EventKind("broker.closed", "A connection ended that never became a client.", fields: [peer, reason], volume: .traffic),
        EventKind(
            "broker.accepted", "The broker accepted a client.",
            fields: [
                client, FieldKind("username", .text), peer, FieldKind("session_present", .bool), FieldKind("clean", .bool),
                FieldKind("keep_alive", .integer, unit: "s"),
            ]),
        EventKind("broker.refused", "The broker refused a client.", fields: [client, peer, FieldKind("code", .integer, "CONNACK return code"), reason]),
        EventKind("broker.disconnected", "A client's connection ended.", fields: [client, peer, reason]),
        EventKind("broker.taken_over", "A client with the same identifier took the place of another.", fields: [client, FieldKind("from", .text), FieldKind("by", .text)]),
        EventKind(
            "broker.malformed", "A packet broke the protocol, and the connection was closed.",
            fields: [client, peer, FieldKind("packet", .text), FieldKind("clause", .text), FieldKind("offset", .integer, unit: "bytes"), reason]),
        EventKind("broker.subscribed", "A client subscribed.", fields: [client, FieldKind("filter", .text), FieldKind("code", .integer)], volume: .traffic),
        EventKind("broker.unsubscribed", "A client unsubscribed.", fields: [client, FieldKind("filter", .text)], volume: .traffic),
        EventKind("broker.subscription_revoked", "A client lost the right to a subscription.", fields: [client, FieldKind("filter", .text)]),
        EventKind("broker.publish_refused", "A client published where it may not.", fields: [client, FieldKind("topic", .text)]),
        EventKind("broker.will_published", "A client's will was published.", fields: [client, FieldKind("topic", .text)]),
        EventKind("broker.dropped", "Messages will not be delivered.", fields: [client, FieldKind("topic", .text), reason, FieldKind("count", .integer)]),
        EventKind("broker.session_expired", "A session ended by its age.", fields: [client]),
        EventKind("broker.fault", "A packet fault hit a packet.", fields: [FieldKind("fault", .text), client, FieldKind("direction", .text), FieldKind("packet", .text)]),
        EventKind(
            "broker.packet", "A packet went in or out.",
            fields: [
                client, FieldKind("direction", .text), FieldKind("packet", .text), FieldKind("bytes", .integer), FieldKind("id", .integer),
                FieldKind("topic", .text), FieldKind("qos", .integer), FieldKind("retain", .bool), FieldKind("dup", .bool),
            ], volume: .traffic),
    ]

    /// `mqtt.taken-over` is `broker.taken_over` in scenarios: one prefix, and names that YAML needs no quotes for.
    static func name(of note: BrokerNote) -> String {
        if case .packet = note { return "broker.packet" }
        return "broker." + note.name.dropFirst("mqtt.".count).replacing("-", with: "_")
    }

    // MARK: Faults

    private static let where_: [FieldKind] = [
        FieldKind("client", .text, "only packets of this client"),
        FieldKind("topic", .text, "only PUBLISH packets whose topic matches this filter"),
        FieldKind("packet", .choice(packetTypes.map(\.name)), "only packets of this type"),
        FieldKind("direction", .choice(["up", "down"]), "up is to the broker, down to the client; both if it is not given"),
        FieldKind("nth", .integer, "only the n-th such packet"), FieldKind("rate", .ratio, "each with this chance"),
    ]

    static let faults: [ActionKind] = [
        ActionKind("broker.packet.drop", "MQTT packets vanish.", takes: where_),
        ActionKind("broker.packet.delay", "MQTT packets are held back; later ones overtake them.", takes: [FieldKind("time", .duration, required: true)] + where_),
        ActionKind("broker.packet.duplicate", "MQTT packets come twice.", takes: where_),
        ActionKind("broker.packet.reorder", "MQTT packets are overtaken by the next one.", takes: where_),
        ActionKind("broker.packet.corrupt", "A byte of MQTT packets is changed.", takes: where_),
        ActionKind(
            "broker.packet.cut", "The connection breaks in the middle of MQTT packets.",
            takes: [FieldKind("after", .integer, unit: "bytes", "bytes that still get through; 0 where absent")] + where_),
    ]

    private static let packetTypes: [(name: String, type: MQTTPacketType)] = [
        ("connect", .connect), ("connack", .connack), ("publish", .publish), ("puback", .puback), ("pubrec", .pubrec), ("pubrel", .pubrel),
        ("pubcomp", .pubcomp), ("subscribe", .subscribe), ("suback", .suback), ("unsubscribe", .unsubscribe), ("unsuback", .unsuback),
        ("pingreq", .pingreq), ("pingresp", .pingresp), ("disconnect", .disconnect),
    ]

    /// - Throws: `bad_argument` with what is allowed.
    static func fault(_ name: String, _ arguments: Fields) throws(ActionFailure) -> PacketFault {
        let action: PacketFault.Action
        switch name {
        case "broker.packet.drop": action = .drop
        case "broker.packet.delay": action = .delay(arguments["time"]?.durationNanoseconds ?? 0)
        case "broker.packet.duplicate": action = .duplicate
        case "broker.packet.reorder": action = .reorder
        case "broker.packet.corrupt": action = .corrupt(offset: nil, mask: nil)
        case "broker.packet.cut": action = .cut(afterBytes: Int(max(0, arguments["after"]?.integer ?? 0)))
        default: throw ActionFailure("unknown_fault", "The broker has no fault '\(name)'. It has \(faults.map(\.name).joined(separator: ", ")).")
        }
        var filter: MQTTTopicFilter?
        if let topic = arguments["topic"]?.text {
            do { filter = try MQTTTopicFilter(topic) } catch { throw ActionFailure("bad_argument", "\(name): the topic filter '\(topic)' is wrong: \(error)") }
        }
        let types = packetTypes.filter { $0.name == arguments["packet"]?.text }.map(\.type)
        let direction: PacketFault.Direction? = switch arguments["direction"]?.text {
            case "up": .toBroker
            case "down": .toClient
            default: nil
        }
        return PacketFault(
            name: name, client: arguments["client"]?.text, topic: filter, types: types, direction: direction,
            occurrence: occurrence(arguments), action: action)
    }

    private static func occurrence(_ arguments: Fields) -> PacketFault.Occurrence {
        if let nth = arguments["nth"]?.integer { return .nth(Int(nth)) }
        if let rate = arguments["rate"]?.asNumber { return .rate(rate) }
        return .every
    }
}
