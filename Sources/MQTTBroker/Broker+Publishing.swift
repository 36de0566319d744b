import LabCore
import WireProtocols

extension Broker {
    // MARK: From clients

    mutating func publishArrived(_ frame: MQTTFrame, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        let header = try MQTTPublishHeader(frame, in: bytes)
        statistics.publishesReceived += 1
        if header.qos > configuration.maximumQoS { return close(slot, .protocolError(.qosNotSupported)) }  // 5.0 [MQTT-3.2.2-11]
        guard connections[slot].five == nil || header.properties.isEmpty && header.qos == .atMostOnce && !header.retain else {
            return try fiveArrived(header, bytes, slot)
        }
        let access = try access(to: header, bytes, connections[slot].session)
        if header.qos == .atMostOnce, !header.retain, relay(header, bytes, access, slot) { return }
        arrived(MQTTPublish(header, topic: sessions[connections[slot].session].access[access].topic, in: bytes), access, slot)
    }

    private mutating func arrived(_ publish: MQTTPublish, _ access: Int, _ slot: Int) {
        if connections[slot].held.isEmpty, take(publish, access, slot) { return }
        hold(publish, slot)
    }

    /// A publish of 5.0 with something that 3.1.1 does not have.
    private mutating func fiveArrived(_ header: MQTTPublishHeader, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) {
        if header.retain, !configuration.isRetainAvailable { return close(slot, .protocolError(.retainNotSupported)) }  // [MQTT-3.2.2-14]
        let session = connections[slot].session
        var publish = MQTTPublish(header, topic: try topic(of: header, bytes, slot), in: bytes)
        publish.properties.topicAlias = nil
        if header.qos != .atMostOnce, !(header.qos == .exactlyOnce && isUnreleased(header.packetID, session)) {
            let count = (connections[slot].five?.value.unacknowledged ?? 0) + 1
            guard count <= Int(configuration.receiveMaximum) else {
                throw error(.receiveMaximumExceeded(limit: configuration.receiveMaximum), header.frame)  // [MQTT-3.3.4-9]
            }
            connections[slot].five?.value.unacknowledged = count
        }
        if configuration.checksPayloadFormat, publish.violatesPayloadFormat {
            guard header.qos != .atMostOnce else { throw error(.payloadFormat, header.frame) }
            note(.dropped(client: sessions[session].clientID, topic: publish.topic.text, .payloadFormat, count: 1))
            return acknowledge(publish.packetID, publish.qos, .payloadFormatInvalid, sessions[session].newReceipt(), 0, session)
        }
        arrived(publish, knownAccess(to: publish.topic, session) ?? access(to: publish.topic, session), slot)
    }

