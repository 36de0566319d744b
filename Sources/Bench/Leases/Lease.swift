package import LabCore
import Synchronization

/// What a run holds: all of its keys, until it is released, lost, or the process ends.
package final class Lease: Sendable {
    package let keys: [LeaseKey]
    private let book: LeaseBook
    private let state: Mutex<State>

    private struct State: Sendable {
        var records: [LeaseRecord]
        var life: Life?
        var loss: StreamFailure?
    }

    init(_ keys: [LeaseKey], _ records: [LeaseRecord], _ life: Life, _ book: LeaseBook) {
        self.keys = keys
        self.book = book
        state = Mutex(State(records: records, life: life))
    }

    deinit { release() }

    /// Why it is lost; `nil` while it is not, as far as the last beat could tell.
    package var loss: StreamFailure? { state.withLock { $0.loss } }

    /// Says that the holder is well. To be called well within the time to live; from any thread.
    ///
    /// - Throws: `.vanished` where the lease is lost: nothing may be done to the device any more. Other failures say that the book could not be
    ///   written; the lease stands until its time to live ends.
    package func beat() throws(StreamFailure) {
        let failure: StreamFailure? = state.withLock { state in
            if let loss = state.loss { return loss }
            guard state.life != nil else { return nil }
            do throws(StreamFailure) {
                try beat(&state)
                return nil
            } catch {
                if error.reason == .vanished {
                    state.loss = error
                    end(&state)
                }
                return error
            }
        }
        if let failure { throw failure }
    }

    private func beat(_ state: inout State) throws(StreamFailure) {
        // A closure that throws a type cannot change what it is handed.
        let (records, life) = (state.records, state.life)
        state.records = try book.guarded { () throws(StreamFailure) in
            let now = book.machine.now()
            let reading = try book.read(records.map(\.key), at: now)
            guard life?.isInPlace == true else {
                throw StreamFailure(
                    .vanished, LeaseBook.medium(keys), "lease lost: somebody removed its files in \(book.place)",
                    remedy: "leave that folder alone while labs run")
            }
            var renewed: [LeaseRecord] = []
            for var record in records {
                if let loss = loss(of: record, in: reading, at: now) { throw loss }
                record.beat = now.elapsed
                renewed.append(record)
            }
            for record in renewed { try book.write(record) }
            return renewed
        }
    }

    /// A page that is damaged or gone is written anew, as long as nobody else has what it was about.
    private func loss(of record: LeaseRecord, in reading: LeaseBook.Reading, at now: LeaseMoment) -> StreamFailure? {
        let entries = reading.snapshot.entries
        if let own = entries.first(where: { $0.record.token == record.token && $0.record.key == record.key }), let user = own.record.endedBy {
            return StreamFailure(.vanished, record.key.text, "lease lost: \(user) ended it by force", remedy: "ask them, then run again")
        }
        let other = entries.first {
            $0.record.token != record.token && $0.record.key.conflicts(with: record.key) && LeaseRules.binds($0, at: now)
                && !($0.record.kind == .manual && $0.record.since < record.since && $0.record.holder.userNumber == record.holder.userNumber)
        }
        guard let other else { return nil }
        let quiet = DurationText.rounded(max(0, now.elapsed - record.beat))
        return StreamFailure(
            .vanished, record.key.text, "lease lost: no beat for \(quiet), and now held by \(other.record.text(at: now))",
            remedy: "run again when it is free; a machine that is too busy to beat needs a longer `lease: {ttl: …}` in lab.yaml")
    }

    /// Gives everything back; from any thread, as often as one likes.
    package func release() { state.withLock { end(&$0) } }

    private func end(_ state: inout State) {
        guard let life = state.life else { return }
        state.life = nil
        let records = state.records
        // Where the book cannot be changed, the end of the life frees it all the same.
        try? book.guarded { () throws(StreamFailure) in
            for entry in (try? book.read(records.map(\.key), at: book.machine.now()))?.snapshot.entries ?? []
            where records.contains(where: { $0.token == entry.record.token && $0.key == entry.record.key }) { book.erase(entry.record.key) }
            life.end()
        }
        life.end()
    }
}
