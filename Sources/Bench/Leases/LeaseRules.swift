/// Who holds a device now, and who is next: a function of what the files say, of the time and of who lives.
enum LeaseRules {
    /// A waiter that has not looked for so long is passed over, as one that is stopped; it keeps its number for when it looks again.
    static let patienceWithWaiters: Int64 = 10_000_000_000

    /// What stands for whether its holder's process lives.
    enum Life: Sendable, Hashable { case alive, dead }

    struct Entry: Sendable, Hashable {
        var record: LeaseRecord
        var life: Life
    }

    struct Waiter: Sendable, Hashable {
        /// Numbers grow in the order of arrival.
        var number: Int64
        var ticket: LeaseTicket
        var life: Life
    }

    /// What the book holds at one moment, as far as it touches a request.
    struct Snapshot: Sendable, Hashable {
        var entries: [Entry] = []
        /// In any order.
        var waiters: [Waiter] = []
    }

    enum Decision: Sendable, Hashable {
        case granted
        /// `position` counts from 1. The holder is the one who holds it, or where nobody does, the waiter who is next.
        case wait(position: Int, holder: LeaseHolder)
    }

    /// Whether a record binds others.
    ///
    /// Times are of one boot and of a clock that only goes forward: a beat that is ahead of now was not written by a lab of this machine.
    static func binds(_ entry: Entry, at now: LeaseMoment) -> Bool {
        let record = entry.record
        guard record.endedBy == nil, record.boot == now.boot, record.beat <= now.elapsed, now.elapsed < record.end else { return false }
        return record.kind == .manual || entry.life == .alive
    }

    static func counts(_ waiter: Waiter, at now: LeaseMoment) -> Bool {
        waiter.life == .alive && waiter.ticket.boot == now.boot && waiter.ticket.beat <= now.elapsed
            && now.elapsed - waiter.ticket.beat < patienceWithWaiters
    }

    /// All or none, in the order of arrival. A device that is free waits for an earlier waiter who needs it with others: who needs several
    /// would otherwise never get them together.
    ///
    /// - Parameters:
    ///   - number: of the request in the queue; `nil` where it has none and so is behind all.
    ///   - joining: manual leases of this user are no hindrance: what they are held for is happening.
    static func decide(
        _ keys: [LeaseKey], number: Int64?, joining user: UInt32?, in snapshot: Snapshot, at now: LeaseMoment
    ) -> Decision {
        let holder = hindrance(keys, joining: user, in: snapshot, at: now)?.record.holder
        let ahead = snapshot.waiters.filter { waiter in
            counts(waiter, at: now) && waiter.number < number ?? .max && overlaps(waiter.ticket.keys, keys)
        }.sorted { $0.number < $1.number }
        guard let blocker = holder ?? ahead.first?.ticket.holder else { return .granted }
        return .wait(position: ahead.count + 1, holder: blocker)
    }

    /// The first lease in the way.
    static func hindrance(_ keys: [LeaseKey], joining user: UInt32?, in snapshot: Snapshot, at now: LeaseMoment) -> Entry? {
        snapshot.entries.first { entry in
            let isOwn = entry.record.kind == .manual && entry.record.holder.userNumber == user
            return !isOwn && binds(entry, at: now) && overlaps([entry.record.key], keys)
        }
    }

    static func overlaps(_ some: [LeaseKey], _ others: [LeaseKey]) -> Bool {
        some.contains { key in others.contains { $0.conflicts(with: key) } }
    }
}
