import LabCore
import WireProtocols

extension Broker {
    // MARK: From clients

    mutating func publishArrived(_ frame: MQTTFrame, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        let header = try MQTTPublishHeader(frame, in: bytes)
        let access = try access(to: header, bytes, connections[slot].session)
        statistics.publishesReceived += 1
        let publish = MQTTPublish(header, topic: sessions[connections[slot].session].access[access].topic, in: bytes)
        if connections[slot].held.isEmpty, take(publish, access, slot) { return }
        hold(publish, slot)
    }

    /// What is known about a topic that a client publishes to, found by its bytes: nothing is built for a topic
    /// that was used before.
    private mutating func access(
        to header: MQTTPublishHeader, _ bytes: [UInt8], _ session: Int
    ) throws(MQTTDecodingError) -> Int {
        for index in sessions[session].access.indices
        where sessions[session].access[index].topic.exact.equals(bytes, header.topic) {
            return index
        }
        return access(to: try header.decodeTopic(in: bytes), session)
    }

    func knownAccess(to topic: MQTTTopic, _ session: Int) -> Int? { sessions[session].access.firstIndex { $0.topic == topic } }

    mutating func access(to topic: MQTTTopic, _ session: Int) -> Int {
        // Topics that begin with `$` are the server's (§4.7.2).
        let mayPublish = !topic.isReserved && authorizer.mayPublish(sessions[session].identity, to: topic)
        if !mayPublish { note(.publishRefused(client: sessions[session].clientID, topic: topic.text)) }
        let route = router.index(of: topic, limit: configuration.maximumRoutes)
        return sessions[session].remember(
            Session.TopicAccess(topic: topic, mayPublish: mayPublish, route: route, routesEpoch: router.epoch))
    }

    /// Takes one publish of a client, or leaves it when something that it must go to is full.
    ///
    /// - Returns: false if it must be held.
    mutating func take(_ publish: MQTTPublish, _ access: Int, _ slot: Int) -> Bool {
        let session = connections[slot].session
        if publish.qos == .exactlyOnce, repeated(publish.packetID, session) { return true }
        guard sessions[session].access[access].mayPublish else { return refuse(publish, session, slot) }
        if sessions[session].access[access].routesEpoch != router.epoch {
            sessions[session].access[access].route = router.index(of: publish.topic, limit: configuration.maximumRoutes)
            sessions[session].access[access].routesEpoch = router.epoch
        }
        let route = sessions[session].access[access].route
        refreshRoute(route)
        if publish.qos != .atMostOnce, mustWait(publish, route, session, slot) { return false }

        let message = BrokerMessage(
            topic: publish.topic, payload: publish.payload, qos: publish.qos, retain: false,  // [MQTT-3.3.1-9]
            publisher: sessions[session].clientID, publishedAt: now)
        if publish.retain { retain(message) }
        let receipt = sessions[session].newReceipt()
        let reference = PublisherReference(session: session, ordinal: sessions[session].ordinal, receipt: receipt)
        let outstanding = distribute(message, route, publish.qos == .atMostOnce ? nil : reference)
        if publish.qos == .exactlyOnce {
            // From here to PUBREL the identifier stands for this message [MQTT-4.3.3-2].
            sessions[session].unreleased.append(
                Session.Unreleased(packetID: publish.packetID, receipt: receipt, outstanding: outstanding))
        }
        if publish.qos != .atMostOnce { acknowledge(publish.packetID, publish.qos, receipt, outstanding, session) }
        return true
    }

    /// A QoS 2 message that is here already is acknowledged again and not delivered again [MQTT-4.3.3-2].
    private mutating func repeated(_ packetID: UInt16, _ session: Int) -> Bool {
        guard let known = sessions[session].unreleased.first(where: { $0.packetID == packetID }) else { return false }
        let isPending = sessions[session].pendingAcknowledgements.contains { $0.qos == .exactlyOnce && $0.packetID == packetID }
        if !isPending { acknowledge(packetID, .exactlyOnce, known.receipt, known.outstanding, session) }
        return true
    }

    /// A publish without the right to it: acknowledged as if it were taken, or the end of the connection [MQTT-3.3.5-2].
    private mutating func refuse(_ publish: MQTTPublish, _ session: Int, _ slot: Int) -> Bool {
        statistics.publishesRefused += 1
        switch configuration.unauthorizedPublish {
        case .closeConnection: close(slot, .unauthorizedPublish)
        case .acknowledgeAndDrop:
            if publish.qos != .atMostOnce { acknowledge(publish.packetID, publish.qos, sessions[session].newReceipt(), 0, session) }
        }
        return true
    }

    // MARK: From inside

    mutating func publishInline(_ publish: InlinePublish) {
        let size = publish.payload.count + publish.topic.text.utf8.count + 4
        guard size <= MQTTEncoder.largestRemainingLength else {
            return note(.dropped(client: nil, topic: publish.topic.text, .tooLarge, count: 1))
        }
        let message = BrokerMessage(
            topic: publish.topic, payload: publish.payload, qos: publish.qos, retain: false, publisher: nil, publishedAt: now)
        if publish.retain { retain(message) }
        _ = distribute(message, currentRoute(of: publish.topic), nil)
    }

    /// The will of a client whose connection ended without DISCONNECT [MQTT-3.1.2-8], under the rights it has now.
    mutating func publishWill(_ will: MQTTWill, _ clientID: String, _ identity: MQTTIdentity) {
        guard !will.topic.isReserved, authorizer.mayPublish(identity, to: will.topic) else {
            return note(.publishRefused(client: clientID, topic: will.topic.text))
        }
        note(.willPublished(client: clientID, topic: will.topic.text))
        let message = BrokerMessage(
            topic: will.topic, payload: will.payload, qos: will.qos, retain: false, publisher: clientID, publishedAt: now)
        if will.retain { retain(message) }  // [MQTT-3.1.2-16], [MQTT-3.1.2-17]
        _ = distribute(message, currentRoute(of: will.topic), nil, isWill: true)
    }

    private mutating func retain(_ message: BrokerMessage) {
        let isStored = retained.store(message, limit: configuration.maximumRetained, maximumLevels: configuration.maximumTopicLevels)
        if !isStored { note(.dropped(client: message.publisher, topic: message.topic.text, .retainedLimit, count: 1)) }
    }

    // MARK: To everybody

    /// Gives a message to all that its route names.
    ///
    /// - Returns: how many consumers must acknowledge before the publisher may be told.
    private mutating func distribute(
        _ message: BrokerMessage, _ route: Int, _ publisher: PublisherReference?, isWill: Bool = false
    ) -> Int {
        var outstanding = 0
        for index in router.routes[route].consumers.indices {
            let match = router.routes[route].consumers[index]
            if deliver(message, min(message.qos, match.qos), toConsumer: match.index, publisher, isWill: isWill) { outstanding += 1 }
        }
        // The quality of a delivery is the lower of the message's and the subscription's [MQTT-3.8.4-6].
        for index in router.routes[route].subscribers.indices {
            let subscriber = router.routes[route].subscribers[index]
            deliver(message, min(message.qos, subscriber.qos), to: subscriber.session, isWill: isWill)
        }
        return outstanding
    }
}
