import LabCore
import WireProtocols

/// Configuration that the module keeps, and its health (specs/rg500q.md §2.6, §2.8).
enum ConfigurationCommands {
    static let table: [CommandEntry] = [
        items("+QCFG", configuration), items("+QURCCFG", reports), items("+QINDCFG", indications), items("+QNWPREFCFG", preferences),
        CommandEntry("+QNWLOCK") { module, call, _ in
            // No cell is locked; a lock is taken and has no effect, as there is one cell only.
            guard call.form == .write, let name = call[0].text, ["common/4g", "common/5g"].contains(name) else { return .wrongForm }
            if call.arguments.count == 1 { return .ok("+QNWLOCK: \"\(name)\",\(module.ram.settings.text("QNWLOCK \(name)") ?? "0")") }
            guard call.arguments.dropFirst().allSatisfy({ $0.number != nil }) else { return .wrongValue }
            module.ram.settings.texts["QNWLOCK \(name)"] = call.arguments.dropFirst().compactMap(\.text).joined(separator: ",")
            return .ok
        },
        CommandEntry("+QTEMP") { module, call, _ in
            call.form == .execute ? .ok(temperatures(module, call.now)) : call.form == .test ? .ok : .wrongForm
        },
        CommandEntry("+QMBNCFG") { module, call, _ in carrierProfiles(&module, call) },
        CommandEntry("+QPRTPARA") { _, call, _ in
            guard call.form == .write, call.number(0, in: 1...3) != nil else {
                return call.form == .test ? .ok("+QPRTPARA: (1,3)") : .wrongForm
            }
            return call.stage == 0 ? .wait(.seconds(2)) : .ok
        },
        CommandEntry("+IPR") { module, call, _ in speed(&module, call) },
    ]

    /// One item of a command such as `AT+QCFG="usbnet"`: its values where nothing was set, and what can be set.
    struct Item: Sendable {
        var name: String
        /// As printed behind the name.
        var values: String
        /// For each value; `nil` for an item that can only be read.
        var accepts: [Values]?
        /// The test form lists it.
        var isListed = true

        enum Values: Sendable {
            case numbers(ClosedRange<Int>)
            case hexadecimal
            case words([String])
            /// Printed with quotation marks.
            case quoted([String])
            /// Words or numbers between colons.
            case chain
        }
    }

    private static let configuration: [Item] = [
        Item(name: "rrc", values: "0", accepts: [.numbers(0...5)]), Item(name: "hsdpacat", values: "24", accepts: [.numbers(6...24)]),
        Item(name: "hsupacat", values: "6", accepts: [.numbers(5...6)]),
        Item(name: "pdp/duplicatechk", values: "1", accepts: [.numbers(0...1)]),
        Item(name: "risignaltype", values: "\"respective\"", accepts: [.quoted(["respective", "physical"])]),
        Item(name: "lte/bandprior", values: "0", accepts: [.numbers(0...255), .numbers(0...255), .numbers(0...255)]),
        Item(name: "volte_disable", values: "0", accepts: [.numbers(0...1)]),
        Item(name: "diversity/config", values: "0", accepts: [.numbers(0...3)]),
        Item(name: "div_test_mode", values: "0", accepts: [.numbers(0...3)]),
        Item(name: "data_interface", values: "0,0", accepts: [.numbers(0...1), .numbers(0...1)]),
        Item(name: "pcie/mode", values: "0", accepts: [.numbers(0...1)]), Item(name: "pcie_mbim", values: "0", accepts: [.numbers(0...1)]),
        Item(name: "sms_control", values: "1,1", accepts: [.numbers(0...1), .numbers(0...1)]),
        Item(name: "call_control", values: "0,0", accepts: [.numbers(0...1), .numbers(0...1)]),
        Item(name: "usb/maxpower", values: "896", accepts: [.numbers(0...900)]),
        Item(name: "efratctl", values: "0", accepts: [.numbers(0...1)]),
        Item(name: "gatewayset", values: "\"192.168.225.1\""), Item(name: "netmaskset", values: "\"255.255.255.0\""),
        Item(name: "mmwave", values: "0", accepts: [.numbers(0...1)]), Item(name: "clat", values: "0", accepts: [.numbers(0...1)]),
        Item(name: "usage/apmem", values: "0", accepts: [.numbers(0...1)]),
        Item(name: "enable_gea1", values: "0", accepts: [.numbers(0...1)]),
        Item(name: "dhcppktfltr", values: "0", accepts: [.numbers(0...1)]),
        // These work though the test form does not list them (§2.8).
        Item(name: "usbnet", values: "0", accepts: [.numbers(0...3)], isListed: false),
        Item(
            name: "usbcfg", values: "0x2C7C,0x0800,1,1,1,1,1,0,0",
            accepts: [.hexadecimal, .hexadecimal] + Array(repeating: .numbers(0...1), count: 7), isListed: false),
        Item(name: "ims", values: "1,0", accepts: [.numbers(0...2)], isListed: false),
        Item(name: "urc/delay", values: "0", accepts: [.numbers(0...1), .numbers(0...120)], isListed: false),
    ]

