import BenchTable
import LabCore

// The kernel's figures, beside a floor (a plain heap) and a peer (swift-nio's EmbeddedEventLoop) in the same run.
// Rates are by processor time and vary with the machine; the ratios are what can be compared. Each candidate runs
// several times in turn, and the best time counts. An argument limits the run to the candidates whose names contain it.

let workload = Workload()
let repetitions = 5
let all: [(String, Candidate)] = [
    ("kernel with devices, hosts and links", KernelWorld.run),
    ("kernel alone", BareKernel.run),
    ("plain binary heap of structs", PlainHeap.run),
    ("swift-nio EmbeddedEventLoop", EmbeddedLoop.run),
]
let candidates = all.filter { CommandLine.arguments.count < 2 || $0.0.contains(CommandLine.arguments[1]) }

var best: [Outcome?] = candidates.map { _ in nil }
for _ in 0..<repetitions {
    for (index, candidate) in candidates.enumerated() {
        let outcome = measure(candidate.0, workload, candidate.1)
        if let before = best[index] {
            precondition(before.tally.digest == outcome.tally.digest, "\(outcome.name) did not repeat itself")
            best[index]?.seconds = min(before.seconds, outcome.seconds)
        } else {
            best[index] = outcome
        }
    }
}

let done = best.compactMap { $0 }
let floor = done.first { $0.name.contains("heap") }
func text(_ outcome: Outcome) -> String {
    "\(BenchRow.text(Double(outcome.tally.events) / outcome.seconds / 1e6)) M events/s, \(outcome.bytes / workload.devices) B a device"
}
for outcome in done where outcome.name != floor?.name {
    BenchRow(
        outcome.name, text(outcome), peer: floor.map { "heap \(BenchRow.text(Double($0.tally.events) / $0.seconds / 1e6)) M events/s" } ?? "",
        ratio: floor.map { $0.seconds / outcome.seconds }
    ).show()
}
