import LabCore
import WireProtocols

/// The checks of a cellular module at its AT port (rg500q.md §2.2, §2.3, §2.5). Asks, and changes nothing.
struct ModuleExamination {
    let patient: Patient
    let source: PortSource
    let limits: DoctorSurroundings.Limits

    private var node: String { patient.name }
    private var expected: HealthExpectation { patient.hardware.health }

    /// Adds what it finds to the report.
    ///
    /// - Throws: where the port is gone in the middle.
    func run(_ talk: PortConversation, _ report: inout HealthReport) throws(StreamFailure) {
        var module = ATConversation(talk)
        guard try answers(&module, &report) else { return }
        try identity(&module, &report)
        try firmware(&module, &report)
        let hasSIM = try sim(&module, &report)
        try signal(&module, &report, hasSIM)
    }

    private func answers(_ module: inout ATConversation, _ report: inout HealthReport) throws(StreamFailure) -> Bool {
        var noise: [UInt8] = []
        for _ in 0..<max(1, limits.firstAnswers) {
            switch try module.ask("AT") {
            case .finished(let response) where response.final.isSuccess:
                report.findings.append(HealthFinding(node, .answers, .ok, "it answers AT"))
                return true
            case .finished(let response):
                let told = "it answers AT with \(response.final.text)"
                report.findings.append(HealthFinding(node, .answers, .sick, told, remedy: "another program may speak on this port; `fuser \(source.place)` shows it"))
                return false
            case .silence: break
            case .noise(let bytes): noise += bytes
            }
        }
        guard noise.isEmpty else {
            let verdict = ATConversation.verdict(on: noise, at: source)
            report.findings.append(HealthFinding(node, .answers, .sick, verdict.detail, remedy: verdict.remedy))
            return false
        }
        let told = "no answer to AT in \(counted(limits.firstAnswers, "attempt"))"
        report.findings.append(
            HealthFinding(node, .answers, .sick, told, remedy: "check its power and that the port is its AT port; the DM port of a module never answers"))
        return false
    }

    private func identity(_ module: inout ATConversation, _ report: inout HealthReport) throws(StreamFailure) {
        let model = try module.lines("ATI").flatMap { Self.model(in: $0) }
        let number = try digits(&module, "AT+CGSN", 15)
        report.identity = number
        if patient.kind == "rg500q", let model, !model.hasPrefix("RG500Q") {
            let isRelative = ["RG50", "RM50", "RM51"].contains { model.hasPrefix($0) } && model.dropFirst(5).hasPrefix("Q")
            report.findings.append(
                HealthFinding(
                    node, .identity, isRelative ? .warning : .sick,
                    "it calls itself \(model), and lab.yaml says RG500Q" + (isRelative ? "; modules of this series are alike, not the same" : ""),
                    remedy: "plug the module in that lab.yaml means, or correct lab.yaml"))
            if !isRelative { return }
        }
        guard let expected = expected.identity else {
            let told = number.map { "\(model ?? "it") with IMEI \($0)" } ?? "it does not tell its IMEI"
            return report.findings.append(HealthFinding(node, .identity, .ok, told))
        }
        guard let number else {
            return report.findings.append(
                HealthFinding(node, .identity, .sick, "it does not tell its IMEI, which should be \(expected)", remedy: "ask it by hand: `lab console \(node)`, AT+CGSN"))
        }
        guard number == expected else {
            return report.findings.append(
                HealthFinding(
                    node, .identity, .sick, "another device is plugged in here: its IMEI is \(number), not \(expected)",
                    remedy: "plug the right one in, or correct `identity` of \(node) in lab.yaml"))
        }
        report.findings.append(HealthFinding(node, .identity, .ok, "\(model ?? "it") with IMEI \(number), as expected"))
    }

