import LabCore
import WireProtocols

/// The checks of a charging pile at its serial line: what its board says by itself, or when it is asked (charging-protocols.md 2.4, 4.4, 4.5, 4.8, 5.1).
struct PileExamination {
    let patient: Patient
    let source: PortSource
    let limits: DoctorSurroundings.Limits
    let isStopped: @Sendable () -> Bool

    /// What one look at the line gave.
    private struct Heard {
        var isAlive = false
        var identity: String?
        var firmware: String?
        var ofModem = 0
        /// Bytes that are in no frame.
        var strange: [UInt8] = []
        var frames = 0

        init() {}

        init(_ voice: BoardVoice) {
            (isAlive, identity, firmware) = (voice.isAlive, voice.identity, voice.firmware)
            (ofModem, strange, frames) = (voice.ofModem, voice.strange, voice.frames)
        }
    }

    private var node: String { patient.name }
    private var wire: String { patient.facts["protocol"]?.text ?? "dny" }
    private var isBus: Bool { patient.facts["line"]?.text == "bus" }
    private var expected: HealthExpectation { patient.hardware.health }

    /// The identity that lab.yaml gives the board, which is also needed to ask it.
    private var named: String? { written?.id ?? patient.facts["physical_id"]?.text }

    func run(_ talk: PortConversation, _ report: inout HealthReport) throws(StreamFailure) {
        let heard: Heard
        switch wire {
        case "ee66": heard = try askEE66(talk)
        case "bkv", "gn": heard = try listen(talk, for: limits.heartbeat ?? .seconds(66), asking: bkvQuestion)
        case _ where isBus: heard = try pollBus(talk)
        default: heard = try listen(talk, for: limits.heartbeat ?? .seconds(198), asking: dnyQuestion)
        }
        report.identity = heard.identity
        report.firmware = heard.firmware
        guard heard.isAlive else { return report.findings.append(silent(heard)) }
        report.findings.append(HealthFinding(node, .answers, .ok, "it speaks \(wire.uppercased()) (\(heard.frames) frame\(heard.frames == 1 ? "" : "s"))"))
        if let identity = heard.identity { report.findings.append(finding(identity)) }
        if let wanted = expected.firmware, let firmware = heard.firmware {
            report.findings.append(
                wanted == firmware
                    ? HealthFinding(node, .firmware, .ok, "firmware \(firmware), as expected")
                    : HealthFinding(
                        node, .firmware, .sick, "its firmware is \(firmware), not \(wanted)",
                        remedy: "bring it to that version, or correct `firmware` of \(node) in lab.yaml"))
        }
    }

    private var written: (id: String, key: String)? { BoardVoice.written(patient.facts, expected) }

    private func finding(_ identity: String) -> HealthFinding {
        guard let written, written.id.lowercased() != identity.lowercased() else {
            return HealthFinding(node, .identity, .ok, "it is \(identity)" + (written == nil ? "" : ", as expected"))
        }
        return HealthFinding(
            node, .identity, .sick, "another device is plugged in here: it is \(identity), not \(written.id)",
            remedy: "plug the right one in, or correct `\(written.key)` of \(node) in lab.yaml")
    }

    private func silent(_ heard: Heard) -> HealthFinding {
        guard !heard.strange.isEmpty else {
            let isPolled = wire == "ee66" || isBus
            let way =
                heard.ofModem > 0 ? "the modem in front of it speaks, and of the board no frame came"
                : isPolled ? "no answer to its polls" : "it said nothing within its heartbeat"
            // Boards answer to their own id only.
            let id = isPolled ? nil : named.map { ", the id (\($0))" }
            return HealthFinding(
                node, .answers, .sick, way, remedy: "check its supply, the wires (A and B, RX and TX may be swapped)\(id ?? ""), and `protocol` in lab.yaml")
        }
        let bytes = Hexadecimal.text(heard.strange.prefix(16))
        return HealthFinding(
            node, .answers, .sick,
            "what comes is no \(wire.uppercased()) (\(heard.strange.count) bytes: \(bytes)…): the rate of \(source.baud) \(source.framing) or the protocol is wrong",
            remedy: "correct `baud`, `framing` or `protocol` in lab.yaml")
    }

