import LabCore
import WireProtocols

/// Commands on their way to one device, at least 0.5 s apart: to a DNY pile, or to a BKV gateway with all its sockets
/// (charging-protocols.md 2.18, 4.3). It lives inside the gateway's lock.
final class PileLine {
    let wire: PileProtocol
    /// DNY: the physical ID; BKV: the gateway's digits as a number.
    let device: UInt64
    /// BKV: 14 digits.
    let name: String
    var connection: PileConnection?
    /// BKV: of any frame of the gateway or its sockets.
    var lastHeard: RunInstant = .start
    var queue: [Outgoing] = []
    var inFlight: [InFlight] = []
    /// The last ones that were answered or given up: a late or second answer is understood by them.
    var done: [InFlight] = []
    var nextSend: RunInstant = .start
    /// The number of the next command: 16 bits for DNY, 32 for BKV. 0 is never used.
    var nextNumber: UInt32?
    /// BKV: commands wait until the gateway has its list of sockets (2.18).
    var waitsForList = false
    /// BKV: the connection that the list was last sent on.
    var listedOn: UInt64?
    var scheduledAt: RunInstant?

    static let remembered = 16

    init(wire: PileProtocol, device: UInt64, name: String = "") {
        self.wire = wire
        self.device = device
        self.name = name
    }

    /// A frame that waits for its turn.
    struct Outgoing {
        /// `nil` for what concerns a gateway and none of its sockets.
        var session: PileSession?
        var purpose: Purpose
        /// The command as events and metrics name it.
        var command: UInt16
        var content: Content
        var answerTimeout: Duration
        var sends: Int
        /// What is sent before the list of sockets is known.
        var isPreparation = false
        /// Some commands are obeyed without an answer.
        var isAnswered = true

        enum Content {
            case dny(command: UInt8, data: [UInt8])
            case bkv(BKVMessage)
        }
    }

    struct InFlight {
        var outgoing: Outgoing
        var number: UInt32
        var frame: [UInt8]
        var attempts: Int
        var deadline: RunInstant
        var sentAt: RunInstant
        /// BKV: a start without an answer looks at the socket before it is sent again.
        var isLooking = false
        /// What the answer said, once there was one.
        var result: String?
    }

    enum Purpose {
        case start(order: String, port: Int)
        case stop(order: String, port: Int)
        case query
        case service(ServiceJob)
        /// Packet `index`, from 1.
        case packet(index: Int)
        case readParameters
        case socketList
        case cardAnswer

        var word: String {
            switch self {
            case .start: "start"
            case .stop: "stop"
            case .query: "query"
            case .service(let job): job.service.rawValue
            case .packet: "upgrade"
            case .readParameters: "read_parameters"
            case .socketList: "socket_list"
            case .cardAnswer: "card"
            }
        }

        var order: String? {
            switch self {
            case .start(let order, _), .stop(let order, _): order
            default: nil
            }
        }

        var port: Int? {
            switch self {
            case .start(_, let port), .stop(_, let port): port
            default: nil
            }
        }

        var isStop: Bool { if case .stop = self { true } else { false } }
    }

    /// Takes the entry that has this number out of those in flight.
    func takeInFlight(_ number: UInt32) -> InFlight? {
        inFlight.firstIndex { $0.number == number }.map { inFlight.remove(at: $0) }
    }

    func remember(_ entry: InFlight) {
        if done.count >= Self.remembered { done.removeFirst() }
        done.append(entry)
    }

    /// Commands to one pile that wait or are on their way.
    func count(of session: PileSession) -> Int {
        queue.count { $0.session === session } + inFlight.count { $0.outgoing.session === session }
    }
}

/// A service to a pile that takes several frames; it ends once, with the first failure or the last success.
final class ServiceJob {
    let service: PileService
    var frames: Int
    var isOver = false
    /// BKV upgrades: what the gateway must come back with.
    var version: String?
    /// Parameters that hold once it is done.
    var values: Fields?

    init(_ service: PileService, frames: Int) {
        self.service = service
        self.frames = frames
    }
}

/// Firmware on its way to a DNY pile, one packet after another (4.9).
struct Upgrade {
    /// E0, F8, …: by the device's type.
    var command: UInt8
    var packetSize: Int
    var image: [UInt8]
    var version: String
    /// The packet that is on its way, from 1.
    var index = 1
    var restarts = 0

    var packets: Int { (image.count + packetSize - 1) / packetSize }
}
