import WireProtocols

/// One session's interest in a filter.
struct Subscriber: Sendable {
    var session: Int
    var qos: MQTTQoS
    var noLocal: Bool
    var retainAsPublished: Bool
    /// 0 for none.
    var identifier: UInt32

    init(_ subscription: Subscription, of session: Int) {
        self.session = session
        qos = subscription.qos
        noLocal = subscription.noLocal
        retainAsPublished = subscription.retainAsPublished
        identifier = subscription.identifier
    }

    /// Whether it asks for nothing but messages.
    var isPlain: Bool { !noLocal && !retainAsPublished && identifier == 0 }
}

/// Who gets what is published to one topic.
struct Route: Sendable {
    struct Consumer: Sendable {
        var index: Int
        var qos: MQTTQoS
    }

    /// What one session gets.
    struct Target: Sendable {
        /// Whose messages: a session that has "no local" on one of its filters, and another filter without it, gets its
        /// own messages for the one and those of others for both.
        enum Audience: UInt8, Sendable { case everybody, others, itself }

        var session: Int
        var qos: MQTTQoS
        var audience = Audience.everybody
        var retainAsPublished = false
        /// Of all filters that match, in the order of their subscription (5.0 [MQTT-3.3.4-3], [MQTT-3.3.4-4]).
        var identifiers: [UInt32] = []
    }

    /// One of a shared subscription's members gets the message.
    struct Share: Sendable {
        var group: Int
        var members: [Target]
    }

    var topic: MQTTTopic
    /// The router's version for which the lists hold.
    var version: UInt32
    /// In the order of the sessions' slots, each session once (twice with two audiences).
    var subscribers: [Target] = []
    var shares: [Share] = []
    var consumers: [Consumer] = []
    /// All subscribers get the message as it is, and there are no shared subscriptions.
    var isPlain = true

    var isEmpty: Bool { subscribers.isEmpty && shares.isEmpty && consumers.isEmpty }
}

/// Routes by topic, remembered until a subscription or a right changes.
struct Router: Sendable {
    private(set) var routes: [Route] = []
    private var indices: [MQTTTopic: Int] = [:]
    /// Counts up when all routes are forgotten; indices from before are void.
    private(set) var epoch: UInt32 = 1
    private(set) var version: UInt32 = 1

    /// Subscriptions or rights changed: every route is worked out anew when it is next needed.
    mutating func invalidate() { version &+= 1 }

    /// The index of the topic's route, which may be out of date.
    mutating func index(of topic: MQTTTopic, limit: Int) -> Int {
        if let index = indices[topic] { return index }
        if routes.count >= limit {
            // A client that never uses a topic twice must not fill the memory.
            routes = []
            indices = [:]
            epoch &+= 1
        }
        routes.append(Route(topic: topic, version: version &- 1))
        indices[topic] = routes.count - 1
        return routes.count - 1
    }

    func isCurrent(_ index: Int) -> Bool { routes[index].version == version }

    mutating func set(_ index: Int, subscribers: [Route.Target], shares: [Route.Share], consumers: [Route.Consumer], isPlain: Bool) {
        routes[index].subscribers = subscribers
        routes[index].shares = shares
        routes[index].consumers = consumers
        routes[index].isPlain = isPlain
        routes[index].version = version
    }
}

extension Broker {
    /// The topic's route, up to date.
    mutating func currentRoute(of topic: MQTTTopic) -> Int {
        let index = router.index(of: topic, limit: configuration.maximumRoutes)
        refreshRoute(index)
        return index
    }

    @inline(__always)
    mutating func refreshRoute(_ index: Int) {
        if !router.isCurrent(index) { workOutRoute(index) }
    }

    private mutating func workOutRoute(_ index: Int) {
        let topic = router.routes[index].topic
        var found: [Subscriber] = []
        subscriptions.forEachFilter(matching: topic) { found.append(contentsOf: $0) }
        found.sort { $0.session != $1.session ? $0.session < $1.session : $0.qos > $1.qos }
        var targets: [Route.Target] = []
        targets.reserveCapacity(found.count)
        var isPlain = true
        var first = 0
        while first < found.count {
            var end = first + 1
            while end < found.count, found[end].session == found[first].session { end += 1 }
            // The right to hear it is asked for at the delivery too: the filter may be wider than it, or the right
            // gone since. The answer holds until rights change.
            if mayReceive(sessions[found[first].session].identity, topic) {
                if found[first..<end].allSatisfy(\.isPlain) {
                    // Overlapping subscriptions: one message, with the highest of their qualities [MQTT-3.3.5-1].
                    targets.append(Route.Target(session: found[first].session, qos: found[first].qos))
                } else {
                    isPlain = false
                    appendTargets(found[first..<end], topic, to: &targets)
                }
            }
            first = end
        }
        let shares = shares(of: topic)
        var matches: [Route.Consumer] = []
        for index in consumers.indices {
            if let qos = consumers[index].quality(for: topic) { matches.append(Route.Consumer(index: index, qos: qos)) }
        }
        router.set(index, subscribers: targets, shares: shares, consumers: matches, isPlain: isPlain && shares.isEmpty)
    }

    /// What one session gets, by what its subscriptions that match ask for.
    private func appendTargets(_ matching: ArraySlice<Subscriber>, _ topic: MQTTTopic, to targets: inout [Route.Target]) {
        let session = matching[matching.startIndex].session
        func target(_ subscribers: [Subscriber], _ audience: Route.Target.Audience) -> Route.Target? {
            guard let qos = subscribers.map(\.qos).max() else { return nil }
            let wanted = subscribers.map(\.identifier)
            let identifiers = sessions[session].subscriptions.lazy
                .filter { $0.identifier != 0 && !$0.isShared && wanted.contains($0.identifier) && $0.filter.matches(topic) }
                .map(\.identifier)
            return Route.Target(
                session: session, qos: qos, audience: audience, retainAsPublished: subscribers.contains(where: \.retainAsPublished),
                identifiers: [UInt32](identifiers))
        }
        guard matching.contains(where: \.noLocal) else {
            if let all = target([Subscriber](matching), .everybody) { targets.append(all) }
            return
        }
        if let ofOthers = target([Subscriber](matching), .others) { targets.append(ofOthers) }
        if let own = target(matching.filter { !$0.noLocal }, .itself) { targets.append(own) }
    }

    func mayReceive(_ identity: MQTTIdentity, _ topic: MQTTTopic) -> Bool {
        topic.isReserved ? identity.isAdmin : authorizer.mayReceive(identity, from: topic)
    }
}
