/// What will happen at one moment: 32 bytes without references, so that moving it in the heap is a plain copy.
///
/// What it means lies elsewhere: in the timer table or in the payload slab, under `slot`. An entry whose
/// generation is no longer that of its slot has been cancelled; it is dropped when it comes up.
struct QueueEntry: Sendable {
    enum Kind: UInt8, Sendable { case timer, payload }

    /// Nanoseconds of the run.
    var deadline: Int64
    /// Order of scheduling; settles equal deadlines.
    var sequence: UInt64
    var slot: UInt32
    var generation: UInt32
    /// Sequence number of the event that led to this, 0 for none.
    var cause: UInt32
    var kind: Kind

    /// The kernel's total order: by deadline, then in the order of scheduling.
    static func precedes(_ left: QueueEntry, _ right: QueueEntry) -> Bool {
        left.deadline != right.deadline ? left.deadline < right.deadline : left.sequence < right.sequence
    }
}

/// A priority queue of entries with four children to a node.
///
/// Four children of 32 bytes lie in two cache lines and make the tree half as deep as a binary one.
struct DeadlineHeap: Sendable {
    private(set) var entries: [QueueEntry] = []

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    var first: QueueEntry? { entries.first }

    mutating func push(_ entry: QueueEntry) {
        entries.append(entry)
        siftUp(entry, from: entries.count - 1)
    }

    /// Removes the earliest entry. The heap must not be empty.
    mutating func removeFirst() -> QueueEntry {
        let first = entries[0]
        let last = entries.removeLast()
        if !entries.isEmpty { siftDown(last, from: 0) }
        return first
    }

    /// Puts `entry` in the place of the earliest one. The heap must not be empty.
    mutating func replaceFirst(with entry: QueueEntry) { siftDown(entry, from: 0) }

    /// Drops every entry that does not satisfy the condition, in time proportional to the size.
    mutating func keep(where isKept: (QueueEntry) -> Bool) {
        entries.removeAll { !isKept($0) }
        guard entries.count > 1 else { return }
        for index in stride(from: (entries.count - 2) / 4, through: 0, by: -1) { siftDown(entries[index], from: index) }
    }

    private mutating func siftUp(_ entry: QueueEntry, from start: Int) {
        var hole = start
        while hole > 0 {
            let parent = (hole - 1) / 4
            guard QueueEntry.precedes(entry, entries[parent]) else { break }
            entries[hole] = entries[parent]
            hole = parent
        }
        entries[hole] = entry
    }

    private mutating func siftDown(_ entry: QueueEntry, from start: Int) {
        let count = entries.count
        var hole = start
        while true {
            let firstChild = hole * 4 + 1
            guard firstChild < count else { break }
            var least = firstChild
            for child in firstChild + 1..<max(firstChild + 1, min(firstChild + 4, count))
            where QueueEntry.precedes(entries[child], entries[least]) { least = child }
            guard QueueEntry.precedes(entries[least], entry) else { break }
            entries[hole] = entries[least]
            hole = least
        }
        entries[hole] = entry
    }
}
