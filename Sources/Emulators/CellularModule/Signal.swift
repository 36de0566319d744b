import LabCore

/// What the module measures now; every signal command takes it from here (specs/rg500q.md §2.5).
extension CellularModule {
    /// What the receiver can see, registered or not: the mode of the strongest network there is.
    func campedMode(at now: RunInstant) -> RadioNetwork.Mode {
        guard ram.functionality == 1 else { return .none }
        if ram.registration.isRegistered { return ram.registration.mode }
        return ram.registration.isScanning ? .none : offeredMode(at: now)
    }

    func lteMeasurement(at now: RunInstant) -> Measurement {
        Measurement(network.lte, fade: fadeDepth(at: now), resourceBlocks: network.lte.resourceBlocks)
    }

    func nrMeasurement(at now: RunInstant) -> Measurement { Measurement(network.nr, fade: fadeDepth(at: now), resourceBlocks: 100) }

    /// The cell that `AT+CSQ` and the query speak of.
    func servingMeasurement(at now: RunInstant) -> Measurement? {
        switch campedMode(at: now) {
        case .none: nil
        case .standalone: nrMeasurement(at: now)
        case .lte, .nonStandalone: lteMeasurement(at: now)
        }
    }

    /// First field of `AT+CSQ`: 99 without a cell, and on 5G SA, which the command does not cover.
    func signalQuality(at now: RunInstant) -> Int {
        let mode = campedMode(at: now)
        return mode == .lte || mode == .nonStandalone ? lteMeasurement(at: now).signalQuality : 99
    }

    /// °C of the module's core; it warms up in its first minutes. Source: chosen.
    func temperature(at now: RunInstant) -> Int {
        let minutes = min(Double(max(0, now.nanoseconds)) / 60e9, 10)
        return Int((34 + minutes * 0.8 + (ram.registration.isRegistered ? 3 : 0)).rounded())
    }
}
