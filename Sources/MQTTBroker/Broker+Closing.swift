import DequeModule
import LabCore
import WireProtocols

extension Broker {
    // MARK: Ends of connections

    /// DISCONNECT (§3.14).
    mutating func disconnectArrived(_ disconnect: MQTTDisconnect, _ slot: Int) {
        if let seconds = disconnect.properties.sessionExpiryInterval {
            // A session that was to end with its connection does so (5.0 §3.14.2.2.2).
            if connections[slot].five?.value.askedSessionExpiry == 0, seconds > 0 { return close(slot, .protocolError(.protocolError)) }
            sessions[connections[slot].session].lifetime = lifetime(seconds: seconds)
        }
        guard disconnect.reason == .success else { return close(slot, .disconnectedWith(disconnect.reason)) }
        connections[slot].will = nil  // [MQTT-3.1.2-10], [MQTT-3.14.4-3]
        close(slot, .disconnected)
    }

    /// A protocol violation closes the connection [MQTT-4.8.0-1]. In 5.0 the client is told why, in CONNACK or in
    /// DISCONNECT (5.0 [MQTT-4.13.1-1], [MQTT-4.13.2-1]); in 3.1.1 only of a version that is not ours.
    mutating func violated(_ error: MQTTDecodingError, _ slot: Int) {
        note(.malformed(client: clientID(of: slot), peer: connections[slot].peer, error))
        if connections[slot].session < 0 {
            if case .protocolLevel(let level) = error.violation {
                // [MQTT-3.1.2-2]; a later version is answered in the form of 5.0 (5.0 [MQTT-3.1.2-2]).
                let version: MQTTProtocolVersion = level > MQTTProtocolVersion.v5_0.rawValue ? .v5_0 : .v3_1_1
                writeRefusal(.unsupportedProtocolVersion, version, slot)
            } else if error.version == .v5_0, error.packet == .connect || connections[slot].five != nil {
                writeRefusal(error.reasonCode.mayAppear(in: .connack) ? error.reasonCode : .protocolError, .v5_0, slot)
            }
        }
        close(slot, .violation(error))
    }

    private mutating func writeRefusal(_ reason: MQTTReasonCode, _ version: MQTTProtocolVersion, _ slot: Int) {
        var bytes: [UInt8] = []
        guard (try? MQTTPacket.connack(MQTTConnack(sessionPresent: false, reason: reason)).encode(to: &bytes, version)) != nil else { return }
        write(to: slot, .connack) { $0.append(contentsOf: bytes) }
    }

    /// Closes from this side: what was written goes out first.
    mutating func close(_ slot: Int, _ reason: CloseReason) {
        guard let id = connections[slot].id else { return }
        if connections[slot].five != nil, let code = reason.disconnectReason {
            if connections[slot].session >= 0 {
                write(.disconnect(MQTTDisconnect(reason: code)), to: slot)
            } else if connections[slot].five?.value.pendingConnect != nil, case .protocolError = reason {
                write(.connack(MQTTConnack(sessionPresent: false, reason: code)), to: slot)
            }
        }
        flush(slot)
        effects.append(.close(id, reason))
        lost(slot, reason)
    }

    /// The connection is gone: the will is published or waits, the session waits or ends.
    mutating func lost(_ slot: Int, _ reason: CloseReason) {
        guard let id = connections[slot].id else { return }
        let connection = connections[slot]
        connections[slot] = .vacant
        connectionSlots[id] = nil
        freeConnections.append(slot)
        guard connection.session >= 0 else { return note(.connectionClosed(peer: connection.peer, reason)) }

        let session = connection.session
        let identity = sessions[session].identity
        let clientID = sessions[session].clientID
        let lifetime = sessions[session].lifetime
        statistics.connected -= 1
        if !connection.held.isEmpty { note(.dropped(client: clientID, topic: nil, .publisherLeft, count: connection.held.count)) }
        sessions[session].connection = -1
        sessions[session].pendingAcknowledgements = []
        note(.disconnected(client: clientID, peer: connection.peer, reason))
        if lifetime == 0 {
            endSession(session)  // [MQTT-3.1.2-6], 5.0 [MQTT-4.1.0-2]
        } else {
            // QoS 0 is for those who are there.
            if sessions[session].queue.contains(where: { $0.qos == .atMostOnce }) {
                sessions[session].queue.removeAll { $0.qos == .atMostOnce }
            }
            passOnShared(from: session)
            freed(session: session)
            if lifetime < .max {
                let deadline = now.advanced(byNanoseconds: lifetime)
                sessions[session].expiresAt = deadline
                schedule(.sessionExpiry(session, sessions[session].ordinal), at: deadline)
            }
        }
        guard let will = connection.will?.value else { return }
        let delay = Int64(will.properties.willDelayInterval ?? 0) * 1_000_000_000
        if min(delay, lifetime) == 0 {
            publishWill(will, clientID, identity)  // [MQTT-3.1.2-8]
        } else {
            // The delay, or the session's end if that is earlier (5.0 §3.1.3.2.2).
            let due = now.advanced(byNanoseconds: min(delay, lifetime))
            sessions[session].pendingWill = Boxed(Session.PendingWill(will: will, at: due))
            schedule(.will(session, sessions[session].ordinal), at: due)
        }
    }

    mutating func stop() {
        for slot in connections.indices where connections[slot].id != nil { close(slot, .shuttingDown) }
    }

    // MARK: Sessions

    mutating func makeSession(_ clientID: String, _ identity: MQTTIdentity) -> Int {
        lastOrdinal &+= 1
        let session = Session(clientID: clientID, ordinal: lastOrdinal, identity: identity, lifetime: 0)
        let slot: Int
        if let free = freeSessions.popLast() {
            slot = free
            sessions[slot] = session
        } else {
            slot = sessions.count
            sessions.append(session)
        }
        sessionSlots[ExactText(clientID)] = slot
        return slot
    }

    /// Removes a session that has no connection, with all that it holds. A will that waits is published now, and what
    /// it got from shared subscriptions goes to the others who share them.
    mutating func endSession(_ slot: Int) {
        for subscription in sessions[slot].subscriptions { removeSubscriber(slot, subscription) }
        sessionSlots[ExactText(sessions[slot].clientID)] = nil
        resumable.append(contentsOf: sessions[slot].waiters)
        let ended = sessions[slot]
        sessions[slot] = .vacant
        freeSessions.append(slot)
        handOnShared(of: ended)
        if let pending = ended.pendingWill { publishWill(pending.value.will, ended.clientID, ended.identity) }
    }

    mutating func endCondemned(_ slot: Int) {
        sessions[slot].isCondemned = false
        if sessions[slot].isConnected { close(sessions[slot].connection, .queueOverflow) }
        if sessions[slot].ordinal != 0, !sessions[slot].isConnected { endSession(slot) }
    }

    /// The delay of a will is over (5.0 [MQTT-3.1.2-8]).
    mutating func willDue(_ session: Int) {
        guard let pending = sessions[session].pendingWill else { return }
        sessions[session].pendingWill = nil
        publishWill(pending.value.will, sessions[session].clientID, sessions[session].identity)
    }
}