    private static let reports: [Item] = [
        Item(name: "urcport", values: "\"usbat\"", accepts: [.quoted(["usbat", "usbmodem", "uart1", "all"])])
    ]

    private static let indications: [Item] =
        [Item(name: "all", values: "1", accepts: [.numbers(0...1), .numbers(0...1)])]
        + ["csq", "smsfull", "ring", "smsincoming", "act", "ccinfo"].map {
            Item(name: $0, values: "0", accepts: [.numbers(0...1), .numbers(0...1)])
        }

    private static let preferences: [Item] = [
        Item(name: "mode_pref", values: "AUTO", accepts: [.chain]),
        Item(name: "lte_band", values: "1:3:5:7:8:20:28:32:38:40:41:42:43", accepts: [.chain]),
        Item(name: "nr5g_band", values: "1:28:41:77:78:79", accepts: [.chain]),
        Item(name: "nsa_nr5g_band", values: "1:28:41:77:78:79", accepts: [.chain]),
        Item(name: "nr5g_disable_mode", values: "0", accepts: [.numbers(0...2)]),
    ]

    /// A command whose first argument names an item: alone it reads, with values it writes. An unknown item is a plain ERROR (§2.1).
    private static func items(_ name: String, _ items: [Item]) -> CommandEntry {
        let key = String(name.dropFirst())
        return CommandEntry(name) { module, call, effects in
            switch call.form {
            case .test: return .ok(items.filter(\.isListed).map { "\(name): \"\($0.name)\"\(shown($0))" })
            case .read, .execute: return .wrongForm
            case .write: break
            }
            guard let wanted = call[0].text?.lowercased(), let item = items.first(where: { $0.name == wanted }) else { return .error }
            if call.arguments.count == 1 {
                return .ok("\(name): \"\(item.name)\",\(written(module.ram.settings.text("\(key) \(item.name)"), item))")
            }
            guard let text = taken(call.arguments.dropFirst().map { $0 }, item, before: module.ram.settings.text("\(key) \(item.name)"))
            else { return .wrongValue }
            module.ram.settings.texts["\(key) \(item.name)"] = text
            guard module.saveSettings() else { return .cme(23) }
            if name == "+QNWPREFCFG" { module.updateRegistration(at: call.now, &effects) }
            return .ok
        }
    }

    private static func written(_ text: String?, _ item: Item) -> String {
        guard let text else { return item.values }
        if case .quoted? = item.accepts?.first { return "\"\(text)\"" }
        return text
    }

