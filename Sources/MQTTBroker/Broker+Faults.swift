import LabCore
import WireProtocols

/// The slow way of packets, taken only while faults or transcripts are on.
extension Broker {
    // MARK: To the broker

    mutating func pass(_ frame: MQTTFrame, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        transcribe(.toBroker, frame, bytes, slot)
        guard faults.isActive else { return try dispatch(frame, bytes, slot) }
        let id = connections[slot].id
        let before = takeHeldBack(slot, .toBroker)
        let fault = faults.hit(.toBroker, frame.type, client: clientID(of: slot), topic: topic(of: frame, bytes))
        if let fault {
            noteFault(fault, .toBroker, frame.type, slot)
            let packet = [UInt8](bytes[frame.range])
            switch fault.action {
            case .drop: break
            case .delay(let nanoseconds): delay(packet, .toBroker, slot, nanoseconds)
            case .duplicate:
                try dispatch(frame, bytes, slot)
                if connections[slot].id == id { try dispatchAlone(packet, slot) }
            case .reorder:
                connections[slot].heldBackToBroker = packet
                faults.heldBackCount += 1
            case .corrupt(let offset, let mask): try dispatchAlone(faults.corrupted(packet, offset: offset, mask: mask), slot)
            case .cut: return close(slot, .fault(fault.name))
            }
        } else {
            try dispatch(frame, bytes, slot)
        }
        if let before, connections[slot].id == id { try dispatchAlone(before, slot) }
    }

    /// Takes bytes that arrived out of the stream's order as one packet.
    private mutating func dispatchAlone(_ packet: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        let id = connections[slot].id
        var decoder = MQTTPacketDecoder(
            role: .server, version: connections[slot].session < 0 ? nil : connections[slot].version,
            maximumPacketSize: configuration.maximumPacketSize, awaitsFirstPacket: connections[slot].session < 0)
        decoder.append(packet)
        while connections[slot].id == id, let frame = try decoder.nextFrame() { try dispatch(frame, decoder.bytes, slot) }
        if connections[slot].id == id, decoder.bufferedCount > 0 {
            throw MQTTDecodingError(.truncated(field: "packet"), packet: nil, offset: packet.count, streamOffset: 0)
        }
    }

    // MARK: To the client

    mutating func emit(_ packet: [UInt8], _ type: MQTTPacketType, _ topic: MQTTTopic?, _ slot: Int) {
        if connections[slot].cutBy != nil { return }
        if connections[slot].isTranscribed { transcribe(.toClient, packet, slot) }
        guard faults.isActive else { return connections[slot].output.append(contentsOf: packet) }
        let before = takeHeldBack(slot, .toClient)
        if let fault = faults.hit(.toClient, type, client: clientID(of: slot), topic: topic) {
            noteFault(fault, .toClient, type, slot)
            switch fault.action {
            case .drop: break
            case .delay(let nanoseconds): delay(packet, .toClient, slot, nanoseconds)
            case .duplicate:
                connections[slot].output.append(contentsOf: packet)
                connections[slot].output.append(contentsOf: packet)
            case .reorder:
                connections[slot].heldBackToClient = packet
                faults.heldBackCount += 1
            case .corrupt(let offset, let mask):
                connections[slot].output.append(contentsOf: faults.corrupted(packet, offset: offset, mask: mask))
            case .cut(let count):
                connections[slot].output.append(contentsOf: packet.prefix(max(0, count)))
                cutAtEnd(slot, fault)
                return
            }
        } else {
            connections[slot].output.append(contentsOf: packet)
        }
        if let before { connections[slot].output.append(contentsOf: before) }
    }

    /// The connection ends with this input, not here: the packet may be one of many that are being written. What
    /// would be written after it is thrown away.
    private mutating func cutAtEnd(_ slot: Int, _ fault: PacketFault) {
        guard let id = connections[slot].id else { return }
        connections[slot].cutBy = fault.name
        cutConnections.append(id)
    }

    mutating func closeCutConnections() {
        let cut = cutConnections
        cutConnections = []
        for id in cut {
            if let slot = connectionSlots[id], let fault = connections[slot].cutBy { close(slot, .fault(fault)) }
        }
    }

    // MARK: Both ways

    private func topic(of frame: MQTTFrame, _ bytes: [UInt8]) -> MQTTTopic? {
        guard frame.type == .publish, let header = try? MQTTPublishHeader(frame, in: bytes) else { return nil }
        return try? header.decodeTopic(in: bytes)
    }

    private mutating func takeHeldBack(_ slot: Int, _ direction: PacketFault.Direction) -> [UInt8]? {
        var packet: [UInt8]?
        switch direction {
        case .toBroker: swap(&packet, &connections[slot].heldBackToBroker)
        case .toClient: swap(&packet, &connections[slot].heldBackToClient)
        }
        if packet != nil { faults.heldBackCount -= 1 }
        return packet
    }

    private mutating func delay(_ packet: [UInt8], _ direction: PacketFault.Direction, _ slot: Int, _ nanoseconds: Int64) {
        guard let id = connections[slot].id else { return }
        faults.lastDelayed += 1
        faults.delayed[faults.lastDelayed] = FaultTable.DelayedPacket(connection: id, direction: direction, bytes: packet)
        schedule(.delayedPacket(faults.lastDelayed), at: now.advanced(byNanoseconds: max(0, nanoseconds)))
    }

    mutating func delayedPacketDue(_ number: UInt64) {
        guard let packet = faults.delayed.removeValue(forKey: number), let slot = connectionSlots[packet.connection] else { return }
        switch packet.direction {
        case .toClient:
            if connections[slot].output.isEmpty { dirtyConnections.append(slot) }
            connections[slot].output.append(contentsOf: packet.bytes)
        case .toBroker:
            do throws(MQTTDecodingError) { try dispatchAlone(packet.bytes, slot) } catch { violated(error, slot) }
        }
    }

    private mutating func noteFault(_ fault: PacketFault, _ direction: PacketFault.Direction, _ type: MQTTPacketType, _ slot: Int) {
        note(.faultApplied(fault: fault.name, client: clientID(of: slot), direction, type))
    }

    private mutating func transcribe(_ direction: PacketFault.Direction, _ frame: MQTTFrame, _ bytes: [UInt8], _ slot: Int) {
        guard connections[slot].isTranscribed else { return }
        note(.packet(PacketNote(clientID(of: slot), direction, frame, bytes)))
    }

    private mutating func transcribe(_ direction: PacketFault.Direction, _ packet: [UInt8], _ slot: Int) {
        var decoder = MQTTPacketDecoder(role: .client, version: connections[slot].version, awaitsFirstPacket: false)
        decoder.append(packet)
        if let frame = try? decoder.nextFrame() { note(.packet(PacketNote(clientID(of: slot), direction, frame, packet))) }
    }
}