    /// The topic, by its name or by its alias (5.0 §3.3.2.3.4).
    private mutating func topic(of header: MQTTPublishHeader, _ bytes: [UInt8], _ slot: Int) throws(MQTTDecodingError) -> MQTTTopic {
        guard let alias = header.properties.topicAlias else { return try header.decodeTopic(in: bytes) }
        guard alias <= configuration.topicAliasMaximum else { throw error(.topicAliasInvalid(alias), header.frame) }
        let index = Int(alias) - 1
        if header.topic.isEmpty {
            let topics = connections[slot].five?.value.topicsByAlias ?? []
            guard index < topics.count, let topic = topics[index] else { throw error(.topicAliasUnknown(alias), header.frame) }
            return topic
        }
        let topic = try header.decodeTopic(in: bytes)
        if let missing = connections[slot].five.map({ index + 1 - $0.value.topicsByAlias.count }), missing > 0 {
            connections[slot].five?.value.topicsByAlias.append(contentsOf: repeatElement(nil, count: missing))
        }
        connections[slot].five?.value.topicsByAlias[index] = topic
        return topic
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

    /// The route of a topic that a client publishes to, up to date.
    @inline(__always)
    private mutating func route(_ access: Int, _ session: Int) -> Int {
        if sessions[session].access[access].routesEpoch != router.epoch {
            sessions[session].access[access].route = router.index(
                of: sessions[session].access[access].topic, limit: configuration.maximumRoutes)
            sessions[session].access[access].routesEpoch = router.epoch
        }
        let route = sessions[session].access[access].route
        refreshRoute(route)
        return route
    }

    /// Passes on a QoS 0 message as the bytes that it came in, to all who get exactly these.
    ///
    /// - Returns: false if something is not that simple; nothing was done then.
    private mutating func relay(_ header: MQTTPublishHeader, _ bytes: [UInt8], _ access: Int, _ slot: Int) -> Bool {
        let session = connections[slot].session
        guard connections[slot].held.isEmpty, sessions[session].access[access].mayPublish, !faults.isActive else { return false }
        let route = route(access, session)
        guard router.routes[route].isPlain, router.routes[route].consumers.isEmpty else { return false }
        let isFive = connections[slot].five != nil
        var packet = header.frame.range == bytes.indices ? bytes : []
        var message: BrokerMessage?
        for index in router.routes[route].subscribers.indices {
            let subscriber = router.routes[route].subscribers[index].session
            let receiver = sessions[subscriber].connection
            if receiver < 0 { continue }
            guard isFree(subscriber, receiver), takesAsItIs(receiver, isFive: isFive) else {
                let other = message ?? BrokerMessage(
                    topic: sessions[session].access[access].topic, payload: [UInt8](bytes[header.payload]), qos: .atMostOnce,
                    retain: false, publisher: sessions[session].clientID, publishedAt: now)
                if message == nil { forms.begin(isShared: true) }
                message = other
                deliver(other, .atMostOnce, to: subscriber)
                continue
            }
            statistics.packetsSent += 1
            statistics.publishesSent += 1
            if connections[receiver].output.isEmpty {
                dirtyConnections.append(receiver)
                if packet.isEmpty { packet = [UInt8](bytes[header.frame.range]) }
                // One array for all: who gets nothing more in this input costs no copy.
                connections[receiver].output = packet
            } else {
                connections[receiver].output.append(contentsOf: bytes[header.frame.range])
            }
        }
        if message != nil { forms.end() }
        return true
    }

    /// Whether a packet of the publisher's version is what this connection gets.
    @inline(__always)
    private func takesAsItIs(_ slot: Int, isFive: Bool) -> Bool {
        if connections[slot].isTranscribed { return false }
        guard connections[slot].five != nil else { return !isFive }
        return isFive && connections[slot].five?.value.isPlain ?? false
    }

    /// Takes one publish of a client, or leaves it when something that it must go to is full.
    ///
    /// - Returns: false if it must be held.
    mutating func take(_ publish: MQTTPublish, _ access: Int, _ slot: Int) -> Bool {
        let session = connections[slot].session
        if publish.qos == .exactlyOnce, repeated(publish.packetID, session) { return true }
        guard sessions[session].access[access].mayPublish else { return refuse(publish, session, slot) }
        let route = route(access, session)
        if publish.qos != .atMostOnce, mustWait(publish, route, session, slot) { return false }

        let message = BrokerMessage(
            topic: publish.topic, payload: publish.payload, qos: publish.qos, retain: false,  // [MQTT-3.3.1-9]
            publisher: sessions[session].clientID, publishedAt: now, extras: MessageExtras(publish.properties, at: now))
        if publish.retain { retain(message) }
        let receipt = sessions[session].newReceipt()
        let reference = PublisherReference(session: session, ordinal: sessions[session].ordinal, receipt: receipt)
        // What a distribution sets off can end this session, but not before the input is done.
        let outstanding = distribute(message, route, publish.qos == .atMostOnce ? nil : reference, isRetained: publish.retain)
        if publish.qos == .exactlyOnce {
            // From here to PUBREL the identifier stands for this message [MQTT-4.3.3-2].
            sessions[session].unreleased.append(
                Session.Unreleased(packetID: publish.packetID, receipt: receipt, outstanding: outstanding))
        }
        if publish.qos != .atMostOnce {
            let reason: MQTTReasonCode = router.routes[route].isEmpty ? .noMatchingSubscribers : .success
            acknowledge(publish.packetID, publish.qos, reason, receipt, outstanding, session)
        }
        return true
    }

    private func isUnreleased(_ packetID: UInt16, _ session: Int) -> Bool {
        sessions[session].unreleased.contains { $0.packetID == packetID }
    }

    /// A QoS 2 message that is here already is acknowledged again and not delivered again [MQTT-4.3.3-2].
    private mutating func repeated(_ packetID: UInt16, _ session: Int) -> Bool {
        guard let known = sessions[session].unreleased.first(where: { $0.packetID == packetID }) else { return false }
        let isPending = sessions[session].pendingAcknowledgements.contains { $0.qos == .exactlyOnce && $0.packetID == packetID }
        if !isPending { acknowledge(packetID, .exactlyOnce, .success, known.receipt, known.outstanding, session) }
        return true
    }

    /// A publish without the right to it: acknowledged as if it were taken, with 0x87 in 5.0, or the end of the
    /// connection [MQTT-3.3.5-2].
    private mutating func refuse(_ publish: MQTTPublish, _ session: Int, _ slot: Int) -> Bool {
        statistics.publishesRefused += 1
        switch configuration.unauthorizedPublish {
        case .closeConnection: close(slot, .unauthorizedPublish)
        case .acknowledgeAndDrop:
            if publish.qos != .atMostOnce {
                acknowledge(publish.packetID, publish.qos, .notAuthorized, sessions[session].newReceipt(), 0, session)
            }
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
        _ = distribute(message, currentRoute(of: publish.topic), nil, isRetained: publish.retain)
    }

    /// The will of a client whose connection ended without DISCONNECT [MQTT-3.1.2-8], under the rights it has now.
    mutating func publishWill(_ will: MQTTWill, _ clientID: String, _ identity: MQTTIdentity) {
        guard !will.topic.isReserved, authorizer.mayPublish(identity, to: will.topic) else {
            return note(.publishRefused(client: clientID, topic: will.topic.text))
        }
        note(.willPublished(client: clientID, topic: will.topic.text))
        let message = BrokerMessage(
            topic: will.topic, payload: will.payload, qos: min(will.qos, configuration.maximumQoS), retain: false, publisher: clientID,
            publishedAt: now, extras: MessageExtras(will.properties, at: now))
        if will.retain { retain(message) }  // [MQTT-3.1.2-16], [MQTT-3.1.2-17]
        _ = distribute(message, currentRoute(of: will.topic), nil, isRetained: will.retain, isWill: true)
    }

    private mutating func retain(_ message: BrokerMessage) {
        guard configuration.isRetainAvailable else { return }
        let isStored = retained.store(message, limit: configuration.maximumRetained, maximumLevels: configuration.maximumTopicLevels)
        if !isStored { note(.dropped(client: message.publisher, topic: message.topic.text, .retainedLimit, count: 1)) }
    }

    // MARK: To everybody

    /// Gives a message to all that its route names.
    ///
    /// - Parameter isRetained: as it was published, for subscriptions of 5.0 that want to know.
    /// - Returns: how many consumers must acknowledge before the publisher may be told.
    private mutating func distribute(
        _ message: BrokerMessage, _ route: Int, _ publisher: PublisherReference?, isRetained: Bool, isWill: Bool = false
    ) -> Int {
        var outstanding = 0
        for index in router.routes[route].consumers.indices {
            let match = router.routes[route].consumers[index]
            if deliver(message, min(message.qos, match.qos), toConsumer: match.index, publisher, isWill: isWill) { outstanding += 1 }
        }
        let isPlain = router.routes[route].isPlain
        forms.begin(isShared: router.routes[route].subscribers.count > 1)
        // The quality of a delivery is the lower of the message's and the subscription's [MQTT-3.8.4-6].
        for index in router.routes[route].subscribers.indices {
            let subscriber = router.routes[route].subscribers[index]
            if isPlain {
                deliver(message, min(message.qos, subscriber.qos), to: subscriber.session, isWill: isWill)
            } else {
                deliver(message, to: subscriber, isRetained: isRetained, isWill: isWill)
            }
        }
        if !isPlain {
            for index in router.routes[route].shares.indices {
                deliver(message, to: router.routes[route].shares[index], isRetained: isRetained, isWill: isWill)
            }
        }
        forms.end()
        return outstanding
    }

    /// To a subscriber with options of 5.0.
    private mutating func deliver(_ message: BrokerMessage, to target: Route.Target, isRetained: Bool, isWill: Bool) {
        if target.audience != .everybody {
            // "No local" asks who published, by the client identifier (5.0 [MQTT-3.8.3-3]).
            let isOwn = message.publisher.map { ExactText($0) == ExactText(sessions[target.session].clientID) } ?? false
            if isOwn != (target.audience == .itself) { return }
        }
        var copy = message
        copy.retain = isRetained && target.retainAsPublished
        deliver(copy, min(message.qos, target.qos), to: target.session, identifiers: target.identifiers, isWill: isWill)
    }
}
