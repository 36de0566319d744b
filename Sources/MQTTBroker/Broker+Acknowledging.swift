import DequeModule
import LabCore
import WireProtocols

extension Broker {
    // MARK: Acknowledgements from clients

    mutating func acknowledgementArrived(_ type: MQTTPacketType, _ packet: MQTTAcknowledgement, _ slot: Int) -> MQTTViolation? {
        let session = connections[slot].session
        let packetID = packet.packetID
        if type == .pubrel {
            // Always answered, also when the identifier is not known any more [MQTT-4.3.3-2].
            let isKnown = released(packetID, session)
            answer(.pubcomp, packetID, isKnown ? .success : .packetIdentifierNotFound, slot)
            if isKnown { freedOwn(session) }
            return nil
        }
        guard let index = sessions[session].inflight.firstIndex(where: { $0.packetID == packetID }) else {
            // The client knows of an exchange that this side has forgotten: let it finish.
            if type == .pubrec, !packet.reason.isFailure { answer(.pubrel, packetID, .packetIdentifierNotFound, slot) }
            return nil
        }
        let isExactlyOnce = sessions[session].inflight[index].message.qos == .exactlyOnce
        guard isExactlyOnce == (type != .puback) else { return .unexpectedAcknowledgement(packetID: packetID) }
        // A PUBREC that refuses ends the exchange; the message is not sent again (5.0 §4.3.3, [MQTT-4.8.2-6]).
        if type == .pubrec, !packet.reason.isFailure {
            if !sessions[session].inflight[index].isReleased, !sessions[session].inflight[index].isSent { sessions[session].unsentCount -= 1 }
            sessions[session].inflight[index].isReleased = true
            sessions[session].inflight[index].message.payload = []
            answer(.pubrel, packetID, .success, slot)  // [MQTT-4.3.3-1]
            return nil
        }
        if type == .pubcomp, !sessions[session].inflight[index].isReleased { return .unexpectedAcknowledgement(packetID: packetID) }
        let entry = index == 0 ? sessions[session].inflight.removeFirst() : sessions[session].inflight.remove(at: index)
        if !entry.isSent, !entry.isReleased { sessions[session].unsentCount -= 1 }
        sendQueued(session)
        return nil
    }

    /// - Returns: whether the identifier was in use.
    private mutating func released(_ packetID: UInt16, _ session: Int) -> Bool {
        guard let index = sessions[session].unreleased.firstIndex(where: { $0.packetID == packetID }) else { return false }
        sessions[session].unreleased.remove(at: index)
        if let pending = sessions[session].pendingAcknowledgements.firstIndex(where: { $0.qos == .exactlyOnce && $0.packetID == packetID }) {
            // Released before it was acknowledged: there is nothing left to say about it but PUBCOMP.
            sessions[session].pendingAcknowledgements.remove(at: pending)
            sendAcknowledgements(session)
        }
        return true
    }

    // MARK: Acknowledgements to clients

    /// Acknowledges a publish, now or when consumers have made it safe; always in the order of the publishes
    /// [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    mutating func acknowledge(
        _ packetID: UInt16, _ qos: MQTTQoS, _ reason: MQTTReasonCode, _ receipt: UInt32, _ outstanding: Int, _ session: Int
    ) {
        if outstanding == 0, sessions[session].pendingAcknowledgements.isEmpty {
            return sendAcknowledgement(packetID, qos, reason, session)
        }
        sessions[session].pendingAcknowledgements.append(
            Session.PendingAcknowledgement(packetID: packetID, qos: qos, reason: reason, receipt: receipt, outstanding: outstanding))
    }

    private mutating func sendAcknowledgement(_ packetID: UInt16, _ qos: MQTTQoS, _ reason: MQTTReasonCode, _ session: Int) {
        let slot = sessions[session].connection
        guard slot >= 0 else { return }
        // [MQTT-4.3.2-2], [MQTT-4.3.3-2], [MQTT-3.3.4-1]
        answer(qos == .atLeastOnce ? .puback : .pubrec, packetID, reason, slot)
    }

    /// Writes PUBACK, PUBREC, PUBREL or PUBCOMP; 3.1.1 has no place for a reason.
    private mutating func answer(_ type: MQTTPacketType, _ packetID: UInt16, _ reason: MQTTReasonCode, _ slot: Int) {
        if connections[slot].five == nil {
            return write(to: slot, type) { MQTTEncoder.appendAcknowledgement(type, packetID, to: &$0) }
        }
        if type == .puback || type == .pubcomp || type == .pubrec && reason.isFailure {
            // The exchange is over, and the client may send one more (5.0 §4.9).
            let count = connections[slot].five?.value.unacknowledged ?? 0
            connections[slot].five?.value.unacknowledged = max(0, count - 1)
        }
        if (reason == .success ? 4 : 5) > connections[slot].five?.value.maximumPacketSize ?? 0 { return }
        write(to: slot, type) { MQTTEncoder.appendAcknowledgement(type, packetID, reason, to: &$0) }
    }

    private mutating func sendAcknowledgements(_ session: Int) {
        while let first = sessions[session].pendingAcknowledgements.first, first.outstanding == 0 {
            sessions[session].pendingAcknowledgements.removeFirst()
            sendAcknowledgement(first.packetID, first.qos, first.reason, session)
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
