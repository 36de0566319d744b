import FirmwareImages
import LabCore

/// What a boot finds of the update before it: the image that runs, against what was wanted.
extension Badge {
    /// Reads the records and draws the conclusion, before the application does anything else.
    mutating func resumeUpdate(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard let running = ram.running else { return }
        ram.update.trust = load(.updateTrust).flatMap { UpdateMemoryOfTrust(bytes: $0) } ?? UpdateMemoryOfTrust()
        ram.update.result = load(.updateResult).flatMap { UpdateResult(bytes: $0) }
        if !running.isConfirmed { ram.update.stage = .testing }
        guard let attempt = load(.updateAttempt).flatMap({ UpdateAttempt(bytes: $0) }) else { return }
        if ram.update.result?.execution == attempt.execution {
            // Power went between the result and this.
            _ = try save([(.updateAttempt, nil)], &effects)
            return
        }
        ram.update.attempt = attempt
        let noted = load(.updateCheckpoint).flatMap { UpdateCheckpoint(bytes: $0) }
        let sequence = max(attempt.sequence, noted?.tag == attempt.tag ? noted?.sequence ?? 0 : 0)
        ram.update.sequence = sequence &+ Self.sequenceReserve
        try conclude(attempt, running, isWanted: running.image.version.description == attempt.version, at: now, &effects)
    }

    private mutating func conclude(
        _ attempt: UpdateAttempt, _ running: RunningImage, isWanted: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        switch (attempt.phase, isWanted) {
        case (.downloading, false): break
        case (.downloading, true) where !running.isConfirmed, (.activated, true) where !running.isConfirmed:
            guard attempt.phase != .activated else { return }
            // Power went between the activation and its record.
            ram.update.attempt?.phase = .activated
            if let bytes = ram.update.attempt?.bytes { _ = try save([(.updateAttempt, bytes)], &effects) }
        case (.downloading, true), (.activated, true):
            // Power went between the confirmation and its record (P5).
            effects.append(.note("ota.confirmed", ["version": .text(runningVersion)]))
            try finishUpdate(.succeeded, "", at: now, &effects)
        case (.activated, false), (.givingUp, false): try rolledBack(attempt, running, at: now, &effects)
        case (.givingUp, true):
            // Power went before the bootloader was told, or the bootloader found nothing to go back to.
            if running.isLastResort { try stayAsLastResort(at: now, &effects) } else { try giveUp(attempt.reason, at: now, &effects) }
        }
    }

    private mutating func rolledBack(
        _ attempt: UpdateAttempt, _ running: RunningImage, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        let reason = attempt.reason.isEmpty ? ram.bootCause.rollbackReason : attempt.reason
        effects.append(
            .note(
                "ota.rolled_back",
                [
                    "version": .text(attempt.version), "to": .text(runningVersion), "execution": .text(attempt.execution), "reason": .text(reason),
                ]))
        let isTesting = ram.update.stage == .testing
        try finishUpdate(.rolledBack, reason, at: now, &effects)
        if isTesting { ram.update.stage = .testing }
        try block(attempt.version, at: now, &effects)
    }

    /// The same version is not tried again for a while, longer each time (A8).
    private mutating func block(_ version: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        var trust = ram.update.trust
        trust.blockedCount = trust.blockedVersion == version ? trust.blockedCount + (trust.blockedCount < 15 ? 1 : 0) : 0
        trust.blockedVersion = version
        let first = settings.firstBlock.nanoseconds / 1_000_000_000
        let wait = min(first << Int64(trust.blockedCount), settings.longestBlock.nanoseconds / 1_000_000_000)
        trust.blockedUntil = clock(at: now) &+ wait
        ram.update.trust = trust
        _ = try save([(.updateTrust, trust.bytes)], &effects)
    }
}

extension BadgeResetCause {
    /// Why an image was left, as far as the reset that ended it tells.
    fileprivate var rollbackReason: String {
        switch self {
        case .watchdog: "watchdog"
        case .crash: "crash"
        case .powerOn: "power"
        case .reboot, .factoryReset, .update: "boot_attempts"
        }
    }
}
