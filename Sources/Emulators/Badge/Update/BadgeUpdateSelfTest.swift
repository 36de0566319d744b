import CloudClient
import FirmwareImages
import LabCore

/// The self-test of an image that is not confirmed: rounds, of which each check must pass most.
struct SelfTest: Sendable, Equatable {
    enum Check: String, Sendable, CaseIterable {
        /// Any answer came over the network, or the broker's connection stands.
        case network
        /// The cloud knows the badge: connected, and a signed request succeeded.
        case cloud
        /// The sensors give what can be.
        case sensor
        /// Free memory does not shrink from round to round.
        case memory
    }

    /// Rounds that have ended.
    var rounds = 0
    /// In the order of `Check.allCases`.
    var passes = [0, 0, 0, 0]
    /// What came in this round.
    var wasAnswered = false
    var wasServed = false
    /// KiB that were free at the end of the last round.
    var freeMemory: Int?
    /// Writing the confirmation failed so often.
    var failedConfirmations = 0

    /// Of an application that frees what it takes. Source: chosen, a third of an ESP32-S3's internal memory.
    static let usualFreeMemory = 168
    static let memoryLossPerRound = 24
}

extension Badge {
    private static let mostConfirmations = 3

    /// The application is up. An image that is not confirmed tests itself; one that is has nothing to prove.
    mutating func beginSelfTest(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .testing else { return }
        if settings.bugs.contains(.confirmBeforeSelfTest) {
            do throws(FlashError) { try firmware.confirm() } catch { if case .powerLost = error { throw PowerFailure() } }
        }
        effects.append(.startTimer(.testLimit, after: settings.testLimit))
        effects.append(.startTimer(.testRound, after: settings.testRoundTime))
    }

    mutating func testRoundDue(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .testing else { return }
        let behaviour = ram.behaviour
        // A self-test that hangs ends by its limit.
        if behaviour == .selfTestHang || faults.isSelfTestHanging { return }
        let results = SelfTest.Check.allCases.map { passes($0, behaviour) }
        for (index, passed) in results.enumerated() where passed { ram.update.test.passes[index] += 1 }
        ram.update.test.rounds += 1
        (ram.update.test.wasAnswered, ram.update.test.wasServed) = (false, false)
        let rounds = ram.update.test.rounds
        let allowed = settings.testRounds - settings.testRoundsNeeded
        for (check, passed) in zip(SelfTest.Check.allCases, ram.update.test.passes) where rounds - passed > allowed {
            guard settings.bugs.contains(.selfTestSkipped) else { return try selfTestFailed(check.rawValue, at: now, &effects) }
        }
        if rounds >= settings.testRounds { return try selfTestSucceeded(at: now, &effects) }
        effects.append(.startTimer(.testRound, after: settings.testRoundTime))
        probe(at: now, &effects)
    }

    /// One signed request in each round shows whether the cloud still serves this badge.
    mutating func probe(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.update.stage == .testing, !ram.deviceID.isEmpty, !ram.update.test.wasServed else { return }
        run(.update(.probe), at: now, &effects)
    }

    mutating func probeAnswered(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .testing else { return }
        if answer.status > 0 { ram.update.test.wasAnswered = true }
        if answer.status == 401 { ram.token = nil }
        guard answer.succeeded, let data = answer.data?.record, data["has_update"]?.bool != nil else { return }
        ram.update.test.wasServed = true
        if let execution = data.text("cancel") { try cancelUpdate(execution, at: now, &effects) }
    }

    private mutating func passes(_ check: SelfTest.Check, _ behaviour: EmulatedApplication.Behaviour) -> Bool {
        if faults.failingCheck == check.rawValue { return false }
        switch check {
        case .network: return ram.isConnected || ram.update.test.wasAnswered
        case .cloud: return ram.phase == .online && ram.update.test.wasServed
        case .sensor:
            if behaviour == .selfTestFlapping { return ram.update.test.rounds % 2 == 1 }
            return behaviour != .sensorDead
        case .memory:
            let free = SelfTest.usualFreeMemory - (behaviour == .heapFalling ? (ram.update.test.rounds + 1) * SelfTest.memoryLossPerRound : 0)
            defer { ram.update.test.freeMemory = free }
            return ram.update.test.freeMemory.map { free >= $0 } ?? true
        }
    }

    mutating func testLimitReached(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .testing else { return }
        if settings.bugs.contains(.selfTestSkipped) { return try selfTestSucceeded(at: now, &effects) }
        try selfTestFailed("timeout", at: now, &effects)
    }

    private mutating func selfTestSucceeded(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        do throws(FlashError) {
            try firmware.confirm()
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            ram.update.test.failedConfirmations += 1
            guard ram.update.test.failedConfirmations < Self.mostConfirmations else {
                // The way back is written in the same place: a reset would not find it.
                return try stayAsLastResort("flash_error", at: now, &effects)
            }
            return effects.append(.startTimer(.testRound, after: settings.testRoundTime))
        }
        effects.append(.cancelTimer(.testLimit))
        effects.append(.note("self_test.passed", ["version": .text(runningVersion), "rounds": .integer(Int64(ram.update.test.rounds))]))
        effects.append(.note("ota.confirmed", ["version": .text(runningVersion)]))
        ram.running?.isConfirmed = true
        if ram.update.attempt == nil {
            ram.update.stage = .idle
            planCheck(settings.checkDelay, &effects)
        } else {
            try finishUpdate(.succeeded, "", at: now, &effects)
        }
        if ram.phase == .online { publishStatus("online", at: now, &effects) }
    }

    private mutating func selfTestFailed(_ check: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        effects.append(.note("self_test.failed", ["version": .text(runningVersion), "check": .text(check)]))
        log(.error, "update", "Self-test failed", details: ["check": .text(check)], at: now, &effects)
        try giveUp("self_test_\(check)", at: now, &effects)
    }

    /// Back to the image before, or, where there is none, the last resort.
    mutating func giveUp(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        if var attempt = ram.update.attempt {
            attempt.phase = .givingUp
            attempt.reason = reason
            attempt.sequence = ram.update.sequence
            ram.update.attempt = attempt
            _ = try save([(.updateAttempt, attempt.bytes)], &effects)
        }
        effects.append(.cancelTimer(.testLimit))
        effects.append(.cancelTimer(.testRound))
        guard try askForRollback() else { return try stayAsLastResort(at: now, &effects) }
        ram.update.stage = .installing
        beginReset(.update, within: .seconds(1), at: now, &effects)
    }

    /// There is no image to go back to (A5). Half a device is better than a dead one: the badge keeps the image that runs, so that no
    /// bootloader gives it up, raises the alarm, and goes on asking for a better one.
    mutating func stayAsLastResort(
        _ reason: String = "rollback_impossible", at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        effects.append(.note("ota.alarm", ["version": .text(runningVersion), "reason": .text(reason)]))
        log(.error, "update", "Rollback is impossible; the new image stays", details: ["version": .text(runningVersion)], at: now, &effects)
        do throws(FlashError) {
            try firmware.confirm()
            ram.running?.isConfirmed = true
        } catch { if case .powerLost = error { throw PowerFailure() } }
        if ram.update.attempt == nil { ram.update.stage = .idle } else { try finishUpdate(.failed, reason, at: now, &effects) }
    }
}
