import LabCore

/// Where the module stands with the network.
struct Registration: Sendable {
    enum State: Sendable, Equatable {
        /// No radio, no SIM, or told to stay away.
        case off
        case searching
        case denied
        case registered
    }

    var state = State.off
    /// What it is registered in.
    var mode = RadioNetwork.Mode.none
    var isRoaming = false
    /// `AT+COPS=2`.
    var isToldToStayAway = false
    /// `AT+COPS=1`: this network only.
    var wanted: String?
    /// A search through all networks is on.
    var isScanning = false

    var isRegistered: Bool { state == .registered }

    /// `<stat>` (3GPP TS 27.007 §7.2).
    var status: Int {
        switch state {
        case .off: 0
        case .searching: 2
        case .denied: 3
        case .registered: isRoaming ? 5 : 1
        }
    }
}

/// Search, registration, loss (specs/rg500q.md §2.4).
extension CellularModule {
    /// dBm below which a cell is no cell, and above which it is one again.
    private static let lossLevel = -126.0
    private static let returnLevel = -123.0

    static let registrationCommands = ["+CREG", "+CGREG", "+CEREG", "+C5GREG"]

    /// The network as the module may use it: `mode_pref` and `nr5g_disable_mode` leave out parts.
    func offeredMode(at now: RunInstant) -> RadioNetwork.Mode {
        let preference = ram.settings.text("QNWPREFCFG mode_pref") ?? "AUTO"
        let words = preference.split(separator: ":")
        let takesLTE = words.contains("AUTO") || words.contains("LTE")
        let takesNR = words.contains("AUTO") || words.contains("NR5G")
        let disabled = ram.settings.text("QNWPREFCFG nr5g_disable_mode") ?? "0"
        let level = ram.registration.isRegistered ? Self.lossLevel : Self.returnLevel
        let hasLTE = takesLTE && network.lte.rsrp - fadeDepth(at: now) > level
        let hasNR = takesNR && network.nr.rsrp - fadeDepth(at: now) > level
        if faults.isCoverageLost { return .none }
        switch network.mode {
        case .none: return .none
        case .lte: return hasLTE ? .lte : .none
        case .standalone: return hasNR && disabled != "1" ? .standalone : .none
        case .nonStandalone: return hasLTE ? (hasNR && disabled != "2" ? .nonStandalone : .lte) : .none
        }
    }

    func fadeDepth(at now: RunInstant) -> Double { faults.fade?.depth(at: now) ?? 0 }

    /// Something has changed that registration depends on.
    mutating func updateRegistration(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isPowered else { return }
        let isOn = ram.functionality == 1 && ram.isCardReady && cardInSlot != nil && !ram.registration.isToldToStayAway
        let mode = offeredMode(at: now)
        let isAllowed = ram.registration.wanted == nil || ram.registration.wanted == network.plmn
        if !isOn {
            effects.append(.cancelTimer(.search))
            return change(to: .off, mode: .none, reason: cardInSlot == nil ? "no_sim" : "switched_off", at: now, &effects)
        }
        if mode == .none || !isAllowed || ram.registration.isScanning {
            effects.append(.cancelTimer(.search))
            let reason = ram.registration.isScanning ? "scanning" : isAllowed ? "no_coverage" : "other_network"
            return change(to: .searching, mode: .none, reason: reason, at: now, &effects)
        }
        switch ram.registration.state {
        case .registered where faults.isDenied:
            change(to: .denied, mode: .none, reason: "denied", at: now, &effects)
        case .registered:
            if mode != ram.registration.mode { change(to: .registered, mode: mode, reason: "", at: now, &effects) }
        case .denied where faults.isDenied: break
        case .searching where ram.registration.mode != .none: break
        case .off, .searching, .denied:
            change(to: .searching, mode: mode, reason: "", at: now, &effects)
            effects.append(.startTimer(.search, after: spread(setup.attachTime)))
        }
    }

    /// A search has found what there is.
    mutating func searchEnded(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let mode = offeredMode(at: now)
        guard ram.registration.state == .searching, mode != .none else { return }
        if faults.isDenied { return change(to: .denied, mode: .none, reason: "denied", at: now, &effects) }
        change(to: .registered, mode: mode, reason: "", at: now, &effects)
    }

    /// What it is registered in is gone; it searches anew.
    mutating func leaveNetwork(reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.registration.isRegistered else { return }
        change(to: .searching, mode: .none, reason: reason, at: now, &effects)
        updateRegistration(at: now, &effects)
    }

    private mutating func change(
        to state: Registration.State, mode: RadioNetwork.Mode, reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        let before = ram.registration
        let shown = Self.registrationCommands.map { registrationFields($0) }
        ram.registration.state = state
        ram.registration.mode = mode
        ram.registration.isRoaming = state == .registered && !(card?.imsi.hasPrefix(network.plmn) ?? false)
        if before.isRegistered, state != .registered {
            deactivateContexts()
            effects.append(.note("module.detached", ["reason": .text(reason)]))
        }
        if state == .registered {
            if !before.isRegistered { activateDefaultContext() }
            if !before.isRegistered || before.mode != mode {
                effects.append(
                    .note(
                        "module.attached",
                        [
                            "rat": .text(mode.rawValue), "operator": .text(network.longName), "plmn": .text(network.plmn),
                            "roaming": .bool(ram.registration.isRoaming), "address": .text(ram.contexts[1]?.address ?? ""),
                        ]))
            }
        }
        if before.state != state, state == .denied { effects.append(.note("registration.denied", [:])) }
        for (command, old) in zip(Self.registrationCommands, shown) { report(command, before: old, &effects) }
    }

    private mutating func report(_ command: String, before: RegistrationFields, _ effects: inout [DeviceEffect]) {
        let fields = registrationFields(command)
        guard fields != before else { return }
        for index in unsolicitedPorts {
            let reports = ram.atPorts[index].settings.registrationReports[command] ?? 0
            // Without places only a new state is worth a report.
            guard reports == 2 || (reports == 1 && fields.status != before.status) else { continue }
            unsolicited("\(command): \(fields.status)\(reports == 2 ? fields.place : "")", on: index, &effects)
        }
    }

    struct RegistrationFields: Equatable {
        var status: Int
        /// `,"<tac>","<ci>",<AcT>` and what follows; empty if there is none.
        var place: String
    }

    /// What one of the four commands says. In SA only C5GREG counts and the others read 0; in LTE and NSA it is the other way round.
    func registrationFields(_ command: String) -> RegistrationFields {
        let registration = ram.registration
        let isNR = registration.mode == .standalone
        let offers5G = network.mode == .standalone
        guard registration.isRegistered else {
            // What it looks for is not known before it is found.
            let counts = command == "+C5GREG" ? offers5G : !offers5G
            return RegistrationFields(status: counts ? registration.status : 0, place: "")
        }
        guard (command == "+C5GREG") == isNR else { return RegistrationFields(status: 0, place: "") }
        if isNR {
            // Its cell number has 36 bits in NR; this command shows 32 of them (§2.4 and §2.6 show one cell both ways).
            let cell = String(network.nr.id.suffix(8))
            return RegistrationFields(status: registration.status, place: ",\"\(network.nr.trackingArea)\",\"\(cell)\",11,4,\"01.000000\"")
        }
        return RegistrationFields(status: registration.status, place: ",\"\(network.lte.trackingArea)\",\"\(network.lte.id)\",7")
    }
}
