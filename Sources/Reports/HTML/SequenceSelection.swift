import LabCore

/// Which events a sequence diagram shows: milestones and what led to the failure, a bounded number.
struct SequenceSelection {
    struct Row {
        enum Kind { case event, claimed, nearest, step, fault, failure }
        var kind: Kind
        var event: RunEvent
        var lane: String
        /// The lane of the event that led to this one, where it is another one.
        var source: String?
        var label: String
        /// Fields, or the reason of a failure, in small.
        var remark: String
        var line: Int?
    }

    enum Entry {
        case row(Row)
        case phase(String, RunInstant)
        case gap(Int)
    }

    /// A fault while it is active, from one entry to another.
    struct Band {
        var lane: String
        var text: String
        var first: Int
        var last: Int
        /// How many bands of the lane it stands beside, so that each keeps an edge of its own.
        var depth: Int
    }

    private(set) var lanes: [String] = []
    private(set) var entries: [Entry] = []
    private(set) var bands: [Band] = []
    /// Events that could have been shown.
    private(set) var candidates = 0
    let rowLimit: Int
    let laneLimit: Int

    private struct Candidate {
        var priority: Int
        var distance: Int
        var index: Int
    }

    init(events: [RunEvent], findings: [Finding], rowLimit: Int = 120, laneLimit: Int = 8) {
        self.rowLimit = rowLimit
        self.laneLimit = laneLimit
        let reader = SequenceReader(events: events, findings: findings)
        let decided = findings.compactMap(\.sequence).sorted()
        var ranked: [Candidate] = []
        for index in events.indices {
            guard let priority = reader.priority(of: events[index]) else { continue }
            let distance = decided.map { abs($0 - events[index].sequence) }.min() ?? 0
            ranked.append(Candidate(priority: priority, distance: distance, index: index))
        }
        candidates = ranked.count
        ranked.sort { ($0.priority, $0.distance, $0.index) < ($1.priority, $1.distance, $1.index) }
        let inOrder = ranked.map(\.index).sorted()
        let chosen = choose(ranked, reader)
        lay(out: filled(chosen, from: inOrder, reader), among: inOrder, reader)
        findBands(reader)
    }

    /// Takes the most important events for as long as there are rows and lanes.
    private mutating func choose(_ ranked: [Candidate], _ reader: SequenceReader) -> [Int] {
        var taken: [Int] = []
        var known: Set<String> = [LabEvents.node]
        for candidate in ranked {
            // Repetitions fill a short diagram; they do not make a long one.
            if taken.count >= (candidate.priority >= SequenceReader.repetition ? rowLimit / 3 : rowLimit) { break }
            let event = reader.events[candidate.index]
            let lane = reader.lane(of: event)
            if known.count >= laneLimit && !known.contains(lane) { continue }
            known.insert(lane)
            if known.count < laneLimit, let source = reader.source(of: event) { known.insert(source) }
            taken.append(candidate.index)
        }
        // Lanes stand in the order in which their nodes appear in the log.
        var seen: [String] = [LabEvents.node]
        for index in taken.sorted() {
            let event = reader.events[index]
            for lane in [reader.source(of: event), reader.lane(of: event)].compactMap(\.self) where known.contains(lane) && !seen.contains(lane) { seen.append(lane) }
        }
        lanes = seen
        return taken.sorted()
    }

    /// A row that says "1 event left out" takes the room of the event.
    private func filled(_ chosen: [Int], from candidates: [Int], _ reader: SequenceReader) -> [Int] {
        let known = Set(chosen)
        var result: [Int] = []
        var gap: [Int] = []
        for index in candidates {
            if !known.contains(index) {
                gap.append(index)
                continue
            }
            if gap.count == 1, lanes.contains(reader.lane(of: reader.events[gap[0]])) { result += gap }
            gap = []
            result.append(index)
        }
        return result
    }

    private mutating func lay(out chosen: [Int], among candidates: [Int], _ reader: SequenceReader) {
        var next = 0
        func skipped(before index: Int) -> Int {
            var count = 0
            while next < candidates.count, candidates[next] < index {
                count += 1
                next += 1
            }
            return count
        }
        for index in chosen {
            let left = skipped(before: index)
            next += 1
            if left > 0 { entries.append(.gap(left)) }
            let event = reader.events[index]
            if event.node == LabEvents.node, event.name == LabEvents.phaseStarted {
                entries.append(.phase(event.fields["phase"]?.text ?? "", event.at))
            } else {
                var row = reader.row(of: index)
                if let source = row.source, !lanes.contains(source) { row.source = nil }
                entries.append(.row(row))
            }
        }
        if candidates.count > next { entries.append(.gap(candidates.count - next)) }
    }

    private mutating func findBands(_ reader: SequenceReader) {
        let rows = entries.enumerated().compactMap { place, entry -> (place: Int, sequence: Int)? in
            if case .row(let row) = entry { (place, row.event.sequence) } else { nil }
        }
        guard let lastPlace = rows.last?.place else { return }
        for fault in reader.faults {
            guard let first = rows.first(where: { $0.sequence >= fault.first })?.place else { continue }
            let last = fault.last.flatMap { end in rows.last { $0.sequence <= end }?.place } ?? lastPlace
            for lane in lanes where lane == fault.role || lane.hasPrefix(fault.role + "#") {
                let depth = bands.count { $0.lane == lane && $0.first <= max(first, last) && first <= $0.last }
                bands.append(Band(lane: lane, text: fault.text, first: first, last: max(first, last), depth: depth))
            }
        }
    }
}
