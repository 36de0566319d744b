import DequeModule
import LabCore
import WireProtocols

extension Broker {
    // MARK: To clients

    /// Gives a message to a session: over the connection if there is one and nothing waits before it, else into the
    /// queue [MQTT-4.5.0-1]. A new message never overtakes one that waits [MQTT-4.6.0-5], [MQTT-4.6.0-6].
    ///
    /// - Parameter isRetained: sent because of a new subscription; such messages are counted when the subscription
    ///   is granted and may exceed the queue's limit.
    mutating func deliver(_ message: BrokerMessage, _ qos: MQTTQoS, to session: Int, isRetained: Bool = false, isWill: Bool = false) {
        let slot = sessions[session].connection
        let isFree = slot >= 0 && sessions[session].queue.isEmpty && !connections[slot].isCongested
        if qos == .atMostOnce {
            if slot < 0 { return }
            if isFree { return transmit(message, .atMostOnce, slot) }
        } else if isFree, sessions[session].inflight.count < configuration.maximumInflight {
            return transmit(message, qos, session: session, slot)
        }
        var queued = message
        queued.qos = qos
        let limit = isWill ? 2 * configuration.maximumQueued : configuration.maximumQueued
        if isRetained || sessions[session].queue.count < limit { return sessions[session].queue.append(queued) }
        overflow(queued, session)
    }

    private mutating func overflow(_ message: BrokerMessage, _ session: Int) {
        let isNew = !sessions[session].isDropping
        sessions[session].isDropping = true
        statistics.publishesDropped += 1
        switch message.qos == .atMostOnce ? .dropNewest : configuration.overflow {
        // Publishers that can wait do, so this message comes from inside the process.
        case .holdPublisher, .dropNewest:
            if isNew { note(.dropped(client: sessions[session].clientID, topic: message.topic.text, .queueFull, count: 1)) }
        case .dropOldest:
            let oldest = sessions[session].queue.removeFirst()
            sessions[session].queue.append(message)
            if isNew { note(.dropped(client: sessions[session].clientID, topic: oldest.topic.text, .queueFull, count: 1)) }
        case .endSession:
            if !sessions[session].isCondemned {
                sessions[session].isCondemned = true
                condemnedSessions.append(session)
                note(
                    .dropped(
                        client: sessions[session].clientID, topic: message.topic.text, .sessionEnded,
                        count: sessions[session].queue.count + 1))
            }
        }
    }

    private mutating func transmit(_ message: BrokerMessage, _ qos: MQTTQoS, _ slot: Int, packetID: UInt16 = 0, isDuplicate: Bool = false) {
        statistics.publishesSent += 1
        // DUP says what this connection saw, not what the publisher sent [MQTT-3.3.1-3].
        write(to: slot, .publish, topic: message.topic) {
            MQTTEncoder.appendPublish(
                topic: message.topic, payload: message.payload, qos: qos, retain: message.retain, isDuplicate: isDuplicate,
                packetID: packetID, to: &$0)
        }
    }

    private mutating func transmit(_ message: BrokerMessage, _ qos: MQTTQoS, session: Int, _ slot: Int) {
        let packetID = sessions[session].freePacketID()
        var sent = message
        sent.qos = qos
        sessions[session].inflight.append(Session.Outbound(packetID: packetID, isReleased: false, message: sent))
        transmit(sent, qos, slot, packetID: packetID)
    }

    /// Sends what waits, as far as there is room.
    mutating func sendQueued(_ session: Int) {
        let slot = sessions[session].connection
        guard slot >= 0, !connections[slot].isCongested, !sessions[session].queue.isEmpty else { return }
        while let next = sessions[session].queue.first {
            if next.qos == .atMostOnce {
                transmit(next, .atMostOnce, slot)
            } else if sessions[session].inflight.count < configuration.maximumInflight {
                transmit(next, next.qos, session: session, slot)
            } else {
                break
            }
            sessions[session].queue.removeFirst()
        }
        if hasRoom(session) { sessions[session].isDropping = false }
        freed(session: session)
    }

    /// After a reconnect: everything unacknowledged again under its old identifier [MQTT-4.4.0-1], in its old order
    /// [MQTT-4.6.0-1], then what came meanwhile.
    mutating func resume(_ session: Int) {
        let slot = sessions[session].connection
        for index in sessions[session].inflight.indices {
            let entry = sessions[session].inflight[index]
            if entry.isReleased {
                write(to: slot, .pubrel) { MQTTEncoder.appendAcknowledgement(.pubrel, entry.packetID, to: &$0) }
            } else {
                transmit(entry.message, entry.message.qos, slot, packetID: entry.packetID, isDuplicate: true)  // [MQTT-3.3.1-1]
            }
        }
        sendQueued(session)
    }

