import FirmwareImages
import LabCore

/// Power, boot, reset and watchdog.
extension Badge {
    /// How long the self-test takes. Source: chosen; a real badge needs seconds, which scenarios would only wait for.
    static let selfTestTime: ClosedRange<Int64> = 300_000_000...400_000_000
    /// Time from a reset to the first instruction.
    static let resetTime = Duration.milliseconds(200)
    /// A firmware that does not feed the watchdog for so long is reset.
    static let watchdogTime = Duration.seconds(8)
    /// Boots in a row without one that was done that are each written to flash.
    static let countedAttempts: Int64 = 3
    /// `.reboot(after:)` with this time switches the badge off: power does not come by itself.
    package static let never = Duration.nanoseconds(Int64.max)

    mutating func powerOn(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard !isPowered, !isSwitchedOff else { return }
        isPowered = true
        isPowerComing = false
        flash.restorePower()
        firmware.flash.restorePower()
        ram = Memory()
        if backup.hasLostPower { effects.append(.note("power.restored", [:])) }
        backup.hasLostPower = false
        backup.bootAttempts += 1
        ram.bootCause = backup.resetCause
        backup.resetCause = .powerOn
        try load(at: now, &effects)
    }

    /// The first instruction of the image that the bootloader has started.
    mutating func start(_ image: RunningImage, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        ram.running = image
        runningVersion = image.application?.version ?? image.image.version.description
        ram.phase = .booting
        ram.store = RecordStore(mounting: Self.storeSectors, of: flash)
        var cursor = ByteCursor(load(.bootCount) ?? [])
        ram.bootCount = (cursor.integer() ?? 0) &+ 1
        if let bytes = load(.configuration) { ram.configuration = BadgeConfiguration(bytes: bytes) ?? BadgeConfiguration() }
        ram.sensors = BadgeSensors(SeededGenerator(seed: generator.next()))
        if let credentials { takeName(credentials.deviceID) }
        effects.append(.note("boot.started", bootFields(image) + ["boot_count": .integer(Int64(ram.bootCount))]))
        guard factoryData != nil else {
            ram.phase = .failed
            return effects.append(.note("boot.failed", ["reason": "factory_data_damaged"]))
        }
        behave(&effects)
        effects.append(.startTimer(.selfTest, after: .nanoseconds(generator.nanoseconds(in: Self.selfTestTime))))
        // A boot loop must not wear the flash: its later boots are counted together, with the first that is done (O9).
        if backup.bootAttempts <= Self.countedAttempts { try keepBootCount(&effects) }
        // An application that crashes at once or hangs does not come so far.
        guard !ram.isHung, ram.behaviour != .crash else { return }
        try migrate(&effects)
        try resumeUpdate(at: now, &effects)
    }

    private mutating func keepBootCount(_ effects: inout [DeviceEffect]) throws(PowerFailure) {
        var count: [UInt8] = []
        count.append(littleEndian: ram.bootCount)
        _ = try save([(.bootCount, count)], &effects)
    }

    private func bootFields(_ image: RunningImage) -> Fields {
        [
            "firmware": .text(runningVersion), "reason": .text(ram.bootCause.rawValue), "signature": .text(image.signature.rawValue),
            "slot": .text(image.slot), "attempts": .integer(backup.bootAttempts), "revert": .bool(image.isRevert),
        ]
    }

    /// From now on the badge is this device.
    mutating func takeName(_ deviceID: String) {
        ram.deviceID = deviceID
        ram.heartbeatTopic = ram.topicPrefix + "heartbeat"
    }

    mutating func selfTestPassed(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.phase == .booting, let image = ram.running else { return }
        effects.append(.note("boot.done", bootFields(image)))
        if backup.bootAttempts > Self.countedAttempts { try keepBootCount(&effects) }
        backup.bootAttempts = 0
        try beginSelfTest(at: now, &effects)
        if ram.bootCause == .watchdog { log(.warning, "system", "Restarted by the watchdog", at: now, &effects) }
        if credentials == nil { register(at: now, &effects) } else { connect(at: now, &effects) }
    }

