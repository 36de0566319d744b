import BenchTable
import CLoad
import Foundation
import LabCore
import LoadGenerator

// Registration of devices: the cloud of `lab serve` beside a FastAPI service under uvicorn, both in processes of their own with SQLite on
// the disk (write-ahead log) and driven by the load generator with the same requests. Each request is signed by a factory key, validated,
// and commits three times: its nonce, the device, a line of the audit log. Only the device's commit waits for the disk (synchronous FULL),
// and brings the nonce with it; the other two are buffered (NORMAL). The lab's requests of one moment share their commits. The services take
// turns; ratios are what can be compared.
//
// Requests per CPU second are those of a processor that is never idle. At a low rate each request pays for the disk and for a wake of its own,
// which is the kernel's and the same for both: that ratio is shown beside it.
//
// usage: RegisterBenchmark --lab PATH [--python PATH] [--rounds N] [--seconds S] [--rate N]
//   --lab PATH     the program `lab`, built for release
//   --python PATH  an interpreter with fastapi and uvicorn; Peers/install-fastapi prints one

load_line_output()

do {
    guard let lab = option("--lab") else { throw Problem("name the program with --lab PATH") }
    let (rounds, seconds, rate) = (Int(number("--rounds", 5)), number("--seconds", 5), number("--rate", 200))
    let saturated = number("--saturated", 2)
    // Enough for every open round, and for 20,000 a second in every saturated one.
    let most = Int(20_000 * saturated)
    let devices = rounds * (Int(rate * seconds) + most)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("register-benchmark-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let peers: [any Peer] = [
        try LabCloud(lab, folder: folder, devices: devices), try FastAPIService(option("--python"), folder: folder, devices: devices),
    ]
    print("registrations, signed, validated and committed; median of \(rounds) rounds in turns")
    var open: [[Round]] = [[], []]
    var full: [[Round]] = [[], []]
    var next = 0
    for round in 0..<rounds {
        let (first, second) = (next, next + Int(rate * seconds))
        next = second + most
        for turn in 0..<2 {
            let index = (round + turn) % 2
            open[index].append(try Round.open(peers[index], rate: rate, seconds: seconds, from: first))
            full[index].append(try Round.saturated(peers[index], connections: 16, seconds: saturated, from: second, to: next))
        }
    }
    print(
        left("", 10), right("p50 ms", 9), right("p99 ms", 9), right("CPU µs", 9), right("saturated/s", 12), right("CPU µs", 9),
        right("per CPU second", 15))
    for (index, peer) in peers.enumerated() {
        print(
            left(peer.name, 10), right(figure(median(open[index].map(\.p50)), 2), 9), right(figure(median(open[index].map(\.p99)), 2), 9),
            right(figure(median(open[index].map(\.cost)), 0), 9), right(figure(median(full[index].map(\.rate)), 0), 12),
            right(figure(median(full[index].map(\.cost)), 0), 9), right(figure(1e6 / median(full[index].map(\.cost)), 0), 15))
    }
    let ratios = [open, full].map { pairs in median(zip(pairs[0], pairs[1]).map { $1.cost / $0.cost }) }
    let tail = median(zip(open[0], open[1]).map { $0.p99 / $1.p99 })
    print(
        "requests per CPU second, lab / FastAPI: \(figure(ratios[1], 2)) saturated (target: 4 at least), \(figure(ratios[0], 2)) at \(Int(rate))/s"
    )
    print("p99 at \(Int(rate))/s, lab / FastAPI: \(figure(tail, 2)) (target: 1 at most)")
    print(ratios[1] >= 4 && tail <= 1 ? "all targets reached" : "not all targets reached")
} catch {
    print("broken: \(error)")
    exit(1)
}
