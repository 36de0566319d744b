import LabCore
import MQTTBroker
import Testing
import WireProtocols

extension Bench {
    /// Opens a connection and connects with MQTT 5.0.
    @discardableResult
    mutating func connect5(
        _ connection: UInt64, _ clientID: String, clean: Bool = true, keepAlive: UInt16 = 0, expiry: UInt32? = nil, will: MQTTWill? = nil,
        _ change: (inout MQTTProperties) -> Void = { _ in }
    ) throws -> [MQTTPacket] {
        var connect = MQTTConnect(version: .v5_0, clientID: clientID, isClean: clean, keepAlive: keepAlive, will: will)
        connect.properties.sessionExpiryInterval = expiry
        change(&connect.properties)
        open(connection)
        return try feed(connection, .connect(connect))
    }

    /// Sends bytes and takes what comes back, for packets that the encoder refuses to make.
    mutating func feed(_ connection: UInt64, hex: String) throws -> [MQTTPacket] {
        bytes(connection, hexBytes(hex))
        return try take(connection)
    }

    /// The wire of a CONNECT of 5.0 with an empty property list and the client identifier "a".
    static let connect5Wire = hexBytes("100e 0004 4d515454 05 02 0000 00 0001 61")
}

// MARK: Packets of 5.0 in few words

func publish5(
    _ topic: String, _ payload: String, _ qos: MQTTQoS = .atMostOnce, id: UInt16 = 0, retain: Bool = false, dup: Bool = false,
    _ change: (inout MQTTProperties) -> Void = { _ in }
) throws -> MQTTPacket {
    var message = MQTTPublish(
        topic: topic.isEmpty ? .aliased : try MQTTTopic(topic), payload: [UInt8](payload.utf8), qos: qos, retain: retain, isDuplicate: dup,
        packetID: id)
    change(&message.properties)
    return .publish(message)
}
func subscribe5(
    _ id: UInt16, _ filter: String, _ qos: MQTTQoS = .atMostOnce, noLocal: Bool = false, asPublished: Bool = false,
    handling: MQTTRetainHandling = .sendAtSubscribe, identifier: UInt32? = nil
) throws -> MQTTPacket {
    var packet = MQTTSubscribe(
        packetID: id,
        subscriptions: [
            MQTTSubscription(
                filter: try MQTTTopicFilter(filter), qos: qos, noLocal: noLocal, retainAsPublished: asPublished, retainHandling: handling)
        ])
    packet.properties.subscriptionIdentifier = identifier
    return .subscribe(packet)
}
func puback(_ id: UInt16, _ reason: MQTTReasonCode) -> MQTTPacket { .puback(MQTTAcknowledgement(packetID: id, reason: reason)) }
func pubrec(_ id: UInt16, _ reason: MQTTReasonCode) -> MQTTPacket { .pubrec(MQTTAcknowledgement(packetID: id, reason: reason)) }
func pubrel(_ id: UInt16, _ reason: MQTTReasonCode) -> MQTTPacket { .pubrel(MQTTAcknowledgement(packetID: id, reason: reason)) }
func pubcomp(_ id: UInt16, _ reason: MQTTReasonCode) -> MQTTPacket { .pubcomp(MQTTAcknowledgement(packetID: id, reason: reason)) }
func suback5(_ id: UInt16, _ reasons: MQTTReasonCode...) -> MQTTPacket { .suback(MQTTSuback(packetID: id, reasons: reasons)) }
func disconnect5(_ reason: MQTTReasonCode, expiry: UInt32? = nil) -> MQTTPacket {
    var packet = MQTTDisconnect(reason: reason)
    packet.properties.sessionExpiryInterval = expiry
    return .disconnect(packet)
}
func auth(_ reason: MQTTReasonCode, _ method: String, _ data: String? = nil) -> MQTTPacket {
    var packet = MQTTAuth(reason: reason)
    packet.properties.authenticationMethod = method
    packet.properties.authenticationData = data.map { [UInt8]($0.utf8) }
    return .auth(packet)
}

/// The CONNACK that a list of packets begins with.
func connack(in packets: [MQTTPacket]) -> MQTTConnack? {
    if case .connack(let connack)? = packets.first { connack } else { nil }
}
/// The publishes among packets.
func publishes(_ packets: [MQTTPacket]) -> [MQTTPublish] {
    packets.compactMap { if case .publish(let message) = $0 { message } else { nil } }
}
func will5(
    _ topic: String, _ payload: String, _ qos: MQTTQoS = .atMostOnce, retain: Bool = false, delay: UInt32? = nil,
    _ change: (inout MQTTProperties) -> Void = { _ in }
) throws -> MQTTWill {
    var will = try will(topic, payload, qos, retain: retain)
    will.properties.willDelayInterval = delay
    change(&will.properties)
    return will
}
