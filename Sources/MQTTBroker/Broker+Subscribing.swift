import DequeModule
import LabCore
import WireProtocols

extension Broker {
    /// SUBSCRIBE (§3.8): its filters one after the other [MQTT-3.8.4-4], one SUBACK with a code for each
    /// [MQTT-3.8.4-1], [MQTT-3.8.4-5], [MQTT-3.9.3-1], then what is retained.
    mutating func subscribeArrived(_ subscribe: MQTTSubscribe, _ slot: Int) {
        let session = connections[slot].session
        let isFive = connections[slot].five != nil
        let identifier = subscribe.properties.subscriptionIdentifier ?? 0
        var codes: [UInt8] = []
        var promised: [Subscription] = []
        for request in subscribe.subscriptions {
            let reason: MQTTReasonCode
            switch grant(request, identifier, session, isFive: isFive) {
            case .refused(let why): reason = why
            case .granted(let subscription, let isNew):
                reason = .granted(subscription.qos)
                let wantsRetained = request.retainHandling == .sendAtSubscribe || request.retainHandling == .sendIfNew && isNew
                // Never for a shared subscription (5.0 §4.8.2).
                if wantsRetained, !subscription.isShared { promised.append(subscription) }
            }
            codes.append(isFive || !reason.isFailure ? reason.rawValue : MQTTSuback.failure)
            note(.subscribed(client: sessions[session].clientID, filter: request.filter.text, code: codes[codes.count - 1]))
        }
        write(.suback(MQTTSuback(packetID: subscribe.packetID, codes: codes)), to: slot)  // [MQTT-3.8.4-2]
        for subscription in promised { sendRetained(subscription, session) }
    }

    private enum Grant {
        case granted(Subscription, isNew: Bool)
        case refused(MQTTReasonCode)
    }

    private mutating func grant(_ request: MQTTSubscription, _ identifier: UInt32, _ session: Int, isFive: Bool) -> Grant {
        let key: ShareKey?
        do { key = isFive ? try shareKey(request.filter) : nil } catch { return .refused(.topicFilterInvalid) }  // 5.0 [MQTT-4.8.2-1], [MQTT-4.8.2-2]
        if let reason = objection(to: request, key, identifier, session) { return .refused(reason) }
        let subscription = Subscription(
            filter: request.filter, qos: min(request.qos, configuration.maximumQoS), noLocal: request.noLocal,
            retainAsPublished: request.retainAsPublished, isShared: key != nil, identifier: identifier)
        let existing = sessions[session].subscriptions.firstIndex { $0.filter == request.filter }
        if let existing {
            sessions[session].subscriptions[existing] = subscription  // [MQTT-3.8.4-3]
        } else {
            sessions[session].subscriptions.append(subscription)
        }
        addSubscriber(Subscriber(subscription, of: session), subscription.filter, key)
        router.invalidate()
        if existing == nil, key == nil, request.filter.isReserved { systemSubscriberAdded() }
        return .granted(subscription, isNew: existing == nil)
    }

    mutating func addSubscriber(_ subscriber: Subscriber, _ filter: MQTTTopicFilter, _ key: ShareKey?) {
        if let key { return join(key, subscriber) }
        subscriptions.update(filter.text) { subscribers in
            var list = subscribers ?? []
            list.removeAll { $0.session == subscriber.session }
            list.append(subscriber)
            subscribers = list
        }
    }

    func shareKey(_ filter: MQTTTopicFilter) throws(MQTTTopicError) -> ShareKey? {
        try filter.shared().map { ShareKey(name: $0.name, filter: $0.filter.exact) }
    }

