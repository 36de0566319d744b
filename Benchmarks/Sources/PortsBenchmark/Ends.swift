import BenchTable
import CSerial
import Foundation
import LabCore
import Transports

/// The ports of a benchmark: where they are, how many, and what goes over each.
struct Wires {
    /// At 115,200 bit/s with 8N1, in bytes a second each way.
    static let rate = 11_520
    var folder: String
    var count: Int
    var seconds: Int

    var total: Int { Self.rate * seconds }
    /// How long all of it may take.
    var patience: Duration { .seconds(seconds + 10) }
    func path(_ port: Int) -> String { "\(folder)/port-\(port)" }

    /// Every port sends each 5 ms, a fifth of them each millisecond: about as adapters hand on 62 bytes at a time.
    func pace(_ traffic: [Traffic], on reactor: Reactor) throws -> RepeatingTimer {
        var tick = 0
        return try reactor.every(.milliseconds(1)) {
            let now = reactor.now
            for index in stride(from: tick % 5, to: traffic.count, by: 5) { traffic[index].sendDue(at: now, rate: Self.rate) }
            tick += 1
        }
    }
}

/// The lab's side: serial ports on one reactor, as a run on a bench has them.
func carryThroughLab(_ wires: Wires) throws -> Carried {
    let reactor = try Reactor()
    var (opened, failure): (Int, StreamFailure?) = (0, nil)
    let ports = (0..<wires.count).map { SerialPort(path: wires.path($0), on: reactor) }
    let traffic = ports.enumerated().map { Traffic($1, port: $0, isDevice: false, total: wires.total) }
    for (port, traffic) in zip(ports, traffic) {
        port.onEvent = { event in
            switch event {
            case .opened: opened += 1
            case .bytes(let bytes, let time): traffic.take(bytes, at: time)
            case .closed(let why): failure = why
            }
        }
        port.open()
    }
    reactor.run(until: { opened == ports.count || failure != nil }, timeout: .seconds(10))
    if let failure { throw Problem(failure.description) }
    let (start, used) = (reactor.now, serial_processor_time())
    for traffic in traffic { traffic.begin(at: start) }
    let pace = try wires.pace(traffic, on: reactor)
    reactor.run(until: { failure != nil || traffic.allSatisfy(\.isDone) }, timeout: wires.patience)
    let carried = Carried(traffic, elapsed: start.duration(to: reactor.now), used: serial_processor_time() - used)
    pace.cancel()
    for port in ports { port.close() }
    if let failure { throw Problem(failure.description) }
    return carried
}

/// The devices' side: emulated ports on one reactor. Each begins to send when it is sent something, until its input ends.
func serveDevices(_ wires: Wires) throws -> Carried {
    let reactor = try Reactor()
    let devices = (0..<wires.count).map { PseudoTerminal(name: wires.path($0), on: reactor) }
    let traffic = devices.enumerated().map { Traffic($1, port: $0, isDevice: true, total: wires.total) }
    var (start, used, end): (RunInstant?, Int64, RunInstant?) = (nil, 0, nil)
    for (device, traffic) in zip(devices, traffic) {
        device.onEvent = { event in
            guard case .bytes(let bytes, let time) = event else { return }
            if start == nil { (start, used) = (time, serial_processor_time()) }
            if !traffic.isStarted { traffic.begin(at: time) }
            traffic.take(bytes, at: time)
        }
        device.open()
    }
    guard reactor.run(until: { devices.allSatisfy(\.isOpen) }, timeout: .seconds(10)) else { throw Problem("the ports do not open") }
    let pace = try wires.pace(traffic, on: reactor)
    print("up")
    fflush(nil)
    reactor.run(
        until: {
            if end == nil, traffic.allSatisfy(\.isDone) { end = reactor.now }
            return end != nil
        }, timeout: wires.patience)
    let carried = Carried(traffic, elapsed: (start ?? .start).duration(to: end ?? reactor.now), used: serial_processor_time() - used)
    // The other side reads what is still on its way.
    while readLine() != nil {}
    pace.cancel()
    for device in devices { device.close() }
    return carried
}

/// The same as the lab's side with nothing between it and the system.
func carryThroughSystem(_ wires: Wires) throws -> Carried {
    var result = serial_carried()
    let error = unsafe serial_carry(
        wires.folder, Int32(wires.count), Int32(wires.total), Int32(Wires.rate), wires.patience.nanoseconds, &result)
    guard error == 0 else { throw Problem("ports in C: error \(error)") }
    var carried = Carried()
    (carried.received, carried.wrong, carried.longestPause) = (result.received, result.wrong, result.longest_pause)
    (carried.elapsed, carried.used) = (result.elapsed, result.used)
    return carried
}
