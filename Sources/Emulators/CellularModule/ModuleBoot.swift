import LabCore

/// Power, reset, the ports on USB, and the start of the SIM (specs/rg500q.md §2.3, §5.4).
extension CellularModule {
    /// `.reboot(after:)` with this time switches the module off: power does not come by itself.
    package static let never = Duration.nanoseconds(Int64.max)
    /// From `OK` to a reset to the disappearance of the ports.
    static let resetDelay = Duration.milliseconds(300)
    /// From the ports to an `END` that is told once more: as long as a host needs to open them.
    static let repeatTime = Duration.seconds(4)
    /// From `OK` to `POWERED DOWN`; up to 60 s (§2.1).
    static let powerDownTime = Duration.seconds(3)

    mutating func powerOn(_ effects: inout [DeviceEffect]) {
        guard !isPowered, !isSwitchedOff else { return }
        isPowered = true
        isPowerComing = false
        flash.restorePower()
        ram = ModuleMemory()
        ram.store = RecordStore(mounting: 0..<flash.geometry.sectorCount, of: flash)
        ram.settings = loadSettings()
        loadMessages()
        disk.mount(ram.store.value(.moduleFiles, in: flash) ?? [])
        loadUpdate()
        for index in ram.atPorts.indices { ram.atPorts[index].settings = ram.settings.savedPort ?? ATPortSettings() }
        if hasLostPower { effects.append(.note("power.restored", [:])) }
        hasLostPower = false
        if startsUpdate(&effects) { return }
        effects.append(.startTimer(.usb, after: setup.bootTime))
    }

    mutating func portsAppear(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.isRecovering { return recoveryPortsAppear(&effects) }
        effects.append(.note("module.booted", ["firmware": .text(firmware), "cause": .text(resetCause.rawValue)]))
        resetCause = .powerOn
        ram.hasBooted = true
        for port in Self.ports where !faults.vanished.contains(port) { appear(port, &effects) }
        beginStart(&effects)
        startFaultTimers(&effects)
        guard job?.phase == .ended else { return }
        ram.update.stage = .repeating
        effects.append(.startTimer(.update, after: Self.repeatTime))
    }

    mutating func appear(_ port: LinkName, _ effects: inout [DeviceEffect]) {
        guard !ram.openPorts.contains(port) else { return }
        ram.openPorts.append(port)
        effects.append(.link(port, .open))
        effects.append(.note("port.appeared", ["port": .text(port.portLabel)]))
    }

    mutating func vanish(_ port: LinkName, _ effects: inout [DeviceEffect]) {
        guard let place = ram.openPorts.firstIndex(of: port) else { return }
        ram.openPorts.remove(at: place)
        effects.append(.link(port, .close))
        effects.append(.note("port.vanished", ["port": .text(port.portLabel)]))
        guard let index = ram.portIndex(port) else { return }
        for timer in [TimerName.answer, .inputLimit, .heldBack] { effects.append(.cancelTimer(timer.on(port))) }
        // The port comes back as after a boot: what was in work on it is gone, and so are its settings.
        ram.atPorts[index] = ATPort(port)
        ram.atPorts[index].settings = ram.settings.savedPort ?? ATPortSettings()
    }

    // MARK: SIM and memories

    /// The SIM, the messages and the phone book get ready one after the other. Source: order of 5GTEST (§2.3); the times are chosen
    /// within its limits of 60 s for the first URC and 100 s for the last.
    mutating func beginStart(_ effects: inout [DeviceEffect]) {
        ram.start.done = 0
        ram.isCardReady = false
        // In which order the last two come varies.
        let last: [ModuleMemory.StartStep] = generator.chance(0.5) ? [.messages, .phoneBook] : [.phoneBook, .messages]
        ram.start.steps = [.card, .cardURC] + last
        effects.append(.startTimer(.start, after: spread(setup.startTime)))
    }

    mutating func startStepDue(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !ram.start.steps.isEmpty else { return }
        switch ram.start.steps.removeFirst() {
        case .card:
            guard cardInSlot != nil else {
                ram.start.steps = []
                unsolicited("+CPIN: NOT INSERTED", &effects)
                return updateRegistration(at: now, &effects)
            }
            guard !needsPIN else {
                // `AT+CPIN` goes on from here.
                ram.start.steps = []
                return unsolicited("+CPIN: \(cardState)", &effects)
            }
            ram.isCardReady = true
            ram.start.done |= 1
            unsolicited("+CPIN: READY", &effects)
            updateRegistration(at: now, &effects)
        case .cardURC: unsolicited("+QUSIM: 1", &effects)
        case .messages:
            ram.start.done |= 2
            unsolicited("+QIND: SMS DONE", &effects)
        case .phoneBook:
            ram.start.done |= 4
            unsolicited("+QIND: PB DONE", &effects)
        }
        let time: Duration = ram.start.steps.first == .cardURC ? .milliseconds(20) : setup.startTime
        if !ram.start.steps.isEmpty { effects.append(.startTimer(.start, after: spread(time))) }
    }

