import LabCore

/// One pile: core, personality and line together. A device holds one, a bus several.
package struct PileUnit: Sendable {
    package internal(set) var core: PileCore
    package internal(set) var personality: any PilePersonality
    package internal(set) var line: PileLine

    package init(_ core: PileCore, _ personality: any PilePersonality, _ line: PileLine) {
        self.core = core
        self.personality = personality
        self.line = line
    }

    // MARK: Inputs

    mutating func boot(at now: RunInstant) {
        core.boot(at: now)
        personality.booted(&core, &line, at: now)
        settle(at: now)
    }

    mutating func powerLost(at now: RunInstant) {
        noteHappenings(at: now)
        core.powerLost(at: now)
        personality.powerLost()
        line.isOpen = false
        line.outbox = []
        line.held = []
    }

    mutating func connected(at now: RunInstant) {
        line.isOpen = true
        line.lastTraffic = now
        guard core.isRunning, !core.isHung else { return }
        personality.connected(&core, &line, at: now)
        settle(at: now)
    }

    mutating func disconnected(at now: RunInstant) {
        line.isOpen = false
        line.outbox = []
        guard core.isRunning, !core.isHung else { return }
        personality.disconnected(&core, &line, at: now)
        settle(at: now)
    }

    mutating func received(_ bytes: [UInt8], at now: RunInstant) {
        guard core.isRunning, !core.isHung else { return }
        personality.received(bytes, &core, &line, at: now)
        settle(at: now)
    }

    /// Carries out everything in the agenda that is due.
    mutating func due(at now: RunInstant) {
        while let item = core.agenda.popDue(at: now) {
            if item.code == PileAgenda.Item.heldFrame {
                let frames = line.release(&core, at: now)
                line.releasing(true)
                if core.isRunning, !core.isHung { for frame in frames { personality.received(frame, &core, &line, at: now) } }
                line.releasing(false)
            } else if item.code < PileAgenda.Item.firstOfPersonality {
                core.due(item, at: now)
            } else if core.isRunning, !core.isHung {
                personality.due(item, &core, &line, at: now)
            }
            settle(at: now)
            if core.hasFlashLostPower { return }
        }
    }

    /// Tells the personality, and the log, what happened, until nothing happens any more.
    mutating func settle(at now: RunInstant) {
        while !core.happenings.isEmpty {
            for happening in core.takeHappenings() {
                note(happening)
                if core.isRunning, !core.isHung, !core.hasFlashLostPower { personality.happened(happening, &core, &line, at: now) }
            }
        }
    }

    private mutating func noteHappenings(at now: RunInstant) {
        for happening in core.takeHappenings() { note(happening) }
    }

    // MARK: Events

    private mutating func note(_ happening: PileHappening) {
        switch happening {
        case .plugged(let port): line.note("plugged", ["port": Self.number(port)])
        case .unplugged(let port): line.note("unplugged", ["port": Self.number(port)])
        case .started(let port): noteCharge("charge.started", port)
        case .resumed(let port): noteCharge("charge.resumed", port)
        case .changed, .temperatureChanged: break
        case .ended(let bill):
            line.note(
                "bill.queued",
                [
                    "port": Self.number(bill.port), "order": .text(personality.text(bill.order)), "reason": .text(bill.end.word),
                    "energy": .integer(bill.energy), "seconds": .integer(bill.seconds),
                    "waiting": .integer(Int64(core.memory.bills.pending.count)),
                ])
            lastEnd = bill
        case .truth(let port, let order, let energy, let started, let ended, let registers):
            let order = FieldValue.text(personality.text(order))
            line.note(
                "charge.stopped",
                [
                    "port": Self.number(port), "order": order,
                    "reason": .text(lastEnd.map { $0.port == port ? $0.end.word : "power_loss" } ?? "power_loss"),
                    "energy": .integer(energy), "minutes": .integer((ended - started) / 60), "seconds": .integer(ended - started),
                ])
            lastEnd = nil
            line.note(
                "truth",
                [
                    "port": Self.number(port), "order": order, "energy": .integer(energy), "started": .integer(started),
                    "ended": .integer(ended),
                    "register_started": .integer(registers.lowerBound), "register_ended": .integer(registers.upperBound),
                ])
        case .metered(let port, let order, let energy, let at):
            line.note(
                "charge.metered",
                ["port": Self.number(port), "order": .text(personality.text(order)), "energy": .integer(energy), "at": .integer(at)])
        case .acknowledged(let bill):
            line.note("bill.acknowledged", ["port": Self.number(bill.port), "order": .text(personality.text(bill.order))])
        case .alarm(let kind, let port, let isRaised):
            var fields: Fields = ["kind": .text(kind.rawValue), "raised": .bool(isRaised)]
            if let port { fields["port"] = Self.number(port) }
            line.note("alarm", fields)
        case .swiped(let port, let card):
            var fields: Fields = ["card": .text(String(card))]
            if let port { fields["port"] = Self.number(port) }
            line.note("card.swiped", fields)
        }
    }

    /// The bill whose truth follows.
    private var lastEnd: ChargeBill?

    private mutating func noteCharge(_ name: String, _ port: Int) {
        guard let charge = core.ports[port].charge else { return }
        var fields: Fields = [
            "port": Self.number(port), "order": .text(personality.text(charge.order)),
            "register": .integer(PileEnergy.deciwattHours(core.ports[port].meter.truth)), "power": .integer(core.ports[port].power / 100),
        ]
        switch charge.limit {
        case .untilFull: break
        case .seconds(let seconds): fields["limit_seconds"] = .integer(seconds)
        case .energy(let energy): fields["limit_energy"] = .integer(energy)
        }
        line.note(name, fields)
    }

    private static func number(_ port: Int) -> FieldValue { .integer(Int64(port) + 1) }
}
