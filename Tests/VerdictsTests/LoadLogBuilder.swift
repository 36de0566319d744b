import LabCore

@testable import Verdicts

/// Loads as the runner writes them, with times in milliseconds.
extension LogBuilder {
    mutating func load(
        _ id: String, _ items: [LoadItem], from start: Int64 = 0, to end: Int64, warmup: Int64 = 0, timeout: Int64 = 10_000, modelled: Bool = false,
        harness: HarnessReport? = nil, finish: Bool = true
    ) {
        note("load.started", [
            "load": .text(id), "step": "steps.1", "target": "cloud.request", "planned": .integer(Int64(items.count)), "start_ns": .integer(start * 1_000_000),
            "end_ns": .integer(end * 1_000_000), "measured_from_ns": .integer((start + warmup) * 1_000_000), "timeout_ns": .integer(timeout * 1_000_000),
            "modelled": .bool(modelled),
        ], at: start)
        for begin in stride(from: 0, to: items.count, by: LoadRows.batch) {
            note("load.rows", LoadRows.fields(load: id, items: Array(items[begin..<min(begin + LoadRows.batch, items.count)])), at: end)
        }
        if let harness { note("load.harness", (["load": .text(id)] as Fields).merging(harness.asFields), at: end) }
        if finish { note("load.ended", ["load": .text(id), "sent": .integer(Int64(items.count)), "answered": .integer(Int64(items.count))], at: end) }
    }
}

func at(_ milliseconds: Double) -> RunInstant { RunInstant(nanoseconds: Int64((milliseconds * 1e6).rounded())) }

func item(
    _ index: Int, planned: Double, sent: Double? = nil, seen: Double? = nil, _ outcome: LoadItem.Outcome = .good, arrived: Bool? = nil, labels: [Requirement.Label] = [],
    member: Int = 0
) -> LoadItem {
    var item = LoadItem(
        index: index, planned: at(planned), outcome: outcome, hasArrived: arrived ?? (outcome == .good || outcome == .duplicate), labels: labels, member: member)
    item[.sent] = outcome == .unsent ? nil : at(sent ?? planned)
    item[.seen] = seen.map { at($0) }
    return item
}

/// Items every `gap` ms that are answered after `response` ms.
func steady(_ count: Int, every gap: Double, response: Double, from start: Double = 0) -> [LoadItem] {
    (0..<count).map { item($0, planned: start + Double($0) * gap, seen: start + Double($0) * gap + response) }
}

/// Probes by a word of signs: `+` is good, `-` failed; one every `gap` ms.
func probes(_ signs: String, every gap: Double = 100) -> [LoadItem] {
    signs.enumerated().map { index, sign in
        item(index, planned: Double(index) * gap, seen: sign == "+" ? Double(index) * gap + 1 : nil, sign == "+" ? .good : .unanswered)
    }
}

/// A store with one load.
func store(_ id: String, _ items: [LoadItem], to end: Double, warmup: Double = 0, timeout: Double = 10_000) -> EvidenceStore {
    var store = EvidenceStore(span: at(0)..<at(end))
    store.loads[id] = [LoadRecord(id: id, span: at(0)..<at(end), measuredFrom: at(warmup), timeout: Int64(timeout * 1e6), items: items)]
    return store
}

func rate(_ value: Double) -> Requirement.Quantity { Requirement.Quantity(dimension: .rate, value: value, source: "\(value)/s") }
