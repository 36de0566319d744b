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
// vary with the machine; the ratios are what can be compared. Broker and clients have a processor each, and with one message in
// flight they share one; --spread leaves that to the kernel, and with --awake the clients never sleep while they wait.
// Benchmarks/README.md explains the rows.
//
// usage: BrokerBenchmark [--rounds N] [--seconds S] [--only TEXT] [--awake] [--spread] [--no-idle]

load_line_output()
unsafe load_account(Account.user, Account.password)
let arguments = Array(CommandLine.arguments.dropFirst())

/// Rates and processor time under load. Where one message is under way most of the work is the kernel's, and that is the same for both:
/// more and shorter slices are taken there, and a pair that neighbours disturbed is measured again.
func measureLoads(rounds: Int, seconds: Double, only: String?) throws {
    let peers: [any Peer] = [try LabBroker(), try Mosquitto()]
    for load in Load.all where only.map({ load.name.contains($0) }) ?? true {
        let isClose = load.pace == .lockstep
        let wanted = isClose ? rounds * 5 : rounds
        var calm: [[Load.Outcome]] = []
        var disturbed: [[Load.Outcome]] = []
        while calm.count < wanted, disturbed.count < 3 * wanted {
            let isFirst = (calm.count + disturbed.count) % 2 == 0
            var pair = try (isFirst ? peers : peers.reversed()).map {
                try load.run(
                    against: $0, seconds: isClose ? seconds / 3 : seconds, isAwake: arguments.contains("--awake"),
                    isSpread: arguments.contains("--spread"))
            }
            if !isFirst { pair.reverse() }
            if pair.contains(where: \.isDisturbed) { disturbed.append(pair) } else { calm.append(pair) }
        }
        // On a machine that is never calm the disturbed pairs have to do; their interval is wide.
        let lacking = wanted - calm.count
        if lacking > 0 { print("broker, \(load.name): \(lacking) of \(wanted) pairs that count were disturbed by other processes") }
        show(load, calm + disturbed.prefix(lacking))
    }
}

/// - Parameter pairs: outcomes of the lab's broker and of mosquitto.
func show(_ load: Load, _ pairs: [[Load.Outcome]]) {
    let texts = [0, 1].map { index in
        let rate = median(pairs.map { $0[index].rate }) / 1_000
        return "\(BenchRow.text(rate, digits: 1)) k/s, \(BenchRow.text(median(pairs.map { $0[index].cost }) * 1e6)) µs CPU"
    }
    BenchRow(
        "broker, \(load.name)", texts[0], peer: "mosquitto \(texts[1])", pairs: BenchPairs(pairs.map { $0[0].rate / $0[1].rate }),
        atLeast: load.pace.target
    ).show()
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
        rounds: option("--rounds").flatMap { Int($0) } ?? 5, seconds: option("--seconds").flatMap { Double($0) } ?? 0.7,
        only: option("--only"))
    if !arguments.contains("--no-idle") { try measureIdle() }
} catch {
    print("broken: \(error)")
    exit(1)
}