    /// Behind the name in the test form.
    private static func shown(_ item: Item) -> String {
        (item.accepts ?? []).map { values in
            switch values {
            case .numbers(let range): ",(\(range.lowerBound)-\(range.upperBound))"
            case .hexadecimal: ",<hex>"
            case .words(let words): ",(\(words.joined(separator: ",")))"
            case .quoted(let words): ",(\(words.map { "\"\($0)\"" }.joined(separator: ",")))"
            case .chain: ",<values>"
            }
        }.joined()
    }

    /// The values as they are kept; `nil` if one of them cannot be. Those that are not given stay.
    private static func taken(_ arguments: [ModuleCommand.Argument], _ item: Item, before: String?) -> String? {
        guard let accepts = item.accepts, arguments.count <= accepts.count else { return nil }
        var values = (before ?? item.values).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for (position, argument) in arguments.enumerated() {
            guard let text = argument.text, isTaken(argument, text, accepts[position]) else { return nil }
            if position < values.count { values[position] = text } else { values.append(text) }
        }
        return values.joined(separator: ",")
    }

    private static func isTaken(_ argument: ModuleCommand.Argument, _ text: String, _ values: Item.Values) -> Bool {
        switch values {
        case .numbers(let range): argument.number.map { range.contains($0) } ?? false
        case .hexadecimal: text.hasPrefix("0x") && (3...6).contains(text.utf8.count) && Int(text.dropFirst(2), radix: 16) != nil
        case .words(let words), .quoted(let words): words.contains(text)
        case .chain:
            text.utf8.count <= 256 && !text.isEmpty
                && text.split(separator: ":", omittingEmptySubsequences: false).allSatisfy { part in
                    ["AUTO", "LTE", "NR5G", "WCDMA"].contains(String(part)) || Int(part).map { (1...512).contains($0) } ?? false
                }
        }
    }

    /// 14 sensors, without a blank after the colon and in quotation marks, as a real module of this family answers (§2.8).
    private static func temperatures(_ module: CellularModule, _ now: RunInstant) -> [String] {
        let core = module.temperature(at: now)
        let sensors: [(String, Int?)] = [
            ("qfe_wtr_pa0", core - 3), ("qfe_wtr_pa1", nil), ("qfe_wtr_pa2", nil), ("qfe_wtr_pa3", nil), ("aoss0-usr", core),
            ("mdm-q6-usr", core + 1),
            ("ipa-usr", core), ("cpu0-a7-usr", core), ("mdm-5g-usr", core + 1), ("mdm-vpe-usr", core), ("mdm-core-usr", core),
            ("xo-therm-usr", core - 2), ("sdx-case-therm-usr", core - 4), ("ambient-therm-usr", core - 6),
        ]
        return sensors.map { "+QTEMP:\"\($0.0)\",\"\($0.1 ?? -273)\"" }
    }

    /// Profiles for networks: index, selected, active, name, version, release date as the module prints it.
    private static func carrierProfiles(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let profiles = [
            ("Telstra_Australia_Commercial", "0x0A010F00", "202201111"), ("ROW_Commercial", "0x0A010809", "202201141"),
            ("Commercial-DT", "0x0A011F1F", "202201131"),
        ]
        guard call.form == .write else { return call.form == .test ? .ok("+QMBNCFG: \"List\"", "+QMBNCFG: \"AutoSel\",(0,1)") : .wrongForm }
        let selected = module.ram.settings.text("QMBNCFG Select") ?? ""
        switch call[0].text?.lowercased() {
        case "list"?:
            return .ok(
                profiles.enumerated().map { entry in
                    let isOn = entry.element.0 == selected ? 1 : 0
                    return "+QMBNCFG: \"List\",\(entry.offset),\(isOn),\(isOn),\"\(entry.element.0)\",\(entry.element.1),\(entry.element.2)"
                })
        case "autosel"?:
            if call.arguments.count == 1 { return .ok("+QMBNCFG: \"AutoSel\",\(module.ram.settings.text("QMBNCFG AutoSel") ?? "1")") }
            guard let value = call.number(1, in: 0...1) else { return .wrongValue }
            module.ram.settings.texts["QMBNCFG AutoSel"] = String(value)
            return module.saveSettings() ? .ok : .cme(23)
        case "select"?:
            if call.arguments.count == 1 { return .ok("+QMBNCFG: \"Select\",\"\(selected)\"") }
            guard let name = call[1].text, profiles.contains(where: { $0.0 == name }) else { return .wrongValue }
            module.ram.settings.texts["QMBNCFG Select"] = name
            return module.saveSettings() ? .ok : .cme(23)
        case "deactivate"?:
            module.ram.settings.texts["QMBNCFG Select"] = nil
            return module.saveSettings() ? .ok : .cme(23)
        default: return .error
        }
    }

    /// The rate of the main UART; the ports on USB have none (§5.3).
    private static func speed(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let rates = [9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 3_000_000]
        switch call.form {
        case .test: return .ok("+IPR: (\(rates.map(String.init).joined(separator: ",")))")
        case .read: return .ok("+IPR: \(module.ram.settings.text("IPR") ?? "115200")")
        case .execute: return .wrongForm
        case .write:
            guard let rate = call[0].number, rates.contains(rate) else { return .wrongValue }
            module.ram.settings.texts["IPR"] = String(rate)
            return module.saveSettings() ? .ok : .cme(23)
        }
    }
}
