import LabCore

/// Reads from a log what a sequence diagram says of each event.
struct SequenceReader {
    struct Fault {
        var role: String
        var text: String
        var first: Int
        var last: Int?
        fileprivate var key: String
    }

    let events: [RunEvent]
    private(set) var faults: [Fault] = []
    private var claimed: Set<Int> = []
    private var nearest: Set<Int> = []
    private var decided: Set<Int> = []
    /// How often each kind of event occurs in each role, and how many of them came before an event.
    private var totals: [[String]: Int] = [:]
    private var ordinals: [Int] = []
    /// What each field said first, how often, and whether it ever said something else: a field that always says the same
    /// tells a reader nothing.
    private var fieldUse: [String: (first: FieldValue, count: Int, varies: Bool)] = [:]
    private var stepTexts: [String: (text: String, line: Int?)] = [:]

    init(events: [RunEvent], findings: [Finding]) {
        self.events = events
        decided = Set(findings.filter { $0.verdict > .quarantined }.compactMap(\.sequence))
        nearest = Set(findings.flatMap { $0.nearest.map(\.event.sequence) })
        ordinals.reserveCapacity(events.count)
        for event in events {
            ordinals.append(totals[[String(event.role), event.name], default: 0])
            totals[[String(event.role), event.name], default: 0] += 1
            if event.node == LabEvents.node { read(event) } else { noteFields(of: event) }
        }
    }

    private mutating func noteFields(of event: RunEvent) {
        for entry in event.fields {
            if let use = fieldUse[entry.name] {
                fieldUse[entry.name] = (use.first, use.count + 1, use.varies || use.first != entry.value)
            } else {
                fieldUse[entry.name] = (entry.value, 1, false)
            }
        }
    }

    /// The event with its telling fields first.
    private func arranged(_ event: RunEvent) -> RunEvent {
        func isDull(_ name: String) -> Bool { fieldUse[name].map { $0.count >= 4 && !$0.varies } ?? false }
        var result = event
        result.fields = Fields()
        for entry in event.fields where !isDull(entry.name) { result.fields[entry.name] = entry.value }
        for entry in event.fields where isDull(entry.name) { result.fields[entry.name] = entry.value }
        return result
    }

    private mutating func read(_ event: RunEvent) {
        switch event.name {
        case LabEvents.stepStarted:
            guard let step = event.fields["step"]?.text else { return }
            stepTexts[step] = (event.fields["text"]?.text ?? step, event.fields["line"]?.integer.map { Int(clamping: $0) })
        case LabEvents.stepEnded where event.fields["outcome"]?.text == StepOutcome.passed.rawValue:
            // Of a thousand claimed events the first few and the deciding one tell enough.
            let sequences = event.fields["claimed"]?.list?.compactMap { $0.integer.map { Int(clamping: $0) } } ?? []
            claimed.formUnion(sequences.count > 4 ? sequences.prefix(3) + sequences.suffix(1) : sequences[...])
        case LabEvents.faultStarted:
            let name = event.fields["fault"]?.text ?? ""
            let arguments = event.fields["arguments"]?.record.map { EventText.fields($0, valueLimit: 24) } ?? ""
            let role = String(name.prefix { $0 != "." })
            faults.append(
                Fault(role: role, text: "\(name.dropFirst(role.count + 1)) \(arguments)", first: event.sequence, key: Self.key(event)))
        case LabEvents.faultEnded:
            guard let index = faults.lastIndex(where: { $0.key == Self.key(event) && $0.last == nil }) else { return }
            faults[index].last = event.sequence
        default: break
        }
    }

    private static func key(_ event: RunEvent) -> String {
        (event.fields["handle"] ?? event.fields["id"] ?? event.fields["fault"])?.description ?? ""
    }

    /// Whether the event is one of many of its kind, and neither of the first two nor of the last two.
    private func isRepetition(_ event: RunEvent) -> Bool {
        guard ordinals.indices.contains(event.sequence - 1) else { return false }
        let before = ordinals[event.sequence - 1]
        return before >= 2 && before < (totals[[String(event.role), event.name]] ?? 0) - 2
    }

