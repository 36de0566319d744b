package import LabCore
import WireProtocols

/// Runs the emulator of a pile's board beside the log of a run, and compares by meaning (Docs/bench-twins.md).
///
/// It gets what the host sent and what the scenario did to the pile, at their times. Compared are the answers to the host's commands, and which kinds of
/// frames come by themselves.
package struct PileDrift {
    private struct Question {
        var frame: PileLineFrame
        var at: RunInstant
        var sequence: Int
        /// The model had its port open, and got it.
        var isGiven = false
        var answer: PileLineFrame?
    }

    private var report = DriftReport()
    private var shadow: ShadowHost
    private let node: String
    private let port: String
    private let wire: PileWire

    private var last = RunInstant.start
    private var host: PileFrameReader
    private var device: PileFrameReader
    private var model: PileFrameReader
    private var isOpen = false
    private var hasPower = false
    private var open: [Question] = []
    /// The last frames that the device sent by itself: an acknowledgement has the message ID of one.
    private var said: [PileLineFrame] = []
    /// What the model sent by itself, the last of each command.
    private var modelSaid: [String: PileLineFrame] = [:]
    private var told: [(command: String, sequence: Int, at: RunInstant, frame: PileLineFrame)] = []

    /// An answer comes within this time (charging-protocols.md §4.2).
    private static let patience = Duration.seconds(15)
    /// For a board to boot.
    private static let longestBoot = Duration.seconds(60)
    private static let remembered = 64
    private static let shown = 400

    /// - Parameters:
    ///   - facts: what lab.yaml and the scenario say of the node.
    ///   - epoch: Unix seconds at the start of the run.
    /// - Returns: an empty report where the log has no frames of a board; several boards on a bus are not compared.
    /// - Throws: `bad_fact`.
    package static func report(_ events: [RunEvent], of node: String, facts: Fields, epoch: Int64) throws(ActionFailure) -> DriftReport {
        guard facts["line"]?.text ?? "serial" == "serial" else { return DriftReport() }
        let recordings = PortRecording.recordings(in: events, of: node, kind: "pile")
        guard let recording = recordings.max(by: { $0.pieces.count < $1.pieces.count }) else { return DriftReport() }
        let wire = PileWire(spokenIn: recording)
        guard let first = firstFrame(of: recording, wire) else { return DriftReport() }
        var facts = facts
        (facts["line"], facts["protocol"]) = ("serial", facts["protocol"] ?? .text(wire.rawValue))
        if facts["pile"] == nil, let board = first.board { facts["pile"] = .text(board) }
        var drift = PileDrift(node: node, port: recording.header.port, wire: wire, device: try PileFactory.make(facts, node: node, epoch: epoch))
        for event in events { drift.take(event) }
        drift.end()
        return drift.report
    }

    private static func firstFrame(of recording: PortRecording, _ wire: PileWire) -> PileLineFrame? {
        var reader = PileFrameReader(wire)
        for piece in recording.pieces {
            if case .received(let bytes) = piece.content, let frame = reader.take(bytes, at: piece.at).first { return frame }
        }
        return nil
    }

    private init(node: String, port: String, wire: PileWire, device: any Device) {
        (self.node, self.port, self.wire) = (node, port, wire)
        shadow = ShadowHost(device, link: .serial)
        (host, self.device, model) = (PileFrameReader(wire), PileFrameReader(wire), PileFrameReader(wire))
    }

    // MARK: The log

    private mutating func take(_ event: RunEvent) {
        let stimulus = event.node == LabEvents.node ? self.stimulus(event) : nil
        guard stimulus != nil || event.node == node else { return }
        let time = max(last.duration(to: event.at), .zero)
        last = max(last, event.at)
        run(until: { _ in false }, end: shadow.end(ofTime: time))
        giveUp(at: event.at)
        if let stimulus {
            stimulus(&self)
            return hear()
        }
        guard let content = PortRecording.Content(event) else { return }
        switch content {
        case .opened: openPort()
        case .closed: closePort()
        case .lines: break
        case .sent(let bytes) where isOwn(event): takeSent(bytes, event)
        case .received(let bytes) where isOwn(event): takeReceived(bytes, event)
        case .sent, .received: break
        }
    }

    private func isOwn(_ event: RunEvent) -> Bool { event.fields["port"]?.text == port }

    /// What was done to the pile, where the model has it as well.
    private func stimulus(_ event: RunEvent) -> ((inout PileDrift) -> Void)? {
        switch event.name {
        case LabEvents.stepStarted:
            guard let (name, arguments) = own(event.fields["action"], event.fields["arguments"]), let action = ChargingPile.kind.action(name) else { return nil }
            return { drift in
                if name == "power_on" { drift.hasPower = true }
                drift.shadow.act(name, action.takes.typed(arguments))
            }
        case LabEvents.faultStarted, LabEvents.faultEnded:
            guard let (name, arguments) = own(event.fields["fault"], event.fields["arguments"]) else { return nil }
            let isActive = event.name == LabEvents.faultStarted
            if name == "power.cut" { return { $0.setPower(!isActive) } }
            guard let fault = ChargingPile.kind.fault(name) else { return nil }
            return { $0.shadow.give(.fault(name, fault.takes.typed(arguments), isActive: isActive)) }
        default: return nil
        }
    }

    private func own(_ name: FieldValue?, _ arguments: FieldValue?) -> (String, Fields)? {
        guard let text = name?.text, text.hasPrefix(node + ".") else { return nil }
        return (String(text.dropFirst(node.count + 1)), arguments?.record ?? [:])
    }

    private mutating func setPower(_ isOn: Bool) {
        if isOn { shadow.give(.poweredOn) } else { shadow.losePower() }
        hasPower = isOn
    }

    // MARK: The model

    private mutating func run(until condition: (PileDrift) -> Bool, end: RunInstant) {
        while !condition(self) {
            let goesOn = shadow.step(until: end)
            hear()
            if !goesOn { return }
        }
    }

    /// Waits longer than the log does.
    private mutating func wait(until condition: (PileDrift) -> Bool, atMost time: Duration) {
        let start = shadow.now
        run(until: condition, end: start.advanced(by: time))
        shadow.hasWaited(since: start)
    }

    private mutating func hear() {
        for deed in shadow.takeDeeds() {
            switch deed {
            case .opened:
                isOpen = true
                shadow.give(.link(.serial, .opened))
                hear()
            case .gone: isOpen = false
            case .sent(let bytes): for frame in model.take(bytes, at: shadow.now) { modelSays(frame) }
            }
        }
    }

    private mutating func modelSays(_ frame: PileLineFrame) {
        if let index = open.lastIndex(where: { frame.answers($0.frame) && $0.answer == nil }) {
            open[index].answer = frame
        } else if frame.isAnswer != true { modelSaid[frame.command] = frame }
    }

    /// A board that speaks has power, whoever switched it on, and has booted.
    private mutating func wake() {
        if !hasPower { setPower(true) }
        if !isOpen { wait(until: \.isOpen, atMost: Self.longestBoot) }
    }

    // MARK: The port

    private mutating func openPort() { (host, device) = (PileFrameReader(wire), PileFrameReader(wire)) }

    private mutating func closePort() { open = [] }

    private mutating func takeSent(_ bytes: [UInt8], _ event: RunEvent) {
        for frame in host.take(bytes, at: event.at) {
            guard let isAnswer = frame.isAnswer else {
                // Of a DNY acknowledgement the message ID is that of the device's frame; the model's has another one.
                if let own = said.last(where: { frame.answers($0) }) {
                    if let model = modelSaid[own.command] { give(frame.withSession(of: model)) }
                } else { ask(frame, event) }
                continue
            }
            if isAnswer { give(frame) } else { ask(frame, event) }
        }
    }

    private mutating func ask(_ frame: PileLineFrame, _ event: RunEvent) {
        open.append(Question(frame: frame, at: event.at, sequence: event.sequence, isGiven: isOpen))
        give(frame)
    }

    private mutating func give(_ frame: PileLineFrame) {
        guard isOpen else { return }
        shadow.give(.link(.serial, .bytes(frame.bytes)))
        hear()
    }

    private mutating func takeReceived(_ bytes: [UInt8], _ event: RunEvent) {
        for frame in device.take(bytes, at: event.at) {
            wake()
            guard let index = open.lastIndex(where: { frame.answers($0.frame) }) else {
                if frame.isAnswer != true { hasSaid(frame, event) }
                continue
            }
            let sequence = open[index].sequence
            if !open[index].isGiven { give(open[index].frame) }
            if open[index].answer == nil { wait(until: { $0.answer(to: sequence) != nil }, atMost: Self.patience) }
            report.commands += 1
            guard let place = open.firstIndex(where: { $0.sequence == sequence && frame.answers($0.frame) }) else { continue }
            let question = open.remove(at: place)
            guard let answer = question.answer else {
                add(event.sequence, event.at, question.frame, device: text(frame), model: "no answer", "answer")
                continue
            }
            if let what = Self.difference(frame, answer) { add(event.sequence, event.at, question.frame, device: text(frame), model: text(answer), what) }
        }
    }

    private func answer(to sequence: Int) -> PileLineFrame? { open.last { $0.sequence == sequence }?.answer }

    private mutating func hasSaid(_ frame: PileLineFrame, _ event: RunEvent) {
        said.append(frame)
        if said.count > Self.remembered { said.removeFirst() }
        if !told.contains(where: { $0.command == frame.command }) { told.append((frame.command, event.sequence, event.at, frame)) }
    }

    /// What the device has not answered in its time, and the model has.
    private mutating func giveUp(at now: RunInstant) {
        while let question = open.first, question.at.duration(to: now) > Self.patience {
            open.removeFirst()
            guard let answer = question.answer else { continue }
            report.commands += 1
            add(question.sequence, question.at, question.frame, device: "no answer", model: text(answer), "answer")
        }
    }

    private mutating func end() {
        // Everything that it would still have said by itself.
        wait(until: { _ in false }, atMost: .seconds(300))
        for item in told where modelSaid[item.command] == nil {
            report.drifts.append(
                DriftReport.Drift(
                    sequence: item.sequence, at: item.at, command: item.command, device: text(item.frame), model: "never says \(item.command) by itself", what: "unasked frame"))
        }
        report.drifts.sort { $0.sequence < $1.sequence }
    }

    // MARK: Comparison

    /// What has a unit is measured, counted or a time, and is each device's own.
    private static func difference(_ device: PileLineFrame, _ model: PileLineFrame) -> String? {
        let (ours, theirs) = (device.fields.filter(\.unit.isEmpty), model.fields.filter(\.unit.isEmpty))
        for field in ours {
            guard let other = theirs.first(where: { $0.name == field.name }) else { return field.name }
            if other.value != field.value { return field.name }
        }
        return theirs.first { field in !ours.contains { $0.name == field.name } }?.name
    }

    private mutating func add(_ sequence: Int, _ at: RunInstant, _ question: PileLineFrame, device: String, model: String, _ what: String) {
        report.drifts.append(DriftReport.Drift(sequence: sequence, at: at, command: question.command, device: device, model: model, what: what))
    }

    private func text(_ frame: PileLineFrame) -> String {
        let fields = frame.fields.map { "\($0.name)=\($0.meaning.isEmpty ? $0.value.description : $0.meaning)" }
        return String("\(frame.command) \(fields.joined(separator: " "))".prefix(Self.shown))
    }
}
