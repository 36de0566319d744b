import LabCore
import WireProtocols

/// How far the sending of one stored bill is.
struct BillSending: Sendable {
    var serial: UInt32
    /// The bytes of this round, resent as they are; `nil` before the first.
    var frame: PileFrame?
    var messageID: UInt16 = 0
    /// Of the round before: its answer may still come.
    var earlierID: UInt16?
    /// Sendings in this round.
    var count = 0
    /// `nil` waits for a registration, or for the answer to another bill.
    var next: RunInstant?
}

/// 03: in flash until it is answered; sent after the end, again with identical bytes, then in rounds (4.5, 4.15).
extension DNYPile {
    mutating func ended(_ bill: ChargeBill, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        lastReport(bill, &core, &line, at: now)
        lastBill = bill
        // Before its registration the firmware settles only what the outage has ended; slaves of a bus are not known to register.
        let delay = isRegistered || line.kind == .bus ? settings.billDelay : settings.lateBillDelay
        sending.append(BillSending(serial: bill.serial, next: now.advanced(by: delay)))
        planBills(&core)
    }

    /// After a registration the first stored bill goes by itself; each answer lets the next go.
    mutating func planStoredBills(_ core: inout PileCore, at now: RunInstant) {
        guard !sending.contains(where: { $0.next != nil }), let place = sending.firstIndex(where: { $0.next == nil }) else { return }
        sending[place].next = now.advanced(by: settings.storedBill)
        planBills(&core)
    }

    private func planBills(_ core: inout PileCore) {
        if let next = sending.compactMap(\.next).min() { core.agenda.set(.bill, at: next) } else { core.agenda.cancel(.bill) }
    }

    mutating func billsDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        let pending = core.memory.bills.pending
        sending.removeAll { entry in !pending.contains { $0.serial == entry.serial } }
        for place in sending.indices {
            guard let due = sending[place].next, due <= now else { continue }
            guard line.isOpen, isRegistered || line.kind != .tcp else {
                sending[place].next = nil
                continue
            }
            if let bill = pending.first(where: { $0.serial == sending[place].serial }) { sendBill(bill, place, &core, &line, at: now) }
        }
        planBills(&core)
    }

    private mutating func sendBill(_ bill: ChargeBill, _ place: Int, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if sending[place].frame == nil || sending[place].count >= 2 {
            if sending[place].frame != nil { sending[place].earlierID = sending[place].messageID }
            let messageID = newMessageID()
            sending[place].messageID = messageID
            sending[place].frame = frame(DNYCommand.settlement, messageID, Self.settlement(bill, time: core.clock.seconds(at: now)))
            sending[place].count = 0
        }
        sending[place].count += 1
        sending[place].next = now.advanced(by: sending[place].count == 1 ? settings.billResend : settings.billRepeat)
        if let frame = sending[place].frame { line.send(frame, &core, at: now) }
    }

    /// Only 0 lets the pile forget a bill.
    mutating func billAnswered(_ frame: DNYFrame, _ core: inout PileCore, at now: RunInstant) {
        guard frame.data.first == 0,
            let place = sending.firstIndex(where: { $0.count > 0 && ($0.messageID == frame.messageID || $0.earlierID == frame.messageID) })
        else { return }
        let serial = sending[place].serial
        if let bill = core.memory.bills.pending.first(where: { $0.serial == serial }) { core.acknowledge(bill, at: now) }
        guard !core.memory.bills.pending.contains(where: { $0.serial == serial }) else { return }
        sending.remove(at: place)
        if sending.isEmpty { sending = [] }
        if let next = sending.firstIndex(where: { $0.next == nil }) { sending[next].next = now.advanced(by: settings.nextBill) }
        planBills(&core)
    }

    /// The 35 bytes that real devices send: without the occupied time. Seconds wrap at 65,536, as the field does.
    static func settlement(_ bill: ChargeBill, time: Int64, reason: UInt8? = nil) -> [UInt8] {
        var data: [UInt8] = []
        data.reserveCapacity(35)
        data.append(littleEndian: UInt16(truncatingIfNeeded: bill.seconds))
        data.append(littleEndian: UInt16(clamping: bill.maximumPower))
        data.append(littleEndian: UInt16(clamping: bill.energy / 100))
        data.append(UInt8(clamping: bill.port))
        data.append(bill.starter.rawValue)
        data.append(littleEndian: UInt32(truncatingIfNeeded: bill.card).byteSwapped)
        data.append(reason ?? code(bill.end))
        bill.order.append(to: &data)
        data.append(littleEndian: UInt16(clamping: bill.secondMaximum))
        data.append(littleEndian: UInt32(truncatingIfNeeded: time))
        return data
    }

    /// The stop reasons of charging-protocols.md 4.10.
    static func code(_ end: ChargeEnd) -> UInt8 {
        switch end {
        case .full: 0x01
        case .maximumTime: 0x02
        case .time: 0x03
        case .energy: 0x04
        case .unplugged: 0x05
        case .overload: 0x06
        case .remote: 0x07
        case .dynamicOverload: 0x08
        case .powerTooSmall: 0x09
        case .ambientTooHot: 0x0a
        case .portTooHot: 0x0b
        case .overCurrent: 0x0c
        case .relayStuck: 0x0d
        case .noPower: 0x0e
        case .relayOpen, .shortCircuit: 0x0f
        case .water: 0x10
        case .smokeHere: 0x11
        case .smokeElsewhere: 0x12
        case .door: 0x14
        case .user: 0x15
        case .card: 0x16
        case .memory: 0x19
        case .overVoltage: 0x1a
        case .underVoltage: 0x1b
        case .powerLoss: 0x1c
        }
    }
}
