import LabCore

/// An item that is due, or waits.
struct PlannedItem: Sendable, Hashable {
    var index: Int
    var planned: Int64
}

/// The planned items of one thread, one after another: every n-th of the plan.
struct ItemSource: Sendable {
    private enum Plan: Sendable {
        case arrivals(ArrivalPlan.Instants)
        /// Item k at k / rate, as far as that is before the end.
        case even(LoadSettings.Held)
    }

    private var plan: Plan
    private let stride: Int
    /// Of the next item that has not been asked for.
    private var index: Int
    private var position = 0
    private(set) var next: PlannedItem?

    init(_ shape: LoadSettings.Shape, thread: Int, of threads: Int) {
        plan =
            switch shape {
            case .arrivals(let plan): .arrivals(plan.instants)
            case .heldRequests(let held), .heldConnections(let held, _): .even(held)
            }
        stride = threads
        index = thread
        advance()
    }

    /// Goes on to the item after `next`.
    mutating func advance() {
        switch plan {
        case .even(let held):
            // From the number, never by adding up.
            let planned = Double(index) / held.rate * 1e9
            next =
                index < held.count && planned < Double(held.duration.nanoseconds)
                ? PlannedItem(index: index, planned: Int64(planned.rounded())) : nil
        case .arrivals(var instants):
            // Taken out, so that it is changed in place.
            var planned: Int64?
            repeat {
                planned = instants.next()
                position += 1
            } while planned != nil && position <= index
            plan = .arrivals(instants)
            next = planned.map { PlannedItem(index: index, planned: $0) }
        }
        index += stride
    }
}

/// Which request an item is, drawn by its number, so that it does not depend on the order in which items are written.
struct RequestMix: Sendable {
    let requests: [LoadRequest]
    private let ends: [UInt64]
    private let seed: UInt64

    init(_ requests: [(request: LoadRequest, weight: Int)], seed: UInt64) {
        self.requests = requests.map(\.request)
        var end: UInt64 = 0
        ends = requests.map { entry in
            end += UInt64(entry.weight)
            return end
        }
        self.seed = seed
    }

    func choice(_ index: Int) -> Int {
        guard requests.count > 1, let total = ends.last else { return 0 }
        var generator = SeededGenerator(seed: seed ^ (UInt64(bitPattern: Int64(index)) &* 0xd1b5_4a32_d192_ed03))
        let place = generator.integer(below: total)
        return ends.firstIndex { place < $0 } ?? 0
    }
}
