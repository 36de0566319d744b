import DequeModule
import LabCore
import WireProtocols

/// The sessions that share one subscription (5.0 §4.8.2).
struct ShareGroup: Sendable {
    var key: ShareKey
    /// In the order in which they joined.
    var members: [Subscriber] = []
    /// Whose turn it is, counted on with every message.
    var turn = 0
}

extension Broker {
    // MARK: Members

    mutating func join(_ key: ShareKey, _ subscriber: Subscriber) {
        if let group = group(key) {
            if let index = groups[group].members.firstIndex(where: { $0.session == subscriber.session }) {
                groups[group].members[index] = subscriber
            } else {
                groups[group].members.append(subscriber)
            }
            return
        }
        let made = ShareGroup(key: key, members: [subscriber])
        let slot: Int
        if let free = freeGroups.popLast() {
            slot = free
            groups[slot] = made
        } else {
            slot = groups.count
            groups.append(made)
        }
        sharedSubscriptions.update(key.filter.text) { $0 = ($0 ?? []) + [slot] }
    }

    mutating func leave(_ key: ShareKey, _ session: Int) {
        guard let group = group(key) else { return }
        groups[group].members.removeAll { $0.session == session }
        guard groups[group].members.isEmpty else { return }
        sharedSubscriptions.update(key.filter.text) { slots in
            slots?.removeAll { $0 == group }
            if slots?.isEmpty ?? true { slots = nil }
        }
        freeGroups.append(group)
    }

    private func group(_ key: ShareKey) -> Int? { sharedSubscriptions[key.filter.text]?.first { groups[$0].key == key } }

    /// Groups that a topic goes to, with the members that may hear it, in the order in which the groups were made.
    func shares(of topic: MQTTTopic) -> [Route.Share] {
        if sharedSubscriptions.count == 0 { return [] }
        var found: [Int] = []
        sharedSubscriptions.forEachFilter(matching: topic) { found.append(contentsOf: $0) }
        found.sort()
        return found.compactMap { group in
            let members = members(of: group, hearing: topic)
            return members.isEmpty ? nil : Route.Share(group: group, members: members)
        }
    }

    private func members(of group: Int, hearing topic: MQTTTopic) -> [Route.Target] {
        groups[group].members.filter { mayReceive(sessions[$0.session].identity, topic) }.map { member in
            Route.Target(
                session: member.session, qos: member.qos, retainAsPublished: member.retainAsPublished,
                identifiers: member.identifier == 0 ? [] : [member.identifier])
        }
    }

    // MARK: Messages

    mutating func deliver(_ message: BrokerMessage, to share: Route.Share, isRetained: Bool, isWill: Bool) {
        guard let chosen = choose(share, message.qos) else { return }
        var copy = message
        copy.retain = isRetained && chosen.retainAsPublished
        deliver(
            copy, min(message.qos, chosen.qos), to: chosen.session, identifiers: chosen.identifiers, share: groups[share.group].key,
            isWill: isWill)
    }

    /// The member whose turn it is, or the next that is better off: one that can be sent to at once, else one that is
    /// connected, else one with room in its queue. The same messages always choose the same members.
    private mutating func choose(_ share: Route.Share, _ qos: MQTTQoS) -> Route.Target? {
        let count = share.members.count
        let turn = groups[share.group].turn
        var best: (rank: Int, step: Int)?
        for step in 0..<count {
            let member = share.members[(turn + step) % count]
            guard let rank = rank(member.session, min(qos, member.qos)) else { continue }
            if rank < best?.rank ?? .max { best = (rank, step) }
            if rank == 0 { break }
        }
        guard let best else { return nil }
        groups[share.group].turn = (turn + best.step + 1) % count
        return share.members[(turn + best.step) % count]
    }

    /// How well a member can take a message, 0 is best; nil if it cannot at all.
    private func rank(_ session: Int, _ qos: MQTTQoS) -> Int? {
        let slot = sessions[session].connection
        if slot >= 0 {
            if isFree(session, slot), qos == .atMostOnce || sessions[session].hasWindow { return 0 }
            return hasRoom(session) ? 1 : 3
        }
        if qos == .atMostOnce { return nil }
        return hasRoom(session) ? 2 : 4
    }

    /// Whether a QoS 1 or 2 message finds no member with room.
    func isFull(_ share: Route.Share) -> Bool { share.members.allSatisfy { !hasRoom($0.session) } }

    // MARK: Members that leave

    /// A member's connection ended: what it was not sent yet goes to members that are there.
    mutating func passOnShared(from session: Int) {
        takeWaiting(from: session) { broker, key in
            broker.group(key).map { group in
                broker.groups[group].members.contains { $0.session != session && broker.sessions[$0.session].isConnected }
            } ?? false
        }
    }

    /// A member unsubscribed: what it was not sent yet goes to the others.
    mutating func passOnShared(from session: Int, _ key: ShareKey) {
        takeWaiting(from: session) { broker, other in other == key && broker.group(key) != nil }
    }

    private mutating func takeWaiting(from session: Int, where isTaken: (borrowing Broker, ShareKey) -> Bool) {
        guard sessions[session].queue.contains(where: { $0.extras?.share != nil }) else { return }
        var passedOn: [BrokerMessage] = []
        var kept = Deque<BrokerMessage>()
        for message in sessions[session].queue {
            if let key = message.extras?.share, isTaken(self, key) { passedOn.append(message) } else { kept.append(message) }
        }
        sessions[session].queue = kept
        for message in passedOn { handOn(message, except: session) }
    }

    /// A member's session ended: what waited for it, and what QoS 1 it did not acknowledge, goes to the others. QoS 2
    /// that was sent does not: it may have arrived [MQTT-4.8.2-5].
    mutating func handOnShared(of ended: Session) {
        for entry in ended.inflight where entry.message.qos == .atLeastOnce && entry.message.extras?.share != nil {
            handOn(entry.message, except: nil)
        }
        for message in ended.queue where message.extras?.share != nil { handOn(message, except: nil) }
    }

    private mutating func handOn(_ message: BrokerMessage, except session: Int?) {
        guard !message.isExpired(at: now), let extras = message.extras, let key = extras.share, let group = group(key) else { return }
        let others = members(of: group, hearing: message.topic).filter { $0.session != session }
        guard let chosen = choose(Route.Share(group: group, members: others), message.qos) else { return }
        var copy = message
        copy.extras = MessageExtras(properties: extras.properties, expiresAt: extras.expiresAt)
        // It was acknowledged when it came, so a full queue is no reason to lose it.
        deliver(copy, min(message.qos, chosen.qos), to: chosen.session, identifiers: chosen.identifiers, share: key, isPromised: true)
    }
}
