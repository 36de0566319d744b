import WireProtocols

/// One session's interest in a filter.
struct Subscriber: Sendable {
    var session: Int
    var qos: MQTTQoS
}

/// Who gets what is published to one topic.
struct Route: Sendable {
    struct Consumer: Sendable {
        var index: Int
        var qos: MQTTQoS
    }

    var topic: MQTTTopic
    /// The router's version for which the lists hold.
    var version: UInt32
    /// In the order of the sessions' slots, each session once.
    var subscribers: [Subscriber] = []
    var consumers: [Consumer] = []
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

    mutating func set(_ index: Int, subscribers: [Subscriber], consumers: [Route.Consumer]) {
        routes[index].subscribers = subscribers
        routes[index].consumers = consumers
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
        var subscribers: [Subscriber] = []
        for subscriber in found {
            // Overlapping subscriptions: one message, with the highest of their qualities [MQTT-3.3.5-1].
            if subscribers.last?.session == subscriber.session { continue }
            // The right to hear it is asked for at the delivery too: the filter may be wider than it, or the right
            // gone since. The answer holds until rights change.
            if mayReceive(sessions[subscriber.session].identity, topic) { subscribers.append(subscriber) }
        }
        var matches: [Route.Consumer] = []
        for index in consumers.indices {
            if let qos = consumers[index].quality(for: topic) { matches.append(Route.Consumer(index: index, qos: qos)) }
        }
        router.set(index, subscribers: subscribers, consumers: matches)
    }

    func mayReceive(_ identity: MQTTIdentity, _ topic: MQTTTopic) -> Bool {
        topic.isReserved ? identity.isAdmin : authorizer.mayReceive(identity, from: topic)
    }
}
