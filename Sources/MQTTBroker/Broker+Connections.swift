import DequeModule
import LabCore
import WireProtocols

extension Broker {
    // MARK: Opening, bytes, congestion

    mutating func opened(_ id: ConnectionID, peer: String) {
        guard connectionSlots[id] == nil else { return }
        var connection = Connection(
            id: id, peer: peer,
            decoder: MQTTPacketDecoder(role: .server, maximumPacketSize: configuration.maximumPacketSize), openedAt: now, lastHeard: now)
        connection.isTranscribed = transcript == .all
        let slot: Int
        if let free = freeConnections.popLast() {
            slot = free
            connections[slot] = connection
        } else {
            slot = connections.count
            connections.append(connection)
        }
        connectionSlots[id] = slot
        note(.connectionOpened(peer: peer))
        // A client that never finishes its CONNECT is not waited for (§3.1.4 non-normative).
        schedule(.connect(id), at: now.advanced(by: configuration.connectTimeout))
    }

    mutating func received(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard let slot = connectionSlots[id] else { return }
        statistics.bytesReceived += bytes.count
        connections[slot].decoder.append(bytes)
        // A large packet that comes slowly is a sign of life too.
        connections[slot].bytesSinceHeard += bytes.count
        if connections[slot].bytesSinceHeard >= 1_024 { heard(slot) }
        if connections[slot].isReadingPaused {
            if connections[slot].decoder.bufferedCount > configuration.maximumBufferedInput { close(slot, .inputOverflow) }
        } else {
            process(slot)
        }
    }

    mutating func heard(_ slot: Int) {
        connections[slot].lastHeard = now
        connections[slot].bytesSinceHeard = 0
    }

    /// Takes all complete packets of a connection, until it is closed or must wait.
    mutating func process(_ slot: Int) {
        let id = connections[slot].id
        do throws(MQTTDecodingError) {
            while connections[slot].id == id, !connections[slot].isReadingPaused {
                guard let frame = try connections[slot].decoder.nextFrame() else { break }
                heard(slot)
                let bytes = connections[slot].decoder.bytes
                if faults.isActive || connections[slot].isTranscribed {
                    try pass(frame, bytes, slot)
                } else {
                    try dispatch(frame, bytes, slot)
                }
            }
            if connections[slot].id == id { connections[slot].decoder.releaseTakenBytes() }
        } catch {
            violated(error, slot)
        }
    }

    mutating func congested(_ id: ConnectionID, _ isCongested: Bool) {
        guard let slot = connectionSlots[id] else { return }
        connections[slot].isCongested = isCongested
        if !isCongested, connections[slot].session >= 0 { sendQueued(connections[slot].session) }
    }

    // MARK: Packets

    mutating func dispatch(_ frame: MQTTFrame, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        statistics.packetsReceived += 1
        // The decoder holds a client to this order too, but a fault may have taken a packet away or doubled it.
        guard (frame.type == .connect) == (connections[slot].session < 0) else {
            let violation: MQTTViolation = frame.type == .connect ? .repeatedConnect : .firstPacketNotConnect(frame.type)
            throw MQTTDecodingError(violation, packet: frame.type, offset: 0, streamOffset: frame.streamOffset)
        }
        switch frame.type {
        case .publish: try publishArrived(frame, bytes, slot)
        case .puback, .pubrec, .pubrel, .pubcomp:
            guard case let packetID = try acknowledgedID(frame, bytes), packetID != 0 else { return }
            if let violation = acknowledgementArrived(frame.type, packetID, slot) {
                throw MQTTDecodingError(violation, packet: frame.type, offset: frame.body.lowerBound - frame.start, streamOffset: frame.streamOffset)
            }
        case .pingreq: write(to: slot, .pingresp) { MQTTEncoder.appendEmpty(.pingresp, to: &$0) }  // [MQTT-3.12.4-1]
        case .disconnect:
            connections[slot].will = nil  // [MQTT-3.1.2-10], [MQTT-3.14.4-3]
            close(slot, .disconnected)
        case .connect, .subscribe, .unsubscribe, .connack, .suback, .unsuback, .pingresp, .auth:
            switch try MQTTPacket(frame, in: bytes) {
            case .connect(let connect): connectArrived(connect, slot)
            case .subscribe(let subscribe): subscribeArrived(subscribe, slot)
            case .unsubscribe(let unsubscribe): unsubscribeArrived(unsubscribe, slot)
            default: break  // The decoder refused it: it goes the other way.
            }
        }
    }