    /// Why a subscription is not granted, in the words of 5.0 (§3.9.3).
    private mutating func objection(
        to request: MQTTSubscription, _ key: ShareKey?, _ identifier: UInt32, _ session: Int
    ) -> MQTTReasonCode? {
        if identifier != 0, !configuration.areSubscriptionIdentifiersAvailable { return .subscriptionIdentifiersNotSupported }
        if key != nil, !configuration.areSharedSubscriptionsAvailable { return .sharedSubscriptionsNotSupported }
        if request.filter.hasWildcard, !configuration.areWildcardSubscriptionsAvailable { return .wildcardSubscriptionsNotSupported }
        guard maySubscribe(session, request.filter, key) else { return configuration.deniedFilterCode }
        let isKnown = sessions[session].subscriptions.contains { $0.filter == request.filter }
        guard isKnown || sessions[session].subscriptions.count < configuration.maximumSubscriptions else { return .quotaExceeded }
        // Retained messages are never refused once they are promised, so nothing is promised to a full queue.
        if !hasRoom(session) { dropExpired(session) }
        return hasRoom(session) ? nil : .quotaExceeded
    }

    /// The right that counts for a shared subscription is that for its filter; `$share` goes around nothing. Other
    /// topics that begin with `$` are the server's; only `$SYS` is there, and only for admins.
    func maySubscribe(_ session: Int, _ filter: MQTTTopicFilter, _ key: ShareKey?) -> Bool {
        let slashes = filter.text.utf8.count { $0 == UInt8(ascii: "/") }
        guard slashes < configuration.maximumTopicLevels else { return false }
        let identity = sessions[session].identity
        guard let key else {
            if filter.isReserved { return identity.isAdmin && SystemTopics.covers(filter) }
            return authorizer.maySubscribe(identity, to: filter)
        }
        guard let inner = try? MQTTTopicFilter(key.filter.text), !inner.isReserved else { return false }
        return authorizer.maySubscribe(identity, to: inner)
    }

    /// The retained messages that the filter matches [MQTT-3.3.1-6], marked as such [MQTT-3.3.1-8].
    private mutating func sendRetained(_ subscription: Subscription, _ session: Int) {
        let filter = subscription.filter
        let messages = filter.isReserved ? systemMessages(matching: filter) : retained.messages(matching: filter, at: now)
        let identifiers = subscription.identifier == 0 ? [] : [subscription.identifier]
        for message in messages where mayReceive(sessions[session].identity, message.topic) {
            if subscription.noLocal, let publisher = message.publisher, ExactText(publisher) == ExactText(sessions[session].clientID) { continue }
            deliver(message, min(message.qos, subscription.qos), to: session, identifiers: identifiers, isPromised: true)
        }
    }

    /// UNSUBSCRIBE (§3.10). Filters are compared byte by byte [MQTT-3.10.4-1]. What is on its way still arrives
    /// [MQTT-3.10.4-3]; the answer comes even where nothing matched [MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT-3.10.4-6].
    mutating func unsubscribeArrived(_ unsubscribe: MQTTUnsubscribe, _ slot: Int) {
        let session = connections[slot].session
        var reasons: [MQTTReasonCode] = []
        for filter in unsubscribe.filters {
            guard let index = sessions[session].subscriptions.firstIndex(where: { $0.filter == filter }) else {
                reasons.append(.noSubscriptionExisted)
                continue
            }
            let subscription = sessions[session].subscriptions.remove(at: index)
            removeSubscriber(session, subscription)  // [MQTT-3.10.4-2]
            if subscription.isShared, let key = try? shareKey(filter) { passOnShared(from: session, key) }
            note(.unsubscribed(client: sessions[session].clientID, filter: filter.text))
            reasons.append(.success)
        }
        write(.unsuback(MQTTUnsuback(packetID: unsubscribe.packetID, reasons: reasons)), to: slot)
    }

    /// Takes a session's subscription out of the tree; publishers that waited for its queue look again.
    mutating func removeSubscriber(_ session: Int, _ subscription: Subscription) {
        let filter = subscription.filter
        if subscription.isShared {
            if let key = try? shareKey(filter) { leave(key, session) }
        } else {
            subscriptions.update(filter.text) { subscribers in
                subscribers?.removeAll { $0.session == session }
                if subscribers?.isEmpty ?? true { subscribers = nil }
            }
            if filter.isReserved { system.subscriberCount -= 1 }
        }
        router.invalidate()
        if !sessions[session].waiters.isEmpty {
            resumable.append(contentsOf: sessions[session].waiters)
            sessions[session].waiters = []
        }
    }
}