    private func firmware(_ module: inout ATConversation, _ report: inout HealthReport) throws(StreamFailure) {
        var full = try module.lines("AT+QGMR")?.first { !$0.isEmpty }
        if let version = full, version.hasSuffix("_00.000") || version.hasSuffix(".00.000") {
            // For a moment after its start the sub-version is not known yet (rg500q.md §2.2).
            module.pause(.seconds(1))
            full = try module.lines("AT+QGMR")?.first { !$0.isEmpty } ?? version
        }
        if full == nil { full = try module.lines("AT+CGMR")?.first { !$0.isEmpty } }
        report.firmware = full
        guard let expected = expected.firmware else {
            let told = full.map { "firmware \($0)" } ?? "it does not tell its firmware"
            return report.findings.append(HealthFinding(node, .firmware, .ok, told))
        }
        let base = full.map { String($0.prefix { $0 != "_" }) }
        guard full == expected || base == expected else {
            return report.findings.append(
                HealthFinding(
                    node, .firmware, .sick, full.map { "its firmware is \($0), not \(expected)" } ?? "it does not tell its firmware, which should be \(expected)",
                    remedy: "bring it to that version, or correct `firmware` of \(node) in lab.yaml"))
        }
        report.findings.append(HealthFinding(node, .firmware, .ok, "firmware \(full ?? expected), as expected"))
    }

    /// - Returns: whether a SIM is ready.
    private func sim(_ module: inout ATConversation, _ report: inout HealthReport) throws(StreamFailure) -> Bool {
        var told = "it does not tell the state of its SIM"
        // A SIM that is busy (14) is soon ready.
        for attempt in 1...3 {
            switch try module.ask("AT+CPIN?") {
            case .finished(let response):
                if let state = response.lines.first(where: { $0.hasPrefix("+CPIN:") }).map({ ATFields($0).rest }), response.final.isSuccess {
                    if state == "READY" {
                        report.findings.append(HealthFinding(node, .sim, .ok, "the SIM is ready"))
                        return true
                    }
                    told = "the SIM wants \(state)"
                } else if case .failure(let error) = response.final {
                    told = error.meaning
                    if error.code == 14, attempt < 3 {
                        module.pause(.seconds(1))
                        continue
                    }
                }
            case .silence, .noise: break
            }
            break
        }
        guard expected.needsSIM else {
            report.findings.append(HealthFinding(node, .sim, .ok, "no SIM is needed (\(told))"))
            return false
        }
        let remedy = told.contains("PIN") || told.contains("PUK")
            ? "enter it once by hand and switch the question off: `lab console \(node)`, AT+CLCK=\"SC\",0,\"<pin>\"" : "put a SIM in, or look at its holder"
        report.findings.append(HealthFinding(node, .sim, .sick, told, remedy: remedy))
        return false
    }

    private func signal(_ module: inout ATConversation, _ report: inout HealthReport, _ hasSIM: Bool) throws(StreamFailure) {
        let level = try level(&module)
        guard let least = expected.signal else {
            if let level { report.findings.append(HealthFinding(node, .signal, .ok, "\(level.name) \(level.dBm) dBm")) }
            return
        }
        guard let level else {
            return report.findings.append(
                HealthFinding(
                    node, .signal, .sick, "there is no signal, and \(least) dBm are wanted",
                    remedy: hasSIM ? "check the antennas; AT+CFUN? must say 1" : "see its SIM first; then the antennas"))
        }
        guard level.dBm >= least else {
            return report.findings.append(
                HealthFinding(
                    node, .signal, .sick, "\(level.name) \(level.dBm) dBm is weaker than \(least) dBm", remedy: "check the antennas and their cables, or move the device"))
        }
        report.findings.append(HealthFinding(node, .signal, .ok, "\(level.name) \(level.dBm) dBm, at least \(least) are wanted"))
    }

    /// The strength that `AT+CSQ` gives; where that says nothing, as on 5G alone, the one of `AT+QCSQ`.
    private func level(_ module: inout ATConversation) throws(StreamFailure) -> (name: String, dBm: Int)? {
        if let lines = try module.lines("AT+CSQ"), let quality = try? ATSignalQuality(answer: lines), let dBm = quality.dBm { return ("RSSI", dBm) }
        guard let lines = try module.lines("AT+QCSQ"), let cells = try? ATCellSignal.read(lines) else { return nil }
        return cells.compactMap(\.rsrp).max().map { ("RSRP", $0) }
    }

    private func digits(_ module: inout ATConversation, _ command: String, _ count: Int) throws(StreamFailure) -> String? {
        try module.lines(command)?.first { $0.utf8.count == count && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    /// `Quectel`, `RG500Q-EA`, `Revision: …`
    private static func model(in lines: [String]) -> String? {
        guard let maker = lines.firstIndex(of: "Quectel"), lines.indices.contains(maker + 1) else {
            return lines.first { !$0.isEmpty && !$0.hasPrefix("Revision") }
        }
        return lines[maker + 1]
    }

    private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
