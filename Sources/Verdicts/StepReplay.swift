import LabCore

/// Puts every `expect` and `forbid` of a log on a fresh claim board, in the order in which the runner did.
struct StepReplay: Sendable {
    private(set) var records: [StepRecord] = []
    private var board = ClaimBoard()
    private var phase = "setup"
    /// Steps that have begun and not ended: their name and their place in `records`.
    private var running: [(step: String, index: Int)] = []
    private var waiting: [(id: ClaimBoard.WatchID, index: Int)] = []

    mutating func observe(_ event: RunEvent) {
        for (id, outcome) in board.observe(event) { decide(id, outcome) }
        guard event.node == LabEvents.node else { return }
        switch event.name {
        case LabEvents.phaseStarted: phase = event.fields["phase"]?.text ?? phase
        case LabEvents.stepStarted: begin(event)
        case LabEvents.stepEnded: end(event)
        default: break
        }
    }

    private mutating func begin(_ event: RunEvent) {
        let fields = event.fields
        let location = SourceLocation(
            file: fields["file"]?.text ?? "", line: Int(clamping: fields["line"]?.integer ?? 1),
            column: Int(clamping: fields["column"]?.integer ?? 1))
        let verb = fields["verb"]?.text ?? ""
        let step = fields["step"]?.text ?? ""
        var record = StepRecord(
            step: step, verb: verb, text: fields["text"]?.text ?? verb, location: location, phase: phase, started: event)
        if verb == "expect" || verb == "forbid" {
            // A position that cannot be in the log would only come from a damaged file.
            record.expectation = Expectation(fields).flatMap { $0.isWithin(event) ? $0 : nil }
        } else {
            record.condition = fields["where"].flatMap(Match.init(encoded:))
        }
        let index = records.count
        records.append(record)
        running.append((step, index))
        guard let expectation = record.expectation else { return }
        let (id, outcome) = board.begin(expectation)
        if let outcome { records[index].replayed = outcome } else { waiting.append((id, index)) }
    }

    private mutating func end(_ event: RunEvent) {
        guard let place = running.lastIndex(where: { $0.step == event.fields["step"]?.text }) else { return }
        let index = running.remove(at: place).index
        records[index].ended = event
        if let watch = waiting.first(where: { $0.index == index }) {
            decide(watch.id, board.expire(watch.id))
        }
        if let expectation = records[index].expectation, expectation.polarity == .expected, case .notMet? = records[index].replayed {
            records[index].nearest = board.nearMisses(of: expectation)
        }
    }

    private mutating func decide(_ id: ClaimBoard.WatchID, _ outcome: ClaimBoard.Outcome) {
        guard let place = waiting.firstIndex(where: { $0.id == id }) else { return }
        records[waiting.remove(at: place).index].replayed = outcome
    }
}

extension Expectation {
    fileprivate func isWithin(_ start: RunEvent) -> Bool {
        (0...start.sequence).contains(stimulus) && stimulusAt >= .start && (after ?? 0) >= 0 && deadline >= stimulusAt
    }
}