    // MARK: Boards that speak by themselves

    /// Asks where it can be asked, and listens until a frame came.
    private func listen(_ talk: PortConversation, for time: Duration, asking question: [UInt8]?) throws(StreamFailure) -> Heard {
        guard var voice = BoardVoice(patient.facts) else { return Heard() }
        var count = 0
        if let question { try talk.send(question) }
        var end = talk.now.advanced(by: time)
        // A line that streams nonsense is given up after some of it.
        while talk.now < end, !isStopped(), voice.isAlive || count < Self.longestNonsense {
            let came = try talk.wait(within: min(.seconds(1), talk.now.duration(to: end)))
            if came.isEmpty { continue }
            count += came.count
            let wasAlive = voice.isAlive
            voice.hear(came)
            guard voice.isAlive else { continue }
            // Its firmware comes with the registration, which a board that was asked tells in the same moment.
            if voice.firmware != nil || expected.firmware == nil || question == nil { break }
            if !wasAlive { end = min(end, talk.now.advanced(by: .seconds(2))) }
        }
        return Heard(voice)
    }

    private static let longestNonsense = 4_096

    /// 81 asks for registration and heartbeat (4.4); it needs the physical ID.
    private var dnyQuestion: [UInt8]? {
        named.flatMap { DNYPhysicalID($0) }.flatMap { try? DNYFrame(physicalID: $0.rawValue, messageID: 1, command: DNYCommand.query).encoded() }
    }

    /// 0015/1D asks socket 1 for its state (2.6); it needs the gateway's number.
    private var bkvQuestion: [UInt8]? {
        named.flatMap { try? BKVFrame(isFromDevice: false, command: BKVFrame.Command.control, sequence: 1, gateway: $0, data: [0, 1, 0x1d, 1]).encoded() }
    }

    // MARK: Boards that are asked

    /// Three polls for the states of all ports, a second each (5.1).
    private func askEE66(_ talk: PortConversation) throws(StreamFailure) -> Heard {
        var heard = Heard()
        guard let frame = try? EE66Frame(.askStates(EE66Nothing()), isAnswer: false), let bytes = try? frame.encoded() else { return heard }
        var decoder = EE66StreamDecoder(EE66Format())
        for _ in 0..<3 where !heard.isAlive {
            try talk.send(bytes)
            let end = talk.now.advanced(by: .seconds(1))
            while talk.now < end, !heard.isAlive {
                let came = try talk.wait(within: talk.now.duration(to: end))
                heard.strange += came
                decoder.append(came)
                while let item = decoder.next() { if case .frame = item { (heard.isAlive, heard.frames) = (true, heard.frames + 1) } }
            }
        }
        return heard
    }

    /// Polls each address of the bus up to three times; one board that answers is enough to know that the line is well (4.8).
    private func pollBus(_ talk: PortConversation) throws(StreamFailure) -> Heard {
        guard var voice = BoardVoice(patient.facts) else { return Heard() }
        let slaves = min(max(patient.facts["slaves"]?.integer ?? 2, 1), 50)
        for address in Array(repeating: 0..<UInt8(slaves), count: 3).flatMap({ $0 }) where !voice.isAlive {
            guard let poll = try? DNYFrame(physicalID: 0, messageID: 1, command: DNYCommand.poll, data: [address]).encoded() else { continue }
            try talk.send(poll)
            let end = talk.now.advanced(by: .milliseconds(200))
            while talk.now < end, !voice.isAlive { voice.hear(try talk.wait(within: talk.now.duration(to: end))) }
        }
        return Heard(voice)
    }
}
