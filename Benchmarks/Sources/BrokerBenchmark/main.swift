import CLoad
import Foundation
import LabCore
import MQTTBroker
import Runner
import Transports
import WireProtocols

// The lab's broker on sockets beside Eclipse Mosquitto, in the same run: both in processes of their own on loopback, with a
// password and topic rights, limits lifted. Each figure is the median of rounds in which the two take turns. Rates vary with
// the machine; the ratios are what can be compared. In lockstep broker and clients share a processor;
// --spread leaves that to the kernel, and with --awake the clients never sleep while they wait.
//
// usage: BrokerBenchmark [--rounds N] [--seconds S] [--only TEXT] [--awake] [--spread] [--no-idle]

load_line_output()
unsafe load_account(Account.user, Account.password)
let arguments = Array(CommandLine.arguments.dropFirst())

func option(_ name: String) -> String? {
    arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
}

func left(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

func figure(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// Rates and processor time under load.
func measureLoads(rounds: Int, seconds: Double, only: String?) throws -> Bool {
    let peers: [any Peer] = [try LabBroker(), try Mosquitto()]
    print("deliveries a second in thousands, and broker processor time for each in microseconds; \(Load.payloadBytes) bytes, median of \(rounds)")
    print(left("", 40), right("lab", 9), right("mosquitto", 10), right("ratio", 6), right("target", 7), right("CPU lab", 8), right("CPU mosquitto", 14))
    var hasReached = true
    for load in Load.all where only.map({ load.name.contains($0) }) ?? true {
        var outcomes: [[Load.Outcome]] = [[], []]
        for round in 0..<rounds {
            for turn in 0..<2 {
                let index = (round + turn) % 2
                outcomes[index].append(try load.run(against: peers[index], seconds: seconds, isAwake: arguments.contains("--awake"), isSpread: arguments.contains("--spread")))
            }
        }
        let rates = outcomes.map { median($0.map(\.rate)) }
        let costs = outcomes.map { median($0.map(\.cost)) * 1e6 }
        let ratio = rates[0] / rates[1]
        if ratio < load.pace.target { hasReached = false }
        print(
            left(load.name, 40), right(figure(rates[0] / 1_000, 1), 9), right(figure(rates[1] / 1_000, 1), 10), right(figure(ratio, 2), 6),
            right(figure(load.pace.target, 1), 7), right(figure(costs[0], 2), 8), right(figure(costs[1], 2), 14))
    }
    return hasReached
}

/// Memory of connections that say nothing.
func measureIdle() throws -> Bool {
    var hasReached = true
    print("resident memory for each idle connection in bytes (target for lab: 4096 at most)")
    for peer in [try LabBroker(), try Mosquitto()] as [any Peer] {
        let before = peer.memory
        var line = left(peer.name, 12)
        for count in [5_000, 10_000] {
            let error = load_idle_begin(peer.port, Int32(count - 5_000), 5_000)
            if error != 0 { throw Problem(description: "\(peer.name), idle connections: \(Problem.text(of: error))") }
            let each = (peer.memory - before) / count
            if peer.name == "lab", each > 4_096 { hasReached = false }
            line += "\(count) connections: \(each)   "
        }
        load_idle_end()
        print(line)
    }
    return hasReached
}

do {
    if arguments.first == "serve" { try serve() }
    var hasReached = try measureLoads(
        rounds: option("--rounds").flatMap { Int($0) } ?? 5, seconds: option("--seconds").flatMap { Double($0) } ?? 0.7, only: option("--only"))
    if !arguments.contains("--no-idle") { hasReached = try measureIdle() && hasReached }
    print(hasReached ? "all targets reached" : "not all targets reached")
} catch {
    print("broken: \(error)")
    exit(1)
}
