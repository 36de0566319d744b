import LabCore

/// A publish as the device asked for it.
struct OutgoingMessage {
    var topic: String
    var payload: [UInt8]
    var quality: UInt8
    var retain: Bool
    var token: Token
}

/// What a client owes: messages that wait for a connection or for their turn, and those that the library has and that are not
/// acknowledged. The limits are those of a session in memory.
struct OutgoingMessages {
    /// Given to the library, in this order.
    private var unacknowledged: [(id: Int32, message: OutgoingMessage)] = []
    private var waiting: [OutgoingMessage] = []

    /// Unacknowledged messages at a time.
    private static let inflightLimit = 20
    /// Messages that may wait; later ones are dropped.
    private static let queueLimit = 1_000

    var isEmpty: Bool { unacknowledged.isEmpty && waiting.isEmpty }

    /// Whether a message may go at once: nothing is before it, and there is room among the unacknowledged.
    func canGo(_ message: OutgoingMessage) -> Bool {
        waiting.isEmpty && (message.quality == 0 || unacknowledged.count < Self.inflightLimit)
    }

    mutating func wait(_ message: OutgoingMessage) {
        if waiting.count < Self.queueLimit { waiting.append(message) }
    }

    /// The first of those that wait, if it may go now.
    mutating func next() -> OutgoingMessage? {
        guard let first = waiting.first, first.quality == 0 || unacknowledged.count < Self.inflightLimit else { return nil }
        return waiting.removeFirst()
    }

    mutating func given(_ message: OutgoingMessage, as id: Int32) { unacknowledged.append((id, message)) }

    /// The token of a message that is complete; `nil` for one with quality 0.
    mutating func complete(_ id: Int32) -> Token? {
        guard let index = unacknowledged.firstIndex(where: { $0.id == id }) else { return nil }
        return unacknowledged.remove(at: index).message.token
    }

    /// What a clean session owes with quality 1 is published anew in the next one; with quality 2 that could deliver twice
    /// [MQTT-3.1.2-6].
    mutating func beginSession() {
        waiting.insert(contentsOf: unacknowledged.filter { $0.message.quality == 1 }.map(\.message), at: 0)
        unacknowledged = []
    }
}
