package import LabCore

/// A charging pile as a value: the physics and the firmware of `PileCore`, the protocol of a `PilePersonality`, one line.
///
/// On TCP (`LinkName.gateway`) it opens the connection by itself and again after each end; on a serial port (`LinkName.serial`) it is the
/// module end, which the driver opens. It begins without power and boots at `.poweredOn`.
package struct ChargingPile: Device {
    package internal(set) var unit: PileUnit
    package internal(set) var power = PilePower()

    package init(_ unit: PileUnit) { self.unit = unit }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        swap(&unit.line.effects, &effects)
        let first = unit.line.effects.count
        switch input {
        case .poweredOn: powerOn(at: now)
        case .powerLost: powerLost("cut", at: now)
        case .action(let token, let name, let arguments):
            let result = act(name, arguments, at: now)
            unit.line.effects.append(.finish(token, result))
        case .fault(let name, let arguments, let isActive):
            if unit.fault(name, arguments, isActive, at: now) { reset("watchdog", after: PilePower.resetTime, at: now) }
        case _ where !power.isOn: break
        case .timerFired(.pileBoot): if !unit.core.isRunning { boot(at: now) }
        case .timerFired(.pileAgenda):
            power.agenda = nil
            unit.due(at: now)
        case .timerFired(.pileReconnect): if unit.core.isRunning { openLine() }
        case .link(unit.line.link, .opened): unit.connected(at: now)
        case .link(unit.line.link, .bytes(let bytes)): unit.received(bytes, at: now)
        case .link(unit.line.link, .closed):
            if unit.line.isOpen { unit.line.note("offline", ["reason": "connection_lost"]) }
            closed(at: now)
        case .timerFired, .link, .mqtt, .answered, .served: break
        }
        finish(first, at: now)
        swap(&unit.line.effects, &effects)
    }

    /// What ends every input: a cut in the flash takes the power, then the one timer follows the agenda.
    private mutating func finish(_ first: Int, at now: RunInstant) {
        if unit.core.hasFlashLostPower, power.isOn {
            // Nothing that the firmware wanted to send left it.
            var place = first
            while place < unit.line.effects.count {
                if case .link = unit.line.effects[place] { unit.line.effects.remove(at: place) } else { place += 1 }
            }
            powerLost("flash_cut", at: now)
            unit.line.effects.append(.reboot(after: power.flashOutage))
        }
        if unit.line.wantsClose {
            unit.line.wantsClose = false
            if unit.line.isOpen, unit.line.kind == .tcp, power.isOn {
                unit.line.effects.append(.link(unit.line.link, .close))
                closed(at: now)
            }
        }
        if let restart = unit.line.restart {
            unit.line.restart = nil
            reset(restart.cause, after: restart.time, at: now)
        }
        guard power.isOn else { return }
        if let timer = power.plan(unit.core.agenda.next, at: now) { unit.line.effects.append(timer) }
    }

    // MARK: Power

    private mutating func powerOn(at now: RunInstant) {
        guard !power.isOn, !power.isSwitchedOff else { return }
        power.isOn = true
        power.isComing = false
        power.agenda = nil
        unit.core.mainsReturned(at: now)
        if power.hasLost { unit.line.note("power.restored", [:]) }
        power.hasLost = false
        unit.line.effects.append(.startTimer(.pileBoot, after: unit.core.setup.bootTime))
    }

    private mutating func boot(at now: RunInstant) {
        unit.line.note("booted", ["pile": .text(unit.core.setup.id), "waiting": .integer(Int64(unit.core.memory.bills.pending.count))])
        unit.boot(at: now)
        openLine()
    }

    private mutating func openLine() { unit.line.effects.append(.link(unit.line.link, .open)) }

    private mutating func closed(at now: RunInstant) {
        unit.disconnected(at: now)
        guard unit.line.kind == .tcp, unit.core.isRunning else { return }
        unit.line.effects.append(.startTimer(.pileReconnect, after: unit.personality.reconnectPause))
    }

    private mutating func powerLost(_ reason: String, at now: RunInstant) {
        let had = power.isOn || (power.isComing && !power.hasLost)
        power.isComing = false
        guard had else { return }
        power.isOn = false
        power.hasLost = true
        unit.powerLost(at: now)
        unit.line.note("power.lost", ["reason": .text(reason)])
    }

    /// The firmware begins anew; the host drops connection and timers.
    mutating func reset(_ cause: String, after time: Duration, at now: RunInstant) {
        guard power.isOn else { return }
        unit.powerLost(at: now)
        power.isOn = false
        power.isComing = true
        unit.line.note("reset", ["cause": .text(cause)])
        unit.line.effects.append(.reboot(after: time))
    }

    private mutating func act(_ name: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        switch name {
        case "power_on":
            power.isSwitchedOff = false
            if !power.isOn, !power.isComing {
                power.isComing = true
                unit.line.effects.append(.reboot(after: .zero))
            }
            return .success(["pile": .text(unit.core.setup.id)])
        case "power_off":
            let wasOn = power.isOn
            power.isSwitchedOff = true
            powerLost("switched_off", at: now)
            if wasOn { unit.line.effects.append(.reboot(after: PilePower.never)) }
            return .success([:])
        case "reboot":
            guard power.isOn else { return .failure(PileUnit.withoutPower) }
            reset("scenario", after: PilePower.resetTime, at: now)
            return .success([:])
        default:
            return unit.act(name, arguments, isPowered: power.isOn, at: now)
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        unit.answer(query, arguments, isPowered: power.isOn, at: now)
    }
}

/// Whether a pile has power, and the one timer of its agenda.
package struct PilePower: Sendable, Equatable {
    package internal(set) var isOn = false
    /// Switched off by hand: power from outside does not wake it.
    var isSwitchedOff = false
    /// Power was asked for and is to come.
    var isComing = false
    var hasLost = false
    /// How long power is away after a cut in the flash.
    var flashOutage = Duration.seconds(5)
    /// What the host's timer is set to.
    var agenda: RunInstant?

    /// `.reboot(after:)` with this time switches off: power does not come by itself.
    static let never = Duration.nanoseconds(Int64.max)
    static let resetTime = Duration.seconds(1)

    /// The timer that has to be started, or ended, so that it fires at `next`; `nil` where it does already.
    mutating func plan(_ next: RunInstant?, at now: RunInstant) -> DeviceEffect? {
        guard next != agenda else { return nil }
        agenda = next
        guard let next else { return .cancelTimer(.pileAgenda) }
        return .startTimer(.pileAgenda, after: .nanoseconds(max(0, next.nanoseconds - now.nanoseconds)))
    }
}

extension TimerName {
    static let pileBoot = TimerName(rawValue: 1)
    static let pileAgenda = TimerName(rawValue: 2)
    static let pileReconnect = TimerName(rawValue: 3)
}