    mutating func powerLost(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Between a reset and its boot there is power to lose, too.
        let hadPower = isPowered || (isPowerComing && !backup.hasLostPower)
        isPowerComing = false
        guard hadPower else { return }
        effects.append(.note("power.lost", ["reason": "cut"]))
        interruptLoading(at: now)
        dropMemory(&effects)
        backup.hasLostPower = true
        backup.resetCause = .powerOn
    }

    /// Power went in the middle of a flash operation; it comes back by itself.
    mutating func losePowerInFlash(_ effects: inout [DeviceEffect]) {
        let operations = flash.isPowered ? firmware.flash.operationCount : flash.operationCount
        effects.append(.note("power.lost", ["reason": "flash_cut", "operation": .integer(Int64(operations))]))
        dropMemory(&effects)
        backup.hasLostPower = true
        isPowerComing = true
        effects.append(.reboot(after: faults.flashOutage))
    }

    mutating func switchOff(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        isSwitchedOff = true
        isPowerComing = false
        if isPowered {
            effects.append(.note("power.lost", ["reason": "switched_off"]))
            interruptLoading(at: now)
            dropMemory(&effects)
            backup.hasLostPower = true
        }
        effects.append(.reboot(after: Self.never))
    }

    mutating func switchOn(_ effects: inout [DeviceEffect]) {
        isSwitchedOff = false
        guard !isPowered, !isPowerComing else { return }
        isPowerComing = true
        effects.append(.reboot(after: .zero))
    }

    /// Ends the running firmware. Scenarios get an answer for what it had not finished.
    mutating func dropMemory(_ effects: inout [DeviceEffect]) {
        for action in ram.actions {
            effects.append(.finish(action, .failure(ActionFailure("power_lost", "The badge lost its power or reset before it was done."))))
        }
        isPowered = false
        ram = Memory()
    }

    /// Prepares a reset: it comes when the delivery is acknowledged, or after the grace time.
    mutating func beginReset(
        _ cause: BadgeResetCause, delivery: Token? = nil, action: Token? = nil, within grace: Duration, at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) {
        guard ram.reset == nil else {
            if let action { finish(action, .success([:]), &effects) }
            return
        }
        if ram.phase == .online { publishStatus("restarting", at: now, &effects) }
        effects.append(.cancelTimer(.heartbeat))
        ram.reset = Memory.PendingReset(cause: cause, delivery: delivery, action: action)
        if ram.isConnected, grace > .zero {
            effects.append(.startTimer(.reset, after: grace))
        } else {
            resetNow(&effects)
        }
    }

    /// Closes the connection in order and resets.
    mutating func resetNow(_ effects: inout [DeviceEffect]) {
        guard let reset = ram.reset else { return }
        if ram.isConnected { effects.append(.mqtt(.disconnect)) }
        if ram.phase == .online { effects.append(.note("offline", ["reason": .text(reset.cause.rawValue)])) }
        if let action = reset.action { finish(action, .success([:]), &effects) }
        restart(reset.cause, &effects)
    }

    mutating func restart(_ cause: BadgeResetCause, _ effects: inout [DeviceEffect]) {
        dropMemory(&effects)
        backup.resetCause = cause
        isPowerComing = true
        effects.append(.reboot(after: Self.resetTime))
    }

    /// The application stops; only the watchdog is left.
    mutating func hang(_ effects: inout [DeviceEffect]) {
        guard isPowered, !ram.isHung else { return }
        ram.isHung = true
        effects.append(.startTimer(.watchdog, after: Self.watchdogTime))
    }

    mutating func watchdogFired(_ effects: inout [DeviceEffect]) {
        guard isPowered, ram.isHung else { return }
        effects.append(.note("watchdog.reset", [:]))
        restart(.watchdog, &effects)
    }
}

extension Fields {
    static func + (left: Fields, right: Fields) -> Fields { left.merging(right) }
}
