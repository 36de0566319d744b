package import LabCore

/// Starting, watching and ending charges.
extension PileCore {
    // MARK: Start

    /// Starts a charge if nothing speaks against it. The relay closes at once; the caller has waited for the relay's time.
    package mutating func start(_ request: ChargeRequest, at now: RunInstant) -> ChargeStart {
        guard isRunning, !isHung else { return .lost }
        if let forcedRefusal { return .refused(.code(forcedRefusal), port: request.port) }
        let port: Int
        switch choose(request.port) {
        case .success(let chosen): port = chosen
        case .failure(let problem): return .refused(problem.refusal, port: request.port)
        }
        count(port, at: now)
        if let refusal = refusal(port, request) { return .refused(refusal, port: port) }
        let charge = newCharge(request, port, at: now)
        do { try memory.keep(charge, ran: 0, port: port) } catch {
            return hasFlashLostPower ? .lost : .refused(.memory, port: port)
        }
        ports[port].charge = charge
        ports[port].isClosed = true
        ports[port].truth = ChargeTruth(order: charge.order, number: charge.number, register: ports[port].meter.truth, started: now)
        happenings.append(.started(port))
        planHalfHour(at: now)
        supervise(port, at: now)
        return ports[port].isStuck ? .startedWithFault(port: port, .relayStuck) : .started(port: port)
    }

    private struct Problem: Error { var refusal: ChargeRefusal }

    private func choose(_ wished: Int?) -> Result<Int, Problem> {
        if let wished { return ports.indices.contains(wished) ? .success(wished) : .failure(Problem(refusal: .noSuchPort)) }
        let waiting = ports.indices.filter { ports[$0].isPlugged && ports[$0].charge == nil }
        if waiting.count == 1 { return .success(waiting[0]) }
        if waiting.isEmpty { return .failure(Problem(refusal: .notPlugged)) }
        return .failure(Problem(refusal: .severalWaiting(waiting.reduce(0) { $1 < 16 ? $0 | 1 << UInt16($1) : $0 })))
    }

    private func refusal(_ port: Int, _ request: ChargeRequest) -> ChargeRefusal? {
        // A copy of a start that names another port is the same order.
        if ports[port].charge != nil || ports.contains(where: { !request.order.isNone && $0.charge?.order == request.order }) {
            return .busy
        }
        if !request.order.isNone, memory.bills.knows(request.order, in: memory.flash) { return .finished }
        if hasSmoke || hasWater { return .smoke }
        if ports[port].isOverCurrent || temperature(port) > protection.portAlarm || ambient > protection.ambientAlarm { return .portFault }
        if !ports[port].isPlugged { return .notPlugged }
        // Each charge that runs will need a place for its bill.
        if !memory.bills.hasRoom(for: 1 + ports.count { $0.charge != nil }, in: memory.flash) { return .memory }
        if let limit = setup.totalPower {
            let running = ports.reduce(0) { $0 + $1.power }
            if (running + (ports[port].load?.stage.power ?? 0)) / 100 > limit { return .totalPower }
        }
        return nil
    }

    private mutating func newCharge(_ request: ChargeRequest, _ port: Int, at now: RunInstant) -> PileCharge {
        let shown = ports[port].meter.shown
        return PileCharge(
            number: nextNumber(), order: request.order, starter: request.starter, card: request.card, limit: request.limit,
            maximumSeconds: request.maximumSeconds > 0 ? request.maximumSeconds : protection.maximumSeconds,
            overload: request.overload > 0 ? request.overload : protection.overload, stopsWhenFull: request.stopsWhenFull,
            floatSeconds: request.floatSeconds ?? protection.floatSeconds, fullPower: request.fullPower,
            fullSeconds: request.fullSeconds > 0 ? request.fullSeconds : protection.floatDetectSeconds,
            startedClock: clock.seconds(at: now),
            startShown: shown, began: now, period: PileCharge.Period(since: now, shown: shown))
    }

    /// What a personality wants to find again with the charge, such as a business number.
    package mutating func tag(_ port: Int, _ tag: UInt32, at now: RunInstant) {
        guard var charge = ports[port].charge else { return }
        charge.tag = tag
        ports[port].charge = charge
        try? memory.keep(charge, ran: ran(charge, at: now), port: port)
    }

    // MARK: Change

    package enum Change: Sendable, Equatable { case done, notCharging, belowWhatRan }

