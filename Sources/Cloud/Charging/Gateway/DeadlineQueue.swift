import LabCore

/// What is due when, earliest first; equal times in the order of scheduling. A binary heap.
struct DeadlineQueue<Target> {
    private struct Entry {
        var time: RunInstant
        var number: UInt64
        var target: Target
    }

    private var heap: [Entry] = []
    private var count: UInt64 = 0

    var earliest: RunInstant? { heap.first?.time }

    /// By places, so that no entry is copied.
    private func isBefore(_ place: Int, _ other: Int) -> Bool {
        heap[place].time == heap[other].time ? heap[place].number < heap[other].number : heap[place].time < heap[other].time
    }

    mutating func add(_ target: Target, at time: RunInstant) {
        heap.append(Entry(time: time, number: count, target: target))
        count += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest entry if it is due.
    mutating func take(until now: RunInstant) -> (time: RunInstant, target: Target)? {
        guard let first = heap.first, first.time <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in 2 * parent + 1...2 * parent + 2 where child < heap.count && isBefore(child, least) { least = child }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.time, first.target)
    }
}
