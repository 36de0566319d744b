import CSerial
import BenchTable
import Foundation
import LabCore
import Transports

// The round trip of `AT` and `OK` over a pseudo terminal: what a program waits that has an emulated port open, beside the same
// with nothing but blocking system calls at both ends. The candidates take turns; each figure is the median over the rounds.
// Times depend on the machine and on what else it does; what was measured for a busy one says little.
//
// usage: SerialBenchmark [--rounds N] [--count N]

/// Round trips in nanoseconds.
protocol Candidate {
    var name: String { get }
    /// For p50 and p99, in microseconds.
    var targets: (Double, Double)? { get }
    func measure(_ count: Int) throws -> [Int64]
}

/// Calls the C client and gives what it measured.
func roundTrips(on port: Int32, _ count: Int) throws -> [Int64] {
    var times = [Int64](repeating: 0, count: count)
    let error = unsafe serial_round_trips(port, Int32(count), &times)
    if error != 0 { throw Problem("the round trip failed with error \(error)") }
    return times
}

/// A thread that reads and writes, and a client that does the same.
struct BlockingThread: Candidate {
    let name = "blocking thread"
    let targets: (Double, Double)? = nil

    func measure(_ count: Int) throws -> [Int64] {
        var (master, slave): (Int32, Int32) = (-1, -1)
        guard unsafe serial_open_pair(&master, &slave) == 0 else { throw Problem("no pseudo terminal (error \(errno))") }
        defer {
            close(slave)
            close(master)
        }
        let error = serial_echo(master)
        if error != 0 { throw Problem("no thread (error \(error))") }
        return try roundTrips(on: slave, count)
    }
}

/// An emulated port on a reactor, and the same client.
struct EmulatedPort: Candidate {
    /// Terminals that are open on the same reactor and say nothing.
    let idle: Int
    var name: String { idle == 0 ? "emulated port" : "emulated port, 1 of \(idle + 1) busy" }
    let targets: (Double, Double)? = (60, 120)

    func measure(_ count: Int) throws -> [Int64] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("serial-benchmark-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let world = try PortWorld(folder.path, count: idle + 1)
        defer { world.stop() }
        let port = unsafe serial_open(world.path(0))
        guard port >= 0 else { throw Problem("\(world.path(0)) does not open (error \(errno))") }
        defer { close(port) }
        return try roundTrips(on: port, count)
    }
}

/// Port and emulator both on one reactor, as in a run with an emulated module.
struct BothOnOneLoop: Candidate {
    let name = "port and emulator on one loop"
    let targets: (Double, Double)? = (60, 120)

    func measure(_ count: Int) throws -> [Int64] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("serial-benchmark-\(UUID().uuidString)").path
        let reactor = try Reactor()
        let terminal = answering(path, on: reactor)
        terminal.open()
        guard reactor.run(until: { terminal.isOpen }, timeout: .seconds(10)) else { throw Problem("\(path) does not open") }
        let port = SerialPort(path: path, on: reactor)
        var (times, start, missing): ([Int64], Int64, Int) = ([], 0, 6)
        times.reserveCapacity(count)
        func ask() {
            (start, missing) = (serial_now(), 6)
            port.send(Array("AT\r".utf8))
        }
        port.onEvent = { event in
            switch event {
            case .opened: ask()
            case .bytes(let bytes, _):
                missing -= bytes.count
                guard missing <= 0 else { return }
                times.append(serial_now() - start)
                if times.count < count { ask() }
            case .closed: break
            }
        }
        port.open()
        guard reactor.run(until: { times.count == count }, timeout: .seconds(120)) else { throw Problem("the answers stop") }
        port.close()
        terminal.close()
        return times
    }
}

/// A terminal that answers every line with OK.
func answering(_ path: String, on reactor: Reactor) -> PseudoTerminal {
    let terminal = PseudoTerminal(name: path, on: reactor)
    let answer = Array("\r\nOK\r\n".utf8)
    terminal.onEvent = { [unowned terminal] event in
        guard case .bytes(let bytes, _) = event else { return }
        for byte in bytes where byte == 0x0d { terminal.send(answer) }
    }
    return terminal
}

/// Terminals on a reactor with a thread of its own.
final class PortWorld: Sendable {
    private let folder: String
    private let reactor: Reactor
    private let hasEnded = DispatchSemaphore(value: 0)
    private let state = State()

    // @unchecked Sendable: touched under the lock only.
    private final class State: @unchecked Sendable {
        private let lock = NSLock()
        private var value = false
        var isStopped: Bool {
            get { lock.withLock { value } }
            set { lock.withLock { value = newValue } }
        }
    }

    init(_ folder: String, count: Int) throws {
        self.folder = folder
        reactor = try Reactor()
        let isReady = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            let terminals = (0..<count).map { answering(path($0), on: reactor) }
            for terminal in terminals { terminal.open() }
            reactor.run(until: { terminals.allSatisfy(\.isOpen) }, timeout: .seconds(10))
            isReady.signal()
            reactor.run(until: { state.isStopped }, timeout: .seconds(600))
            for terminal in terminals { terminal.close() }
            hasEnded.signal()
        }
        isReady.wait()
    }

    func path(_ number: Int) -> String { "\(folder)/port-\(number)" }

    func stop() {
        state.isStopped = true
        reactor.wake()
        hasEnded.wait()
    }
}

func quantile(_ sorted: [Int64], _ share: Double) -> Double {
    Double(sorted[min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.up)) - 1)]) / 1_000
}

do {
    let (rounds, count) = (max(1, option("--rounds", 5)), max(100, option("--count", 20_000)))
    let candidates: [any Candidate] = [BlockingThread(), EmulatedPort(idle: 0), EmulatedPort(idle: 399), BothOnOneLoop()]
    var figures = candidates.map { _ in [[Double]]() }
    for round in 0..<rounds {
        for turn in candidates.indices {
            let index = (round + turn) % candidates.count
            _ = try candidates[index].measure(100)
            let times = try candidates[index].measure(count).sorted()
            figures[index].append([0.5, 0.99, 0.999, 1].map { quantile(times, $0) })
        }
    }
    let all = figures.map { rows in (0..<4).map { column in median(rows.map { $0[column] }) } }
    func text(_ columns: [Double]) -> String { "p50 \(BenchRow.text(columns[0], digits: 1)), p99 \(BenchRow.text(columns[1], digits: 1)) µs" }
    for (candidate, columns) in zip(candidates, all) {
        guard let targets = candidate.targets else { continue }
        BenchRow(
            "AT and OK, \(candidate.name)", text(columns), peer: "\(candidates[0].name) \(text(all[0]))", ratio: columns[0] / all[0][0],
            target: "p50 < \(Int(targets.0)), p99 < \(Int(targets.1)) µs", isMet: columns[0] < targets.0 && columns[1] < targets.1
        ).show()
    }
} catch {
    print("broken: \(error)")
    exit(1)
}