    /// Another limit for a charge that runs. One below what has run already ends it (charging-protocols.md 4.6, 8A).
    package mutating func change(_ port: Int, limit: ChargeLimit, stopsWhenFull: Bool, at now: RunInstant) -> Change {
        guard ports.indices.contains(port), var charge = ports[port].charge else { return .notCharging }
        count(port, at: now)
        charge.limit = limit
        charge.stopsWhenFull = stopsWhenFull
        ports[port].charge = charge
        switch limit {
        case .seconds(let seconds) where ran(charge, at: now) / 1_000_000_000 > seconds:
            end(port, .time, at: now)
            return .belowWhatRan
        case .energy(let energy) where self.energy(charge, ports[port].meter) > energy:
            end(port, .energy, at: now)
            return .belowWhatRan
        default:
            try? memory.keep(charge, ran: ran(charge, at: now), port: port)
            supervise(port, at: now)
            return .done
        }
    }

    // MARK: Supervision

    /// Looks at a port after anything changed, ends its charge where a rule says so, and notes when to look again.
    mutating func supervise(_ port: Int, at now: RunInstant) {
        guard isRunning, !isHung, ports.indices.contains(port) else { return }
        count(port, at: now)
        let item = PileAgenda.Item(PileAgenda.Item.port, port)
        guard var charge = ports[port].charge else { return agenda.cancel(item) }
        let power = ports[port].power
        let hasChanged = watch(&charge, power, at: now)
        ports[port].charge = charge
        if let reason = reasonToEnd(port, charge, power, at: now) { return end(port, reason, at: now) }
        if hasChanged { happenings.append(.changed(port)) }
        agenda.set(item, at: nextLook(port, charge, power, at: now))
    }

    /// Follows the power; true where protocols will want to know.
    private func watch(_ charge: inout PileCharge, _ power: Int64, at now: RunInstant) -> Bool {
        let seconds = ran(charge, at: now) / 1_000_000_000
        charge.maximumPower = max(charge.maximumPower, power)
        if seconds <= protection.secondMaximumSeconds { charge.secondMaximum = max(charge.secondMaximum, power) }
        charge.period.minimum = min(charge.period.minimum, power)
        charge.period.maximum = max(charge.period.maximum, power)
        charge.powerlessSince = power / 100 < protection.unplugPower ? charge.powerlessSince ?? now : nil
        let isLow = charge.fullPower > 0 ? power / 100 <= charge.fullPower : power * 100 <= charge.maximumPower * protection.floatPercent
        charge.lowSince = isLow && charge.powerlessSince == nil ? charge.lowSince ?? now : nil
        let before = charge.phase
        if let since = charge.lowSince, waited(since, now) >= charge.fullSeconds * 1_000_000_000 {
            charge.phase = endsWhenFull(charge) && charge.floatSeconds > 0 ? .float : .full
        } else {
            charge.phase = .charging
        }
        return charge.phase != before
    }

    private func waited(_ since: RunInstant, _ now: RunInstant) -> Int64 { clock.scaled(now.nanoseconds - since.nanoseconds) }

    /// A time above 0 switches off the end at full and the longest time, unless the end at full was asked for (4.6).
    private func endsWhenFull(_ charge: PileCharge) -> Bool {
        if case .seconds = charge.limit { return charge.stopsWhenFull }
        return true
    }

    private func reasonToEnd(_ port: Int, _ charge: PileCharge, _ power: Int64, at now: RunInstant) -> ChargeEnd? {
        if hasSmoke { return .smokeHere }
        if hasWater { return .water }
        if ports[port].isOverCurrent { return .overCurrent }
        if ambient > protection.ambientAlarm { return .ambientTooHot }
        if temperature(port) > protection.portAlarm { return .portTooHot }
        if power / 100 > charge.overload { return .overload }
        let second: Int64 = 1_000_000_000
        let ran = ran(charge, at: now)
        switch charge.limit {
        case .seconds(let seconds):
            if ran >= seconds * second { return .time }
        case .energy(let energy):
            if self.energy(charge, ports[port].meter) >= energy { return .energy }
            if ran >= charge.maximumSeconds * second { return .maximumTime }
        case .untilFull:
            if ran >= charge.maximumSeconds * second { return .maximumTime }
        }
        if let since = charge.powerlessSince, waited(since, now) >= protection.unplugSeconds * second {
            return ports[port].isPlugged ? .noPower : .unplugged
        }
        if endsWhenFull(charge), let since = charge.lowSince, waited(since, now) >= (charge.fullSeconds + charge.floatSeconds) * second {
            return .full
        }
        return nil
    }

