import DequeModule
import LabCore
import WireProtocols

extension Broker {
    mutating func consumer(_ id: ConsumerID, _ input: ConsumerInput) {
        let index = consumers.firstIndex { $0.id == id }
        switch (input, index) {
        case (.attach(let options), nil):
            consumers.append(InlineConsumer(id: id, options: options))
            router.invalidate()
        case (.attach(let options), let index?):
            consumers[index].options = options
            router.invalidate()
            freed(consumer: index)
        case (.ready, let index?): ready(index)
        case (.acknowledge(let deliveries), let index?): acknowledged(deliveries, index)
        case (.gone, let index?): gone(index)
        case (.detach, let index?): detach(index)
        case (_, nil): break
        }
    }

    private mutating func ready(_ index: Int) {
        consumers[index].isReady = true
        consumers[index].isDropping = false
        consumers[index].deliveredCount = 0
        handOver(index)
    }

    private mutating func gone(_ index: Int) {
        consumers[index].isReady = false
        consumers[index].deliveredCount = 0
        if !consumers[index].options.isDurable { consumers[index].queue = [] }
    }

    private mutating func acknowledged(_ deliveries: [DeliveryID], _ index: Int) {
        for delivery in deliveries {
            let (isNew, publisher) = consumers[index].acknowledge(delivery)
            if isNew, let publisher { credit(publisher) }
        }
        handOver(index)
        if consumers[index].hasRoom { consumers[index].isDropping = false }
        freed(consumer: index)
    }

    private mutating func detach(_ index: Int) {
        let consumer = consumers.remove(at: index)
        router.invalidate()
        for entry in consumer.queue where !entry.isAcknowledged {
            if let publisher = entry.publisher { credit(publisher) }
        }
        resumable.append(contentsOf: consumer.waiters)
    }

    /// Gives a message to a consumer.
    ///
    /// - Returns: whether the publisher has to wait for its acknowledgement.
    mutating func deliver(
        _ message: BrokerMessage, _ qos: MQTTQoS, toConsumer index: Int, _ publisher: PublisherReference?, isWill: Bool
    ) -> Bool {
        guard qos != .atMostOnce, consumers[index].options.isDurable else {
            if consumers[index].isReady {
                effects.append(.deliver(delivery(message, qos, index, id: nil, isRedelivered: false)))
            } else {
                dropForConsumer(message, index, .consumerAway)
            }
            return false
        }
        // Clients wait before this when the queue is full; a will and what the process publishes cannot.
        let limit = isWill ? 2 * consumers[index].options.queueLimit : consumers[index].options.queueLimit
        guard publisher != nil || consumers[index].queue.count < limit else {
            dropForConsumer(message, index, .queueFull)
            return false
        }
        var queued = message
        queued.qos = qos
        consumers[index].queue.append(InlineConsumer.Entry(message: queued, publisher: publisher))
        handOver(index)
        return publisher != nil
    }

    private mutating func dropForConsumer(_ message: BrokerMessage, _ index: Int, _ reason: DropReason) {
        statistics.publishesDropped += 1
        if consumers[index].isDropping { return }
        consumers[index].isDropping = true
        note(.dropped(client: message.publisher, topic: message.topic.text, reason, count: 1))
    }

    /// Hands over as much as the consumer's window allows.
    private mutating func handOver(_ index: Int) {
        guard consumers[index].isReady else { return }
        while consumers[index].deliveredCount < consumers[index].queue.count,
            consumers[index].deliveredCount < consumers[index].options.window {
            let position = consumers[index].deliveredCount
            consumers[index].deliveredCount += 1
            let entry = consumers[index].queue[position]
            if entry.isAcknowledged { continue }
            let id = DeliveryID(rawValue: consumers[index].firstID + UInt64(position))
            consumers[index].queue[position].wasDelivered = true
            effects.append(.deliver(delivery(entry.message, entry.message.qos, index, id: id, isRedelivered: entry.wasDelivered)))
        }
    }

    private func delivery(
        _ message: BrokerMessage, _ qos: MQTTQoS, _ index: Int, id: DeliveryID?, isRedelivered: Bool
    ) -> InlineDelivery {
        InlineDelivery(
            consumer: consumers[index].id, id: id, topic: message.topic, payload: message.payload, qos: qos,
            publisher: message.publisher, isRedelivered: isRedelivered, publishedAt: message.publishedAt)
    }
}
