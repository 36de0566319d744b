import FirmwareImages
import LabCore

/// The "program" of the image that runs: how it fails, where its image says so (specs/ota.md §4, A1, A2, A6).
extension Badge {
    /// From the first instruction to a crash at once.
    private static let crashTime = Duration.milliseconds(20)
    /// To one that comes later.
    private static let lateCrashTime = Duration.seconds(30)
    /// How long a request without a network takes to fail.
    private static let deadNetworkTime = Duration.seconds(1)

    /// Begins to misbehave.
    mutating func behave(_ effects: inout [DeviceEffect]) {
        if faults.isHanging || ram.behaviour == .hang { hang(&effects) }
        if faults.isCrashing || ram.behaviour == .crash {
            effects.append(.startTimer(.application, after: Self.crashTime))
        } else if ram.behaviour == .crashLate {
            effects.append(.startTimer(.application, after: Self.lateCrashTime))
        }
    }

    mutating func crash(_ effects: inout [DeviceEffect]) {
        guard isPowered, !ram.isHung, !ram.isLoading else { return }
        effects.append(.note("app.crashed", ["firmware": .text(runningVersion)]))
        restart(.crash, &effects)
    }

    /// Whether the application reaches the broker at all.
    var hasBroker: Bool { ram.behaviour != .noNetwork && ram.behaviour != .noCloud }

    /// Sends a request, as far as the application can.
    mutating func transmit(_ token: Token, _ call: HTTPCall, _ effects: inout [DeviceEffect]) {
        switch ram.behaviour {
        case .noNetwork:
            ram.update.unsent.append(token)
            effects.append(.startTimer(.deadNetwork, after: Self.deadNetworkTime))
        case .noCloud:
            // Built with the wrong address: somebody answers, but nobody knows the badge there.
            var astray = call
            astray.path = "/nowhere" + call.path
            effects.append(.request(token, astray))
        default: effects.append(.request(token, call))
        }
    }

    mutating func networkIsDead(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        let tokens = ram.update.unsent
        ram.update.unsent = []
        for token in tokens { try answered(token, .failure(.unreachable), at: now, &effects) }
    }

    // MARK: Settings of later firmware

    /// Brings what is kept to the form of the program that runs, if that is newer. Going back needs nothing: a form only ever grows at
    /// the end, and an older program reads what it knows and leaves the rest (A6).
    mutating func migrate(_ effects: inout [DeviceEffect]) throws(PowerFailure) {
        let schema = UInt8(clamping: max(ram.running?.application?.schema ?? 1, faults.schema ?? 1))
        let kept = load(.schema)?.first ?? 1
        guard schema > kept else { return }
        let addition = [UInt8](repeating: schema, count: 2 * Int(schema - kept))
        var changes: [(key: RecordStore.Key, value: [UInt8]?)] = [(.schema, [schema])]
        for key in [RecordStore.Key.credentials, .configuration] {
            if let value = load(key) { changes.append((key, value + addition)) }
        }
        guard try save(changes, &effects) else { return }
        effects.append(.note("settings.migrated", ["from": .integer(Int64(kept)), "to": .integer(Int64(schema))]))
    }
}
