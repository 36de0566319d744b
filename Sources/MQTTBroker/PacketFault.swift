package import WireProtocols
import LabCore

/// Something that goes wrong with packets, between the broker and its clients, on purpose.
///
/// The first fault of the list that matches a packet is applied to it.
package struct PacketFault: Sendable, Equatable {
    package enum Direction: String, Sendable { case toBroker = "to broker", toClient = "to client" }

    /// Which of the matching packets it hits, counted over all clients from 1.
    package enum Occurrence: Sendable, Equatable {
        case every
        case nth(Int)
        case first(Int)
        /// Each with this probability, 0 to 1.
        case rate(Double)
    }

    package enum Action: Sendable, Equatable {
        case drop
        /// Nanoseconds. Later packets overtake it.
        case delay(Int64)
        case duplicate
        /// The next packet of the connection in this direction goes first. Without a next one it never arrives.
        case reorder
        /// Changes one byte of the packet; offset (from the packet's first byte) and the bits are drawn where not given.
        case corrupt(offset: Int?, mask: UInt8?)
        /// Lets this many bytes of the packet through and cuts the connection.
        case cut(afterBytes: Int)
    }

    /// For the event log.
    package var name: String
    /// A client identifier; nil for all, also for packets before the CONNECT is taken.
    package var client: String?
    /// Only PUBLISH packets of matching topics.
    package var topic: MQTTTopicFilter?
    /// Empty for all.
    package var types: [MQTTPacketType]
    /// Nil for both.
    package var direction: Direction?
    package var occurrence: Occurrence
    package var action: Action

    package init(
        name: String, client: String? = nil, topic: MQTTTopicFilter? = nil, types: [MQTTPacketType] = [], direction: Direction? = nil,
        occurrence: Occurrence = .every, action: Action
    ) {
        self.name = name
        self.client = client
        self.topic = topic
        self.types = types
        self.direction = direction
        self.occurrence = occurrence
        self.action = action
    }

    func matches(_ direction: Direction, _ type: MQTTPacketType, client: String?, topic: MQTTTopic?) -> Bool {
        if let wanted = self.direction, wanted != direction { return false }
        if !types.isEmpty, !types.contains(type) { return false }
        if let wanted = self.client {
            guard let client, ExactText(wanted) == ExactText(client) else { return false }
        }
        if let filter = self.topic {
            guard let topic, filter.matches(topic) else { return false }
        }
        return true
    }
}

/// The faults that are active, with what they have seen.
struct FaultTable: Sendable {
    private struct Entry: Sendable {
        var fault: PacketFault
        var seen = 0
    }

    struct DelayedPacket: Sendable {
        var connection: ConnectionID
        var direction: PacketFault.Direction
        var bytes: [UInt8]
    }

    private var entries: [Entry] = []
    private var generator: SeededGenerator
    var delayed: [UInt64: DelayedPacket] = [:]
    var lastDelayed: UInt64 = 0
    /// Connections on which a packet is held back until the next one.
    var heldBackCount = 0

    init(seed: UInt64) { generator = SeededGenerator(seed: seed, purpose: "packet faults of the broker") }

    /// Whether packets have to take the slow way.
    var isActive: Bool { !entries.isEmpty || heldBackCount > 0 }

    mutating func replace(_ list: [PacketFault]) { entries = list.map { Entry(fault: $0) } }

    /// The fault that hits a packet.
    mutating func hit(_ direction: PacketFault.Direction, _ type: MQTTPacketType, client: String?, topic: MQTTTopic?) -> PacketFault? {
        for index in entries.indices where entries[index].fault.matches(direction, type, client: client, topic: topic) {
            entries[index].seen += 1
            let isHit =
                switch entries[index].fault.occurrence {
                case .every: true
                case .nth(let number): entries[index].seen == number
                case .first(let count): entries[index].seen <= count
                case .rate(let probability): generator.chance(probability)
                }
            if isHit { return entries[index].fault }
        }
        return nil
    }

    /// The packet with one byte changed.
    mutating func corrupted(_ packet: [UInt8], offset: Int?, mask: UInt8?) -> [UInt8] {
        guard !packet.isEmpty else { return packet }
        let drawnOffset = Int(generator.integer(below: UInt64(packet.count)))
        let drawnMask = UInt8(1 + generator.integer(below: 255))
        var changed = packet
        let index = min(max(0, offset ?? drawnOffset), packet.count - 1)
        changed[index] ^= mask ?? drawnMask
        return changed
    }
}
