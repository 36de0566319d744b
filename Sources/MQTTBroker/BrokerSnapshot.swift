import DequeModule
package import LabCore
import WireProtocols

/// A will whose connection ended without the broker being there to publish it.
struct OwedWill: Sendable {
    var will: MQTTWill
    var clientID: String
    var identity: MQTTIdentity
}

/// What survives the broker when it persists: sessions, retained messages, what consumers have not acknowledged,
/// and the wills of those who were connected (§3.1.2.5: a server may publish them after its restart).
package struct BrokerSnapshot: Sendable {
    package let takenAt: RunInstant
    /// With their slots, for deliveries refer to them; those of clean sessions are vacant.
    let sessions: [Session]
    let retained: RetainedStore
    let consumers: [InlineConsumer]
    let owedWills: [OwedWill]
    let lastOrdinal: UInt32
    let lastAssignedID: UInt64
}

extension Broker {
    /// The state that a restart keeps, as of this moment. Take it whenever the process "writes to disk".
    package func snapshot(at now: RunInstant) -> BrokerSnapshot {
        var kept: [Session] = []
        var wills = owedWills
        for slot in sessions.indices {
            var session = sessions[slot]
            if session.isConnected, let will = connections[session.connection].will?.value {
                let delay = min(session.lifetime, Int64(will.properties.willDelayInterval ?? 0) * 1_000_000_000)
                if delay == 0 {
                    wills.append(OwedWill(will: will, clientID: session.clientID, identity: session.identity))
                } else {
                    session.pendingWill = Boxed(Session.PendingWill(will: will, at: now.advanced(byNanoseconds: delay)))
                }
            }
            kept.append(session.lifetime == 0 ? .vacant : persistent(session, at: now))
        }
        return BrokerSnapshot(
            takenAt: now, sessions: kept, retained: retained, consumers: consumers, owedWills: wills, lastOrdinal: lastOrdinal,
            lastAssignedID: lastAssignedID)
    }

    /// The session as if its connection had ended now.
    private func persistent(_ session: Session, at now: RunInstant) -> Session {
        var kept = session
        if kept.isConnected, kept.lifetime < .max { kept.expiresAt = now.advanced(byNanoseconds: kept.lifetime) }
        kept.connection = -1
        kept.pendingAcknowledgements = []
        kept.access = []
        kept.waiters = []
        kept.unsentCount = 0
        kept.isDropping = false
        kept.queue.removeAll { $0.qos == .atMostOnce }
        return kept
    }

    /// A broker that goes on where the snapshot was taken. Give it `.started` first: expiry times went on counting
    /// while it was down.
    package init(
        _ configuration: BrokerConfiguration = BrokerConfiguration(), authorizer: any MQTTAuthorizer, restoring snapshot: BrokerSnapshot
    ) {
        self.init(configuration, authorizer: authorizer)
        sessions = snapshot.sessions
        retained = snapshot.retained
        owedWills = snapshot.owedWills
        lastOrdinal = snapshot.lastOrdinal
        lastAssignedID = snapshot.lastAssignedID
        for consumer in snapshot.consumers {
            var restored = consumer
            restored.isReady = false
            restored.deliveredCount = 0
            restored.waiters = []
            consumers.append(restored)
        }
        for slot in sessions.indices {
            guard sessions[slot].ordinal != 0 else {
                freeSessions.append(slot)
                continue
            }
            sessionSlots[ExactText(sessions[slot].clientID)] = slot
            for subscription in sessions[slot].subscriptions {
                let key = subscription.isShared ? (try? shareKey(subscription.filter)) ?? nil : nil
                addSubscriber(Subscriber(subscription, of: slot), subscription.filter, key)
                if key == nil, subscription.filter.isReserved { system.subscriberCount += 1 }
            }
        }
        router.invalidate()
    }

    mutating func started() {
        for slot in sessions.indices where sessions[slot].ordinal != 0 {
            if let pending = sessions[slot].pendingWill {
                if pending.value.at <= now { willDue(slot) } else { schedule(.will(slot, sessions[slot].ordinal), at: pending.value.at) }
            }
            guard let expiresAt = sessions[slot].expiresAt else { continue }
            if expiresAt <= now {
                note(.sessionExpired(client: sessions[slot].clientID))
                endSession(slot)
            } else {
                schedule(.sessionExpiry(slot, sessions[slot].ordinal), at: expiresAt)
            }
        }
        if system.subscriberCount > 0, !system.isScheduled {
            system.isScheduled = true
            schedule(.system, at: now.advanced(by: configuration.systemInterval))
        }
        let wills = owedWills
        owedWills = []
        for owed in wills { publishWill(owed.will, owed.clientID, owed.identity) }
    }
}
