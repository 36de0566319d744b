import BenchTable
import CLoad
import Foundation
import LabCore
import MQTTBroker
import Runner
import Transports
import WireProtocols

// The lab's broker on sockets beside Eclipse Mosquitto, in the same run: both in processes of their own on loopback, with a
// password and topic rights, limits lifted. The two take turns, ABBA, and the ratio is estimated from the pairs, with its interval. Rates
// vary with the machine; the ratios are what can be compared. With one message in flight broker and clients share a processor;
// --spread leaves that to the kernel, and with --awake the clients never sleep while they wait.
//
// usage: BrokerBenchmark [--rounds N] [--seconds S] [--only TEXT] [--awake] [--spread] [--no-idle]

load_line_output()
unsafe load_account(Account.user, Account.password)
let arguments = Array(CommandLine.arguments.dropFirst())

/// Rates and processor time under load. Where one message is under way the brokers are so near to one another that the machine's noise
/// decides a single comparison: more and shorter slices are taken there.
func measureLoads(rounds: Int, seconds: Double, only: String?) throws {
    let peers: [any Peer] = [try LabBroker(), try Mosquitto()]
    for load in Load.all where only.map({ load.name.contains($0) }) ?? true {
        let isClose = load.pace == .lockstep
        var outcomes: [[Load.Outcome]] = [[], []]
        for round in 0..<(isClose ? rounds * 3 : rounds) {
            for turn in 0..<2 {
                let index = (round + turn) % 2
                outcomes[index].append(
                    try load.run(
                        against: peers[index], seconds: isClose ? seconds / 2 : seconds, isAwake: arguments.contains("--awake"),
                        isSpread: arguments.contains("--spread")))
            }
        }
        let texts = outcomes.map { all in
            "\(BenchRow.text(median(all.map(\.rate)) / 1_000, digits: 1)) k/s, \(BenchRow.text(median(all.map(\.cost)) * 1e6)) µs CPU"
        }
        let pairs = BenchPairs(zip(outcomes[0], outcomes[1]).map { $0.rate / $1.rate })
        BenchRow(
            "broker, \(load.name)", texts[0], peer: "mosquitto \(texts[1])", pairs: pairs, atLeast: load.pace.target
        ).show()
    }
}

/// Memory of connections that say nothing.
func measureIdle() throws {
    var bytes: [[Int]] = []
    for peer in [try LabBroker(), try Mosquitto()] as [any Peer] {
        let before = peer.memory
        bytes.append([])
        for count in [5_000, 10_000] {
            let error = load_idle_begin(peer.port, Int32(count - 5_000), 5_000)
            if error != 0 { throw Problem("\(peer.name), idle connections: \(Problem.text(of: error))") }
            bytes[bytes.count - 1].append((peer.memory - before) / count)
        }
        load_idle_end()
    }
    for (index, count) in [5_000, 10_000].enumerated() {
        BenchRow(
            "broker, memory for each of \(count) idle connections", "\(bytes[0][index]) B", peer: "mosquitto \(bytes[1][index]) B",
            ratio: Double(bytes[1][index]) / Double(bytes[0][index]), target: "≤ 4096 B", isMet: bytes[0][index] <= 4_096
        ).show()
    }
}

do {
    if arguments.first == "serve" { try serve() }
    try measureLoads(
        rounds: option("--rounds").flatMap { Int($0) } ?? 5, seconds: option("--seconds").flatMap { Double($0) } ?? 0.7, only: option("--only"))
    if !arguments.contains("--no-idle") { try measureIdle() }
} catch {
    print("broken: \(error)")
    exit(1)
}
