import LabCore
import WireProtocols

/// What a module can suffer.
extension CellularModule {
    /// How often a fading signal is looked at, so that its loss is noticed.
    private static let fadeStep = Duration.milliseconds(500)
    /// URCs and bursts a second; more would only be a slower run.
    private static let rates = 0.01...10_000.0

    mutating func fault(_ name: String, _ arguments: Fields, _ isActive: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch name {
        case "sim.absent":
            let wasThere = cardInSlot != nil
            faults.isCardAbsent = isActive
            if wasThere, cardInSlot == nil { cardRemoved(at: now, &effects) }
            if !wasThere, cardInSlot != nil { cardInserted(&effects) }
        case "registration.denied":
            faults.isDenied = isActive
            updateRegistration(at: now, &effects)
        case "attach.lost":
            faults.isCoverageLost = isActive
            updateRegistration(at: now, &effects)
        case "signal.fade": fade(arguments, isActive, at: now, &effects)
        case "urc.storm":
            faults.stormRate = isActive ? Self.rate(arguments, default: 50) : nil
            startFaultTimers(&effects)
        case "garbage":
            faults.garbageRate = isActive ? Self.rate(arguments, default: 1) : nil
            startFaultTimers(&effects)
        case "response.half": faults.isHalving = isActive
        case "urc.between": faults.between = isActive ? Self.line(arguments) : nil
        case "hang": if isPowered { ram.isHung = isActive }
        case "port.vanish": portFault(arguments, isActive, at: now, &effects)
        case "update.power_loss", "update.start_lost", "update.fail": updateFault(name, arguments, isActive)
        default: break
        }
    }

    private static func rate(_ arguments: Fields, default value: Double) -> Double {
        min(max(arguments["rate"]?.asNumber ?? value, rates.lowerBound), rates.upperBound)
    }

    private static func line(_ arguments: Fields) -> String {
        let line = arguments["line"]?.text ?? "+QIND: \"act\",\"LTE\""
        return String(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }.prefix(512).map { Character($0) })
    }

    private mutating func portFault(_ arguments: Fields, _ isActive: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let label = arguments["port"]?.text
        let ports = Self.ports.filter { label == nil || $0.portLabel == label }
        if isActive {
            faults.vanished += ports.filter { !faults.vanished.contains($0) }
            guard isPowered else { return }
            for port in ports { vanish(port, &effects) }
            // A search for networks that nobody waits for any more is over.
            guard ram.registration.isScanning, !ram.atPorts.contains(where: { $0.commands.first?.name == "+COPS" }) else { return }
            ram.registration.isScanning = false
            updateRegistration(at: now, &effects)
        } else {
            faults.vanished.removeAll { ports.contains($0) }
            // Before the boot has come so far there is nothing to bring back.
            if isPowered, ram.hasBooted || ram.update.stage == .updating { for port in ports { appear(port, &effects) } }
        }
    }

    // MARK: Signal

    private mutating func fade(_ arguments: Fields, _ isActive: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let current = fadeDepth(at: now)
        guard isActive else {
            faults.fade = nil
            effects.append(.cancelTimer(.fading))
            return updateRegistration(at: now, &effects)
        }
        let strongest = network.mode == .standalone ? network.nr.rsrp : network.lte.rsrp
        let depth = arguments["rsrp"]?.asNumber.map { strongest - $0 } ?? arguments["by"]?.asNumber ?? 30
        let time = Duration.nanoseconds(max(0, arguments["over"]?.durationNanoseconds ?? 0))
        faults.fade = ModuleFaults.Fade(from: current, to: min(max(depth, -60), 120), begin: now, time: time)
        fadeGoesOn(at: now, &effects)
    }

    mutating func fadeGoesOn(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let fade = faults.fade else { return }
        updateRegistration(at: now, &effects)
        reportSignal(at: now, &effects)
        if fade.begin.advanced(by: fade.time) > now { effects.append(.startTimer(.fading, after: Self.fadeStep)) }
    }

    /// `+QIND: "csq"` where `AT+QINDCFG="csq",1` asks for it.
    private mutating func reportSignal(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.settings.text("QINDCFG csq") == "1" else { return }
        let quality = signalQuality(at: now)
        guard quality != ram.reportedQuality else { return }
        ram.reportedQuality = quality
        unsolicited("+QIND: \"csq\",\(quality),99", &effects)
    }

    // MARK: Noise

    /// Begins what goes on by itself while a fault is in force.
    mutating func startFaultTimers(_ effects: inout [DeviceEffect]) {
        guard isPowered else { return }
        for (timer, rate) in [(TimerName.storm, faults.stormRate), (.garbage, faults.garbageRate)] {
            if let rate { effects.append(.startTimer(timer, after: .seconds(1 / rate))) } else { effects.append(.cancelTimer(timer)) }
        }
        if faults.fade != nil { effects.append(.startTimer(.fading, after: Self.fadeStep)) }
    }

    mutating func stormTick(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let rate = faults.stormRate, !ram.isRecovering else { return }
        ram.stormCount += 1
        let lines = [
            "+QIND: \"csq\",\(signalQuality(at: now)),99", "+CREG: \(registrationFields("+CREG").status)", "+QIND: \"act\",\"LTE\"",
            "+CGEV: ME PDN ACT 1", "+CEREG: \(registrationFields("+CEREG").status)", "+CTZV: \"+04\"", "+QIND: \"smsfull\",\"ME\"",
        ]
        unsolicited(lines[ram.stormCount % lines.count], &effects)
        effects.append(.startTimer(.storm, after: .seconds(1 / rate)))
    }

    mutating func garbageTick(_ effects: inout [DeviceEffect]) {
        guard let rate = faults.garbageRate, !ram.isRecovering else { return }
        let bytes = generator.bytes(4 + Int(generator.integer(below: 60)))
        for index in unsolicitedPorts { send(bytes, on: index, &effects) }
        effects.append(.startTimer(.garbage, after: .seconds(1 / rate)))
    }
}
