package import LabCore
import WireProtocols

/// What the log tells of a frame, and frames that the gateway would not send by itself.
extension BKVPile {
    /// The fields of `frame.sent` and `frame.received`; ports from 1 over all sockets, energy in dWh.
    func fields(of message: BKVMessage, sequence: UInt32) -> Fields {
        var fields: Fields = ["message_id": .integer(Int64(sequence))]
        func place(_ socket: UInt8, _ port: UInt8?) {
            fields["socket"] = .integer(Int64(socket))
            if let port, socket >= firstSocket { fields["port"] = .integer(Int64(socket - firstSocket) * 2 + Int64(port) + 1) }
        }
        func business(_ number: UInt16) {
            fields["business"] = .integer(Int64(number))
            if number != 0 { fields["order"] = .text(String(number)) }
        }
        func end(_ end: BKVChargeEnd) {
            place(end.socket, end.port)
            business(end.business)
            fields["minutes"] = .integer(Int64(end.minutes))
            fields["seconds"] = .integer(Int64(end.minutes) * 60)
            fields["energy"] = .integer(Int64(end.energy) * 100)
            fields["power"] = .integer(Int64(end.power))
            fields["reason"] = .integer(Int64(end.status.rawValue))
        }
        switch message {
        case .start(let start):
            place(start.socket, start.port)
            fields["action"] = .integer(start.isOn ? 1 : 0)
            if start.isOn, start.isByTime { fields["minutes"] = .integer(Int64(start.minutes)) }
            if start.isOn, !start.isByTime { fields["energy"] = .integer(Int64(start.energy) * 10) }
        case .powerStart(_, let start): place(start.socket, start.port)
        case .startAnswer(let answer), .powerStartAnswer(let answer):
            place(answer.socket, answer.port)
            fields["result"] = .integer(answer.isDone ? 1 : 0)
            business(answer.business)
        case .chargeEnd(let base): end(base)
        case .powerEnd(let power): end(power.end)
        case .cardEnd(let card):
            end(card.end)
            fields["card"] = .text(BKVCard.printed(card.card) ?? card.card)
        case .cardSwipe(let swipe):
            place(swipe.socket, swipe.port)
            business(swipe.business)
            fields["card"] = .text(BKVCard.printed(swipe.card) ?? swipe.card)
        case .cardOrder(let order):
            place(order.socket, order.port)
            business(order.business)
        case .acknowledgement(_, let acknowledgement):
            place(acknowledgement.socket, nil)
            fields["result"] = .integer(acknowledgement.isDone ? 1 : 0)
        case .networkResult(_, let result): fields["result"] = .integer(result.isDone ? 1 : 0)
        case .clock(let clock): if let time = clock.time.unixSeconds() { fields["time"] = .integer(time) }
        case .query(let number): place(number.socket, nil)
        case .record(let record): add(record, to: &fields)
        default: break
        }
        return fields
    }

    private func add(_ record: BKVRecord, to fields: inout Fields) {
        if let socket = (try? record.sockets())?.first { return fields["socket"] = .integer(Int64(socket.socket)) }
        if let socket = record.number(.socket) {
            fields["socket"] = .integer(Int64(clamping: socket))
            if let port = record.number(.port), port < 2, socket >= UInt64(firstSocket) {
                fields["port"] = .integer(Int64(clamping: socket - UInt64(firstSocket)) * 2 + Int64(port) + 1)
            }
        }
        if let number = record.number(.business) {
            fields["business"] = .integer(Int64(clamping: number))
            fields["order"] = .text(String(number))
        }
        if let minutes = record.number(.minutes) { fields["minutes"] = .integer(Int64(clamping: minutes)) }
        if let energy = record.number(.energy) { fields["energy"] = .integer(Int64(clamping: energy) * 100) }
        if let result = record.number(.acknowledgement) { fields["result"] = .integer(Int64(clamping: result)) }
    }

    package func describe(_ bytes: [UInt8]) -> PileFrame {
        guard let frame = try? BKVFrame(bytes), let message = try? frame.content().message else { return PileFrame(bytes, command: -1) }
        return PileFrame(bytes, command: message.number, fields(of: message, sequence: frame.sequence))
    }

