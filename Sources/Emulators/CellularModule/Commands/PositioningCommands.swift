import LabCore
import WireProtocols

/// Positioning (specs/rg500q.md §2.9; the errors are those of the other series).
enum PositioningCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+QGPS") { module, call, effects in
            switch call.form {
            case .test: return .ok("+QGPS: (1,2),(1-3),(0-1000),(1-65535)")
            case .read: return .ok("+QGPS: \(module.ram.positioning.isOn ? 1 : 0)")
            case .execute: return .wrongForm
            case .write:
                guard call.number(0, in: 1...2) != nil, call.number(1, in: 1...255, default: 30) != nil else { return .cme(501) }
                if module.ram.positioning.isOn { return .cme(504) }
                module.startPositioning(at: call.now, &effects)
                return .ok
            }
        },
        CommandEntry("+QGPSEND") { module, call, effects in
            guard call.form == .execute else { return call.form == .test ? .ok : .wrongForm }
            guard module.ram.positioning.isOn else { return .cme(505) }
            module.stopPositioning(&effects)
            return .ok
        },
        CommandEntry("+QGPSLOC") { module, call, _ in location(module, call) },
        CommandEntry("+QGPSCFG") { module, call, _ in configure(&module, call) },
    ]

    private static func location(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+QGPSLOC: (0-2)")
        case .read: return .cme(501)
        case .execute, .write: break
        }
        guard let format = call.number(0, in: 0...2, default: 0) else { return .cme(501) }
        guard module.ram.positioning.isOn else { return .cme(505) }
        guard module.ram.positioning.isFixed else { return .cme(516) }
        let position = module.position
        let place =
            switch format {
            case 0:
                "\(NMEASentences.latitude(position.latitude, minutes: 4, separator: "")),\(NMEASentences.longitude(position.longitude, minutes: 4, separator: ""))"
            case 1: "\(NMEASentences.latitude(position.latitude, minutes: 6)),\(NMEASentences.longitude(position.longitude, minutes: 6))"
            default: "\(position.latitude.decimals(5)),\(position.longitude.decimals(5))"
            }
        let time = CivilTime(unix: module.clock(at: call.now))
        let clock = "\(time.hour.digits(2))\(time.minute.digits(2))\(time.second.digits(2)).0"
        let date = "\(time.day.digits(2))\(time.month.digits(2))\((time.year % 100).digits(2))"
        return .ok(
            "+QGPSLOC: \(clock),\(place),0.9,\(position.altitude.decimals(1)),3,0.00,0.0,0.0,\(date),\(NMEASentences.satellites.count.digits(2))"
        )
    }

    /// Items with their first values.
    private static let items = [
        ("outport", "\"usbnmea\""), ("nmeasrc", "0"), ("gpsnmeatype", "31"), ("glonassnmeatype", "0"), ("galileonmeatype", "0"),
        ("beidounmeatype", "0"),
        ("gnssconfig", "1"), ("autogps", "0"),
    ]

    private static func configure(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else {
            return call.form == .test ? .ok(["+QGPSCFG: \"outport\",(\"none\",\"usbnmea\")"]) : .wrongForm
        }
        guard let name = call[0].text, let item = items.first(where: { $0.0 == name }) else { return .cme(501) }
        let kept = module.ram.settings.text("QGPSCFG \(name)")
        if call.arguments.count == 1 {
            return .ok("+QGPSCFG: \"\(name)\",\(name == "outport" ? kept.map { "\"\($0)\"" } ?? item.1 : kept ?? item.1)")
        }
        guard let value = call[1].text, name == "outport" ? ["none", "usbnmea"].contains(value) : call.number(1, in: 0...255) != nil
        else { return .cme(501) }
        module.ram.settings.texts["QGPSCFG \(name)"] = value
        return module.saveSettings() ? .ok : .cme(23)
    }
}