    private func acknowledgedID(_ frame: MQTTFrame, _ bytes: [UInt8]) throws(MQTTDecodingError) -> UInt16 {
        switch try MQTTPacket(frame, in: bytes) {
        case .puback(let packet), .pubrec(let packet), .pubrel(let packet), .pubcomp(let packet): packet.packetID
        default: 0
        }
    }

    /// Writes one packet to a connection.
    @inline(__always)
    mutating func write(to slot: Int, _ type: MQTTPacketType, topic: MQTTTopic? = nil, _ encode: (inout [UInt8]) -> Void) {
        if connections[slot].output.isEmpty { dirtyConnections.append(slot) }
        statistics.packetsSent += 1
        if faults.isActive || connections[slot].isTranscribed {
            var packet: [UInt8] = []
            encode(&packet)
            emit(packet, type, topic, slot)
        } else {
            encode(&connections[slot].output)
        }
    }

    // MARK: Closing

    /// A protocol violation closes the connection [MQTT-4.8.0-1]; only a CONNECT of a version that is not ours
    /// gets an answer first.
    mutating func violated(_ error: MQTTDecodingError, _ slot: Int) {
        note(.malformed(client: clientID(of: slot), peer: connections[slot].peer, error))
        if case .protocolLevel = error.violation {
            write(to: slot, .connack) {
                MQTTEncoder.appendConnack(sessionPresent: false, code: .unacceptableProtocolVersion, to: &$0)  // [MQTT-3.1.2-2]
            }
        }
        close(slot, .violation(error))
    }

    /// Closes from this side: what was written goes out first.
    mutating func close(_ slot: Int, _ reason: CloseReason) {
        guard let id = connections[slot].id else { return }
        flush(slot)
        effects.append(.close(id, reason))
        lost(slot, reason)
    }

    /// The connection is gone: the will is published, the session waits or ends.
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
        statistics.connected -= 1
        if !connection.held.isEmpty { note(.dropped(client: clientID, topic: nil, .publisherLeft, count: connection.held.count)) }
        sessions[session].connection = -1
        sessions[session].pendingAcknowledgements = []
        note(.disconnected(client: clientID, peer: connection.peer, reason))
        if sessions[session].isClean {
            endSession(session)  // [MQTT-3.1.2-6]
        } else {
            // QoS 0 is for those who are there.
            if sessions[session].queue.contains(where: { $0.qos == .atMostOnce }) {
                sessions[session].queue.removeAll { $0.qos == .atMostOnce }
            }
            freed(session: session)
            if let expiry = configuration.sessionExpiry {
                let deadline = now.advanced(by: expiry)
                sessions[session].expiresAt = deadline
                schedule(.sessionExpiry(session, sessions[session].ordinal), at: deadline)
            }
        }
        if let will = connection.will { publishWill(will, clientID, identity) }  // [MQTT-3.1.2-8]
    }

    func clientID(of slot: Int) -> String? { connections[slot].session >= 0 ? sessions[connections[slot].session].clientID : nil }

    // MARK: Sessions

    mutating func makeSession(_ clientID: String, _ identity: MQTTIdentity, isClean: Bool) -> Int {
        lastOrdinal &+= 1
        let session = Session(clientID: clientID, ordinal: lastOrdinal, identity: identity, isClean: isClean)
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

    /// Removes a session that has no connection, with all that it holds.
    mutating func endSession(_ slot: Int) {
        for subscription in sessions[slot].subscriptions { removeSubscriber(slot, subscription.filter) }
        sessionSlots[ExactText(sessions[slot].clientID)] = nil
        resumable.append(contentsOf: sessions[slot].waiters)
        sessions[slot] = .vacant
        freeSessions.append(slot)
    }

    mutating func endCondemned(_ slot: Int) {
        sessions[slot].isCondemned = false
        if sessions[slot].isConnected { close(sessions[slot].connection, .queueOverflow) }
        if sessions[slot].ordinal != 0, !sessions[slot].isConnected { endSession(slot) }
    }
}
