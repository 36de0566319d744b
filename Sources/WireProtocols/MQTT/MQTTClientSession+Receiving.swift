import LabCore

extension MQTTClientSession {
    mutating func receive(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [MQTTClientEffect]) {
        guard phase == .connecting || phase == .connected else { return }
        lastHeard = now
        decoder.append(bytes)
        do throws(MQTTDecodingError) {
            while phase != .idle, let frame = try decoder.nextFrame() {
                let packet = try MQTTPacket(frame, in: decoder.bytes)
                if let violation = take(packet, at: now, &effects) {
                    throw MQTTDecodingError(violation, packet: packet.type, offset: 0, streamOffset: frame.streamOffset)
                }
            }
            decoder.releaseTakenBytes()
        } catch {
            close(.violation(error), &effects)  // [MQTT-4.8.0-1]
        }
    }

    private mutating func take(
        _ packet: MQTTPacket, at now: RunInstant, _ effects: inout [MQTTClientEffect]
    ) -> MQTTViolation? {
        switch packet {
        case .connack(let connack): return connected(connack, at: now, &effects)
        case .publish(let message): return settings.acknowledgesByHand ? arrivedByHand(message, &effects) : arrived(message, &effects)
        case .puback(let packet): return acknowledged(.puback, packet.packetID, &effects)
        case .pubrec(let packet): return acknowledged(.pubrec, packet.packetID, &effects)
        case .pubcomp(let packet): return acknowledged(.pubcomp, packet.packetID, &effects)
        case .pubrel(let packet):
            // Always answered, also when the identifier is not known any more [MQTT-4.3.3-2].
            received.removeAll { $0 == packet.packetID }
            unacknowledged.removeAll { $0.isExactlyOnce && $0.packetID == packet.packetID }
            MQTTEncoder.appendAcknowledgement(.pubcomp, packet.packetID, to: &output)
        case .suback(let suback): return subscribed(suback, &effects)
        case .unsuback(let packet): return unsubscribed(packet.packetID, &effects)
        case .pingresp:
            if awaitsPingResponse {
                awaitsPingResponse = false
                effects.append(.cancelTimer(.pingResponse))
            }
        case .connect, .subscribe, .unsubscribe, .pingreq, .disconnect, .auth: return .wrongDirection
        }
        return nil
    }

    private mutating func connected(
        _ connack: MQTTConnack, at now: RunInstant, _ effects: inout [MQTTClientEffect]
    ) -> MQTTViolation? {
        guard phase == .connecting else { return .wrongDirection }
        guard connack.code == .accepted else {
            effects.append(.refused(connack.code))
            effects.append(.closeTransport)
            effects.append(.cancelTimer(.connack))
            refuse(&effects)
            return nil
        }
        phase = .connected
        effects.append(.cancelTimer(.connack))
        // The server has no state, so its identifiers begin anew: an old one must not hide a new message (§3.2.2.2).
        if !connack.sessionPresent { received = [] }
        effects.append(.connected(sessionPresent: connack.sessionPresent))
        lastSent = now
        if keepAliveNanoseconds > 0 { effects.append(.startTimer(.ping, at: nextPing())) }
        resume()
        return nil
    }

    /// A refused connection leaves the session as it was: the next attempt may succeed.
    private mutating func refuse(_ effects: inout [MQTTClientEffect]) {
        phase = .idle
        output = []
        for request in requests { effects.append(.failed(.notConnected, request.token)) }
        requests = []
    }

    private mutating func arrived(_ message: MQTTPublish, _ effects: inout [MQTTClientEffect]) -> MQTTViolation? {
        switch message.qos {
        case .atMostOnce: effects.append(.message(message))
        case .atLeastOnce:
            effects.append(.message(message))
            MQTTEncoder.appendAcknowledgement(.puback, message.packetID, to: &output)  // [MQTT-4.3.2-2], [MQTT-4.6.0-2]
        case .exactlyOnce:
            // The second copy before PUBREL is not a second message [MQTT-4.3.3-2].
            if !received.contains(message.packetID) {
                received.append(message.packetID)
                effects.append(.message(message))
            }
            MQTTEncoder.appendAcknowledgement(.pubrec, message.packetID, to: &output)  // [MQTT-4.6.0-3]
        }
        return nil
    }

    // MARK: Acknowledgements by the owner

    private mutating func arrivedByHand(_ message: MQTTPublish, _ effects: inout [MQTTClientEffect]) -> MQTTViolation? {
        let isExactlyOnce = message.qos == .exactlyOnce
        if message.qos == .atMostOnce {
            effects.append(.message(message))
            return nil
        }
        if isExactlyOnce, received.contains(message.packetID) {
            MQTTEncoder.appendAcknowledgement(.pubrec, message.packetID, to: &output)  // [MQTT-4.3.3-2]
            return nil
        }
        if let known = unacknowledged.first(where: { $0.packetID == message.packetID }) {
            // The owner has this message already; another one must not come under its identifier [MQTT-2.3.1-4].
            return message.isDuplicate && known.isExactlyOnce == isExactlyOnce ? nil : .packetIdentifierInUse(message.packetID)
        }
        unacknowledged.append(Unacknowledged(packetID: message.packetID, isExactlyOnce: isExactlyOnce))
        effects.append(.message(message))
        return nil
    }

    /// Acknowledges what is safe in the order of arrival [MQTT-4.6.0-2], [MQTT-4.6.0-3]: what is safe too early waits.
    mutating func acknowledge(_ packetID: UInt16) {
        guard let index = unacknowledged.firstIndex(where: { $0.packetID == packetID }) else { return }
        unacknowledged[index].isSafe = true
        if index > 0 { return }
        let count = unacknowledged.prefix { $0.isSafe }.count
        for message in unacknowledged.prefix(count) {
            if message.isExactlyOnce { received.append(message.packetID) }
            MQTTEncoder.appendAcknowledgement(message.isExactlyOnce ? .pubrec : .puback, message.packetID, to: &output)
        }
        unacknowledged.removeFirst(count)
    }
}
