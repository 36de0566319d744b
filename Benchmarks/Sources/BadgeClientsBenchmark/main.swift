import BenchTable
import CLoad
import Foundation
import Glibc

// Thousands of emulated badges in one process, through libmosquitto on one reactor: they connect with a password, subscribe to
// their commands and report at quality 1, one report at a time each. The broker is in a process of its own; the two brokers take
// turns, each time anew. Rates vary with the machine.
//
// usage: BadgeClientsBenchmark [--clients N] [--reports N] [--rounds N] [--lab PATH]
//   --lab PATH   the program `lab`, whose `serve --broker-only` is measured instead of the same broker in this program

load_line_output()
unsafe load_account(Account.user, Account.password)
let arguments = Array(CommandLine.arguments.dropFirst())

/// A client takes three descriptors. What the broker's process may have is inherited.
func raiseDescriptorLimit(to needed: UInt) throws {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    guard limit.rlim_cur >= needed else {
        throw Problem("\(needed) descriptors are needed and \(limit.rlim_cur) allowed: see `ulimit -Hn`, or use fewer --clients")
    }
}

do {
    if arguments.first == "serve" { try serve() }
    let (count, reports, rounds) = (max(1, option("--clients", 5_000)), max(1, option("--reports", 10)), max(1, option("--rounds", 5)))
    try raiseDescriptorLimit(to: UInt(3 * count + 100))
    let program = option("--lab")
    let lab: () throws -> any Peer = { if let program { try LabProgram(program) } else { try LabBroker() } }
    let mosquitto: () throws -> any Peer = { try Mosquitto() }
    var outcomes: [(name: String, all: [Fleet.Outcome])] = [("", []), ("", [])]
    for round in 0..<rounds {
        for turn in 0..<2 {
            let index = (round + turn) % 2
            let peer = try index == 0 ? lab() : mosquitto()
            let fleet = try Fleet(port: Int(peer.port), count: count, reports: reports)
            outcomes[index].name = peer.name
            outcomes[index].all.append(try fleet.run { Int(load_memory(getpid())) })
        }
    }
    func show(_ what: String, _ rates: [[Double]], isMet: Bool) {
        BenchRow(
            what, "\(Int(median(rates[0]))) /s", peer: "mosquitto \(Int(median(rates[1]))) /s",
            ratio: BenchPairs(zip(rates[0], rates[1]).map { $0 / $1 }).ratio, target: "all delivered", isMet: isMet
        ).show()
    }
    let total = count * reports
    let isComplete = outcomes.allSatisfy { $0.all.allSatisfy { $0.acknowledged == total && $0.delivered == total } }
    show("\(count) libmosquitto badges in a process: connect, subscribe", outcomes.map { $0.all.map { Double(count) / $0.registeringSeconds } }, isMet: isComplete)
    show("  \(reports) reports of \(Fleet.payloadBytes) bytes each, QoS 1", outcomes.map { $0.all.map { Double(total) / $0.reportingSeconds } }, isMet: isComplete)
    // Later rounds reuse what the first one took.
    BenchRow("  memory of the clients' process", "\(outcomes.flatMap(\.all).map(\.bytesPerClient).max() ?? 0) B for each client").show()
} catch {
    print("broken: \(error)")
    exit(1)
}
