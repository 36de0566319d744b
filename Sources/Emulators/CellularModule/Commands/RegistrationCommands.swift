import LabCore
import WireProtocols

/// Registration and the choice of networks (specs/rg500q.md §2.4, §2.6).
enum RegistrationCommands {
    static let table: [CommandEntry] =
        CellularModule.registrationCommands.map { reports($0) } + [
            CommandEntry("+COPS") { module, call, effects in operators(&module, call, &effects) },
            CommandEntry("+CGATT") { module, call, effects in attachment(&module, call, &effects) },
            CommandEntry("+WS46", test: ["+WS46: (12,22,25,28,29,30,31)"], read: ["+WS46: 31"]),
        ]

    private static func reports(_ name: String) -> CommandEntry {
        CommandEntry(name) { module, call, _ in
            switch call.form {
            case .test: return .ok("\(name): (0-2)")
            case .read:
                let fields = module.registrationFields(name)
                let reports = module.port(call.port)?.settings.registrationReports[name] ?? 0
                return .ok("\(name): \(reports),\(fields.status)\(reports == 2 ? fields.place : "")")
            case .execute, .write:
                guard let value = call.number(0, in: 0...2, default: 0) else { return .wrongValue }
                module.withPort(call.port) { $0.settings.registrationReports[name] = value }
                return .ok
            }
        }
    }

    // MARK: Operators

    /// How long a search through all networks takes; the limit is 180 s (§2.1).
    private static let scanTime = Duration.seconds(20)
    /// How often a selection looks whether it has succeeded, and for how long.
    private static let selectionStep = Duration.milliseconds(200)
    private static let selectionSteps = 600

    private static func operators(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        switch call.form {
        case .test: return scan(&module, call, &effects)
        case .read: return .ok(current(module, call.port))
        case .execute: return .wrongForm
        case .write: return select(&module, call, &effects)
        }
    }

    private static func technology(_ mode: RadioNetwork.Mode) -> Int {
        switch mode {
        case .standalone: 11
        case .nonStandalone: 13
        case .lte, .none: 7
        }
    }

    private static func current(_ module: CellularModule, _ port: LinkName) -> String {
        let registration = module.ram.registration
        let mode = registration.isToldToStayAway ? 2 : registration.wanted == nil ? 0 : 1
        guard registration.isRegistered else { return "+COPS: \(mode)" }
        let format = module.port(port)?.settings.operatorFormat ?? 0
        let name = [module.written(module.network.longName), module.written(module.network.shortName), module.network.plmn][format]
        return "+COPS: \(mode),\(format),\"\(name)\",\(technology(registration.mode))"
    }

    /// Service is away while it searches.
    private static func scan(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        if let missing = module.missingCard { return .cme(missing) }
        guard module.ram.functionality == 1 else { return .cme(30) }
        if call.stage == 0 {
            module.ram.registration.isScanning = true
            module.updateRegistration(at: call.now, &effects)
            return .wait(scanTime)
        }
        module.ram.registration.isScanning = false
        module.updateRegistration(at: call.now, &effects)
        let network = module.network
        let found = module.offeredMode(at: call.now)
        var entries: [String] = []
        if found != .none {
            let state = module.faults.isDenied ? 3 : 2
            let act = found == .standalone ? 12 : 7
            let names = "\"\(module.written(network.longName))\",\"\(module.written(network.shortName))\""
            entries.append("(\(state),\(names),\"\(network.plmn)\",\(act))")
        }
        return .ok("+COPS: \(entries.map { $0 + "," }.joined()),(0-4),(0-2)")
    }

    private static func select(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard let mode = call.number(0, in: 0...4), let format = call.number(1, in: 0...2, default: 0),
            call.number(3, in: 0...13, default: 7) != nil
        else { return .wrongValue }
        if mode == 3 {
            module.withPort(call.port) { $0.settings.operatorFormat = format }
            return .ok
        }
        if let missing = module.missingCard { return .cme(missing) }
        switch mode {
        case 2:
            module.ram.registration.isToldToStayAway = true
            module.updateRegistration(at: call.now, &effects)
            return .ok
        case 0:
            if call.stage == 0 {
                module.ram.registration.isToldToStayAway = false
                module.ram.registration.wanted = nil
                module.updateRegistration(at: call.now, &effects)
            }
            return result(module, call)
        default:
            guard let name = call[2].text else { return .wrongValue }
            let network = module.network
            let isHere = name == [network.longName, network.shortName, network.plmn][format]
            if call.stage == 0 {
                module.ram.registration.isToldToStayAway = false
                // Another name is a network that is not there.
                module.ram.registration.wanted = isHere ? network.plmn : "none"
                module.updateRegistration(at: call.now, &effects)
                return .wait(isHere ? selectionStep : .seconds(5))
            }
            if isHere { return result(module, call) }
            if mode == 4 {
                module.ram.registration.wanted = nil
                module.updateRegistration(at: call.now, &effects)
                return .ok
            }
            return .cme(30)
        }
    }

    /// The selection is done when the module is registered, or when nothing can come of it.
    private static func result(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        let registration = module.ram.registration
        if registration.isRegistered { return .ok }
        if registration.state == .denied { return .cme(32) }
        // Automatic choice goes on after its answer.
        if call[0].number == 0, registration.mode == .none { return .ok }
        return call.stage < selectionSteps ? .wait(selectionStep) : .cme(30)
    }

    private static func attachment(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        switch call.form {
        case .test: return .ok("+CGATT: (0,1)")
        case .read: return .ok("+CGATT: \(module.ram.registration.isRegistered ? 1 : 0)")
        case .execute: return .wrongForm
        case .write:
            guard let value = call.number(0, in: 0...1) else { return .wrongValue }
            if let missing = module.missingCard { return .cme(missing) }
            // In LTE and 5G no registration is left without attachment.
            if call.stage == 0 {
                module.ram.registration.isToldToStayAway = value == 0
                module.updateRegistration(at: call.now, &effects)
                return .wait(selectionStep)
            }
            if value == 0 || module.ram.registration.isRegistered { return .ok }
            if module.ram.registration.state == .denied { return .cme(32) }
            return call.stage < selectionSteps ? .wait(selectionStep) : .cme(30)
        }
    }
}