    /// Events of this priority and beyond only repeat others.
    static let repetition = 4

    /// 0 for what must be seen, 5 for what may; `nil` for the lab's own bookkeeping.
    func priority(of event: RunEvent) -> Int? {
        if decided.contains(event.sequence) || nearest.contains(event.sequence) { return 0 }
        guard event.node == LabEvents.node else {
            if claimed.contains(event.sequence) { return 1 }
            return (source(of: event) == nil ? 3 : 2) + (isRepetition(event) ? 2 : 0)
        }
        switch event.name {
        case LabEvents.phaseStarted, LabEvents.lawBroken, LabEvents.runEnded: return 0
        case LabEvents.stepEnded: return event.fields["outcome"]?.text == StepOutcome.passed.rawValue ? nil : 0
        case LabEvents.stepStarted, LabEvents.faultStarted, LabEvents.faultEnded: return 1
        case LabEvents.eventsOmitted: return 2
        default: return nil
        }
    }

    /// The lifeline of an event: its node, and for a fault the role that suffers it.
    func lane(of event: RunEvent) -> String {
        guard event.node == LabEvents.node, event.name == LabEvents.faultStarted || event.name == LabEvents.faultEnded else { return event.node }
        return String((event.fields["fault"]?.text ?? event.node).prefix { $0 != "." })
    }

    /// The node of the event that led to this one, where it is another node.
    func source(of event: RunEvent) -> String? {
        guard let cause = event.cause, events.indices.contains(cause - 1) else { return nil }
        let node = events[cause - 1].node
        return node == event.node ? nil : node
    }

    func row(of index: Int) -> SequenceSelection.Row {
        let event = events[index]
        guard event.node != LabEvents.node else { return labRow(event) }
        let kind: SequenceSelection.Row.Kind =
            decided.contains(event.sequence) ? .failure
            : nearest.contains(event.sequence) ? .nearest : claimed.contains(event.sequence) ? .claimed : .event
        let text = EventText.line(arranged(event), valueLimit: 28)
        let remark = text.hasPrefix(event.name) ? String(text.dropFirst(event.name.count)) : ""
        return SequenceSelection.Row(kind: kind, event: event, lane: event.node, source: source(of: event), label: event.name, remark: remark)
    }

    private func labRow(_ event: RunEvent) -> SequenceSelection.Row {
        func row(_ kind: SequenceSelection.Row.Kind, _ label: String, _ remark: String = "", line: Int? = nil) -> SequenceSelection.Row {
            SequenceSelection.Row(kind: kind, event: event, lane: lane(of: event), label: label, remark: remark, line: line)
        }
        let fields = event.fields
        switch event.name {
        case LabEvents.stepStarted: return row(.step, fields["text"]?.text ?? "step", line: fields["line"]?.integer.map { Int(clamping: $0) })
        case LabEvents.stepEnded:
            let step = stepTexts[fields["step"]?.text ?? ""]
            let reason = fields["reason"]?.text.map { ": \($0)" } ?? ""
            return row(.failure, "\(step?.text ?? "step") \(fields["outcome"]?.text ?? "failed")\(reason)", line: step?.line)
        case LabEvents.faultStarted, LabEvents.faultEnded:
            let name = fields["fault"]?.text ?? "fault"
            let role = String(name.prefix { $0 != "." })
            let begins = event.name == LabEvents.faultStarted
            let arguments = begins ? fields["arguments"]?.record.map { EventText.fields($0, valueLimit: 24) } ?? "" : ""
            return row(.fault, "\(name.dropFirst(role.count + 1)) \(begins ? "begins" : "ends")", arguments)
        case LabEvents.lawBroken: return row(.failure, "law broken: \(fields["law"]?.text ?? "")")
        case LabEvents.runEnded: return row(.step, "run ended", fields["reason"]?.text ?? "")
        default: return row(.event, event.name, EventText.fields(fields, valueLimit: 28))
        }
    }
}
