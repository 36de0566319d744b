import LabCore
import WireProtocols

/// The commands of ITU-T V.250 and those that keep or show a port's settings.
enum BasicCommands {
    static let table: [CommandEntry] = [
        CommandEntry("E") { module, call, _ in flag(&module, call) { $0.hasEcho = $1 } },
        CommandEntry("V") { module, call, _ in flag(&module, call) { $0.rendering.isVerbose = $1 } },
        CommandEntry("Q") { module, call, _ in flag(&module, call) { $0.rendering.isQuiet = $1 } },
        basic("X", 0...4), basic("&C", 0...2), basic("&D", 0...2), basic("L", 0...3), basic("M", 0...3), basic("S0", 0...255),
        basic("S3", 0...127),
        basic("S4", 0...127), basic("S5", 0...127), basic("S6", 2...10), basic("S7", 0...255), basic("S8", 0...255), basic("S10", 1...254),
        CommandEntry("Z") { module, call, _ in restore(&module, call, module.ram.settings.savedPort ?? ATPortSettings()) },
        CommandEntry("&F") { module, call, _ in restore(&module, call, ATPortSettings()) },
        CommandEntry("&W") { module, call, _ in save(&module, call) }, CommandEntry("&V") { module, call, _ in show(module, call) },
        CommandEntry("H") { _, _, _ in .ok }, CommandEntry("A") { _, _, _ in .done([], .noCarrier) },
        // Calls of any kind find nobody here.
        CommandEntry("D") { _, call, _ in call.stage == 0 ? .wait(.seconds(1)) : .done([], .noCarrier) },
        CommandEntry("+CMEE") { module, call, _ in errors(&module, call) },
    ]

    /// What `AT&V` lists where nothing else was set (transcript 20).
    private static let defaults = ["X": 4, "&C": 1, "&D": 2, "S3": 13, "S4": 10, "S5": 8, "S6": 2, "S8": 2, "S10": 15]

    private static func value(_ name: String, of settings: ATPortSettings) -> Int { settings.basics[name] ?? defaults[name] ?? 0 }

    private static func flag(
        _ module: inout CellularModule, _ call: CommandCall, _ change: (inout ATPortSettings, Bool) -> Void
    ) -> CommandReply {
        guard let value = call.number(0, in: 0...1, default: 0) else { return .error }
        module.withPort(call.port) { change(&$0.settings, value == 1) }
        return .ok
    }

    /// A setting that is kept and shown and has no effect here.
    private static func basic(_ name: String, _ range: ClosedRange<Int>) -> CommandEntry {
        CommandEntry(name) { module, call, _ in
            if call.form == .read {
                let shown = String(module.port(call.port).map { value(name, of: $0.settings) } ?? 0)
                return .ok(String(repeating: "0", count: max(0, 3 - shown.utf8.count)) + shown)
            }
            guard let number = call.number(0, in: range, default: 0) else { return .error }
            module.withPort(call.port) { $0.settings.basics[name] = number }
            return .ok
        }
    }

    private static func restore(_ module: inout CellularModule, _ call: CommandCall, _ settings: ATPortSettings) -> CommandReply {
        guard call.number(0, in: 0...0, default: 0) != nil else { return .error }
        module.withPort(call.port) { $0.settings = settings }
        return .ok
    }

    private static func save(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.number(0, in: 0...0, default: 0) != nil else { return .error }
        module.ram.settings.savedPort = module.port(call.port)?.settings
        return module.saveSettings() ? .ok : .cme(23)
    }

    private static func show(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        guard let settings = module.port(call.port)?.settings else { return .error }
        var lines = ["&C: \(value("&C", of: settings))", "&D: \(value("&D", of: settings))", "&F: 0", "&W: 0"]
        lines += [
            "E: \(settings.hasEcho ? 1 : 0)", "Q: \(settings.rendering.isQuiet ? 1 : 0)", "V: \(settings.rendering.isVerbose ? 1 : 0)",
            "X: \(value("X", of: settings))", "Z: 0",
        ]
        return .ok(lines + ["S0", "S3", "S4", "S5", "S6", "S7", "S8", "S10"].map { "\($0): \(value($0, of: settings))" })
    }

    private static func errors(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+CMEE: (0-2)")
        case .read: return .ok("+CMEE: \(module.port(call.port)?.settings.rendering.errors.rawValue ?? 1)")
        case .execute, .write:
            guard let form = call.number(0, in: 0...2, default: 0).flatMap(ModuleRendering.ErrorForm.init) else { return .wrongValue }
            module.withPort(call.port) { $0.settings.rendering.errors = form }
            return .ok
        }
    }
}

extension CellularModule {
    func port(_ name: LinkName) -> ATPort? { ram.portIndex(name).map { ram.atPorts[$0] } }

    mutating func withPort(_ name: LinkName, _ change: (inout ATPort) -> Void) {
        if let index = ram.portIndex(name) { change(&ram.atPorts[index]) }
    }
}
