import Glibc
package import LabCore

/// Who holds which device of this machine, across processes and users.
///
/// Each change is made under one short lock, the guard; nobody holds that while waiting, and a request takes all of its keys at once, so
/// there is no order in which two could wait for each other. Waiters look each fifth of a second: in a book of 40 keys that is a third of a percent
/// of a core, and unlike notices of the file system (inotify) it also sees what makes none, as a time to live that ends, and what comes too early:
/// the kernel tells of a closed file before it gives up its lock. For labs that trust one another: who may write the folder can break the book.
package final class LeaseBook: Sendable {
    let folder: LeaseFolder
    let machine: LeaseMachine
    private let note: @Sendable (String) -> Void

    /// Time between two looks of a waiter.
    package static let look: Duration = .milliseconds(200)
    /// The longest time to live, and the longest hold.
    package static let longest: Duration = .seconds(7 * 86_400)

    /// Opens the machine's book, and makes it where there is none.
    ///
    /// - Parameters:
    ///   - folder: where it is; where it is `nil`, what LAB_LEASES says, or the machine's own.
    ///   - note: is told of damage that was found and repaired.
    package convenience init(folder: String? = nil, note: @escaping @Sendable (String) -> Void = { _ in }) throws(StreamFailure) {
        try self.init(folder: folder, machine: .real, note: note)
    }

    package init(folder: String?, machine: LeaseMachine, note: @escaping @Sendable (String) -> Void = { _ in }) throws(StreamFailure) {
        self.folder = try LeaseFolder(folder)
        self.machine = machine
        self.note = note
    }

    /// The folder that it is in.
    package var place: String { folder.path }

    // MARK: Runs

    /// Takes all keys or none, and waits for them in the order of arrival.
    ///
    /// Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - timeToLive: the lease is open to others this long after its last beat.
    ///   - joining: what the same user holds by hand is no hindrance.
    ///   - waiting: called at each look with the position in the queue, from 1, and with who holds the device or is next; `false` ends the wait.
    /// - Throws: `.busy` where the wait was ended.
    package func acquire(
        _ keys: [LeaseKey], for holder: LeaseHolder, timeToLive: Duration, joining: Bool = false,
        waiting: (_ position: Int, _ holder: LeaseHolder) -> Bool
    ) throws(StreamFailure) -> Lease {
        let request = Request(
            keys: LeaseKey.sorted(keys), holder: holder, timeToLive: max(1, min(timeToLive, Self.longest).nanoseconds), joins: joining)
        var ticket: WaitingTicket?
        defer { ticket?.remove() }
        while true {
            let (decision, lease) = try attempt(request, ticket)
            if let lease { return lease }
            guard case .wait(let position, let blocker) = decision else { continue }
            guard waiting(position, blocker) else {
                throw StreamFailure(
                    .busy, Self.medium(request.keys), "held by \(blocker.text)", remedy: "wait for it, or ask them; `lab devices` shows who holds what")
            }
            if ticket == nil {
                ticket = try guarded { () throws(StreamFailure) in try WaitingTicket(request.keys, holder, in: folder, at: machine.now()) }
            } else {
                machine.pause(Self.look)
            }
        }
    }

    private struct Request {
        var keys: [LeaseKey]
        var holder: LeaseHolder
        var timeToLive: Int64
        var joins: Bool
        var joiningUser: UInt32? { joins ? holder.userNumber : nil }
    }

    private func attempt(_ request: Request, _ ticket: WaitingTicket?) throws(StreamFailure) -> (LeaseRules.Decision, Lease?) {
        try guarded { () throws(StreamFailure) in
            let now = machine.now()
            try ticket?.look(at: now)
            let reading = try read(request.keys, at: now)
            let decision = LeaseRules.decide(
                request.keys, number: ticket?.number, joining: request.joiningUser, in: reading.snapshot, at: now)
            guard decision == .granted else { return (decision, nil) }
            for key in reading.damaged { note("the lease file of \(key) in \(place) was damaged; nobody who lives holds it, and it is written anew") }
            let joined = reading.snapshot.entries.filter { LeaseRules.binds($0, at: now) }.map(\.record.key)
            return (decision, try grant(request, without: joined, at: now))
        }
    }

    private func grant(_ request: Request, without joined: [LeaseKey], at now: LeaseMoment) throws(StreamFailure) -> Lease {
        try sweep()
        let token = LeaseToken.fresh()
        let own = request.keys.filter { !joined.contains($0) }
        let life = try Life(token, LeaseTicket(keys: own, holder: request.holder, at: now), in: folder)
        let records = own.map {
            LeaseRecord(key: $0, kind: .run, holder: request.holder, token: token, at: now, timeToLive: request.timeToLive)
        }
        do throws(StreamFailure) {
            try write(records)
        } catch {
            life.end()
            throw error
        }
        return Lease(request.keys, records, life, self)
    }

    /// All of them or none.
    private func write(_ records: [LeaseRecord]) throws(StreamFailure) {
        for (index, record) in records.enumerated() {
            do throws(StreamFailure) {
                try write(record)
            } catch {
                for written in records.prefix(index) { erase(written.key) }
                throw error
            }
        }
    }

    func write(_ record: LeaseRecord) throws(StreamFailure) {
        try folder.open(record.key.fileName, making: true)?.write(record.bytes)
    }

    func erase(_ key: LeaseKey) { (try? folder.open(key.fileName))?.empty() }

    // MARK: By hand

    /// Holds keys for a time, beyond the end of this process; does not wait. Who holds them already by hand holds them for this time from now.
    ///
    /// - Throws: `.busy` where somebody holds one of them, or waits for it.
    package func hold(_ keys: [LeaseKey], for holder: LeaseHolder, lasting time: Duration) throws(StreamFailure) {
        let keys = LeaseKey.sorted(keys)
        try guarded { () throws(StreamFailure) in
            let now = machine.now()
            let reading = try read(keys, at: now)
            let decision = LeaseRules.decide(keys, number: nil, joining: holder.userNumber, in: reading.snapshot, at: now)
            if case .wait(let position, let blocker) = decision {
                let isHeld = LeaseRules.hindrance(keys, joining: holder.userNumber, in: reading.snapshot, at: now) != nil
                throw StreamFailure(
                    .busy, Self.medium(keys), isHeld ? "held by \(blocker.text)" : "\(blocker.text) waits for it (\(position - 1) in all)",
                    remedy: "try again later; `lab devices` shows who holds what")
            }
            let (token, length) = (LeaseToken.fresh(), max(1, min(time, Self.longest).nanoseconds))
            try write(keys.map { LeaseRecord(key: $0, kind: .manual, holder: holder, token: token, at: now, timeToLive: length) })
        }
    }

    /// Ends leases before their time.
    ///
    /// Without force only what this user holds by hand. A run whose lease is ended is told who did it at its next beat.
    ///
    /// - Returns: what was ended; nothing where nobody holds any of it.
    /// - Throws: `.busy` where it is another user's, or a run's, and there is no force. Nothing is ended then.
    @discardableResult
    package func release(_ keys: [LeaseKey], by user: LeaseHolder, force: Bool = false) throws(StreamFailure) -> [LeaseRecord] {
        try guarded { () throws(StreamFailure) in
            let now = machine.now()
            let held = try read(LeaseKey.sorted(keys), at: now).snapshot.entries.filter { LeaseRules.binds($0, at: now) && keys.contains($0.record.key) }
                .map(\.record)
            if !force, let other = held.first(where: { $0.kind == .run || $0.holder.userNumber != user.userNumber }) {
                throw StreamFailure(
                    .busy, other.key.text, "held by \(other.text(at: now))",
                    remedy: "ask them, or end it with --force, which blocks a run that uses it")
            }
            for var record in held {
                record.endedBy = "\(user.user) (pid \(user.process))"
                try write(record)
            }
            return held
        }
    }

    // MARK: Looking

    /// Who holds any of the keys; `nil` where they are free.
    package func holder(of keys: [LeaseKey]) throws(StreamFailure) -> LeaseRecord? {
        let keys = LeaseKey.sorted(keys)
        return try guarded { () throws(StreamFailure) in
            let now = machine.now()
            return LeaseRules.hindrance(keys, joining: nil, in: try read(keys, at: now).snapshot, at: now)?.record
        }
    }

    /// All that is held on this machine, in the order of keys.
    package func leases() throws(StreamFailure) -> [LeaseRecord] {
        try guarded { () throws(StreamFailure) in
            let now = machine.now()
            return try read(nil, at: now).snapshot.entries.filter { LeaseRules.binds($0, at: now) }.map(\.record).sorted { $0.key < $1.key }
        }
    }

    /// How many wait for any of the keys.
    package func waiterCount(for keys: [LeaseKey]) throws(StreamFailure) -> Int {
        try guarded { () throws(StreamFailure) in
            let now = machine.now()
            return try read(keys, at: now).snapshot.waiters.count { LeaseRules.counts($0, at: now) && LeaseRules.overlaps($0.ticket.keys, keys) }
        }
    }

    static func medium(_ keys: [LeaseKey]) -> String { keys.map(\.text).joined(separator: ", ") }
}
