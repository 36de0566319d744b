package import LabCore
import WireProtocols

/// What the log tells of a frame's data, and frames that the pile would not send by itself.
extension DNYPile {
    /// The fields of `frame.sent` and `frame.received`; what is too short for a field lacks it.
    static func fields(_ command: UInt8, _ messageID: UInt16, _ data: [UInt8], isSent: Bool) -> Fields {
        var fields: Fields = ["message_id": .integer(Int64(messageID))]
        var cursor = ByteCursor(data)
        switch command {
        case DNYCommand.settlement where isSent:
            guard let seconds = cursor.integer(UInt16.self), let power = cursor.integer(UInt16.self),
                let energy = cursor.integer(UInt16.self),
                let port = cursor.integer(UInt8.self), cursor.take(5) != nil, let reason = cursor.integer(UInt8.self),
                let order = cursor.take(16)
            else { return fields }
            fields["order"] = .text(PileOrder(bytes: order).text)
            fields["port"] = .integer(Int64(port) + 1)
            fields["seconds"] = .integer(Int64(seconds))
            fields["minutes"] = .integer(Int64(seconds) / 60)
            fields["energy"] = .integer(Int64(energy) * 100)
            fields["power"] = .integer(Int64(power))
            fields["reason"] = .integer(Int64(reason))
            if cursor.take(2) != nil, let time = cursor.integer(UInt32.self) { fields["time"] = .integer(Int64(time)) }
        case DNYCommand.powerHeartbeat where isSent:
            guard let port = cursor.integer(UInt8.self), let state = cursor.integer(UInt8.self), let seconds = cursor.integer(UInt16.self),
                let energy = cursor.integer(UInt16.self), cursor.take(1) != nil, let power = cursor.integer(UInt16.self),
                cursor.take(6) != nil,
                let order = cursor.take(16)
            else { return fields }
            fields["order"] = .text(PileOrder(bytes: order).text)
            fields["port"] = .integer(Int64(port) + 1)
            fields["state"] = .integer(Int64(state))
            fields["seconds"] = .integer(Int64(seconds))
            fields["minutes"] = .integer(Int64(seconds) / 60)
            fields["energy"] = .integer(Int64(energy) * 100)
            fields["power"] = .integer(Int64(power))
        case DNYCommand.charge where isSent:
            guard let result = cursor.integer(UInt8.self), let order = cursor.take(16), let port = cursor.integer(UInt8.self) else {
                return fields
            }
            fields["result"] = .integer(Int64(result))
            fields["order"] = .text(PileOrder(bytes: order).text)
            fields["port"] = .integer(Int64(port) + 1)
        case DNYCommand.charge:
            guard cursor.take(5) != nil, let port = cursor.integer(UInt8.self), let action = cursor.integer(UInt8.self),
                cursor.take(2) != nil,
                let order = cursor.take(16)
            else { return fields }
            fields["action"] = .integer(Int64(action))
            fields["order"] = .text(PileOrder(bytes: order).text)
            if port != 0xff { fields["port"] = .integer(Int64(port) + 1) }
        case DNYCommand.orderConfirmation where isSent:
            guard let port = cursor.integer(UInt8.self), cursor.take(7) != nil, let order = cursor.take(16) else { return fields }
            fields["order"] = .text(PileOrder(bytes: order).text)
            fields["port"] = .integer(Int64(port) + 1)
        case DNYCommand.cardSwipe where isSent:
            if let card = cursor.integer(UInt32.self) { fields["card"] = .text(String(card.byteSwapped)) }
        case DNYCommand.alarm where isSent:
            if let kind = cursor.integer(UInt8.self) { fields["kind"] = .integer(Int64(kind)) }
        case DNYCommand.settlement where !isSent, DNYCommand.registration where !isSent, DNYCommand.heartbeat where !isSent:
            if let result = data.first { fields["result"] = .integer(Int64(result)) }
        case DNYCommand.time where !isSent:
            if let time = cursor.integer(UInt32.self) { fields["time"] = .integer(Int64(time)) }
        case 0x72...0xff where isSent && data.count == 1: fields["result"] = .integer(Int64(data[0]))
        case DNYCommand.upgradeSlave, DNYCommand.upgradeOldSlave:
            if isSent {
                fields["result"] = data.first.map { .integer(Int64($0)) }
                _ = cursor.take(1)
            } else {
                _ = cursor.take(2)
            }
            if let index = cursor.integer(UInt16.self) { fields["index"] = .integer(Int64(index)) }
        default: break
        }
        return fields
    }

    package func describe(_ bytes: [UInt8]) -> PileFrame {
        guard let frame = try? DNYFrame.decode(bytes, settings.wire) else { return PileFrame(bytes, command: -1) }
        return PileFrame(bytes, command: Int(frame.command), Self.fields(frame.command, frame.messageID, frame.data, isSent: true))
    }

    package mutating func forge(_ fields: Fields, _ core: inout PileCore, at now: RunInstant) throws(ActionFailure) -> PileFrame {
        guard let number = fields["command"]?.integer, let command = UInt8(exactly: number) else {
            throw ActionFailure("bad_argument", "command is 0 to 255, such as 0x03; or give bytes.")
        }
        let messageID = try word(fields, "message_id") ?? newMessageID()
        let data = try forgedData(command, fields, &core, at: now)
        var forger = self
        if let text = fields["physical_id"]?.text {
            guard let id = DNYPhysicalID(text) else { throw ActionFailure("bad_argument", "physical_id has 8 hexadecimal digits.") }
            var other = settings
            other.physicalID = id.rawValue
            forger = DNYPile(other)
        }
        let frame = forger.frame(command, messageID, data)
        guard !frame.bytes.isEmpty else { throw ActionFailure("bad_argument", "The data are longer than a frame may be.") }
        return frame
    }

