import BenchTable
import CLoad
import Glibc

/// One way to load a broker.
struct Load {
    enum Shape: String, CaseIterable {
        case fanIn = "fan-in 10 to 1"
        case fanOut = "fan-out 1 to 100"
        case pairs = "100 pairs"
    }

    enum Pace: String, CaseIterable {
        /// One message is under way: the next is published when all have it, and the publisher its acknowledgement.
        case lockstep = "one in flight"
        /// Each message is a write of its own; nobody waits.
        case single = "one a write"
        case pipelined = "32 a write"

        /// What the lab's broker has to reach, as a multiple of mosquitto.
        var target: Double {
            switch self {
            case .lockstep: 1
            case .single: 2
            case .pipelined: 8
            }
        }
    }

    var shape: Shape
    var quality: Int32
    var pace: Pace

    static let all = Pace.allCases.flatMap { pace in
        Shape.allCases.flatMap { shape in [Int32(0), 1].map { Load(shape: shape, quality: $0, pace: pace) } }
    }

    var name: String { "\(pace.rawValue), \(shape.rawValue), QoS \(quality)" }

    struct Outcome {
        /// Deliveries a second.
        var rate: Double
        /// Processor seconds of the broker for each delivery.
        var cost: Double
        var delivered: UInt64
        /// What part of the time broker and clients had a processor, where they share one. In lockstep one of them always has something
        /// to do, so the rest went to neighbours, or somebody waited for nothing.
        var share: Double?

        /// The rate says as much about the neighbours as about the broker.
        var isDisturbed: Bool { share.map { $0 < 0.95 } ?? false }
    }

    static let payloadBytes: Int32 = 200

    /// Clients and broker have a processor each, and neighbours wait where the system grants that.
    ///
    /// In lockstep only one side has something to do at a time. They share a processor, so that what is measured is their
    /// work and not how long a sleeping processor takes to wake, which on a virtual machine is more and depends on luck; and
    /// neither interrupts the other when it wakes, so that luck does not decide either how often they change places.
    ///
    /// - Parameters:
    ///   - isAwake: the clients do not sleep while they wait.
    ///   - isSpread: leaves it to the kernel who runs where and when.
    /// - Throws: where something was lost, altered or out of order.
    func run(against peer: any Peer, seconds: Double, isAwake: Bool, isSpread: Bool) throws -> Outcome {
        var options = load_options()
        options.port = peer.port
        options.pattern = shape == .pairs ? LOAD_PAIRS : LOAD_ALL_TO_ALL
        options.publishers = shape == .fanIn ? 10 : shape == .fanOut ? 1 : 100
        options.subscribers = shape == .fanIn ? 1 : 100
        options.qos = quality
        options.per_write = pace == .pipelined ? 32 : 1
        options.window = pace == .lockstep ? 1 : shape == .fanOut ? 512 : shape == .fanIn ? 2_048 : 6_400
        options.is_awake = isAwake ? 1 : 0
        options.payload = Self.payloadBytes
        options.seconds = seconds
        var result = load_result()
        let isTogether = pace == .lockstep && !isSpread
        if !isSpread {
            load_pin(0, 0)
            load_pin(peer.pid, isTogether ? 0 : 1)
        }
        defer { if !isSpread { for pid in [0, peer.pid] { load_pin(pid, -1) } } }
        let (begin, before, ownBefore) = (load_now(), peer.processorTime, load_cpu(getpid()))
        unsafe load_run(&options, &result)
        let used = peer.processorTime - before
        let share = (used + Double(load_cpu(getpid()) - ownBefore) * 1e-9) / (load_now() - begin)
        if result.error != 0 { throw Problem("\(peer.name), \(name): \(Problem.text(of: result.error))") }
        guard result.delivered == result.expected, result.misplaced == 0 else {
            throw Problem(
                "\(peer.name), \(name): \(result.expected) to deliver, \(result.delivered) delivered, \(result.misplaced) wrong")
        }
        let delivered = max(1, Double(result.delivered))
        return Outcome(
            rate: delivered / result.seconds, cost: used / delivered, delivered: result.delivered, share: isTogether ? share : nil)
    }
}
