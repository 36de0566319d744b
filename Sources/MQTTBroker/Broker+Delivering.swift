import DequeModule
import LabCore
import WireProtocols

extension Broker {
    /// Whether a message may go straight to the connection: nothing waits before it [MQTT-4.6.0-5], [MQTT-4.6.0-6].
    @inline(__always)
    func isFree(_ session: Int, _ slot: Int) -> Bool {
        sessions[session].queue.isEmpty && sessions[session].unsentCount == 0 && !connections[slot].isCongested
    }

    /// Gives a message to a session: over the connection if there is one and nothing waits before it, else into the
    /// queue [MQTT-4.5.0-1]. A new message never overtakes one that waits.
    ///
    /// - Parameters:
    ///   - isPromised: retained and sent because of a new subscription, or handed on by a member of a shared
    ///     subscription; such messages may exceed the queue's limit.
    ///   - identifiers: those of the subscriptions that it is for (5.0 [MQTT-3.3.4-3]).
    ///   - share: the shared subscription that it is for.
    mutating func deliver(
        _ message: BrokerMessage, _ qos: MQTTQoS, to session: Int, identifiers: [UInt32] = [], share: ShareKey? = nil,
        isPromised: Bool = false, isWill: Bool = false
    ) {
        let slot = sessions[session].connection
        let isFree = slot >= 0 && isFree(session, slot)
        if qos == .atMostOnce {
            if slot < 0 { return }
            if isFree { return transmit(message, .atMostOnce, slot, identifiers: identifiers) }
        } else if isFree, sessions[session].hasWindow {
            return transmit(message, qos, session: session, slot, identifiers: identifiers, share: share)
        }
        var queued = message
        queued.qos = qos
        queued.extras = .addressed(message.extras, identifiers: identifiers, share: share)
        let limit = isWill ? 2 * configuration.maximumQueued : configuration.maximumQueued
        if sessions[session].queue.count >= limit { dropExpired(session) }
        if isPromised || sessions[session].queue.count < limit { return sessions[session].enqueue(queued) }
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
            sessions[session].enqueue(message)
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

    /// Takes out of a queue what nobody wants any more (5.0 [MQTT-3.3.2-5]).
    mutating func dropExpired(_ session: Int) {
        guard sessions[session].firstExpiry <= now else { return }
        let now = now
        let before = sessions[session].queue.count
        sessions[session].queue.removeAll { $0.isExpired(at: now) }
        sessions[session].firstExpiry = sessions[session].queue.reduce(.distantFuture) { min($0, $1.expiresAt) }
        let count = before - sessions[session].queue.count
        if count > 0 { note(.dropped(client: sessions[session].clientID, topic: nil, .expired, count: count)) }
    }

    // MARK: Over a connection

    /// Sends a QoS 1 or 2 message for the first time and remembers it until it is acknowledged.
    private mutating func transmit(
        _ message: BrokerMessage, _ qos: MQTTQoS, session: Int, _ slot: Int, identifiers: [UInt32] = [], share: ShareKey? = nil
    ) {
        var sent = message
        sent.qos = qos
        if !identifiers.isEmpty || share != nil {
            sent.extras = .addressed(message.extras, identifiers: identifiers, share: share)
        }
        if let five = connections[slot].five, !five.value.isPlain, !fits(sent, qos, slot) { return }
        let packetID = sessions[session].freePacketID()
        sessions[session].inflight.append(Session.Outbound(packetID: packetID, isReleased: false, message: sent))
        transmit(sent, qos, slot, packetID: packetID, identifiers: sent.extras?.identifiers ?? [])
    }

    private mutating func transmit(
        _ message: BrokerMessage, _ qos: MQTTQoS, _ slot: Int, packetID: UInt16 = 0, isDuplicate: Bool = false, identifiers: [UInt32]
    ) {
        let isFive = connections[slot].five != nil
        if isFive, !identifiers.isEmpty || !(connections[slot].five?.value.isPlain ?? true) {
            return transmitTailored(message, qos, slot, packetID: packetID, isDuplicate: isDuplicate, identifiers)
        }
        statistics.publishesSent += 1
        if forms.isActive, !faults.isActive, !connections[slot].isTranscribed {
            return transmitShared(message, qos, slot, packetID: packetID)
        }
        if isFive {
            let properties = properties(of: message, identifiers: [])
            return write(to: slot, .publish, topic: message.topic) {
                MQTTEncoder.appendPublish(
                    topic: message.topic, payload: message.payload, qos: qos, retain: message.retain, isDuplicate: isDuplicate,
                    packetID: packetID, properties: properties, version: .v5_0, to: &$0)
            }
        }
        // DUP says what this connection saw, not what the publisher sent [MQTT-3.3.1-3].
        write(to: slot, .publish, topic: message.topic) {
            MQTTEncoder.appendPublish(
                topic: message.topic, payload: message.payload, qos: qos, retain: message.retain, isDuplicate: isDuplicate,
                packetID: packetID, to: &$0)
        }
    }

    /// Sends the message that is being distributed, in the encoding that it has for this version.
    private mutating func transmitShared(_ message: BrokerMessage, _ qos: MQTTQoS, _ slot: Int, packetID: UInt16) {
        let version = connections[slot].version
        let form = SharedForms.index(version, qos)
        if forms.forms[form].bytes.isEmpty { makeForm(form, message, qos, version) }
        statistics.packetsSent += 1
        let isFirst = connections[slot].output.isEmpty
        if isFirst { dirtyConnections.append(slot) }
        if isFirst, qos == .atMostOnce, !message.retain {
            // One array for all: who gets nothing more in this input costs no copy.
            connections[slot].output = forms.forms[form].bytes
            return
        }
        let start = connections[slot].output.count
        connections[slot].output.append(contentsOf: forms.forms[form].bytes)
        connections[slot].output[start] = 0x30 | qos.rawValue << 1 | (message.retain ? 1 : 0)
        if qos == .atMostOnce { return }
        let identifier = start + forms.forms[form].identifierOffset
        connections[slot].output[identifier] = UInt8(truncatingIfNeeded: packetID >> 8)
        connections[slot].output[identifier + 1] = UInt8(truncatingIfNeeded: packetID)
    }

    private mutating func makeForm(_ form: Int, _ message: BrokerMessage, _ qos: MQTTQoS, _ version: MQTTProtocolVersion) {
        let properties = version == .v5_0 ? properties(of: message, identifiers: []) : MQTTProperties()
        var bytes: [UInt8] = []
        MQTTEncoder.appendPublish(
            topic: message.topic, payload: message.payload, qos: qos, packetID: qos == .atMostOnce ? 0 : 1, properties: properties,
            version: version, to: &bytes)
        // The identifier stands behind the topic, before properties and payload.
        let behind = message.payload.count + (version == .v5_0 ? properties.encodedSize : 0)
        forms.forms[form] = SharedForms.Form(bytes: bytes, identifierOffset: bytes.count - behind - 2)
    }

    // MARK: From the queue

    /// Sends what waits, as far as there is room.
    mutating func sendQueued(_ session: Int) {
        let slot = sessions[session].connection
        guard slot >= 0, !connections[slot].isCongested else { return }
        if sessions[session].unsentCount > 0 { sendUnsent(session, slot) }
        guard sessions[session].unsentCount == 0, !sessions[session].queue.isEmpty else { return }
        while let next = sessions[session].queue.first {
            if next.isExpired(at: now) {
                statistics.publishesDropped += 1
            } else if next.qos == .atMostOnce {
                transmit(next, .atMostOnce, slot, identifiers: next.extras?.identifiers ?? [])
            } else if sessions[session].hasWindow {
                transmit(next, next.qos, session: session, slot)
            } else {
                break
            }
            sessions[session].queue.removeFirst()
        }
        if sessions[session].queue.isEmpty { sessions[session].firstExpiry = .distantFuture }
        if hasRoom(session) { sessions[session].isDropping = false }
        freed(session: session)
    }

    /// After a reconnect: everything unacknowledged again under its old identifier [MQTT-4.4.0-1], in its old order
    /// [MQTT-4.6.0-1], then what came meanwhile. The receive maximum is that of the new connection (5.0 §4.9).
    mutating func resume(_ session: Int) {
        let slot = sessions[session].connection
        sessions[session].unsentCount = 0
        for index in sessions[session].inflight.indices {
            let entry = sessions[session].inflight[index]
            if entry.isReleased {
                write(to: slot, .pubrel) { MQTTEncoder.appendAcknowledgement(.pubrel, entry.packetID, to: &$0) }
            } else {
                sessions[session].inflight[index].isSent = false
                sessions[session].unsentCount += 1
            }
        }
        sendQueued(session)
    }

    /// Sends again what this connection has not seen, as far as the client takes it.
    private mutating func sendUnsent(_ session: Int, _ slot: Int) {
        var index = 0
        while index < sessions[session].inflight.count, sessions[session].unsentCount > 0, sessions[session].hasWindow {
            let entry = sessions[session].inflight[index]
            if entry.isSent || entry.isReleased {
                index += 1
                continue
            }
            sessions[session].unsentCount -= 1
            if let five = connections[slot].five, !five.value.isPlain, !fits(entry.message, entry.message.qos, slot) {
                // Too large for the client that came back: as if it were acknowledged [MQTT-3.1.2-25].
                sessions[session].inflight.remove(at: index)
                continue
            }
            sessions[session].inflight[index].isSent = true
            transmit(
                entry.message, entry.message.qos, slot, packetID: entry.packetID, isDuplicate: true,  // [MQTT-3.3.1-1]
                identifiers: entry.message.extras?.identifiers ?? [])
            index += 1
        }
    }
}
