import LabCore
import WireProtocols

/// Who the module and its SIM are (specs/rg500q.md §2.2).
enum IdentityCommands {
    static let table: [CommandEntry] = [
        CommandEntry("I") { module, _, _ in
            .ok([module.setup.manufacturer, module.setup.product, "Revision: \(module.firmware)"])
        },
        bare("+CGMI") { $0.manufacturer }, bare("+GMI") { $0.manufacturer }, bare("+CGMM") { $0.product }, bare("+GMM") { $0.product },
        running("+CGMR") { $0.firmware }, running("+GMR") { $0.firmware }, bare("+CGSN") { $0.imei }, bare("+GSN") { $0.imei },
        CommandEntry("+QGMR") { module, call, _ in
            switch call.form {
            // Right after a boot the second half of the sub-version is not known yet (§2.2).
            case .execute:
                .ok(
                    "\(module.firmware)_\(module.isStarting ? module.subVersion.dropLast(6) + "00.000" : module.subVersion[...])"
                )
            case .test: .ok
            case .read, .write: .wrongForm
            }
        },
        running("+CSUB") { "SubEdition: \($0.subEdition)" }, bare("+GCAP") { _ in "+GCAP: +CGSM" },
        CommandEntry("+EGMR") { module, call, _ in factoryNumber(module, call) },
        CommandEntry("+CIMI", needs: .card) { module, call, _ in
            switch call.form {
            case .execute: .ok(module.card?.imsi ?? "")
            case .test: .ok
            case .read, .write: .wrongForm
            }
        },
        card("+QCCID", since: 0), card("+ICCID", since: 13),
        CommandEntry("+CNUM", needs: .card) { module, call, _ in
            guard call.form == .execute else { return call.form == .test ? .ok : .wrongForm }
            guard let number = module.card?.number, !number.isEmpty else { return .ok }
            return .ok("+CNUM: ,\"\(number)\",\(number.hasPrefix("+") ? 145 : 129)")
        },
    ]

    /// One line without a name in front; the test form is a bare OK.
    private static func bare(_ name: String, _ text: @escaping @Sendable (ModuleSetup) -> String) -> CommandEntry {
        running(name) { text($0.setup) }
    }

    /// The same of what updates change.
    private static func running(_ name: String, _ text: @escaping @Sendable (CellularModule) -> String) -> CommandEntry {
        CommandEntry(name) { module, call, _ in
            switch call.form {
            case .execute: .ok(text(module))
            case .test: .ok
            case .read, .write: .wrongForm
            }
        }
    }

    /// - Parameter release: the firmware's release line from which on the command is there.
    private static func card(_ name: String, since release: Int) -> CommandEntry {
        CommandEntry(name, needs: .card) { module, call, _ in
            guard Self.release(of: module.firmware) >= release else { return .error }
            switch call.form {
            case .execute, .read: return .ok("\(name): \(module.card?.iccid ?? "")")
            case .test: return .ok
            case .write: return .wrongForm
            }
        }
    }

    /// 11 of `RG500QEAAAR11A06M4G` (§4.5); 0 for texts of another form.
    private static func release(of firmware: String) -> Int {
        let text = Array(firmware.utf8)
        guard let place = text.lastIndex(of: UInt8(ascii: "A")), place >= 3, text[place - 3] == UInt8(ascii: "R") else { return 0 }
        return Int(String(decoding: text[(place - 2)..<place], as: UTF8.self)) ?? 0
    }

    /// `AT+EGMR=0,7` reads the IMEI, `0,9` the software version number, which are the last two digits of the IMEISV. Writing is the factory's.
    private static func factoryNumber(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        switch (call.form, call[0].number, call[1].number) {
        case (.test, _, _): .ok("+EGMR: (0,1),(7,9)")
        case (.write, 0, 7): .ok("+EGMR: \"\(module.setup.imei)\"")
        case (.write, 0, 9): .ok("+EGMR: \"01\"")
        case (.write, 1, 7), (.write, 1, 9): .cme(3)
        default: .wrongForm
        }
    }
}
