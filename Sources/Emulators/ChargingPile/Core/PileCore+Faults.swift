package import LabCore

/// What goes wrong around a pile and inside it.
extension PileCore {
    package mutating func smoke(_ isThere: Bool, at now: RunInstant) {
        hasSmoke = isThere
        alarm(.smoke, port: nil, isThere, at: now)
    }

    package mutating func water(_ isThere: Bool, at now: RunInstant) {
        hasWater = isThere
        alarm(.water, port: nil, isThere, at: now)
    }

    /// - Parameter port: `nil` heats the surroundings.
    package mutating func overTemperature(_ port: Int?, _ isThere: Bool, at now: RunInstant) {
        if let port {
            guard ports.indices.contains(port) else { return }
            ports[port].heat = isThere ? protection.portAlarm + 15 - ambient : 0
        } else {
            ambient = isThere ? protection.ambientAlarm + 5 : setup.ambient
        }
        happenings.append(.temperatureChanged)
        alarm(.heat, port: port, isThere, at: now)
    }

    /// - Parameter port: `nil` concerns every port.
    package mutating func overCurrent(_ port: Int?, _ isThere: Bool, at now: RunInstant) {
        for index in ports.indices where port == nil || index == port { ports[index].isOverCurrent = isThere }
        alarm(.overCurrent, port: port, isThere, at: now)
    }

    /// The relay does not open any more.
    package mutating func relayStuck(_ port: Int, _ isThere: Bool, at now: RunInstant) {
        guard ports.indices.contains(port) else { return }
        count(port, at: now)
        ports[port].isStuck = isThere
        if !isThere, ports[port].charge == nil {
            ports[port].isClosed = false
            happenings.append(.alarm(.relayStuck, port: port, isRaised: false))
        }
    }

    private mutating func alarm(_ alarm: PileAlarm, port: Int?, _ isThere: Bool, at now: RunInstant) {
        if isRunning, !isHung { happenings.append(.alarm(alarm, port: port, isRaised: isThere)) }
        for index in ports.indices { supervise(index, at: now) }
    }

    // MARK: Register

    /// The chip forgets what it has counted and begins at 0; the truth goes on.
    package mutating func resetRegister(_ port: Int, at now: RunInstant) {
        guard ports.indices.contains(port) else { return }
        count(port, at: now)
        ports[port].meter.offset = -ports[port].meter.truth
        // The firmware takes what the chip shows from here on.
        ports[port].charge?.startShown = 0
        ports[port].charge?.period.shown = 0
        supervise(port, at: now)
    }

    /// The chip shows more, or less, than it counted; the opposite number takes it back.
    ///
    /// - Parameter energy: dWh.
    package mutating func shiftRegister(_ port: Int, by energy: Int64, at now: RunInstant) {
        guard ports.indices.contains(port) else { return }
        count(port, at: now)
        ports[port].meter.offset += Int128(energy) * PileEnergy.perDeciwattHour
        supervise(port, at: now)
    }

    // MARK: Firmware

    /// The register that each port's chip lost with the power: it shows what it showed a while ago (F26).
    package mutating func loseRegister(of time: Duration, at now: RunInstant) {
        for port in ports.indices {
            count(port, at: now)
            ports[port].meter.offset -= Int128(ports[port].power) * Int128(max(0, time.nanoseconds))
        }
    }

    package mutating func hang(at now: RunInstant) {
        for port in ports.indices { count(port, at: now) }
        isHung = true
    }

    package mutating func refuseStarts(with number: UInt8?) { forcedRefusal = number }

    package mutating func cutFlash(atOperation operation: UInt64, tear: VirtualFlash.Tear) {
        memory.flash.cutPower(atOperation: operation, tear: tear)
    }
    package mutating func cancelFlashCut() { memory.flash.cancelCut() }

    /// The oldest bill that waits is gone for ever (F11).
    ///
    /// - Returns: the bill.
    package mutating func loseBill() -> ChargeBill? {
        guard let bill = memory.bills.pending.first else { return nil }
        memory.bills.lose(bill.serial, in: &memory.flash)
        return bill
    }

    package mutating func jumpClock(by time: Int64) { clock.jump(by: time) }
    package mutating func unsetClock(at now: RunInstant) { clock.reset(at: now) }
    package mutating func driftClock(_ partsPerMillion: Int64, at now: RunInstant) { clock.drift(partsPerMillion, at: now) }

    /// Somebody held a card to the reader.
    package mutating func swipe(port: Int?, card: UInt64) { happenings.append(.swiped(port: port, card: card)) }
}
