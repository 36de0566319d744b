import LabCore
import WireProtocols

/// The end report that is being sent: one at a time, since an acknowledgement names only the socket.
struct BKVSending: Sendable {
    var serial: UInt32
    var port: Int
    /// How often it went out on this connection.
    var count = 0
}

/// Ends of charges: in flash until acknowledged, three sends, then the connection is closed and it begins anew (charging-protocols.md 2.14).
extension BKVPile {
    mutating func ended(_ bill: ChargeBill, _ core: inout PileCore, at now: RunInstant) {
        changed.insert(socket(of: bill.port))
        core.agenda.set(.bkvStatus, at: now.advanced(by: settings.endStatus))
        if sending == nil { core.agenda.set(.bkvEnd, at: now.advanced(by: settings.endDelay)) }
    }

    mutating func endDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard line.isOpen else { return sending = nil }
        if let current = sending, !core.memory.bills.pending.contains(where: { $0.serial == current.serial }) { sending = nil }
        if sending == nil, let first = core.memory.bills.pending.first { sending = BKVSending(serial: first.serial, port: first.port) }
        guard var current = sending, let bill = core.memory.bills.pending.first(where: { $0.serial == current.serial }) else { return }
        send(end(bill, &core, at: now), &core, &line, at: now)
        current.count += 1
        sending = current
        if current.count <= settings.endResends.count {
            core.agenda.set(.bkvEnd, at: now.advanced(by: settings.endResends[current.count - 1]))
        } else if line.kind == .tcp {
            core.agenda.set(.bkvClose, at: now.advanced(by: settings.endClose))
        } else {
            // A serial line cannot be hung up: the round begins anew after the time of a reconnect.
            sending = nil
            core.agenda.set(.bkvEnd, at: now.advanced(by: settings.endClose + settings.reconnectPause))
        }
    }

    /// - Parameter socket: `nil` for an acknowledgement that names none.
    mutating func endAcknowledged(socket: UInt8?, _ core: inout PileCore, at now: RunInstant) {
        guard let current = sending, current.count > 0, socket.map({ $0 == self.socket(of: current.port) }) ?? true,
            let bill = core.memory.bills.pending.first(where: { $0.serial == current.serial })
        else { return }
        core.acknowledge(bill, at: now)
        guard !core.memory.bills.pending.contains(where: { $0.serial == current.serial }) else { return }
        sending = nil
        core.agenda.cancel(.bkvEnd)
        core.agenda.cancel(.bkvClose)
        if !core.memory.bills.pending.isEmpty { core.agenda.set(.bkvEnd, at: now.advanced(by: settings.nextEnd)) }
    }

    // MARK: Contents

    /// The report of a bill, under the command of what started it; power and current are read anew at each send (2.15).
    func end(_ bill: ChargeBill, _ core: inout PileCore, at now: RunInstant) -> BKVMessage {
        let order = BKVOrder(bill.order)
        let base = base(bill, order, &core, at: now)
        switch order.kind {
        case .plain: return .chargeEnd(base)
        case .power:
            var end = BKVPowerEnd()
            end.end = base
            let time = Array(BKVTime(unixSeconds: bill.ended).digits.utf8).map { UInt16($0) &- 0x30 }
            func pair(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: time[place] * 10 + time[place + 1]) }
            if time.count == 14 {
                end.year = time[0..<4].reduce(0) { $0 * 10 + $1 }
                (end.month, end.day, end.hour, end.minute, end.second) = (pair(4), pair(6), pair(8), pair(10), pair(12))
            }
            end.reason = 2
            end.amount = spent(bill, order)
            end.settlePower = UInt16(clamping: bill.maximumPower)
            end.tiers = tiers(bill, order)
            return .powerEnd(end)
        case .card:
            var end = BKVCardEnd()
            end.end = base
            end.card = Self.wireCard(bill.card)
            end.mode = order.mode
            end.amount = order.mode == 3 ? spent(bill, order) : 0
            end.settlePower = UInt16(clamping: bill.maximumPower)
            end.tiers = order.mode == 3 ? tiers(bill, order) : []
            return .cardEnd(end)
        case .fee:
            let fee = BKVFeeEnd(
                end: base, endTime: BKVTime(unixSeconds: bill.ended), electricityFee: Self.fee(bill.energy, order.price),
                serviceFee: Self.fee(bill.energy, order.service))
            return .record(fee.record(gateway: settings.gateway))
        }
    }

    private func base(_ bill: ChargeBill, _ order: BKVOrder, _ core: inout PileCore, at now: RunInstant) -> BKVChargeEnd {
        let reading = core.reading(bill.port, at: now)
        var end = BKVChargeEnd()
        end.socket = socket(of: bill.port)
        end.temperature = UInt8(clamping: core.ambient)
        end.rssi = settings.rssi
        end.port = wirePort(of: bill.port)
        end.status = Self.status(bill.end)
        end.business = order.business
        end.power = UInt16(clamping: reading.power)
        end.current = reading.power == 0 ? 1 : UInt16(clamping: reading.current)
        end.energy = UInt16(truncatingIfNeeded: bill.energy / 100)
        end.minutes = UInt16(truncatingIfNeeded: bill.seconds / 60)
        return end
    }

    /// fen for dWh at a price per kWh, rounded half up.
    static func fee(_ energy: Int64, _ price: UInt16) -> UInt16 { UInt16(clamping: (energy * Int64(price) + 5_000) / 10_000) }

    /// fen for the time that ran, of what was paid.
    private func spent(_ bill: ChargeBill, _ order: BKVOrder) -> UInt16 {
        guard order.minutes > 0 else { return 0 }
        return min(order.amount, UInt16(clamping: (bill.seconds * Int64(order.price) + Int64(order.minutes) * 30) / (Int64(order.minutes) * 60)))
    }

    private func tiers(_ bill: ChargeBill, _ order: BKVOrder) -> [BKVTierMinutes] {
        (0..<order.tiers).map { BKVTierMinutes($0 == order.tier ? UInt16(truncatingIfNeeded: bill.seconds / 60) : 0) }
    }

    /// The status byte of an end (2.11): a stop by user or platform was seen as A0 and as B0.
    static func status(_ end: ChargeEnd) -> BKVStatus {
        switch end {
        case .unplugged, .powerTooSmall, .noPower: .noLoad
        case .time, .maximumTime, .energy: .timeUp
        case .ambientTooHot, .portTooHot, .smokeHere, .smokeElsewhere: BKVStatus(ended: .overTemperature)
        case .overCurrent, .shortCircuit: BKVStatus(ended: .overCurrent)
        case .overload, .dynamicOverload: BKVStatus(ended: .overPower)
        default: .full
        }
    }

    /// 12 digits of a card's number: the last four bytes little endian.
    static func wireCard(_ card: UInt64) -> String {
        BKVCard.wire(printed: String(card)) ?? Hexadecimal.text((0..<6).reversed().map { UInt8(truncatingIfNeeded: card >> (8 * UInt64($0))) })
    }
}
