package import LabCore

/// What a pile has to do later: a few entries, each under a name of its own, so that one timer of the host serves all of them.
package struct PileAgenda: Sendable, Equatable {
    /// The name of an entry. The core owns the codes below 32; a personality has those from 32 on.
    package struct Item: Sendable, Hashable {
        package var code: UInt8
        /// The port, or what else there are several of.
        package var index: UInt8
        package init(_ code: UInt8, _ index: Int = 0) {
            self.code = code
            self.index = UInt8(clamping: index)
        }
    }

    private struct Entry: Sendable, Equatable {
        var at: RunInstant
        var item: Item
    }

    /// In the order of their moments; equal moments in the order in which they were put down.
    private var entries: [Entry] = []

    package init() {}

    package var next: RunInstant? { entries.first?.at }

    package func moment(of item: Item) -> RunInstant? { entries.first { $0.item == item }?.at }

    /// Puts the entry down for a moment, in place of an earlier entry of that name.
    package mutating func set(_ item: Item, at moment: RunInstant) {
        cancel(item)
        let place = entries.firstIndex { $0.at > moment } ?? entries.count
        if entries.capacity == 0 { entries.reserveCapacity(6) }
        entries.insert(Entry(at: moment, item: item), at: place)
    }

    package mutating func cancel(_ item: Item) {
        if let place = entries.firstIndex(where: { $0.item == item }) { entries.remove(at: place) }
    }

    package mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// Takes out the first entry that is due.
    package mutating func popDue(at now: RunInstant) -> Item? {
        guard let first = entries.first, first.at <= now else { return nil }
        entries.removeFirst()
        return first.item
    }
}
