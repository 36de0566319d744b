package import LabCore

/// A charging pile without its protocol: ports with their physics, the firmware's supervision of charges, clock, flash.
///
/// Every function is given the moment; what follows from it is appended to `happenings`, which the owner takes out and hands to the
/// personality. What is due later is in `agenda`. Ports count from 0 here, whatever a wire or a scenario does.
package struct PileCore: Sendable {
    package let setup: PileSetup
    package internal(set) var ports: [PilePort]
    package internal(set) var memory: PileMemory
    package internal(set) var clock = PileClock()
    package var agenda = PileAgenda()
    package internal(set) var happenings: [PileHappening] = []
    package var protection: PileProtection
    /// Faults of the world.
    package internal(set) var hasSmoke = false
    package internal(set) var hasWater = false
    /// °C.
    package internal(set) var ambient: Int64
    /// The number that every start is answered with while the fault lasts.
    package internal(set) var forcedRefusal: UInt8?

    /// How much later starts are answered.
    package internal(set) var startDelay = Duration.zero
    /// The personality sends no heartbeat.
    package internal(set) var isHeartbeatStopped = false

    /// The firmware runs.
    package internal(set) var isRunning = false
    /// Mains are there: current can flow.
    package internal(set) var hasMains = false
    /// The firmware hangs: nothing is supervised, but current flows.
    package internal(set) var isHung = false
    private var lastNumber: UInt32 = 0

    package init(_ setup: PileSetup) {
        self.setup = setup
        ambient = setup.ambient
        protection = PileProtection(overload: setup.ratedPower)
        ports = Array(repeating: PilePort(register: Int128(setup.register) * PileEnergy.perDeciwattHour), count: setup.ports)
        memory = PileMemory(ports: setup.ports)
        clock.drift(setup.drift, at: .start)
    }

    /// Power went in the middle of a flash operation: the owner has to take the pile's power away.
    package var hasFlashLostPower: Bool { !memory.flash.isPowered }

    // MARK: Power

    /// Power is there and the firmware has started: reads the flash, goes on with charges or settles them.
    package mutating func boot(at now: RunInstant) {
        hasMains = true
        isRunning = true
        isHung = false
        memory.mount()
        clock.reset(at: now)
        lastNumber = memory.bills.lastNumber
        for port in ports.indices {
            count(port, at: now)
            reopen(port, at: now)
            if hasFlashLostPower { return }
        }
        planHalfHour(at: now)
    }

    /// Mains are there, the firmware is not yet.
    package mutating func mainsReturned(at now: RunInstant) {
        for port in ports.indices { count(port, at: now) }
        hasMains = true
        memory.flash.restorePower()
    }

    /// Power goes: the hold-up capacitor lets the firmware write how long each charge has run; all else in RAM is lost.
    package mutating func powerLost(at now: RunInstant) {
        for port in ports.indices {
            count(port, at: now)
            if isRunning, !isHung, let charge = ports[port].charge { try? memory.keep(charge, ran: ran(charge, at: now), port: port) }
            ports[port].charge = nil
            ports[port].isClosed = ports[port].isStuck
        }
        memory.flash.restorePower()
        hasMains = false
        isRunning = false
        isHung = false
        agenda.removeAll()
        happenings = []
    }

    /// What flash says about a port at boot.
    private mutating func reopen(_ port: Int, at now: RunInstant) {
        if var charge = memory.charge(port) {
            lastNumber = max(lastNumber, charge.number)
            if memory.bills.hasBill(number: charge.number, port: port, in: memory.flash) {
                // Power went between the bill and the end of the charge's own record.
                try? memory.forget(port: port)
            } else if setup.resumes, ports[port].isPlugged {
                charge.began = now
                charge.period = PileCharge.Period(since: now, shown: ports[port].meter.shown)
                ports[port].charge = charge
                ports[port].isClosed = true
                beginTruth(port, charge, at: now)
                happenings.append(.resumed(port))
                supervise(port, at: now)
            } else {
                charge.began = now
                ports[port].charge = charge
                beginTruth(port, charge, at: now)
                end(port, ports[port].isPlugged ? .powerLoss : .unplugged, at: now)
            }
        }
        // The bill was complete in the moment in which power went, or the start was not.
        if ports[port].charge == nil, !hasFlashLostPower { closeTruth(port, at: now) }
    }

    /// Power went in the very operation that began the charge: it has not run yet.
    private mutating func beginTruth(_ port: Int, _ charge: PileCharge, at now: RunInstant) {
        guard ports[port].truth == nil else { return }
        ports[port].truth = ChargeTruth(order: charge.order, number: charge.number, register: ports[port].meter.truth, started: now)
    }

    // MARK: World

    /// Something is plugged in; in place of what was there.
    package mutating func plug(_ port: Int, _ load: PileLoad, at now: RunInstant) {
        guard ports.indices.contains(port) else { return }
        count(port, at: now)
        ports[port].load = load
        happenings.append(.plugged(port))
        supervise(port, at: now)
    }

    package mutating func unplug(_ port: Int, at now: RunInstant) {
        guard ports.indices.contains(port), ports[port].isPlugged else { return }
        count(port, at: now)
        ports[port].load = nil
        happenings.append(.unplugged(port))
        supervise(port, at: now)
    }

    /// Counts the register of a port up to now.
    package mutating func count(_ port: Int, at now: RunInstant) {
        ports[port].count(to: now, hasMains: hasMains, idle: setup.idlePower)
    }

    // MARK: Looks

    /// What the firmware sees of a port.
    package mutating func reading(_ port: Int, at now: RunInstant) -> PortReading {
        count(port, at: now)
        let state = ports[port]
        let charge = state.charge
        let power = state.power / 100
        return PortReading(
            condition: condition(port), isPlugged: state.isPlugged, order: charge?.order ?? .none, starter: charge?.starter ?? .server,
            seconds: charge.map { ran($0, at: now) / 1_000_000_000 } ?? 0, energy: charge.map { energy($0, state.meter) } ?? 0,
            power: power,
            maximumPower: (charge?.maximumPower ?? 0) / 100, secondMaximum: (charge?.secondMaximum ?? 0) / 100,
            current: power * 1_000 / max(1, setup.voltage), voltage: setup.voltage, temperature: temperature(port),
            register: PileEnergy.deciwattHours(state.meter.shown), tag: charge?.tag ?? 0)
    }

    package func condition(_ port: Int) -> PortCondition {
        let state = ports[port]
        if let charge = state.charge {
            switch charge.phase {
            case .charging: return .charging
            case .full: return .full
            case .float: return .float
            }
        }
        if state.isStuck || state.isOverCurrent || hasSmoke || hasWater || temperature(port) > protection.portAlarm { return .fault }
        return state.isPlugged ? .plugged : .idle
    }

    package func temperature(_ port: Int) -> Int64 { ambient + ports[port].heat + ports[port].power / 50_000 }

    package var isCharging: Bool { ports.contains { $0.charge != nil } }

    /// What has been measured since this was asked the last time, for reports of a period.
    package mutating func takePeriod(_ port: Int, at now: RunInstant) -> PeriodReading {
        count(port, at: now)
        guard let charge = ports[port].charge else { return PeriodReading(maximum: 0, minimum: 0, average: 0, energy: 0) }
        let power = ports[port].power
        let period = charge.period
        let energy = max(0, ports[port].meter.shown - period.shown)
        let time = now.nanoseconds - period.since.nanoseconds
        let average = time > 0 ? Int64(clamping: energy / Int128(time)) : power
        let fresh = PileCharge.Period(since: now, shown: ports[port].meter.shown, minimum: power, maximum: power)
        ports[port].charge?.period = fresh
        return PeriodReading(
            maximum: max(period.maximum, power) / 100, minimum: min(period.minimum, power) / 100, average: average / 100, energy: energy)
    }

    /// ns by the pile's clock.
    func ran(_ charge: PileCharge, at now: RunInstant) -> Int64 {
        charge.ranBefore + clock.scaled(max(0, now.nanoseconds - charge.began.nanoseconds))
    }

    /// dWh of a charge. A register below its start has been reset: what it shows is taken.
    func energy(_ charge: PileCharge, _ meter: PileMeter) -> Int64 { PileEnergy.deciwattHours(shownEnergy(charge, meter)) }

    func shownEnergy(_ charge: PileCharge, _ meter: PileMeter) -> Int128 {
        meter.shown >= charge.startShown ? meter.shown - charge.startShown : max(0, meter.shown)
    }

    // MARK: Clock, happenings, agenda

    package func now(at now: RunInstant) -> Int64 { clock.seconds(at: now) }

    /// Somebody told the pile the time.
    package mutating func setClock(unix seconds: Int64, at now: RunInstant) { clock.set(unix: seconds, at: now) }

    package mutating func takeHappenings() -> [PileHappening] {
        // A pile that waits keeps no memory for what happened.
        defer { happenings = [] }
        return happenings
    }

    /// Carries out an entry of the agenda that belongs to the core.
    package mutating func due(_ item: PileAgenda.Item, at now: RunInstant) {
        switch item.code {
        case PileAgenda.Item.halfHour: halfHour(at: now)
        case PileAgenda.Item.port where !isHung: supervise(Int(item.index), at: now)
        default: break
        }
    }

    mutating func nextNumber() -> UInt32 {
        lastNumber &+= 1
        return lastNumber
    }
}

extension PileAgenda.Item {
    static let port: UInt8 = 1
    static let halfHour: UInt8 = 2
    /// Entries below belong to the core, from here on to the personality.
    package static let firstOfPersonality: UInt8 = 32
}
