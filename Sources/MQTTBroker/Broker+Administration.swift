import DequeModule
import LabCore
import WireProtocols

extension Broker {
    mutating func disconnect(_ clientID: String, _ reason: String, endsSession: Bool) {
        guard let session = sessionSlots[ExactText(clientID)] else { return }
        let ordinal = sessions[session].ordinal
        if sessions[session].isConnected { close(sessions[session].connection, .administrative(reason)) }
        if endsSession, sessions[session].ordinal == ordinal { endSession(session) }
    }

    mutating func rightsChanged(_ clientID: String?) {
        router.invalidate()
        if let clientID {
            if let session = sessionSlots[ExactText(clientID)] { recheckRights(session) }
        } else {
            for session in sessions.indices where sessions[session].ordinal != 0 { recheckRights(session) }
        }
    }

    /// Asks again for everything that was allowed: what a client subscribed to, what waits for it, and, from its
    /// next publish on, what it publishes.
    mutating func recheckRights(_ session: Int) {
        sessions[session].access = []
        sessions[session].nextAccess = 0
        for subscription in sessions[session].subscriptions {
            let key = subscription.isShared ? (try? shareKey(subscription.filter)) ?? nil : nil
            if maySubscribe(session, subscription.filter, key) { continue }
            sessions[session].subscriptions.removeAll { $0.filter == subscription.filter }
            removeSubscriber(session, subscription)
            if let key { passOnShared(from: session, key) }
            note(.subscriptionRevoked(client: sessions[session].clientID, filter: subscription.filter.text))
        }
        if sessions[session].queue.isEmpty { return }
        let identity = sessions[session].identity
        let before = sessions[session].queue.count
        let kept = sessions[session].queue.filter { mayReceive(identity, $0.topic) }
        guard kept.count < before else { return }
        sessions[session].queue = .init(kept)
        note(.dropped(client: sessions[session].clientID, topic: nil, .rightRevoked, count: before - kept.count))
        freed(session: session)
    }

    /// Before messages are sent again after a reconnect: those that the client may not hear any more are not.
    mutating func dropForbiddenInflight(_ session: Int) {
        let identity = sessions[session].identity
        var dropped = 0
        var kept = Deque<Session.Outbound>()
        for entry in sessions[session].inflight {
            if entry.isReleased || mayReceive(identity, entry.message.topic) {
                kept.append(entry)
                continue
            }
            dropped += 1
            if entry.message.qos == .exactlyOnce {
                // The client may have it and remember its identifier: PUBREL frees that on both sides.
                var released = entry
                released.isReleased = true
                released.message.payload = []
                kept.append(released)
            }
        }
        guard dropped > 0 else { return }
        sessions[session].inflight = kept
        note(.dropped(client: sessions[session].clientID, topic: nil, .rightRevoked, count: dropped))
    }

    mutating func setTranscript(_ scope: TranscriptScope) {
        transcript = scope
        for slot in connections.indices where connections[slot].id != nil {
            connections[slot].isTranscribed = clientID(of: slot).map { scope.includes($0) } ?? (scope == .all)
        }
    }
}
