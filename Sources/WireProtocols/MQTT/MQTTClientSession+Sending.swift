import LabCore

extension MQTTClientSession {
    // MARK: Publishing

    mutating func publish(
        _ topic: String, _ payload: [UInt8], _ quality: UInt8, _ retain: Bool, _ token: Token, _ effects: inout [MQTTClientEffect]
    ) {
        guard let qos = MQTTQoS(rawValue: quality) else { return effects.append(.failed(.invalidQoS(quality), token)) }
        let name: MQTTTopic
        do { name = try MQTTTopic(topic) } catch { return effects.append(.failed(.topic(error), token)) }
        let size = payload.count + topic.utf8.count + 4
        if size > MQTTEncoder.largestRemainingLength {
            return effects.append(.failed(.encoding(.packetTooLarge(bytes: size)), token))
        }
        let message = Outgoing(topic: name, payload: payload, qos: qos, retain: retain, token: token)
        if qos == .atMostOnce {
            // Behind what waits, so that messages of one topic stay in order.
            guard phase == .connected else { return effects.append(.dropped(token, .notConnected)) }
            if queue.isEmpty { return write(message) }
        } else if phase == .connected, queue.isEmpty, inflight.count < settings.inflightLimit {
            return send(message)
        }
        guard queue.count < settings.queueLimit else { return effects.append(.dropped(token, .queueFull)) }
        queue.append(message)
    }

    private mutating func write(_ message: Outgoing, packetID: UInt16 = 0, isDuplicate: Bool = false) {
        MQTTEncoder.appendPublish(
            topic: message.topic, payload: message.payload, qos: message.qos, retain: message.retain, isDuplicate: isDuplicate,
            packetID: packetID, to: &output)
    }

    /// Sends a message that will be acknowledged, under an identifier that is free [MQTT-2.3.1-2].
    private mutating func send(_ message: Outgoing) {
        let packetID = freePacketID()
        inflight.append(Inflight(packetID: packetID, isReleased: false, message: message))
        write(message, packetID: packetID)
    }

    private mutating func freePacketID() -> UInt16 {
        repeat {
            lastPacketID = lastPacketID == .max ? 1 : lastPacketID + 1
        } while inflight.contains { $0.packetID == lastPacketID } || requests.contains { $0.packetID == lastPacketID }
        return lastPacketID
    }

    /// Sends what waits, as far as there is room.
    private mutating func sendQueued() {
        var count = 0
        while count < queue.count {
            if queue[count].qos == .atMostOnce {
                write(queue[count])
            } else if inflight.count < settings.inflightLimit {
                send(queue[count])
            } else {
                break
            }
            count += 1
        }
        if count == queue.count { queue = [] } else if count > 0 { queue.removeFirst(count) }
    }

    /// After a reconnect to the same session: everything unacknowledged again, under its old identifier
    /// [MQTT-4.4.0-1], in the order of the first time [MQTT-4.6.0-1], then what waits.
    mutating func resume() {
        for entry in inflight {
            if entry.isReleased {
                MQTTEncoder.appendAcknowledgement(.pubrel, entry.packetID, to: &output)
            } else {
                write(entry.message, packetID: entry.packetID, isDuplicate: true)  // [MQTT-3.3.1-1]
            }
        }
        for index in requests.indices where requests[index].packetID == 0 { sendRequest(index) }
        sendQueued()
    }

    // MARK: Acknowledgements of what was sent

    mutating func acknowledged(
        _ type: MQTTPacketType, _ packetID: UInt16, _ effects: inout [MQTTClientEffect]
    ) -> MQTTViolation? {
        guard let index = inflight.firstIndex(where: { $0.packetID == packetID }) else {
            // After a lost session the server may know an exchange that this side does not: let it finish.
            if type == .pubrec { MQTTEncoder.appendAcknowledgement(.pubrel, packetID, to: &output) }
            return nil
        }
        let isExactlyOnce = inflight[index].message.qos == .exactlyOnce
        guard isExactlyOnce == (type != .puback) else { return .unexpectedAcknowledgement(packetID: packetID) }
        if type == .pubrec {
            inflight[index].isReleased = true
            inflight[index].message.payload = []
            MQTTEncoder.appendAcknowledgement(.pubrel, packetID, to: &output)  // [MQTT-4.3.3-1]
            return nil
        }
        if type == .pubcomp, !inflight[index].isReleased { return .unexpectedAcknowledgement(packetID: packetID) }
        effects.append(.acknowledged(inflight[index].message.token))
        inflight.remove(at: index)
        if !queue.isEmpty { sendQueued() }
        return nil
    }

    // MARK: Subscribing

    mutating func subscribe(_ filter: String, _ quality: UInt8, _ effects: inout [MQTTClientEffect]) {
        guard let qos = MQTTQoS(rawValue: quality) else { return effects.append(.failed(.invalidQoS(quality), nil)) }
        do {
            request(.subscribe([MQTTSubscription(filter: try MQTTTopicFilter(filter), qos: qos)]), nil, &effects)
        } catch { effects.append(.failed(.topic(error), nil)) }
    }

    mutating func unsubscribe(_ filter: String, _ effects: inout [MQTTClientEffect]) {
        do { request(.unsubscribe([try MQTTTopicFilter(filter)]), nil, &effects) } catch { effects.append(.failed(.topic(error), nil)) }
    }

    /// Sends a SUBSCRIBE or UNSUBSCRIBE, or keeps it until the server has accepted the connection.
    mutating func request(_ kind: Request.Kind, _ token: Token?, _ effects: inout [MQTTClientEffect]) {
        if phase == .idle { return effects.append(.failed(.notConnected, token)) }
        do { _ = try kind.packet(1).encoded() } catch { return effects.append(.failed(.encoding(error), token)) }
        requests.append(Request(packetID: 0, kind: kind, token: token))
        if phase == .connected { sendRequest(requests.count - 1) }
    }

    private mutating func sendRequest(_ index: Int) {
        let packetID = freePacketID()
        requests[index].packetID = packetID
        // Checked when it was taken; a request that cannot be written is not there.
        try? requests[index].kind.packet(packetID).encode(to: &output)
    }

    mutating func subscribed(_ suback: MQTTSuback, _ effects: inout [MQTTClientEffect]) -> MQTTViolation? {
        guard let index = requests.firstIndex(where: { $0.packetID == suback.packetID }),
            case .subscribe(let subscriptions) = requests[index].kind, subscriptions.count == suback.codes.count  // [MQTT-3.8.4-5]
        else { return .unexpectedAcknowledgement(packetID: suback.packetID) }
        effects.append(.subscribed(subscriptions, codes: suback.codes, requests.remove(at: index).token))
        return nil
    }

    mutating func unsubscribed(_ packetID: UInt16, _ effects: inout [MQTTClientEffect]) -> MQTTViolation? {
        guard let index = requests.firstIndex(where: { $0.packetID == packetID }), case .unsubscribe(let filters) = requests[index].kind
        else { return .unexpectedAcknowledgement(packetID: packetID) }
        effects.append(.unsubscribed(filters, requests.remove(at: index).token))
        return nil
    }
}

extension MQTTClientSession.Request.Kind {
    fileprivate func packet(_ packetID: UInt16) -> MQTTPacket {
        switch self {
        case .subscribe(let subscriptions): .subscribe(MQTTSubscribe(packetID: packetID, subscriptions: subscriptions))
        case .unsubscribe(let filters): .unsubscribe(MQTTUnsubscribe(packetID: packetID, filters: filters))
        }
    }
}