    /// The ports are there, and the SIM's turn has not come.
    var isStarting: Bool { ram.start.steps.first == .card && ram.functionality == 1 }

    /// The card that the module can reach.
    var cardInSlot: SIMCard? { faults.isCardAbsent ? nil : card }

    var needsPIN: Bool { cardInSlot?.pin != nil && !ram.isUnlocked }

    /// What `AT+CPIN?` says of a card that is there.
    var cardState: String {
        guard let card = cardInSlot, needsPIN else { return "READY" }
        return card.pinTries > 0 ? "SIM PIN" : "SIM PUK"
    }

    mutating func cardInserted(_ effects: inout [DeviceEffect]) {
        effects.append(.note("sim.inserted", [:]))
        guard isPowered, ram.hasBooted else { return }
        reportCardPresence(&effects)
        if ram.functionality != 0 { beginStart(&effects) }
    }

    mutating func cardRemoved(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        effects.append(.note("sim.removed", [:]))
        guard isPowered, ram.hasBooted else { return }
        ram.isCardReady = false
        ram.isUnlocked = false
        ram.start = ModuleMemory.Start()
        effects.append(.cancelTimer(.start))
        reportCardPresence(&effects)
        unsolicited("+CPIN: NOT READY", &effects)
        updateRegistration(at: now, &effects)
    }

    /// `+QSIMSTAT` where `AT+QSIMSTAT=1` asked for it.
    private mutating func reportCardPresence(_ effects: inout [DeviceEffect]) {
        guard ram.settings.numbers["+QSIMSTAT"]?.first == 1 else { return }
        unsolicited("+QSIMSTAT: 1,\(cardInSlot == nil ? 0 : 1)", &effects)
    }

    // MARK: The end

    mutating func powerLost(_ effects: inout [DeviceEffect]) {
        let hadPower = isPowered || (isPowerComing && !hasLostPower)
        isPowerComing = false
        guard hadPower else { return }
        effects.append(.note("power.lost", ["reason": "cut"]))
        dropMemory(reason: "power_lost", &effects)
        hasLostPower = true
        resetCause = .powerOn
    }

    mutating func beginReset(_ cause: ModuleResetCause, after time: Duration, _ effects: inout [DeviceEffect]) {
        guard !ram.isResetting else { return }
        ram.isResetting = true
        resetCause = cause
        effects.append(.startTimer(.shutdown, after: time))
    }

    /// `AT+QPOWD`: off for good.
    mutating func beginPowerDown(after time: Duration, _ effects: inout [DeviceEffect]) {
        guard !ram.isResetting else { return }
        isSwitchedOff = true
        ram.isResetting = true
        effects.append(.startTimer(.shutdown, after: time))
    }

    mutating func shutDown(_ effects: inout [DeviceEffect]) {
        if isSwitchedOff { return switchOff(isOrderly: true, &effects) }
        effects.append(.note("module.reset", ["cause": .text(resetCause.rawValue)]))
        dropMemory(reason: "reset", &effects)
        isPowerComing = true
        // The time to the ports is the boot's; the reset itself takes no time worth mentioning.
        effects.append(.reboot(after: .milliseconds(10)))
    }

    /// - Parameter isOrderly: the module does it by itself and says so; else its power is taken away.
    mutating func switchOff(isOrderly: Bool, _ effects: inout [DeviceEffect]) {
        isSwitchedOff = true
        isPowerComing = false
        if isPowered {
            if isOrderly { unsolicited("POWERED DOWN", &effects) }
            dropMemory(reason: "powered_down", &effects)
            effects.append(.note("module.powered_down", [:]))
        }
        effects.append(.reboot(after: Self.never))
    }

    mutating func switchOn(_ effects: inout [DeviceEffect]) {
        isSwitchedOff = false
        guard !isPowered, !isPowerComing else { return }
        isPowerComing = true
        effects.append(.reboot(after: .zero))
    }

    /// Ends the running firmware; the ports go.
    mutating func dropMemory(reason: String, _ effects: inout [DeviceEffect]) {
        if ram.update.isDownloading { noteFinish("aborted", 0, phase: "download", was: firmware, &effects) }
        if ram.registration.isRegistered { effects.append(.note("module.detached", ["reason": .text(reason)])) }
        for port in Self.ports { vanish(port, &effects) }
        isPowered = false
        ram = ModuleMemory()
    }
}
