import LabCore
import WireProtocols

/// Signal and cells (specs/rg500q.md §2.5, §2.6).
enum SignalCommands {
    static let table: [CommandEntry] = [
        shown("+CSQ", test: "+CSQ: (0-31,99),(0-7,99)") { module, now in ["+CSQ: \(module.signalQuality(at: now)),99"] },
        shown("+CESQ", test: "+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-255),(0-34,255),(0-97,255)") { module, now in [extended(module, now)]
        },
        shown("+QCSQ", test: "+QCSQ: \"NOSERVICE\",\"WCDMA\",\"LTE\",\"NR5G\"", readable: true, quectelQuality),
        branches("+QRSRP", lte: \.rsrp, nr: \.rsrp, offsets: [0, -4, -4, 2]),
        branches("+QRSRQ", lte: \.rsrq, nr: \.rsrq, offsets: [0, -3, -3, 1]),
        branches("+QSINR", lte: \.sinr, nr: \.sinr, offsets: [0, -4, 2, 1]),
        branches("+QRSSI", lte: \.rssi, nr: \.rssi, offsets: [0, -4, -4, 2]),
        shown("+QNWINFO", test: nil, networkInformation),
        CommandEntry("+QENG") { module, call, _ in cells(module, call) },
        shown("+QCAINFO", test: nil, carriers),
        CommandEntry("+QENDC") { module, call, _ in
            switch call.form {
            case .test: .ok("+QENDC: (0,1)")
            case .read, .execute, .write: .ok("+QENDC: \(dualConnectivity(module, call.now))")
            }
        },
        CommandEntry("+QSPN") { module, call, _ in
            guard call.form == .execute else { return call.form == .test ? .ok : .wrongForm }
            let network = module.network
            guard module.ram.registration.isRegistered else { return .cme(30) }
            return .ok("+QSPN: \"\(network.longName)\",\"\(network.shortName)\",\"\",0,\"\(network.plmn)\"")
        },
    ]

    /// A command that only shows something.
    private static func shown(
        _ name: String, test: String?, readable: Bool = false, _ lines: @escaping @Sendable (CellularModule, RunInstant) -> [String]
    ) -> CommandEntry {
        CommandEntry(name) { module, call, _ in
            switch call.form {
            case .execute: .ok(lines(module, call.now))
            case .test: .ok(test.map { [$0] } ?? [])
            case .read: readable ? .ok(lines(module, call.now)) : .wrongForm
            case .write: .wrongForm
            }
        }
    }

    // MARK: Signal

    /// LTE only, as the six fields of the standard know no NR (3GPP TS 27.007 §8.69): RSRP dBm = -141 + n, RSRQ dB = -20 + n/2.
    private static func extended(_ module: CellularModule, _ now: RunInstant) -> String {
        let mode = module.campedMode(at: now)
        guard mode == .lte || mode == .nonStandalone else { return "+CESQ: 99,99,255,255,255,255" }
        let measured = module.lteMeasurement(at: now)
        return "+CESQ: 99,99,255,255,\(min(max((measured.rsrq + 20) * 2, 0), 34)),\(min(max(measured.rsrp + 141, 0), 97))"
    }

    /// LTE's SINR is an index, dB = n/5 - 20; NR's is in dB, and stands before RSRQ.
    @Sendable private static func quectelQuality(_ module: CellularModule, _ now: RunInstant) -> [String] {
        let lte = module.lteMeasurement(at: now)
        let nr = module.nrMeasurement(at: now)
        let lteLine = "+QCSQ: \"LTE\",\(lte.rssi),\(lte.rsrp),\(min(max((lte.sinr + 20) * 5, 0), 250)),\(lte.rsrq)"
        let nrLine = "+QCSQ: \"NR5G\",\(nr.rsrp),\(nr.sinr),\(nr.rsrq)"
        return switch module.campedMode(at: now) {
        case .none: ["+QCSQ: \"NOSERVICE\""]
        case .lte: [lteLine]
        case .standalone: [nrLine]
        case .nonStandalone: [lteLine, nrLine]
        }
    }

    /// One line for each radio: main, diversity and two more receivers; the NR leg has two (transcripts 81 to 84).
    private static func branches(
        _ name: String, lte: @escaping @Sendable (Measurement) -> Int, nr: @escaping @Sendable (Measurement) -> Int, offsets: [Int]
    ) -> CommandEntry {
        shown(name, test: nil) { module, now in
            let lteLine = lineOf(name, lte(module.lteMeasurement(at: now)), offsets, receivers: 4, "LTE")
            let leg = nr(module.nrMeasurement(at: now))
            return switch module.campedMode(at: now) {
            case .none: []
            case .lte: [lteLine]
            case .standalone: [lineOf(name, leg, offsets, receivers: 4, "NR5G")]
            case .nonStandalone: [lteLine, lineOf(name, leg, [0, -3, 0, 0], receivers: 2, "NR5G")]
            }
        }
    }

    private static func lineOf(_ name: String, _ value: Int, _ offsets: [Int], receivers: Int, _ radio: String) -> String {
        let values = offsets.enumerated().map { $0.offset < receivers ? value + $0.element : -32_768 }
        return "\(name): \(values.map(String.init).joined(separator: ",")),\(radio)"
    }

    // MARK: Cells

