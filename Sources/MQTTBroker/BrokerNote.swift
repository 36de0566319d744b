package import LabCore
package import WireProtocols

package enum DropReason: String, Sendable {
    case queueFull = "queue full"
    case publisherLeft = "publisher left before it was acknowledged"
    case rightRevoked = "right revoked"
    case retainedLimit = "too many retained messages"
    case tooLarge = "too large"
    case expired = "expired"
    case payloadFormat = "payload is not the text that it says it is"
    case consumerAway = "consumer away"
    case sessionEnded = "session ended"
}

/// One packet, for transcripts.
package struct PacketNote: Sendable, Equatable {
    package var client: String?
    package var direction: PacketFault.Direction
    package var type: MQTTPacketType
    /// The whole packet.
    package var byteCount: Int
    package var packetID: UInt16?
    package var topic: String?
    package var qos: MQTTQoS?
    package var retain = false
    package var isDuplicate = false

    package init(_ client: String?, _ direction: PacketFault.Direction, _ frame: MQTTFrame, _ bytes: [UInt8]) {
        self.client = client
        self.direction = direction
        type = frame.type
        byteCount = frame.byteCount
        switch frame.type {
        case .publish:
            guard let header = try? MQTTPublishHeader(frame, in: bytes) else { return }
            packetID = header.packetID == 0 ? nil : header.packetID
            topic = (try? header.decodeTopic(in: bytes))?.text
            qos = header.qos
            retain = header.retain
            isDuplicate = header.isDuplicate
        case .puback, .pubrec, .pubrel, .pubcomp, .subscribe, .suback, .unsubscribe, .unsuback:
            guard frame.body.count >= 2 else { return }
            packetID = UInt16(bytes[frame.body.lowerBound]) << 8 | UInt16(bytes[frame.body.lowerBound + 1])
        case .connect, .connack, .pingreq, .pingresp, .disconnect, .auth: break
        }
    }
}

/// What the broker tells the event log. Single packets are noted only where a transcript is on.
package enum BrokerNote: Sendable, Equatable {
    case connectionOpened(peer: String)
    /// A connection ended that never became a client.
    case connectionClosed(peer: String, CloseReason)
    case accepted(client: String, username: String?, peer: String, sessionPresent: Bool, isClean: Bool, keepAlive: UInt16)
    /// With the return code of 3.1.1, or the reason code of 5.0.
    case refused(client: String, peer: String, code: UInt8, reason: String)
    case disconnected(client: String, peer: String, CloseReason)
    case takenOver(client: String, from: String, by: String)
    case malformed(client: String?, peer: String, MQTTDecodingError)
    case subscribed(client: String, filter: String, code: UInt8)
    case unsubscribed(client: String, filter: String)
    case subscriptionRevoked(client: String, filter: String)
    /// A publish beyond the client's rights; noted when a topic is first refused, not for every packet.
    case publishRefused(client: String, topic: String)
    case willPublished(client: String, topic: String)
    /// Messages that will not be delivered; the first since there was room stands for those that follow.
    case dropped(client: String?, topic: String?, DropReason, count: Int)
    case sessionExpired(client: String)
    case faultApplied(fault: String, client: String?, PacketFault.Direction, MQTTPacketType)
    case packet(PacketNote)

    /// The event's name, below the kind of the node that runs the broker.
    package var name: String {
        switch self {
        case .connectionOpened: "mqtt.opened"
        case .connectionClosed: "mqtt.closed"
        case .accepted: "mqtt.accepted"
        case .refused: "mqtt.refused"
        case .disconnected: "mqtt.disconnected"
        case .takenOver: "mqtt.taken-over"
        case .malformed: "mqtt.malformed"
        case .subscribed: "mqtt.subscribed"
        case .unsubscribed: "mqtt.unsubscribed"
        case .subscriptionRevoked: "mqtt.subscription-revoked"
        case .publishRefused: "mqtt.publish-refused"
        case .willPublished: "mqtt.will-published"
        case .dropped: "mqtt.dropped"
        case .sessionExpired: "mqtt.session-expired"
        case .faultApplied: "mqtt.fault"
        case .packet: "mqtt.packet"
        }
    }

    package var fields: Fields {
        switch self {
        case .connectionOpened(let peer): ["peer": .text(peer)]
        case .connectionClosed(let peer, let reason): ["peer": .text(peer), "reason": .text(reason.description)]
        case .accepted(let client, let username, let peer, let sessionPresent, let isClean, let keepAlive):
            Fields(client: client).adding("username", username).merging([
                "peer": .text(peer), "session_present": .bool(sessionPresent), "clean": .bool(isClean),
                "keep_alive": .integer(Int64(keepAlive)),
            ])
        case .refused(let client, let peer, let code, let reason):
            ["client": .text(client), "peer": .text(peer), "code": .integer(Int64(code)), "reason": .text(reason)]
        case .disconnected(let client, let peer, let reason):
            ["client": .text(client), "peer": .text(peer), "reason": .text(reason.description)]
        case .takenOver(let client, let from, let by): ["client": .text(client), "from": .text(from), "by": .text(by)]
        case .malformed(let client, let peer, let error):
            Fields(client: client).merging([
                "peer": .text(peer), "packet": .text(error.packet?.description ?? "unknown"), "clause": .text(error.clause),
                "offset": .integer(Int64(error.offset)), "reason": .text(error.violation.reason),
            ])
        case .subscribed(let client, let filter, let code):
            ["client": .text(client), "filter": .text(filter), "code": .integer(Int64(code))]
        case .unsubscribed(let client, let filter), .subscriptionRevoked(let client, let filter):
            ["client": .text(client), "filter": .text(filter)]
        case .publishRefused(let client, let topic), .willPublished(let client, let topic):
            ["client": .text(client), "topic": .text(topic)]
        case .dropped(let client, let topic, let reason, let count):
            Fields(client: client).adding("topic", topic).merging(["reason": .text(reason.rawValue), "count": .integer(Int64(count))])
        case .sessionExpired(let client): ["client": .text(client)]
        case .faultApplied(let fault, let client, let direction, let type):
            Fields(client: client).merging([
                "fault": .text(fault), "direction": .text(direction.rawValue), "packet": .text(type.description),
            ])
        case .packet(let packet): packet.fields
        }
    }
}

extension PacketNote {
    package var fields: Fields {
        var fields = Fields(client: client)
        fields["direction"] = .text(direction.rawValue)
        fields["packet"] = .text(type.description)
        fields["bytes"] = .integer(Int64(byteCount))
        fields["id"] = packetID.map { .integer(Int64($0)) }
        fields["topic"] = topic.map { .text($0) }
        fields["qos"] = qos.map { .integer(Int64($0.rawValue)) }
        if type == .publish {
            fields["retain"] = .bool(retain)
            fields["dup"] = .bool(isDuplicate)
        }
        return fields
    }
}

extension Fields {
    fileprivate init(client: String?) {
        self.init()
        self["client"] = client.map { .text($0) }
    }

    fileprivate func adding(_ name: String, _ text: String?) -> Fields {
        var fields = self
        fields[name] = text.map { .text($0) }
        return fields
    }
}
