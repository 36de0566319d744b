import Programs
import Testing

/// ModemManager with its plugin for the real module. Takes real time: the module boots, and is probed, at the speed of life.
@Suite("ModemManager on the emulated module (rg500q.md §6.2)", .serialized, .timeLimit(.minutes(4)))
struct ForeignManagerTests {
    @Test("finds it by its place on the bus, enables it, reads it and sends and gets messages with it")
    func manager() async throws {
        let programs = ["ModemManager", "mmcli", "dbus-run-session"]
        guard let report = try await InteropBench.run("modem-manager", needing: programs, limit: .seconds(220), for: "ModemManager") else { return }
        #expect(report.outcome.status == 0, "\(report)")
        #expect(report["found"].contains("[Quectel] RG500Q-EA"), "\(report)")
        expect(report["described"], [
            "plugin": "quectel", "primary port": "ttyUSB2", "ports": "ttyUSB1 (gps), ttyUSB2 (at), ttyUSB3 (at)",
            "firmware revision": "RG500QEAAAR11A06M4G", "equipment id": "860000000000009", "state": "disabled",
        ])
        #expect(report["enable"] == "successfully enabled the modem\n", "\(report)")
        // Default signal of the module: RSSI -69 dBm, 22 of 31 in the answer of AT+CSQ, which is 70 %.
        expect(report["registered"], [
            "state": "registered", "access tech": "lte", "signal quality": "70% (recent)", "operator id": "00101", "operator name": "Lab Mobile",
            "registration": "home", "packet service state": "attached",
        ])
        #expect(report["command"] == "response: 'Quectel\nRG500Q-EA\nRevision: RG500QEAAAR11A06M4G'\n", "\(report)")
        // As AT+CESQ codes them (3GPP TS 27.007 §8.69): steps of 1 dBm and of 0.5 dB.
        expect(report["signal"], ["rsrp": "-100.00 dBm", "rsrq": "-12.00 dB"])
        expect(report["message"], ["number": "+15551234567", "text": "hello from a manager", "state": "sent", "message reference": "1"])
        expect(report["delivery"], ["number": "+15557654321", "text": "hello from the network", "state": "received"])
        // IMSI and EF_AD of the card together.
        expect(report["card"], ["imsi": "001010123456780", "iccid": "89001010000000000018", "operator id": "00101", "operator name": "LAB SIM"])
        #expect(report["events"].contains("modem_1.sms.sent  to=+15551234567 text=hello from a manager"), "\(report)")
        #expect(report["events"].contains("modem_1.sms.received  from=+15557654321 text=hello from the network"), "\(report)")
    }

    /// Lines of a table of mmcli: `  Status |  state: registered`, the names in every order.
    private func expect(_ table: String, _ values: [String: String], at location: SourceLocation = #_sourceLocation) {
        let cells = table.split(separator: "\n").compactMap { $0.split(separator: "|", maxSplits: 1).last }
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            let found = cells.contains { cell in
                let pair = cell.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
                return pair.count == 2 && pair[0] == name && plain(pair[1]) == value
            }
            #expect(found, "\(name) is not \(value):\n\(table)", sourceLocation: location)
        }
    }

    /// Without the colours and blanks around a value.
    private func plain(_ value: Substring) -> String {
        let text = value.replacing(#/\u{1b}\[[0-9;]*m/#, with: "")
        return String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
