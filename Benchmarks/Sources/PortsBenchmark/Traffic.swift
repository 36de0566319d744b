import CSerial
import LabCore
import Transports

/// Numbered bytes at a pace to the other end, and the check of what comes from there.
final class Traffic {
    private let outgoing: [UInt8]
    private let expected: [UInt8]
    private let stream: any ByteStream
    private var start: RunInstant?
    private(set) var sent = 0
    private(set) var received = 0
    private(set) var wrong = 0
    private(set) var longestPause = Duration.zero
    private var lastRead = RunInstant.start

    init(_ stream: any ByteStream, port: Int, isDevice: Bool, total: Int) {
        self.stream = stream
        outgoing = Self.numbered(port, isAnswer: isDevice, total)
        expected = Self.numbered(port, isAnswer: !isDevice, total)
    }

    private static func numbered(_ port: Int, isAnswer: Bool, _ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
            if let base = bytes.baseAddress { unsafe serial_numbered(Int32(port), isAnswer ? 1 : 0, base, Int32(count)) }
            initialized = count
        }
    }

    var isStarted: Bool { start != nil }
    var isDone: Bool { sent == outgoing.count && received >= expected.count }

    func begin(at now: RunInstant) { (start, lastRead) = (now, now) }

    /// What is due by now at the rate, in bytes a second.
    func sendDue(at now: RunInstant, rate: Int) {
        guard let start else { return }
        let due = min(outgoing.count, Int(start.duration(to: now).nanoseconds) * rate / 1_000_000_000)
        guard due > sent else { return }
        stream.send(Array(outgoing[sent..<due]))
        sent = due
    }

    func take(_ bytes: [UInt8], at now: RunInstant) {
        longestPause = max(longestPause, lastRead.duration(to: now))
        lastRead = now
        for byte in bytes {
            if received >= expected.count || expected[received] != byte { wrong += 1 }
            received += 1
        }
    }
}

/// What one end has seen, as a line between processes.
struct Carried {
    var received: Int64 = 0
    var wrong: Int64 = 0
    /// ns, as all times here: the longest time between two reads of a port.
    var longestPause: Int64 = 0
    var elapsed: Int64 = 0
    var used: Int64 = 0

    var line: String { "\(received) \(wrong) \(longestPause) \(elapsed) \(used)" }

    init() {}

    init?(line: some StringProtocol) {
        let numbers = line.split(whereSeparator: \.isWhitespace).compactMap { Int64($0) }
        guard numbers.count == 5 else { return nil }
        (received, wrong, longestPause, elapsed, used) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])
    }

    init(_ traffic: [Traffic], elapsed: Duration, used: Int64) {
        received = traffic.reduce(0) { $0 + Int64($1.received) }
        wrong = traffic.reduce(0) { $0 + Int64($1.wrong) }
        longestPause = traffic.map(\.longestPause.nanoseconds).max() ?? 0
        self.elapsed = elapsed.nanoseconds
        self.used = used
    }

    /// Of one core.
    var share: Double { elapsed > 0 ? Double(used) / Double(elapsed) : 0 }
}