    // MARK: Acknowledgements from clients

    mutating func acknowledgementArrived(_ type: MQTTPacketType, _ packetID: UInt16, _ slot: Int) -> MQTTViolation? {
        let session = connections[slot].session
        if type == .pubrel {
            released(packetID, session)
            // Always answered, also when the identifier is not known any more [MQTT-4.3.3-2].
            write(to: slot, .pubcomp) { MQTTEncoder.appendAcknowledgement(.pubcomp, packetID, to: &$0) }
            return nil
        }
        guard let index = sessions[session].inflight.firstIndex(where: { $0.packetID == packetID }) else {
            // The client knows of an exchange that this side has forgotten: let it finish.
            if type == .pubrec { write(to: slot, .pubrel) { MQTTEncoder.appendAcknowledgement(.pubrel, packetID, to: &$0) } }
            return nil
        }
        let isExactlyOnce = sessions[session].inflight[index].message.qos == .exactlyOnce
        guard isExactlyOnce == (type != .puback) else { return .unexpectedAcknowledgement(packetID: packetID) }
        if type == .pubrec {
            sessions[session].inflight[index].isReleased = true
            sessions[session].inflight[index].message.payload = []
            write(to: slot, .pubrel) { MQTTEncoder.appendAcknowledgement(.pubrel, packetID, to: &$0) }  // [MQTT-4.3.3-1]
            return nil
        }
        if type == .pubcomp, !sessions[session].inflight[index].isReleased { return .unexpectedAcknowledgement(packetID: packetID) }
        sessions[session].inflight.remove(at: index)
        sendQueued(session)
        return nil
    }

    private mutating func released(_ packetID: UInt16, _ session: Int) {
        guard let index = sessions[session].unreleased.firstIndex(where: { $0.packetID == packetID }) else { return }
        sessions[session].unreleased.remove(at: index)
        if let pending = sessions[session].pendingAcknowledgements.firstIndex(where: { $0.qos == .exactlyOnce && $0.packetID == packetID }) {
            // Released before it was acknowledged: there is nothing left to say about it but PUBCOMP.
            sessions[session].pendingAcknowledgements.remove(at: pending)
            sendAcknowledgements(session)
        }
        freedOwn(session)
    }

    // MARK: Acknowledgements to clients

    /// Acknowledges a publish, now or when consumers have made it safe; always in the order of the publishes
    /// [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    mutating func acknowledge(_ packetID: UInt16, _ qos: MQTTQoS, _ receipt: UInt32, _ outstanding: Int, _ session: Int) {
        if outstanding == 0, sessions[session].pendingAcknowledgements.isEmpty {
            return sendAcknowledgement(packetID, qos, session)
        }
        sessions[session].pendingAcknowledgements.append(
            Session.PendingAcknowledgement(packetID: packetID, qos: qos, receipt: receipt, outstanding: outstanding))
    }

    private mutating func sendAcknowledgement(_ packetID: UInt16, _ qos: MQTTQoS, _ session: Int) {
        let slot = sessions[session].connection
        guard slot >= 0 else { return }
        // [MQTT-4.3.2-2], [MQTT-4.3.3-2], [MQTT-3.3.4-1]
        let type: MQTTPacketType = qos == .atLeastOnce ? .puback : .pubrec
        write(to: slot, type) { MQTTEncoder.appendAcknowledgement(type, packetID, to: &$0) }
    }

    private mutating func sendAcknowledgements(_ session: Int) {
        while let first = sessions[session].pendingAcknowledgements.first, first.outstanding == 0 {
            sessions[session].pendingAcknowledgements.removeFirst()
            sendAcknowledgement(first.packetID, first.qos, session)
        }
    }

    /// A consumer has made a client's message safe.
    mutating func credit(_ publisher: PublisherReference) {
        let session = publisher.session
        guard sessions[session].ordinal == publisher.ordinal else { return }
        if let index = sessions[session].unreleased.firstIndex(where: { $0.receipt == publisher.receipt }) {
            sessions[session].unreleased[index].outstanding -= 1
        }
        guard let index = sessions[session].pendingAcknowledgements.firstIndex(where: { $0.receipt == publisher.receipt }) else { return }
        sessions[session].pendingAcknowledgements[index].outstanding -= 1
        if index == 0 {
            sendAcknowledgements(session)
            freedOwn(session)
        }
    }
}