    private func forgedData(_ command: UInt8, _ fields: Fields, _ core: inout PileCore, at now: RunInstant) throws(ActionFailure) -> [UInt8]
    {
        switch fields["data"] {
        case .bytes(let bytes)?: return bytes
        case .text(let text)?:
            guard let bytes = Hexadecimal.bytes(text) else { throw ActionFailure("bad_argument", "data are pairs of hexadecimal digits.") }
            return bytes
        default: break
        }
        let port = Int(try word(fields, "port").map { $0 == 0 ? 0 : $0 - 1 } ?? 0)
        let order = fields["order"]?.text.map { PileOrder(text: $0) }
        let seconds = fields["seconds"]?.integer ?? fields["minutes"]?.integer.map { $0 &* 60 }
        switch command {
        case DNYCommand.settlement:
            var bill = forgedBill(order, port, core, at: now)
            if fields["port"] != nil { bill.port = port }
            bill.seconds = seconds ?? bill.seconds
            bill.energy = fields["energy"]?.integer ?? bill.energy
            bill.maximumPower = fields["power"]?.integer ?? bill.maximumPower
            if let card = fields["card"]?.integer { bill.card = UInt64(UInt32(truncatingIfNeeded: card)) }
            let reason = fields["reason"]?.integer.map { UInt8(truncatingIfNeeded: $0) }
            return Self.settlement(bill, time: fields["time"]?.integer ?? core.clock.seconds(at: now), reason: reason)
        case DNYCommand.powerHeartbeat:
            guard core.ports.indices.contains(port) else {
                throw ActionFailure("no_such_port", "The pile has the ports 1 to \(core.ports.count).")
            }
            var reading = core.reading(port, at: now)
            reading.order = order ?? reading.order
            reading.seconds = seconds ?? reading.seconds
            reading.energy = fields["energy"]?.integer ?? reading.energy
            reading.power = fields["power"]?.integer ?? reading.power
            let period = PeriodReading(maximum: reading.power, minimum: reading.power, average: reading.power, energy: 0)
            return Self.report(port, nil, reading, period, core, at: now)
        case DNYCommand.charge:
            var data = [UInt8(truncatingIfNeeded: fields["result"]?.integer ?? 0)]
            (order ?? lastBill?.order ?? .none).append(to: &data)
            return data + [UInt8(clamping: port), 0, 0]
        case DNYCommand.orderConfirmation:
            var data: [UInt8] = [UInt8(clamping: port), 1, 0, 0, 0, 0]
            data.append(littleEndian: UInt16(truncatingIfNeeded: seconds ?? 0))
            (order ?? .none).append(to: &data)
            return data
        case DNYCommand.cardSwipe:
            var data: [UInt8] = []
            let card = fields["card"]?.integer ?? fields["card"]?.text.flatMap { Int64($0) } ?? 0
            data.append(littleEndian: UInt32(truncatingIfNeeded: card).byteSwapped)
            return data + [1, UInt8(clamping: port), 0, 0]
        case DNYCommand.alarm: return [UInt8(truncatingIfNeeded: fields["kind"]?.integer ?? 4), UInt8(clamping: port), 1]
        case DNYCommand.registration:
            var data: [UInt8] = []
            data.append(littleEndian: firmware)
            return data + [UInt8(core.ports.count), settings.virtualID, settings.deviceType, settings.workMode]
        case DNYCommand.heartbeat:
            var data: [UInt8] = []
            data.append(littleEndian: UInt16(clamping: core.setup.voltage))
            data.append(UInt8(core.ports.count))
            for port in core.ports.indices { data.append(Self.state(core, port)) }
            return data + [0, Self.temperature(core.ambient)]
        default: return []
        }
    }

    /// The bill of that order where the pile has it, else one of the running charge, else an empty one.
    private func forgedBill(_ order: PileOrder?, _ port: Int, _ core: PileCore, at now: RunInstant) -> ChargeBill {
        let known = (core.memory.bills.pending + [lastBill].compactMap { $0 }).first { order == nil || $0.order == order }
        if let known { return known }
        var copy = core
        let place = core.ports.firstIndex { $0.charge?.order == order && order != nil } ?? min(port, core.ports.count - 1)
        let reading = copy.reading(place, at: now)
        return ChargeBill(
            number: 0, port: place, order: order ?? reading.order, starter: .server, card: 0, end: .time, seconds: reading.seconds,
            energy: reading.energy,
            maximumPower: reading.maximumPower, secondMaximum: reading.secondMaximum, started: 0, ended: 0, tag: 0)
    }

    private func word(_ fields: Fields, _ name: String) throws(ActionFailure) -> UInt16? {
        guard let value = fields[name]?.integer else { return nil }
        guard let word = UInt16(exactly: value) else { throw ActionFailure("bad_argument", "\(name) is 0 to 65535, not \(value).") }
        return word
    }
}
