/// What a reading of the running charge adds, and whether it can be true (charging-orders.md 2.1 telemetry, F31 to F34).
package struct SampleReading: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case good
        /// Below the last one: ignored.
        case rollback
        /// The meter began again near 0: what it shows counts on.
        case reset
        /// More than the pile can give in the time, or less than nothing.
        case implausible
    }

    package var kind: Kind
    /// dWh of the order, after this reading.
    package var energy: Int64
    /// What the meter shows, as far as it is believed.
    package var meter: Int64

    /// dWh; a drop to this or less is a meter that began again (2.3, rule 1).
    static let restartLevel: Int64 = 50

    /// - Parameters:
    ///   - energy: of the order, as the pile says.
    ///   - now: Unix milliseconds.
    package init(_ energy: Int64, of order: Order, ratedPower: Int64, _ policies: OrderPolicies, now: Int64) {
        self.init(kind: .implausible, energy: order.energy, meter: order.meter)
        guard energy >= 0, energy <= 1_000_000_000 else { return }
        if energy < order.meter, energy > Self.restartLevel {
            kind = .rollback
            return
        }
        let isReset = energy < order.meter
        let added = isReset ? energy : energy - order.meter
        // A reading may be late: the time since the start of the order bounds it as well as the time since the last one.
        let elapsed = max(0, now - (order.sampledAt ?? order.createdAt))
        guard added <= Self.most(ratedPower, milliseconds: elapsed, policies) else { return }
        self.init(kind: isReset ? .reset : .good, energy: order.energy + added, meter: energy)
    }

    private init(kind: Kind, energy: Int64, meter: Int64) {
        self.kind = kind
        self.energy = energy
        self.meter = meter
    }

    /// The most energy that can have flowed: dW times seconds is 3,600 times dWh.
    static func most(_ ratedPower: Int64, milliseconds: Int64, _ policies: OrderPolicies) -> Int64 {
        let product = Int128(ratedPower) * Int128(milliseconds) * Int128(policies.powerTolerance) / 3_600_000_000
        return Int64(min(product, 1_000_000_000)) + policies.energyTolerance
    }
}

