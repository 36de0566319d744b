package import LabCore

/// Energy inside the physics: picojoules, since 1 mW for 1 ns is exactly 1 pJ. So sums over a run are exact.
package enum PileEnergy {
    /// pJ of one dWh (0.1 Wh = 360 J).
    package static let perDeciwattHour: Int128 = 360_000_000_000_000
    /// pJ of one Wh.
    package static let perWattHour: Int128 = 10 * perDeciwattHour

    /// Whole dWh, rounded down as a counter shows them.
    package static func deciwattHours(_ picojoules: Int128) -> Int64 {
        let quotient = picojoules / perDeciwattHour
        return Int64(clamping: quotient * perDeciwattHour > picojoules ? quotient - 1 : quotient)
    }
}

/// What hangs at a port: a charger with a battery, or a load that draws the same for ever.
///
/// The power depends on what the battery has taken: constant, then falling along a line in `taperSteps` steps, then a trickle.
/// Steps rather than a slope keep power piecewise constant, and with it every sum a whole number.
package struct PileLoad: Sendable, Equatable {
    package static let taperSteps: Int128 = 16

    /// mW before the taper.
    package var power: Int64
    /// pJ until the battery is full; `nil` for a load that never is.
    package var capacity: Int128?
    /// The last part of the capacity in which power falls, in thousandths.
    package var taper: Int64
    /// mW that a charger draws with a full battery.
    package var trickle: Int64
    /// pJ that it has taken.
    package internal(set) var delivered: Int128 = 0

    /// - Parameters:
    ///   - watts: 0 to 1,000,000; anything else is brought into that range.
    ///   - capacity: Wh until full; `nil` draws for ever.
    ///   - taper: share of the capacity in which power falls, 0 to 1. 0.2 where absent: lithium chargers go from constant current to
    ///     constant voltage at about four fifths. Source: chosen.
    package init(watts: Double, capacity: Double? = nil, taper: Double? = nil) {
        power = Self.thousandths(watts, 1e6)
        self.capacity = capacity.map { Int128(Self.thousandths($0, 1e9)) * (PileEnergy.perWattHour / 1_000) }
        self.taper = Self.thousandths(taper ?? 0.2, 1)
        trickle = min(power, 2_000)
    }

    private static func thousandths(_ value: Double, _ highest: Double) -> Int64 {
        value.isNaN ? 0 : Int64((min(max(value, 0), highest) * 1_000).rounded())
    }

    /// The power now in mW, and what it will have taken when the power changes next.
    var stage: (power: Int64, until: Int128?) {
        guard let capacity else { return (power, nil) }
        if delivered >= capacity { return (trickle, nil) }
        let falling = capacity * Int128(taper) / 1_000
        let begin = capacity - falling
        if delivered < begin { return (power, begin) }
        let step = (delivered - begin) * Self.taperSteps / falling
        // The middle of the step on the line, so that a step takes as much energy as the line would.
        let share = 2 * (Self.taperSteps - step) - 1
        let end = begin + (falling * (step + 1) + Self.taperSteps - 1) / Self.taperSteps
        return (max(trickle, Int64(Int128(power) * share / (2 * Self.taperSteps))), min(end, capacity))
    }
}

/// The meter of one port: the register that is the truth, and what the meter chip shows of it.
package struct PileMeter: Sendable, Equatable {
    /// pJ that have really gone through the port since it was built.
    package internal(set) var truth: Int128
    /// pJ that the chip shows more than the truth: faults of the register act here and nowhere else.
    package var offset: Int128 = 0
    /// Up to when `truth` is counted.
    package internal(set) var at = RunInstant.start

    package init(register: Int128) { truth = register }

    /// pJ that the firmware reads from the chip.
    package var shown: Int128 { truth + offset }

    /// Counts up to a moment. Earlier moments change nothing.
    ///
    /// - Parameters:
    ///   - isClosed: the relay feeds the load.
    ///   - idle: mW that the port itself draws while the pile has power.
    mutating func advance(to now: RunInstant, _ load: inout PileLoad?, isClosed: Bool, idle: Int64) {
        while at < now {
            let left = now.nanoseconds - at.nanoseconds
            guard isClosed, let stage = load?.stage, stage.power > 0 else {
                truth += Int128(idle) * Int128(left)
                at = now
                return
            }
            var time = left
            if let until = stage.until, let taken = load?.delivered { time = min(left, Self.time(for: until - taken, at: stage.power)) }
            let energy = Int128(stage.power) * Int128(time)
            load?.delivered += energy
            truth += energy + Int128(idle) * Int128(time)
            at = at.advanced(byNanoseconds: time)
        }
    }

    /// ns until that much has gone through at that power, rounded up, so that it is reached then; at least 1.
    static func time(for energy: Int128, at power: Int64) -> Int64 {
        guard power > 0 else { return .max }
        return max(1, Int64(clamping: (energy + Int128(power) - 1) / Int128(power)))
    }
}
