import DequeModule
import LabCore
import WireProtocols

extension Broker {
    // MARK: Opening, bytes, congestion

    mutating func opened(_ id: ConnectionID, peer: String, certificateSubject: String?) {
        guard connectionSlots[id] == nil else { return }
        var connection = Connection(
            id: id, peer: peer, certificateSubject: certificateSubject,
            decoder: MQTTPacketDecoder(role: .server, version: nil, maximumPacketSize: configuration.maximumPacketSize), lastHeard: now)
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
        schedule(.connect(id), at: now.advanced(byNanoseconds: clientTime(configuration.connectTimeout.nanoseconds)))
    }

    /// Nanoseconds of the clients' time on the broker's clock.
    func clientTime(_ nanoseconds: Int64) -> Int64 {
        if configuration.clientTimeFactor == 1 { return nanoseconds }
        return Int64(exactly: (Double(nanoseconds) * configuration.clientTimeFactor).rounded()) ?? .max
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
        if connections[slot].session < 0 || frame.type == .connect { return try dispatchFirst(frame, bytes, slot) }
        switch frame.type {
        case .publish: try publishArrived(frame, bytes, slot)
        case .puback, .pubrec, .pubrel, .pubcomp:
            if let violation = acknowledgementArrived(frame.type, try acknowledgement(frame, bytes), slot) { throw error(violation, frame) }
        case .pingreq: write(to: slot, .pingresp) { MQTTEncoder.appendEmpty(.pingresp, to: &$0) }  // [MQTT-3.12.4-1]
        case .disconnect, .subscribe, .unsubscribe, .auth, .connect, .connack, .suback, .unsuback, .pingresp:
            switch try MQTTPacket(frame, in: bytes) {
            case .disconnect(let disconnect): disconnectArrived(disconnect, slot)
            case .subscribe(let subscribe): subscribeArrived(subscribe, slot)
            case .unsubscribe(let unsubscribe): unsubscribeArrived(unsubscribe, slot)
            case .auth(let auth): authArrived(auth, slot)
            default: break  // The decoder refused it: it goes the other way.
            }
        }
    }

    private func acknowledgement(_ frame: MQTTFrame, _ bytes: [UInt8]) throws(MQTTDecodingError) -> MQTTAcknowledgement {
        let start = frame.body.lowerBound
        if frame.body.count == 2, bytes[start] != 0 || bytes[start + 1] != 0 {
            // Nearly all of them: an identifier and nothing else.
            return MQTTAcknowledgement(packetID: UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1]))
        }
        switch try MQTTPacket(frame, in: bytes) {
        case .puback(let packet), .pubrec(let packet), .pubrel(let packet), .pubcomp(let packet): return packet
        default: throw error(.wrongDirection, frame)
        }
    }

    /// The packets of a connection that is not accepted yet. The decoder holds a client to the order too, but a fault
    /// may have taken a packet away or doubled it.
    private mutating func dispatchFirst(_ frame: MQTTFrame, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        let isAuthenticating = connections[slot].five?.value.pendingConnect != nil
        switch frame.type {
        case .connect where connections[slot].session < 0 && !isAuthenticating:
            if case .connect(let connect) = try MQTTPacket(frame, in: bytes) { connectArrived(connect, slot) }
        case .connect: throw error(.repeatedConnect, frame)
        // Until CONNACK only AUTH and DISCONNECT may follow (5.0 [MQTT-4.12.0-7]).
        case .auth where isAuthenticating: if case .auth(let auth) = try MQTTPacket(frame, in: bytes) { authArrived(auth, slot) }
        case .disconnect where isAuthenticating: close(slot, .disconnected)
        default:
            if isAuthenticating { return close(slot, .protocolError(.protocolError)) }
            throw error(.firstPacketNotConnect(frame.type), frame)
        }
    }

    func error(_ violation: MQTTViolation, _ frame: MQTTFrame) -> MQTTDecodingError {
        MQTTDecodingError(
            violation, packet: frame.type, offset: frame.body.lowerBound - frame.start, streamOffset: frame.streamOffset, version: frame.version)
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

    /// Writes one of the rarer packets, in the version of the connection. One that is larger than the client takes is
    /// not sent (5.0 [MQTT-3.1.2-24]).
    mutating func write(_ packet: MQTTPacket, to slot: Int) {
        var bytes: [UInt8] = []
        // What the broker puts into these packets fits into them: it came from packets, or from its configuration.
        guard (try? packet.encode(to: &bytes, connections[slot].version)) != nil else { return }
        if let five = connections[slot].five, bytes.count > five.value.maximumPacketSize { return }
        write(to: slot, packet.type) { $0.append(contentsOf: bytes) }
    }

    func clientID(of slot: Int) -> String? { connections[slot].session >= 0 ? sessions[connections[slot].session].clientID : nil }
}
