package import LabCore
import WireProtocols

/// Where a module did not do what its emulator would have done.
package struct DriftReport: Sendable, Equatable {
    package struct Drift: Sendable, Equatable {
        /// Of the event at which they disagreed.
        package var sequence: Int
        package var at: RunInstant
        /// What the host had asked last.
        package var command: String
        package var device: String
        package var model: String
        /// What differs, in a word.
        package var what: String

        package init(sequence: Int, at: RunInstant, command: String, device: String, model: String, what: String) {
            self.sequence = sequence
            self.at = at
            self.command = command
            self.device = device
            self.model = model
            self.what = what
        }
    }

    /// Commands that were compared.
    package var commands = 0
    /// In the order of the log.
    package var drifts: [Drift] = []

    package init() {}
}

/// Runs the emulator of a module beside the log of a run, and compares by meaning (Docs/bench-twins.md).
///
/// What a module says depends on how long its SIM and its network take, which the log does not tell. So three shadows run: one that finds
/// everything at once, one that searches for long, and one whose SIM takes its time as well. A device that agrees with any of them agrees.
package struct ModuleDrift {
    private var report = DriftReport()
    private var shadows: [ModuleShadow] = []
    private let node: String
    private let port: String

    private var last = RunInstant.start
    private var isOpen = false
    private var editor = ModuleLineEditor()
    private var dialogue = ATDialogue()
    private var command = ""
    private var hasBody = false
    /// When the device was told to start anew, and the event at which it agreed.
    private var restart: (at: RunInstant, sequence: Int)?
    /// An update began. The model has nowhere to get the package from, so what firmware is in the device is not compared any more.
    private var hasUpdated = false
    private var heard: [(kind: String, sequence: Int, at: RunInstant, command: String, text: String)] = []

    /// A device goes away so long after the command that restarts it, at most. Source: chosen, above `AT+QPOWD`'s 60 s (specs/rg500q.md §2.1).
    private static let longestGoodbye = Duration.seconds(60)
    private static let shown = 400
    private static let shownOfCommand = 80
    /// Commands that tell the firmware.
    private static let firmware: Set<String> = ["I", "+CGMR", "+GMR", "+QGMR", "+CSUB"]

    /// - Parameters:
    ///   - facts: what lab.yaml and the scenario say of the node.
    ///   - epoch: Unix seconds at the start of the run.
    /// - Throws: `bad_fact`.
    package static func report(_ events: [RunEvent], of node: String, facts: Fields, epoch: Int64) throws(ActionFailure) -> DriftReport {
        // The port with the commands: the one through which most bytes went to the device.
        var ports: [(name: String, count: Int)] = []
        for event in events where event.node == node && event.name == PortRecording.EventName.sent {
            guard let name = event.fields["port"]?.text else { continue }
            if let index = ports.firstIndex(where: { $0.name == name }) { ports[index].count += 1 } else { ports.append((name, 1)) }
        }
        guard let port = ports.max(by: { $0.count < $1.count })?.name else { return DriftReport() }
        var drift = try ModuleDrift(node: node, port: port, facts: facts, epoch: epoch)
        for event in events { drift.take(event) }
        drift.end()
        return drift.report
    }

    private init(node: String, port: String, facts: Fields, epoch: Int64) throws(ActionFailure) {
        self.node = node
        self.port = port
        var setup = try ModuleSetup(facts: facts, epoch: epoch)
        setup.bootTime = .milliseconds(100)
        setup.answerTime = .zero
        let link = CellularModule.ports.first { $0.portLabel == port } ?? .at
        for (start, attach) in [(Duration.zero, Duration.zero), (.zero, .seconds(60)), (.seconds(20), .seconds(60))] {
            (setup.startTime, setup.attachTime) = (start, attach)
            shadows.append(ModuleShadow(CellularModule(setup, generator: SeededGenerator(seed: 1, purpose: "shadow")), port: link))
        }
    }

    private mutating func each(_ action: (inout ModuleShadow) -> Void) {
        for index in shadows.indices { action(&shadows[index]) }
    }

    // MARK: The log

    private mutating func take(_ event: RunEvent) {
        let stimulus = event.node == LabEvents.node ? self.stimulus(event) : nil
        guard stimulus != nil || event.node == node else { return }
        let time = max(last.duration(to: event.at), .zero)
        last = max(last, event.at)
        each { $0.advance(by: time) }
        checkVanished(event)
        if let stimulus { return each(stimulus) }
        guard let content = PortRecording.Content(event), isOwn(event) else { return }
        switch content {
        case .opened: open()
        case .closed: close(event)
        case .lines: break
        case .sent(let bytes):
            open()
            for byte in bytes { takeSent(byte, event) }
        case .received(let bytes):
            open()
            takeReceived(bytes, event)
        }
    }

    /// Bytes name their port by its label; states of a port name a path, and then the node's one port is meant.
    private func isOwn(_ event: RunEvent) -> Bool {
        guard [PortRecording.EventName.sent, PortRecording.EventName.received].contains(event.name) else { return true }
        return event.fields["port"]?.text == port
    }

    /// What was done to the device and its surroundings, where a model has it as well.
    private func stimulus(_ event: RunEvent) -> ((inout ModuleShadow) -> Void)? {
        switch event.name {
        case LabEvents.stepStarted:
            guard let (name, arguments) = own(event.fields["action"], event.fields["arguments"]), Self.outerActions.contains(name) else { return nil }
            return { $0.act(name, arguments) }
        case LabEvents.faultStarted, LabEvents.faultEnded:
            guard let (name, arguments) = own(event.fields["fault"], event.fields["arguments"]), CellularModule.kind.fault(name) != nil else { return nil }
            let isActive = event.name == LabEvents.faultStarted
            return { $0.give(.fault(name, arguments, isActive: isActive)) }
        default: return nil
        }
    }

    private static let outerActions = ["network", "sim.insert", "sim.remove", "sms.receive", "move"]

    private func own(_ name: FieldValue?, _ arguments: FieldValue?) -> (String, Fields)? {
        guard let text = name?.text, text.hasPrefix(node + ".") else { return nil }
        return (String(text.dropFirst(node.count + 1)), arguments?.record ?? [:])
    }

    // MARK: The port

    private mutating func open() {
        guard !isOpen else { return }
        isOpen = true
        each { $0.appear() }
        each { $0.hasVanished = false }
        restart = nil
        (editor, hasBody) = (ModuleLineEditor(), false)
        dialogue.reset()
    }

    private mutating func close(_ event: RunEvent) {
        guard isOpen else { return }
        isOpen = false
        each { $0.waitForAnswer() }
        if let restart, restart.at.duration(to: event.at) <= Self.longestGoodbye {
            each { $0.advance(by: .seconds(5)) }
            if !shadows.contains(where: \.hasVanished) { add(event, device: "the port vanished", model: "the port stayed", "port") }
        }
        each { $0.settle() }
        each { $0.restart() }
        (restart, command) = (nil, "")
        dialogue.reset()
    }

    /// The model went away and the device did not.
    private mutating func checkVanished(_ event: RunEvent) {
        guard isOpen, shadows.contains(where: \.hasVanished), restart.map({ $0.at.duration(to: event.at) > Self.longestGoodbye }) ?? false else { return }
        add(event, device: "the port stayed", model: "the port vanished", "port")
        restart = nil
        each { $0.appear() }
    }

    // MARK: Commands

    private mutating func takeSent(_ byte: UInt8, _ event: RunEvent) {
        if hasBody {
            each { $0.send([byte]) }
            if byte == 0x1a || byte == 0x1b || byte == 0x0d { hasBody = byte == 0x0d }
            return
        }
        guard case .line(let line) = editor.take(byte), !line.isEmpty, let parsed = ModuleCommandLine(line) else { return }
        if dialogue.pending != nil { missingAnswer(event) }
        command = String(decoding: line, as: UTF8.self)
        var body: ATCommand.Body?
        if let last = parsed.commands.last, last.form == .write {
            if ["+CMGS", "+CMGW"].contains(last.name) { body = .text([]) }
            if last.name == "+QFUPL" { body = .upload([]) }
        }
        let asked = ATCommand(command, body: body)
        _ = dialogue.begin(asked)
        each { $0.begin(asked) }
    }

    private mutating func missingAnswer(_ event: RunEvent) {
        dialogue.abandon()
        each { $0.waitForAnswer() }
        // A module that has just come up leaves the first commands unanswered (specs/rg500q.md §5.4).
        guard command.uppercased() != "AT", let answer = shadows.compactMap(\.response).first else { return }
        report.commands += 1
        add(event, device: "no answer", model: text(answer), "answer")
    }

    private mutating func takeReceived(_ bytes: [UInt8], _ event: RunEvent) {
        for item in dialogue.receive(bytes) {
            switch item {
            case .finished(let response): compare(response, event)
            case .unsolicited(let urc): heard.append((AnswerComparison.kind(of: urc), event.sequence, event.at, command, urc.text))
            case .wantsBody:
                _ = dialogue.body()
                hasBody = true
            default: break
            }
        }
    }

    private mutating func compare(_ response: ATResponse, _ event: RunEvent) {
        hasBody = false
        each { $0.waitForAnswer() }
        report.commands += 1
        let names = ATCommand(command).parts.map(\.name)
        if names.contains("+QFOTADL") {
            hasUpdated = hasUpdated || response.final.isSuccess
            return
        }
        if hasUpdated, names.contains(where: Self.firmware.contains) { return }
        if response.final.isSuccess, TwinScript.restarts(TwinScript().key(Array(command.utf8))) { restart = (event.at, event.sequence) }
        let answers = shadows.compactMap(\.response)
        guard !answers.isEmpty else {
            // A model that has gone away says nothing; that is told once, as what it is.
            if shadows.contains(where: \.isOpen) { add(event, device: text(response), model: "no answer", "answer") }
            return
        }
        let differences = answers.map { AnswerComparison.difference(command, device: response, model: $0) }
        guard let what = differences.first ?? nil, !differences.contains(nil) else { return }
        add(event, device: text(response), model: text(answers.first), what)
    }

    private mutating func end() {
        each { $0.settle() }
        let known = shadows.reduce(AnswerComparison.outside) { $0.union($1.unsolicited) }
        var told: Set<String> = []
        for line in heard where !known.contains(line.kind) && told.insert(line.kind).inserted {
            report.drifts.append(
                DriftReport.Drift(
                    sequence: line.sequence, at: line.at, command: line.command, device: line.text, model: "never says \(line.kind) by itself", what: "unsolicited line"))
        }
        report.drifts.sort { $0.sequence < $1.sequence }
    }

    // MARK: The report

    private mutating func add(_ event: RunEvent, device: String, model: String, _ what: String) {
        report.drifts.append(DriftReport.Drift(sequence: event.sequence, at: event.at, command: String(command.prefix(Self.shownOfCommand)), device: device, model: model, what: what))
    }

    private func text(_ response: ATResponse?) -> String {
        guard let response else { return "no answer" }
        return String((response.lines + [response.final.text]).joined(separator: " | ").prefix(Self.shown))
    }
}
