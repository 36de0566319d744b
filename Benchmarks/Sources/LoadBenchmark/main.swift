import BenchTable
import CLoad
import Foundation
import LabCore
import LoadGenerator

// The lab's load generator: beside wrk at the same rate, on a healthy target and on one that freezes for a second; its processor time
// for each request; ten million samples in bounded memory; ten thousand requests in flight on one thread. The target is the null target
// in a process of its own. Times vary with the machine; generator and wrk take turns, and ratios are what can be compared.
//
// usage: LoadBenchmark [--rounds N] [--seconds S] [--rate N] [--samples N] [--held N] [--only wrk|frozen|cost|soak|held]

load_line_output()
let arguments = Array(CommandLine.arguments.dropFirst())

func wants(_ part: String) -> Bool { option("--only").map { $0 == part } ?? true }

do {
    if arguments.first == "target" { try serve(holds: arguments.dropFirst().first.flatMap { Int64($0) } ?? 0) }
    var hasReached = true
    let (rounds, rate) = (Int(number("--rounds", 5)), number("--rate", 1_000))
    if wants("wrk") { hasReached = try measureHealthy(rounds: rounds, seconds: number("--seconds", 5), rate: rate) && hasReached }
    if wants("frozen") { hasReached = try measureFrozen(rounds: min(3, rounds), rate: rate) && hasReached }
    if wants("cost") { hasReached = try measureCost(seconds: number("--seconds", 5)) && hasReached }
    if wants("held") { hasReached = try measureHeld(count: Int(number("--held", 10_000))) && hasReached }
    if wants("soak") { hasReached = try measureSoak(samples: Int(number("--samples", 10_000_000))) && hasReached }
    print(hasReached ? "all targets reached" : "not all targets reached")
} catch {
    print("broken: \(error)")
    exit(1)
}