    @Sendable private static func networkInformation(_ module: CellularModule, _ now: RunInstant) -> [String] {
        let network = module.network
        let lte =
            "+QNWINFO: \"\(network.lte.isTDD ? "TDD" : "FDD") LTE\",\"\(network.plmn)\",\"LTE BAND \(network.lte.band)\",\(network.lte.channel)"
        let nr =
            "+QNWINFO: \"\(network.nr.isTDD ? "TDD" : "FDD") NR5G\",\"\(network.plmn)\",\"NR5G BAND \(network.nr.band)\",\(network.nr.channel)"
        return switch module.ram.registration.mode {
        case _ where !module.ram.registration.isRegistered: ["+QNWINFO: No Service"]
        case .none: ["+QNWINFO: No Service"]
        case .lte: [lte]
        case .standalone: [nr]
        case .nonStandalone: [lte, nr]
        }
    }

    private static func cells(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else {
            return call.form == .test ? .ok("+QENG: (\"servingcell\",\"neighbourcell\")") : .wrongForm
        }
        switch call[0].text {
        case "servingcell"?: return .ok(servingCell(module, call.now))
        // It hears no other cell.
        case "neighbourcell"?: return .ok
        default: return .wrongValue
        }
    }

    private static func servingCell(_ module: CellularModule, _ now: RunInstant) -> [String] {
        let mode = module.campedMode(at: now)
        let isRegistered = module.ram.registration.isRegistered
        // Camped on a cell that gives emergency calls only.
        let isLimited = !isRegistered && (module.ram.registration.state == .denied || module.cardInSlot == nil)
        guard mode != .none, isRegistered || isLimited else { return ["+QENG: \"servingcell\",\"SEARCH\""] }
        let state = isRegistered ? "NOCONN" : "LIMSRV"
        switch mode {
        case .none: return []
        case .lte: return ["+QENG: \"servingcell\",\"\(state)\",\(lteFields(module, now)),0,-32768,\(spareLevel(module, now))"]
        case .standalone: return ["+QENG: \"servingcell\",\"\(state)\",\(standaloneFields(module, now))"]
        case .nonStandalone:
            // The blank after the colon is missing in the last line of real answers as well.
            return ["+QENG: \"servingcell\",\"\(state)\"", "+QENG: \(lteFields(module, now)),9,230,-", "+QENG:\(legFields(module, now))"]
        }
    }

    /// Up to the SINR. CQI, power and spare level follow, which idle modules print as 0, -32768 and a number (transcripts 77 and 80).
    private static func lteFields(_ module: CellularModule, _ now: RunInstant) -> String {
        let (network, cell) = (module.network, module.network.lte)
        let measured = module.lteMeasurement(at: now)
        return "\"LTE\",\"\(cell.isTDD ? "TDD" : "FDD")\",\(network.countryCode),\(network.networkCode),\(cell.id),\(cell.physicalID),"
            + "\(cell.channel),\(cell.band),\(cell.bandwidth),\(cell.bandwidth),\(cell.trackingArea),\(measured.rsrp),\(measured.rsrq),"
            + "\(measured.rssi),\(measured.sinr)"
    }

    /// dB above the level at which a phone may still camp, -127 dBm (transcript 80).
    private static func spareLevel(_ module: CellularModule, _ now: RunInstant) -> Int { module.lteMeasurement(at: now).rsrp + 127 }

    private static func standaloneFields(_ module: CellularModule, _ now: RunInstant) -> String {
        let (network, cell) = (module.network, module.network.nr)
        let measured = module.nrMeasurement(at: now)
        return "\"NR5G-SA\",\"\(cell.isTDD ? "TDD" : "FDD")\",\(network.countryCode),\(network.networkCode),\(cell.id),\(cell.physicalID),"
            + "\(cell.trackingArea),\(cell.channel),\(cell.band),\(cell.bandwidth),\(measured.rsrp),\(measured.rsrq),\(measured.sinr),"
            + "\(network.subcarrierSpacing),-"
    }

    /// SINR stands before RSRQ here. A leg that is too weak is there without values (transcript 77).
    private static func legFields(_ module: CellularModule, _ now: RunInstant) -> String {
        let (network, cell) = (module.network, module.network.nr)
        let measured = module.nrMeasurement(at: now)
        let start = "\"NR5G-NSA\",\(network.countryCode),\(network.networkCode)"
        guard measured.rsrp > weakestLeg else { return "\(start),65535,-32768,-32768,-32768" }
        return
            "\(start),\(cell.physicalID),\(measured.rsrp),\(measured.sinr),\(measured.rsrq),\(cell.channel),\(cell.band),\(cell.bandwidth),"
            + "\(network.subcarrierSpacing)"
    }

    /// dBm; below it an NR leg is configured but not measured.
    private static let weakestLeg = -120

    @Sendable private static func carriers(_ module: CellularModule, _ now: RunInstant) -> [String] {
        let (lte, nr) = (module.network.lte, module.network.nr)
        let measured = module.lteMeasurement(at: now)
        let lteLine =
            "+QCAINFO: \"PCC\",\(lte.channel),\(lte.resourceBlocks),\"LTE BAND \(lte.band)\",1,\(lte.physicalID),\(measured.rsrp),\(measured.rsrq),"
            + "\(measured.rssi),\(measured.sinr)"
        func nrLine(_ carrier: String) -> String {
            "+QCAINFO: \"\(carrier)\",\(nr.channel),\(nr.bandwidth),\"NR5G BAND \(nr.band)\",\(nr.physicalID)"
        }
        guard module.ram.registration.isRegistered else { return [] }
        return switch module.ram.registration.mode {
        case .none: []
        case .lte: [lteLine]
        case .standalone: [nrLine("PCC")]
        case .nonStandalone: [lteLine, nrLine("SCC")]
        }
    }

    private static func dualConnectivity(_ module: CellularModule, _ now: RunInstant) -> String {
        let isThere = module.ram.registration.mode == .nonStandalone && module.ram.registration.isRegistered
        return isThere ? "1,1,0,1,0" : "0,0,0,0,0"
    }
}
