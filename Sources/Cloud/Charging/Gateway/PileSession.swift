import LabCore
import WireProtocols

/// A pile's identity on the wire, for looking it up without making texts.
struct PileKey: Hashable {
    /// 0: DNY, the physical ID; 1: BKV, the gateway's 14 digits and the socket; 2: others by their text.
    var wire: UInt8
    var number: UInt64

    static func dny(_ physicalID: UInt32) -> PileKey { PileKey(wire: 0, number: UInt64(physicalID)) }
    static func bkv(gateway: UInt64, socket: UInt8) -> PileKey { PileKey(wire: 1, number: gateway << 8 | UInt64(socket)) }
}

/// What the gateway knows of one pile while it is, or was, online. It lives inside the gateway's lock.
///
/// Only piles that the registry knows have one, so that strangers take no memory.
final class PileSession {
    let id: String
    let key: PileKey
    let wire: PileProtocol
    var registered: RegisteredPile
    var facts: PileFacts
    /// `nil` while it is offline.
    var connection: PileConnection?
    /// Where its commands wait; a BKV gateway's is shared by its sockets.
    let line: PileLine
    var lastHeard: RunInstant = .start
    var clock = PileClock()
    /// In the order of the ports.
    var ports: [Port]
    /// When it was taken over lately; several at once are two devices with one number.
    var takeovers: [RunInstant] = []
    /// Bills that were handed to the orders and are not answered yet.
    var billsUnderWay = 0
    /// Message ids of its latest bills, with their content (F24).
    var recentBills: [(message: UInt32, hash: [UInt8], at: RunInstant)] = []
    /// What is due in the deadline queue.
    var scheduledAt: RunInstant?

    // DNY
    /// A card whose swipe waits for an answer: the message to answer.
    var cards: [WaitingCard] = []
    /// It sends the new heartbeat, so the old one is not answered (4.5).
    var hasNewHeartbeat = false
    var oldHeartbeats = 0
    var deviceType: DNYDeviceType?
    var lastCardAnswer: (message: UInt32, frame: [UInt8])?
    /// As it was last set.
    var heartbeat: Duration?
    var hasToldPorts = false
    var upgrade: Upgrade?
    /// What the meter of a host showed last, in dWh.
    var meter: (energy: Int64, at: RunInstant)?
    /// What 83 to 85 were last set to: they can only be set as a whole (4.7).
    var parameters = Fields()

    // BKV
    /// The latest bindings of business numbers, newest first.
    var bindings: [BusinessBinding] = []

    struct Port {
        var state: PortState = .idle
        /// The order that was last started here, or seen in a report.
        var order: String?
        /// The order was confirmed by an answer or a report.
        var hasRun = false
        /// The order whose start the pile has refused: the only one that certainly never ran.
        var refusedOrder: String?
        /// The order that was last sent here, with what the meter showed at its start; `nil` while the host has not told it yet.
        var metered: (order: String, start: Int64?)?
        /// The last report of a running charge.
        var reportedAt: RunInstant = .start
        /// BKV: the number of the charge that runs.
        var business: UInt16?
        /// BKV: when that number was first seen on this port; a start that got no answer is looked for here.
        var businessSince: RunInstant = .start
        /// BKV: what the charge of that number has shown last.
        var minutes: Int64 = 0
        /// dWh
        var energy: Int64 = 0
    }

    struct WaitingCard {
        var card: String
        /// From 1; `nil` where the balance is asked.
        var port: Int?
        /// DNY: the message ID; BKV: the business number.
        var message: UInt32
        /// As on the wire.
        var raw: [UInt8]
        var at: RunInstant
    }

    /// What a gateway remembers at most; no pile has more (charging-protocols.md 4.2: sixteen).
    static let mostPorts = 64

    init(id: String, key: PileKey, wire: PileProtocol, registered: RegisteredPile, line: PileLine) {
        self.id = id
        self.key = key
        self.wire = wire
        self.registered = registered
        self.line = line
        facts = PileFacts(wire: wire, ports: registered.ports)
        ports = Array(repeating: Port(), count: min(max(1, registered.ports), Self.mostPorts))
    }

    var isOnline: Bool { connection != nil }

    /// The port of that number (from 1), where the pile has it.
    func hasPort(_ port: Int) -> Bool { port >= 1 && port <= min(max(registered.ports, facts.ports), Self.mostPorts) }

    /// A meter that counts one port and nothing else: only then does a reading belong to an order.
    var hasOwnMeter: Bool { meter != nil && max(registered.ports, facts.ports) == 1 }

    func port(_ port: Int) -> Port { ports.indices.contains(port - 1) ? ports[port - 1] : Port() }

    /// Without a copy of all that is known of the port: each heartbeat compares all of them.
    func state(ofPort port: Int) -> PortState { ports.indices.contains(port - 1) ? ports[port - 1].state : .idle }

    func updatePort(_ port: Int, _ change: (inout Port) -> Void) {
        guard port >= 1, port <= Self.mostPorts else { return }
        while ports.count < port { ports.append(Port()) }
        change(&ports[port - 1])
    }
}

/// One connection; several piles may speak on it: a host and its slaves, a gateway and its sockets.
final class PileConnection {
    let number: UInt64
    let peer: String
    /// The peer as it is counted.
    let address: String
    let openedAt: RunInstant
    /// Bytes in which no protocol has shown yet.
    var unidentified: [UInt8] = []
    /// One of these, once the protocol is known.
    var dny: DNYStreamDecoder?
    var bkv: BKVStreamDecoder?
    /// In the order in which they came.
    var sessions: [PileSession] = []
    var isOpen = true
    /// No known pile has spoken.
    var isStranger = true
    var lastHeard: RunInstant
    /// The module has said `link`: it does so after each 30 s of silence.
    var saysLink = false
    var iccid = ""
    /// Since the last good frame.
    var garbage = 0
    var badFrames = 0
    /// In all.
    var totalGarbage = 0
    var refusals = 0
    /// Since when a frame is incomplete.
    var incompleteSince: RunInstant?
    var scheduledAt: RunInstant?

    var isIdentified: Bool { dny != nil || bkv != nil }
    /// Bytes that wait for the rest of a frame.
    var pending: Int { dny?.pendingCount ?? bkv?.pending ?? 0 }

    init(number: UInt64, peer: String, address: String, at now: RunInstant) {
        self.number = number
        self.peer = peer
        self.address = address
        openedAt = now
        lastHeard = now
    }
}
