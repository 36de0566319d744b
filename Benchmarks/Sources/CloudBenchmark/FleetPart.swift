import BenchTable
import CLoad
import Foundation
import LabCore
import Simulation
import Transports

/// Fifteen thousand emulated piles in one process, each on its own TCP connection to the cloud's gateway: what a frame costs, and what a
/// pile takes in memory, beside a fleet in Python's asyncio that sends the same frames to the same gateway.
final class FleetPart {
    private let count: Int
    private static let interval = 5
    private static let seconds = 20
    private let server: ServedProcess
    private let script: String

    /// - Parameter script: the Python fleet.
    init(count: Int, script: String) throws {
        self.count = count
        self.script = script
        server = try ServedProcess()
    }

    private struct Outcome {
        var cpuPerFrame: Double
        var cloudPerFrame: Double
        var bytesPerPile: Double
        var frames: Int
        var answers: Int
    }

    func run() throws {
        defer { server.end() }
        try server.perform("pile.provision", ["prefix": "05", "from": 0, "count": .integer(Int64(count)), "ports": 10])
        let ours = try emulated()
        let theirs = try python()
        BenchRow(
            "CPU for a frame, sent or received, \(count) piles", "\(BenchRow.text(ours.cpuPerFrame)) µs",
            peer: "asyncio \(BenchRow.text(theirs.cpuPerFrame)) µs", ratio: theirs.cpuPerFrame / ours.cpuPerFrame, target: "≤ 15 µs",
            isMet: ours.cpuPerFrame <= 15
        ).show()
        BenchRow(
            "memory of an emulated pile, 10 ports, connection, queue", "\(BenchRow.text(ours.bytesPerPile / 1024)) KB",
            peer: "asyncio \(BenchRow.text(theirs.bytesPerPile / 1024)) KB", ratio: theirs.bytesPerPile / ours.bytesPerPile, target: "≤ 8 KB",
            isMet: ours.bytesPerPile <= 8192
        ).show()
        BenchRow(
            "the cloud's CPU for such a frame, sockets included", "\(BenchRow.text(ours.cloudPerFrame)) µs",
            peer: "for asyncio's \(BenchRow.text(theirs.cloudPerFrame)) µs").show()
        BenchRow("  frames sent and answered", "\(ours.frames), \(ours.answers)", peer: "\(theirs.frames), \(theirs.answers)").show()
    }

    private func emulated() throws -> Outcome {
        let loop = try LoadLoop(gathering: Reactor.fleetGathering)
        let before = load_memory(getpid())
        let epoch = Int64(Date().timeIntervalSince1970)
        let facts: Fields = [
            "pile": "05000000", "ports": 10, "keep_alive": false, "metered": false, "heartbeat": .text("\(Self.interval)s"),
        ]
        var online = 0
        var piles: [EmulatedPile] = []
        piles.reserveCapacity(count)
        for number in 0..<count {
            let pile = try EmulatedPile(loop, port: server.pilePort, facts: facts, node: "piles#\(number + 1)", epoch: epoch)
            pile.onNote = { if $0 == "online" { online += 1 } }
            piles.append(pile)
        }
        // Spread over the interval, as a fleet that was not switched on in one moment.
        for (number, pile) in piles.enumerated() {
            loop.kernel.schedule(after: .microseconds(Self.interval * 1_000_000 * number / count)) { pile.powerOn() }
        }
        try loop.run("all piles are online", within: .seconds(60)) { [count] in online == count }
        let memory = Double(load_memory(getpid()) - before) / Double(count)
        let (cpu, cloud) = (load_cpu(getpid()), server.processorTime)
        let sent = piles.reduce(0) { $0 + $1.sent }, received = piles.reduce(0) { $0 + $1.received }
        let end = loop.now + Int64(Self.seconds) * 1_000_000_000
        try loop.run("the time is over", within: .seconds(Self.seconds + 5)) { loop.now >= end }
        let frames = piles.reduce(0) { $0 + $1.sent } - sent, answers = piles.reduce(0) { $0 + $1.received } - received
        let after = Double(load_memory(getpid()) - before) / Double(count)
        return Outcome(
            cpuPerFrame: Double(load_cpu(getpid()) - cpu) * 1e-3 / Double(max(1, frames + answers)),
            cloudPerFrame: Double(server.processorTime - cloud) * 1e-3 / Double(max(1, frames + answers)), bytesPerPile: max(memory, after), frames: frames,
            answers: answers)
    }

    /// The program tells that all are online, and at the end how many frames it has sent and how many answers it has read.
    private func python() throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script, "\(server.pilePort)", "\(count)", "\(Self.interval)", "\(Self.seconds)"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var rest = Data()
        func words() throws -> [Int] {
            while true {
                if let end = rest.firstIndex(of: 10) {
                    let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                    rest = Data(rest[(end + 1)...])
                    return line.split(separator: " ").compactMap { Int($0) }
                }
                let more = output.fileHandleForReading.availableData
                if more.isEmpty { throw Problem("the fleet in Python ended: \(String(decoding: rest, as: UTF8.self))") }
                rest += more
            }
        }
        _ = try words()
        let cloud = server.processorTime
        let end = try words()
        let spent = server.processorTime - cloud
        process.waitUntilExit()
        guard end.count == 4 else { throw Problem("the fleet in Python told \(end)") }
        let frames = Double(max(1, end[0] + end[1]))
        return Outcome(
            cpuPerFrame: Double(end[2]) * 1e-3 / frames, cloudPerFrame: Double(spent) * 1e-3 / frames, bytesPerPile: Double(end[3]) / Double(count),
            frames: end[0], answers: end[1])
    }
}
