import DequeModule
import LabCore
import WireProtocols

/// A consumer in the same process, with what it has not acknowledged.
struct InlineConsumer: Sendable {
    struct Entry: Sendable {
        var message: BrokerMessage
        var publisher: PublisherReference?
        var isAcknowledged = false
        var wasDelivered = false
    }

    let id: ConsumerID
    var options: ConsumerOptions
    var isReady = false
    /// What is not acknowledged, in the order of delivery; an entry's number is `firstID` plus its index.
    var queue = Deque<Entry>()
    var firstID: UInt64 = 1
    /// How many of the queue's first entries are handed over.
    var deliveredCount = 0
    /// Connections whose publishes wait for room in the queue.
    var waiters = Deque<ConnectionID>()
    var isDropping = false

    init(id: ConsumerID, options: ConsumerOptions) {
        self.id = id
        self.options = options
    }

    var hasRoom: Bool { queue.count < options.queueLimit }

    /// The highest quality among the filters that match; nil if none does [MQTT-3.3.5-1].
    func quality(for topic: MQTTTopic) -> MQTTQoS? {
        var best: MQTTQoS?
        for subscription in options.subscriptions where subscription.filter.matches(topic) {
            best = best.map { max($0, subscription.qos) } ?? subscription.qos
        }
        return best
    }

    /// Marks a delivery as safe and forgets the first entries as far as they are.
    ///
    /// - Returns: the publisher that may be told, if this acknowledgement was the first.
    mutating func acknowledge(_ delivery: DeliveryID) -> (isNew: Bool, publisher: PublisherReference?) {
        guard delivery.rawValue >= firstID, delivery.rawValue - firstID < UInt64(queue.count) else { return (false, nil) }
        let index = Int(delivery.rawValue - firstID)
        guard !queue[index].isAcknowledged else { return (false, nil) }
        let publisher = queue[index].publisher
        queue[index].isAcknowledged = true
        queue[index].message.payload = []
        while let first = queue.first, first.isAcknowledged {
            queue.removeFirst()
            firstID += 1
            deliveredCount = max(0, deliveredCount - 1)
        }
        return (true, publisher)
    }
}