    package mutating func forge(_ fields: Fields, _ core: inout PileCore, at now: RunInstant) throws(ActionFailure) -> PileFrame {
        guard let number = fields["command"]?.integer, let command = UInt16(exactly: number) else {
            throw ActionFailure("bad_argument", "command is 0 for a heartbeat, 0x1502 for 0015/02, 0x1017 and so on; or give bytes.")
        }
        let sequence = UInt32(truncatingIfNeeded: fields["message_id"]?.integer ?? 0)
        if let data = try forgedData(fields) {
            let hasInner = command >> 8 == 0x15 || command >> 8 == 0x05
            let frame = BKVFrame(
                isFromDevice: true, command: hasInner ? command >> 8 : command, sequence: sequence, gateway: settings.gateway,
                data: hasInner ? [UInt8(data.count >> 8), UInt8(truncatingIfNeeded: data.count), UInt8(truncatingIfNeeded: command)] + data : data)
            guard let bytes = try? frame.encoded() else { throw ActionFailure("bad_argument", "The data are longer than a frame may be.") }
            return PileFrame(bytes, command: Int(command), ["message_id": .integer(Int64(sequence))])
        }
        let port = Int(clamping: (fields["port"]?.integer ?? 1) - 1)
        let socket = UInt8(truncatingIfNeeded: Int(firstSocket) + max(0, port) / 2)
        let business = UInt16(truncatingIfNeeded: fields["business"]?.integer ?? fields["order"]?.text.flatMap { Int64($0) } ?? 0)
        switch command {
        case 0x0000:
            return frame(.heartbeat(BKVHeartbeat(iccid: settings.iccid, firmware: String(firmware.prefix(8)), signal: settings.signal)), sequence: sequence)
        case 0x1502: return frame(.chargeEnd(forgedEnd(fields, port, socket, business, &core, at: now)), sequence: sequence)
        case 0x1507:
            let answer = BKVStartAnswer(isDone: fields["result"]?.integer != 0, socket: socket, port: UInt8(max(0, port) % 2), business: business)
            return frame(.startAnswer(answer), sequence: sequence)
        case 0x1017: return frame(cluster(&core, at: now, socket: socket), sequence: sequence)
        case 0x150b:
            var swipe = BKVCardSwipe()
            (swipe.socket, swipe.port, swipe.business) = (socket, UInt8(max(0, port) % 2), business)
            swipe.card = Self.wireCard(UInt64(clamping: fields["card"]?.integer ?? fields["card"]?.text.flatMap { Int64($0) } ?? 0))
            return frame(.cardSwipe(swipe), sequence: sequence)
        default: throw ActionFailure("bad_argument", "Command \(number) needs `data` or `bytes`; 0, 0x1502, 0x1507, 0x150b and 0x1017 are made from the state.")
        }
    }

    private func forgedData(_ fields: Fields) throws(ActionFailure) -> [UInt8]? {
        switch fields["data"] {
        case .bytes(let bytes)?: return bytes
        case .text(let text)?:
            guard let bytes = Hexadecimal.bytes(text) else { throw ActionFailure("bad_argument", "data are pairs of hexadecimal digits.") }
            return bytes
        default: return nil
        }
    }

    private func forgedEnd(
        _ fields: Fields, _ port: Int, _ socket: UInt8, _ business: UInt16, _ core: inout PileCore, at now: RunInstant
    ) -> BKVChargeEnd {
        var end = BKVChargeEnd()
        if core.ports.indices.contains(port) {
            let reading = core.reading(port, at: now)
            end.business = core.ports[port].charge.map { BKVOrder($0.order).business } ?? 0
            end.minutes = UInt16(truncatingIfNeeded: reading.seconds / 60)
            end.energy = UInt16(truncatingIfNeeded: reading.energy / 100)
        }
        end.socket = socket
        end.port = UInt8(max(0, port) % 2)
        end.temperature = UInt8(clamping: core.ambient)
        end.rssi = settings.rssi
        if fields["business"] != nil || fields["order"] != nil { end.business = business }
        if let minutes = fields["minutes"]?.integer { end.minutes = UInt16(truncatingIfNeeded: minutes) }
        if let energy = fields["energy"]?.integer { end.energy = UInt16(truncatingIfNeeded: energy / 100) }
        if let power = fields["power"]?.integer { end.power = UInt16(truncatingIfNeeded: power) }
        if let reason = fields["reason"]?.integer { end.status = BKVStatus(rawValue: UInt8(truncatingIfNeeded: reason)) }
        return end
    }
}
