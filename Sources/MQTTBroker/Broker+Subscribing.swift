import DequeModule
import LabCore
import WireProtocols

extension Broker {
    /// SUBSCRIBE (§3.8): its filters one after the other [MQTT-3.8.4-4], one SUBACK with a code for each
    /// [MQTT-3.8.4-1], [MQTT-3.8.4-5], [MQTT-3.9.3-1], then what is retained.
    mutating func subscribeArrived(_ subscribe: MQTTSubscribe, _ slot: Int) {
        let session = connections[slot].session
        var codes: [UInt8] = []
        var granted: [MQTTSubscription] = []
        for subscription in subscribe.subscriptions {
            let isGranted = self.subscribe(session, subscription)
            codes.append(isGranted ? subscription.qos.rawValue : MQTTSuback.failure)
            if isGranted { granted.append(subscription) }
            note(.subscribed(client: sessions[session].clientID, filter: subscription.filter.text, code: codes[codes.count - 1]))
        }
        let suback = MQTTPacket.suback(MQTTSuback(packetID: subscribe.packetID, codes: codes))  // [MQTT-3.8.4-2]
        // One code for each filter that fitted into a packet: it cannot be too large.
        write(to: slot, .suback) { try? suback.encode(to: &$0) }
        for subscription in granted { sendRetained(subscription, session) }
    }

    private mutating func subscribe(_ session: Int, _ subscription: MQTTSubscription) -> Bool {
        guard maySubscribe(session, subscription.filter) else { return false }
        let existing = sessions[session].subscriptions.firstIndex { $0.filter == subscription.filter }
        guard existing != nil || sessions[session].subscriptions.count < configuration.maximumSubscriptions else { return false }
        // Retained messages are never refused once they are promised, so nothing is promised to a full queue.
        guard hasRoom(session) else { return false }
        if let existing {
            sessions[session].subscriptions[existing] = subscription  // [MQTT-3.8.4-3]
        } else {
            sessions[session].subscriptions.append(subscription)
        }
        subscriptions.update(subscription.filter.text) { subscribers in
            var list = subscribers ?? []
            list.removeAll { $0.session == session }
            list.append(Subscriber(session: session, qos: subscription.qos))
            subscribers = list
        }
        router.invalidate()
        if existing == nil, subscription.filter.isReserved { systemSubscriberAdded() }
        return true
    }

    /// Topics that begin with `$` are the server's; only `$SYS` is there, and only for admins. So a shared
    /// subscription (`$share/…`), which 3.1.1 does not know, cannot go around a right.
    func maySubscribe(_ session: Int, _ filter: MQTTTopicFilter) -> Bool {
        let slashes = filter.text.utf8.count { $0 == UInt8(ascii: "/") }
        guard slashes < configuration.maximumTopicLevels else { return false }
        let identity = sessions[session].identity
        if filter.isReserved { return identity.isAdmin && SystemTopics.covers(filter) }
        return authorizer.maySubscribe(identity, to: filter)
    }

    /// The retained messages that the filter matches [MQTT-3.3.1-6], marked as such [MQTT-3.3.1-8].
    private mutating func sendRetained(_ subscription: MQTTSubscription, _ session: Int) {
        let messages = subscription.filter.isReserved ? systemMessages(matching: subscription.filter) : retained.messages(matching: subscription.filter)
        for message in messages where mayReceive(sessions[session].identity, message.topic) {
            deliver(message, min(message.qos, subscription.qos), to: session, isRetained: true)
        }
    }

    /// UNSUBSCRIBE (§3.10). Filters are compared byte by byte [MQTT-3.10.4-1]. What is on its way still arrives
    /// [MQTT-3.10.4-3]; the answer comes even where nothing matched [MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT-3.10.4-6].
    mutating func unsubscribeArrived(_ unsubscribe: MQTTUnsubscribe, _ slot: Int) {
        let session = connections[slot].session
        for filter in unsubscribe.filters {
            guard let index = sessions[session].subscriptions.firstIndex(where: { $0.filter == filter }) else { continue }
            sessions[session].subscriptions.remove(at: index)
            removeSubscriber(session, filter)  // [MQTT-3.10.4-2]
            note(.unsubscribed(client: sessions[session].clientID, filter: filter.text))
        }
        let packetID = unsubscribe.packetID
        write(to: slot, .unsuback) { MQTTEncoder.appendAcknowledgement(.unsuback, packetID, to: &$0) }
    }

    /// Takes a session's subscription out of the tree; publishers that waited for its queue look again.
    mutating func removeSubscriber(_ session: Int, _ filter: MQTTTopicFilter) {
        subscriptions.update(filter.text) { subscribers in
            subscribers?.removeAll { $0.session == session }
            if subscribers?.isEmpty ?? true { subscribers = nil }
        }
        router.invalidate()
        if filter.isReserved { system.subscriberCount -= 1 }
        if !sessions[session].waiters.isEmpty {
            resumable.append(contentsOf: sessions[session].waiters)
            sessions[session].waiters = []
        }
    }
}