    private func nextLook(_ port: Int, _ charge: PileCharge, _ power: Int64, at now: RunInstant) -> RunInstant {
        let second: Int64 = 1_000_000_000
        var next = Int64.max
        func after(_ time: Int64) { next = min(next, max(1, time)) }
        func until(_ seconds: Int64) { after(clock.real(seconds &* second - ran(charge, at: now))) }
        func since(_ moment: RunInstant, _ seconds: Int64) { after(clock.real(seconds &* second - waited(moment, now))) }
        if power > 0, let stage = ports[port].load?.stage, let end = stage.until, let taken = ports[port].load?.delivered {
            after(PileMeter.time(for: end - taken, at: power))
        }
        switch charge.limit {
        case .seconds(let seconds): until(seconds)
        case .energy(let energy):
            until(charge.maximumSeconds)
            let missing = Int128(energy) * PileEnergy.perDeciwattHour - shownEnergy(charge, ports[port].meter)
            if power > 0 { after(PileMeter.time(for: missing, at: power + setup.idlePower)) }
        case .untilFull: until(charge.maximumSeconds)
        }
        if let moment = charge.powerlessSince { since(moment, protection.unplugSeconds) }
        if let moment = charge.lowSince {
            if charge.phase == .charging {
                since(moment, charge.fullSeconds)
            } else if endsWhenFull(charge) {
                since(moment, charge.fullSeconds + charge.floatSeconds)
            }
        }
        return now.advanced(byNanoseconds: next)
    }

    // MARK: End

    /// Ends a charge: the bill goes to flash first, so that power that goes in between loses nothing.
    package mutating func end(_ port: Int, _ reason: ChargeEnd, at now: RunInstant) {
        guard ports.indices.contains(port), let charge = ports[port].charge else { return }
        count(port, at: now)
        let ended = clock.seconds(at: now)
        let bill = ChargeBill(
            number: charge.number, port: port, order: charge.order, starter: charge.starter, card: charge.card, end: reason,
            seconds: ran(charge, at: now) / 1_000_000_000, energy: energy(charge, ports[port].meter),
            maximumPower: charge.maximumPower / 100,
            secondMaximum: charge.secondMaximum / 100, started: charge.startedClock, ended: ended, tag: charge.tag)
        do { try memory.keep(bill) } catch  where hasFlashLostPower { return } catch {
            // No place: the charge ends all the same, and its bill is lost. A start makes sure that there is one.
            happenings.append(.alarm(.memory, port: port, isRaised: true))
        }
        let kept = memory.bills.pending.last { $0.number == charge.number } ?? bill
        ports[port].charge = nil
        ports[port].isClosed = ports[port].isStuck
        agenda.cancel(PileAgenda.Item(PileAgenda.Item.port, port))
        happenings.append(.ended(kept))
        closeTruth(port, at: now)
        if ports[port].isStuck { happenings.append(.alarm(.relayStuck, port: port, isRaised: true)) }
        // Last, since a cut here is repaired at the next boot.
        try? memory.forget(port: port)
    }

    /// Tells the lab what a charge that is over really was.
    mutating func closeTruth(_ port: Int, at now: RunInstant) {
        guard let truth = ports[port].truth else { return }
        ports[port].truth = nil
        let register = ports[port].meter.truth
        happenings.append(
            .truth(
                port: port, order: truth.order, energy: PileEnergy.deciwattHours(register - truth.register),
                started: setup.unix(truth.started),
                ended: setup.unix(now), registers: PileEnergy.deciwattHours(truth.register)...PileEnergy.deciwattHours(register)))
    }

    /// Somebody has the bill: it need not be sent again.
    package mutating func acknowledge(_ bill: ChargeBill, at now: RunInstant) {
        guard memory.bills.pending.contains(where: { $0.serial == bill.serial }) else { return }
        try? memory.acknowledge(bill.serial)
        if !memory.bills.pending.contains(where: { $0.serial == bill.serial }) { happenings.append(.acknowledged(bill)) }
    }

    // MARK: Half hours

    mutating func planHalfHour(at now: RunInstant) {
        let item = PileAgenda.Item(PileAgenda.Item.halfHour)
        guard setup.metersHalfHours, isCharging, agenda.moment(of: item) == nil else { return }
        let seconds = setup.unix(now)
        let next = (seconds / 1_800 + 1) * 1_800 - setup.epoch
        agenda.set(item, at: RunInstant(nanoseconds: next &* 1_000_000_000))
    }

    mutating func halfHour(at now: RunInstant) {
        for port in ports.indices {
            guard let truth = ports[port].truth else { continue }
            count(port, at: now)
            let energy = PileEnergy.deciwattHours(ports[port].meter.truth - truth.register)
            happenings.append(.metered(port: port, order: truth.order, energy: energy, at: setup.unix(now)))
        }
        planHalfHour(at: now)
    }
}
