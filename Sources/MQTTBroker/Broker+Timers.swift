import HeapModule
import LabCore
import WireProtocols

/// Something to do at a time. Deadlines are not moved or removed: who has come to life again is looked at when
/// the deadline comes, so that a packet costs no change of the heap.
struct Deadline: Sendable, Comparable {
    enum Kind: Sendable {
        case connect(ConnectionID)
        case keepAlive(ConnectionID)
        case credentials(ConnectionID)
        case sessionExpiry(Int, UInt32)
        case will(Int, UInt32)
        case delayedPacket(UInt64)
        case system
    }

    var at: RunInstant
    var sequence: UInt64
    var kind: Kind

    static func == (left: Deadline, right: Deadline) -> Bool { left.at == right.at && left.sequence == right.sequence }
    static func < (left: Deadline, right: Deadline) -> Bool {
        left.at != right.at ? left.at < right.at : left.sequence < right.sequence
    }
}

extension Broker {
    mutating func schedule(_ kind: Deadline.Kind, at deadline: RunInstant) {
        deadlineSequence += 1
        deadlines.insert(Deadline(at: deadline, sequence: deadlineSequence, kind: kind))
        // Clients that come and go leave deadlines behind; they are swept before they can pile up.
        if deadlines.count > 256 + 4 * (connectionSlots.count + sessionSlots.count) { sweepDeadlines() }
    }

    private mutating func sweepDeadlines() {
        let living = deadlines.unordered.filter { deadline in
            switch deadline.kind {
            case .connect(let id): connectionSlots[id].map { connections[$0].session < 0 } ?? false
            case .keepAlive(let id), .credentials(let id): connectionSlots[id] != nil
            case .sessionExpiry(let session, let ordinal): sessions[session].ordinal == ordinal && sessions[session].expiresAt == deadline.at
            case .will(let session, let ordinal): sessions[session].ordinal == ordinal && sessions[session].pendingWill?.value.at == deadline.at
            case .delayedPacket, .system: true
            }
        }
        deadlines = Heap(living)
    }

    /// Asks to be woken when the earliest deadline is earlier than what was asked for.
    mutating func requestWake() {
        guard let earliest = deadlines.min?.at, earliest < requestedWake else { return }
        requestedWake = earliest
        effects.append(.wake(at: earliest))
    }

    mutating func timerFired() {
        if now >= requestedWake { requestedWake = .distantFuture }
        while let next = deadlines.min, next.at <= now {
            deadlines.removeMin()
            expired(next)
        }
    }

    private mutating func expired(_ deadline: Deadline) {
        switch deadline.kind {
        case .connect(let id):
            if let slot = connectionSlots[id], connections[slot].session < 0 { close(slot, .connectTimeout) }
        case .keepAlive(let id): keepAliveExpired(id)
        case .credentials(let id): credentialsExpired(id)
        case .sessionExpiry(let session, let ordinal):
            guard sessions[session].ordinal == ordinal, sessions[session].expiresAt == deadline.at else { return }
            note(.sessionExpired(client: sessions[session].clientID))
            endSession(session)
        case .will(let session, let ordinal):
            guard sessions[session].ordinal == ordinal, sessions[session].pendingWill?.value.at == deadline.at else { return }
            willDue(session)
        case .delayedPacket(let number): delayedPacketDue(number)
        case .system: systemDue()
        }
    }

    /// A client of 5.0 may have authenticated again meanwhile, and be good for longer.
    private mutating func credentialsExpired(_ id: ConnectionID) {
        guard let slot = connectionSlots[id], connections[slot].session >= 0,
            let validUntil = sessions[connections[slot].session].identity.validUntil
        else { return }
        if validUntil <= now { close(slot, .credentialsExpired) }
    }

    /// Nothing from the client for one and a half times the keep-alive time [MQTT-3.1.2-24]. What the broker sends
    /// does not count.
    private mutating func keepAliveExpired(_ id: ConnectionID) {
        guard let slot = connectionSlots[id] else { return }
        // A connection that is not read is silent by our own doing.
        if connections[slot].isReadingPaused { heard(slot) }
        let limit = connections[slot].lastHeard.advanced(byNanoseconds: connections[slot].silenceLimit)
        if limit > now { schedule(.keepAlive(id), at: limit) } else { close(slot, .keepAliveTimeout) }
    }
}
