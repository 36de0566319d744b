import LabCore

/// One port: what is plugged in, the meter and the relay, which belong to the world; and the charge, which is in the firmware's RAM.
package struct PilePort: Sendable, Equatable {
    package internal(set) var meter: PileMeter
    package internal(set) var load: PileLoad?
    /// Current flows where something is plugged in and the pile has mains.
    package internal(set) var isClosed = false
    package internal(set) var charge: PileCharge?
    /// What the lab knows of the charge, also through power cuts.
    var truth: ChargeTruth?
    /// Worlds' faults.
    package internal(set) var isStuck = false
    package internal(set) var isOverCurrent = false
    /// °C above the surroundings.
    package internal(set) var heat: Int64 = 0

    init(register: Int128) { meter = PileMeter(register: register) }

    mutating func count(to now: RunInstant, hasMains: Bool, idle: Int64) {
        meter.advance(to: now, &load, isClosed: isClosed && hasMains, idle: hasMains ? idle : 0)
    }

    package var isPlugged: Bool { load != nil }

    /// mW that flow now, without what the port draws by itself.
    package var power: Int64 { isClosed ? load?.stage.power ?? 0 : 0 }
}