/// A bill's energy and times on the cloud's clock, or why it cannot be true (2.1, F26 to F32).
package struct BillReading: Sendable, Equatable {
    /// dWh.
    package var energy: Int64
    /// Unix seconds.
    package var started: Int64
    package var ended: Int64
    package var flags: Set<String> = []
    /// Started minutes that the plug stayed after the end.
    package var idleMinutes: Int64 = 0

    package var seconds: Int64 { ended - started }

    /// Seconds by which two clocks may differ before somebody notices.
    static let slack: Int64 = 120
    /// The two bytes of a pile's count of seconds.
    static let wrap: Int64 = 65_536

    package enum Reading: Sendable, Equatable {
        case plausible(BillReading)
        case impossible(String)
    }

    /// - Parameters:
    ///   - order: `nil` for a charge that a card began offline.
    ///   - samples: of the order, raw, in the order of time.
    package static func read(
        _ bill: PileBill, of order: Order?, samples: [(at: Int64, energy: Int64)] = [], ratedPower: Int64, _ policies: OrderPolicies
    ) -> Reading {
        guard bill.energy >= 0, bill.energy <= 1_000_000_000 else { return .impossible("energy \(bill.energy) dWh") }
        guard bill.seconds >= 0 else { return .impossible("duration \(bill.seconds) s") }
        guard (0...527_040).contains(bill.idleMinutes) else { return .impossible("\(bill.idleMinutes) minutes plugged") }
        var flags: Set<String> = []
        let received = bill.receivedAt / 1000
        // The pile's clock when it sent the bill tells how far it is off, unless it was set between the charge and the bill.
        let offset = bill.pileTime.map { $0 - received } ?? 0
        if abs(offset) > slack { flags.insert("clock") }

        guard var seconds = duration(bill, order, &flags) else { return .impossible("it ends before its start") }
        if let order, let running = lostTime(bill, order, seconds: seconds, ratedPower: ratedPower, policies) {
            flags.insert("time_lost")
            seconds = running
        }
        let known = (order?.startedAt ?? order?.createdAt).map { $0 / 1000 }
        let started = known ?? offlineStart(bill, seconds: seconds, offset: offset, received: received, &flags)
        if let order {
            let most = (bill.receivedAt - order.createdAt + policies.clockTolerance) / 1000
            // A drifting clock counts a hundredth too much at most.
            guard seconds <= most + most / 100 else { return .impossible("\(seconds) s are longer than the order is old") }
        }
        guard bill.energy <= SampleReading.most(ratedPower, milliseconds: max(seconds, 1) * 1000, policies) else {
            return .impossible("\(bill.energy) dWh in \(seconds) s are more than the pile can give")
        }
        let ended = max(started, min(started + seconds, max(received, started)))
        let energy = total(bill.energy, samples, &flags)
        return .plausible(BillReading(energy: energy, started: started, ended: ended, flags: flags, idleMinutes: bill.idleMinutes))
    }

    /// The charged seconds: the pile's count, unless it has wrapped and start and end say so.
    private static func duration(_ bill: PileBill, _ order: Order?, _ flags: inout Set<String>) -> Int64? {
        if let started = bill.started, let ended = bill.ended {
            let difference = ended - started
            if difference < 0, bill.seconds == 0 { return nil }
            if difference >= 0, bill.seconds == 0 { return difference }
            if difference >= 0, abs(difference - bill.seconds) > slack {
                let rest = (difference - bill.seconds) % wrap
                if difference > bill.seconds, min(rest, wrap - rest) <= slack {
                    flags.insert("wrapped")
                    return difference
                }
            }
            // The clock was set, or jumped, while the charge ran: the count of seconds knows nothing of that.
            if abs(difference - bill.seconds) > slack { flags.insert("clock") }
            return bill.seconds
        }
        var seconds = bill.seconds
        if let order, let sampled = order.sampledAt {
            let seen = (sampled - (order.startedAt ?? order.createdAt)) / 1000
            // What the count shows is less than what was seen running: it has begun again.
            while seconds + slack < seen, seen - seconds > wrap / 2 {
                seconds += wrap
                flags.insert("wrapped")
            }
        }
        return seconds
    }

    /// A pile whose firmware was reset in a charge may have lost its count of time, and not its meter (F28, F30): the bill then has less time
    /// than was seen running, or none. The time is what was seen, and at least what the energy takes at the rated power, so that nobody
    /// pays for time that was not.
    ///
    /// - Returns: `nil` where the bill's own time can be true.
    private static func lostTime(_ bill: PileBill, _ order: Order, seconds: Int64, ratedPower: Int64, _ policies: OrderPolicies) -> Int64? {
        let seen = max(0, ((order.sampledAt ?? 0) - (order.startedAt ?? order.createdAt)) / 1000)
        guard seconds == 0 || seconds + slack < seen, ratedPower > 0,
            bill.energy > SampleReading.most(ratedPower, milliseconds: max(seconds, 1) * 1000, policies)
        else { return nil }
        return max(seen, (bill.energy * 3_600 + ratedPower - 1) / ratedPower)
    }

    private static func offlineStart(_ bill: PileBill, seconds: Int64, offset: Int64, received: Int64, _ flags: inout Set<String>) -> Int64
    {
        guard let started = bill.started else { return max(0, received - seconds) }
        let corrected = started - offset
        // A clock that stood at 1970 says nothing of the day.
        guard corrected + seconds <= received + slack, corrected > received - 366 * 86_400 else {
            flags.insert("clock")
            return max(0, received - seconds)
        }
        return corrected
    }

    /// A meter that began again counts on; otherwise the register that the bill shows stands (F26, F32).
    private static func total(_ energy: Int64, _ samples: [(at: Int64, energy: Int64)], _ flags: inout Set<String>) -> Int64 {
        var (last, sum, hasRestarted) = (Int64(0), Int64(0), false)
        for sample in samples + [(at: .max, energy: energy)] {
            if sample.energy >= last {
                sum += sample.energy - last
            } else if sample.energy <= SampleReading.restartLevel, sample.at != .max || last > SampleReading.restartLevel * 2 {
                hasRestarted = true
                sum += sample.energy
            } else {
                if sample.at == .max { flags.insert("bill_below_samples") }
                continue
            }
            last = sample.energy
        }
        guard hasRestarted else { return energy }
        flags.insert("register_reset")
        return max(energy, sum)
    }
}
