import DequeModule
import LabCore
import WireProtocols

/// Publishers wait when what they publish has no room: the message is held unacknowledged, so that nothing that was
/// acknowledged is lost. What is behind a held publish in the stream and is not a publish is still taken, or two
/// clients that publish to each other would wait for each other's PUBACK for ever.
extension Broker {
    /// Whether a QoS 1 or 2 publish has to wait; then its connection is registered where room must come from.
    mutating func mustWait(_ publish: MQTTPublish, _ route: Int, _ session: Int, _ slot: Int) -> Bool {
        guard let id = connections[slot].id else { return false }
        if sessions[session].pendingAcknowledgements.count >= configuration.maximumUnacknowledged { return true }
        if publish.qos == .exactlyOnce, sessions[session].unreleased.count >= configuration.maximumUnreleased { return true }
        for match in router.routes[route].consumers where match.qos != .atMostOnce && consumers[match.index].options.isDurable {
            if consumers[match.index].hasRoom { continue }
            if !connections[slot].isWaiting { consumers[match.index].waiters.append(id) }
            connections[slot].isWaiting = true
            return true
        }
        guard configuration.overflow == .holdPublisher else { return false }
        for subscriber in router.routes[route].subscribers where subscriber.qos != .atMostOnce {
            if hasRoom(subscriber.session) { continue }
            if sessions[subscriber.session].firstExpiry <= now {
                dropExpired(subscriber.session)
                if hasRoom(subscriber.session) { continue }
            }
            if !connections[slot].isWaiting { sessions[subscriber.session].waiters.append(id) }
            connections[slot].isWaiting = true
            return true
        }
        // One member with room is enough; any of them may get it first.
        for share in router.routes[route].shares where isFull(share) {
            for member in share.members where !sessions[member.session].waiters.contains(id) { sessions[member.session].waiters.append(id) }
            connections[slot].isWaiting = true
            return true
        }
        return false
    }

    func hasRoom(_ session: Int) -> Bool { sessions[session].queue.count < configuration.maximumQueued }

    mutating func hold(_ publish: MQTTPublish, _ slot: Int) {
        guard let id = connections[slot].id else { return }
        connections[slot].held.append(publish)
        if connections[slot].held.count >= configuration.maximumHeld, !connections[slot].isReadingPaused {
            connections[slot].isReadingPaused = true
            effects.append(.pauseReading(id))
        }
    }

    /// Room came up in a session's queue, or the session does not need it any more.
    mutating func freed(session: Int) {
        if !sessions[session].waiters.isEmpty, hasRoom(session) { freedSessions.append(session) }
    }

    mutating func freed(consumer: Int) {
        if !consumers[consumer].waiters.isEmpty, consumers[consumer].hasRoom { freedConsumers.append(consumer) }
    }

    /// A client's own backlog became shorter.
    mutating func freedOwn(_ session: Int) {
        let slot = sessions[session].connection
        if slot >= 0, !connections[slot].held.isEmpty, !connections[slot].isWaiting, let id = connections[slot].id {
            resumable.append(id)
        }
    }

    /// Lets publishers go on for whom there is room now, in the order in which they began to wait.
    mutating func retryPublishers() {
        while let id = resumable.popFirst() { retry(id) }
        let freed = (freedConsumers, freedSessions)
        freedConsumers = []
        freedSessions = []
        for index in freed.0 {
            while index < consumers.count, consumers[index].hasRoom, let id = consumers[index].waiters.popFirst() { retry(id) }
        }
        for index in freed.1 {
            while hasRoom(index), let id = sessions[index].waiters.popFirst() { retry(id) }
        }
    }

    private mutating func retry(_ id: ConnectionID) {
        guard let slot = connectionSlots[id] else { return }
        connections[slot].isWaiting = false
        while connections[slot].id == id, let publish = connections[slot].held.first {
            let session = connections[slot].session
            let access = knownAccess(to: publish.topic, session) ?? access(to: publish.topic, session)
            guard take(publish, access, slot) else { return }
            if connections[slot].id == id { connections[slot].held.removeFirst() }
        }
        guard connections[slot].id == id else { return }
        connections[slot].held = []
        if connections[slot].isReadingPaused {
            connections[slot].isReadingPaused = false
            heard(slot)
            effects.append(.resumeReading(id))
            process(slot)
        }
    }
}
