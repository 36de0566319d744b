package import LabCore

/// What a load does: the plan, the requests, the target, and what the generator may use.
package struct LoadSettings: Sendable {
    package enum Shape: Sendable {
        /// An open model: items are due when the plan says so, whatever became of those before.
        case arrivals(ArrivalPlan)
        /// So many requests in flight all the time, for targets that hold them: as one is answered the next one is due.
        /// By its nature its rate follows the target; what it measures is how many can be held.
        case heldRequests(Held)
        /// So many connections, opened at a rate and held. Each opening is an item with the label `connect`.
        ///
        /// - Parameter keepAlive: each connection sends a request this often, counted from its own planned opening; `nil` for none.
        case heldConnections(Held, keepAlive: Duration?)
    }

    package struct Held: Sendable, Equatable {
        package var count: Int
        /// How many of them begin in a second.
        package var rate: Double
        /// From the load's origin until nothing new begins.
        package var duration: Duration
        package init(count: Int, rate: Double, duration: Duration) {
            self.count = count
            self.rate = rate
            self.duration = duration
        }
    }

    /// A name or an address; resolved once, before the load begins.
    package var host: String
    package var port: UInt16
    package var shape: Shape
    /// With their weights, 1 or more each. One kind, or several that are drawn by the item's number and the seed.
    package var requests: [(request: LoadRequest, weight: Int)]
    package var seed: UInt64 = 1
    /// Threads of the generator, 1 to 64; item k belongs to thread k mod threads.
    package var threads = 1
    /// Connections at most; further items wait in the generator's queue, and their clocks run.
    package var connections = 64
    /// Opened before the load's origin.
    package var opened = 0
    /// Items that wait for a connection at most; what is due beyond it is `unsent`, and spoils the plan.
    package var waiting = 100_000
    /// From the planned moment until an item counts as unanswered and its connection is given up.
    package var timeout = Duration.seconds(10)
    /// After the last planned moment: what is not answered then is unanswered. At most `timeout` has any effect.
    package var drain = Duration.seconds(10)
    /// The lowest status that is a refusal.
    package var refusedFrom = 400
    /// Rows are handed over when there are so many, and at least every 50 ms.
    package var batch = 1_024

    /// - Throws: `.unusable` for a request that does not fit.
    package init(host: String, port: UInt16, shape: Shape, requests: [(request: LoadRequest, weight: Int)]) {
        self.host = host
        self.port = port
        self.shape = shape
        self.requests = requests
    }

    /// - Throws: `.unusable` with what to do, for the first setting that cannot be.
    func check() throws(LoadFailure) {
        func demand(_ isRight: Bool, _ what: String, _ remedy: String) throws(LoadFailure) {
            if !isRight { throw LoadFailure(.unusable, what, remedy: remedy) }
        }
        try demand(port > 0, "the target has no port", "name the port that it listens on")
        try demand((1...64).contains(threads), "\(threads) threads cannot be", "use 1 to 64")
        try demand((1...1_000_000).contains(connections), "\(connections) connections cannot be", "use 1 to 1000000")
        try demand(waiting >= 0 && batch >= 1, "a queue or a batch of rows cannot be negative", "use 0 or more items, and 1 or more rows")
        try demand(timeout > .zero && drain >= .zero, "a timeout of \(timeout) cannot be", "use a time above 0")
        let isConnectionsOnly = if case .heldConnections(_, keepAlive: nil) = shape { true } else { false }
        try demand(isConnectionsOnly || !requests.isEmpty, "the load has no requests", "give one at least")
        try demand(
            requests.count < 60_000 && requests.allSatisfy { (1...1_000_000).contains($0.weight) }, "a weight cannot be", "use 1 to 1000000"
        )
        switch shape {
        case .arrivals: break
        case .heldRequests(let held), .heldConnections(let held, _):
            try demand((1...1_000_000).contains(held.count), "\(held.count) held at once cannot be", "use 1 to 1000000")
            try demand(
                held.rate > 0 && held.rate.isFinite && held.duration > .zero, "a rate of \(held.rate)/s cannot be",
                "use a rate and a time above 0")
        }
    }
}

/// Counts of a load, all threads together.
package struct LoadTotals: Sendable, Equatable {
    package var planned = 0
    package var sent = 0
    package var answered = 0
    package var refused = 0
    package var unanswered = 0
    package var connectionLost = 0
    package var unsent = 0
    /// Connections that were made, and that the other side ended or broke.
    package var connectionsOpened = 0
    package var connectionsLost = 0
    /// Items that had to wait for a connection, and how many did at once.
    package var waited = 0
    package var mostWaiting = 0
    /// Written and not yet answered, at once; for several threads the sum of each thread's own.
    package var mostInFlight = 0
    /// Processor time of the generator's threads, ns.
    package var cpu: Int64 = 0

    package init() {}

    /// Processor time for each item that was sent, ns.
    package var cpuPerItem: Double { sent == 0 ? 0 : Double(cpu) / Double(sent) }

    mutating func add(_ other: LoadTotals) {
        planned += other.planned
        sent += other.sent
        answered += other.answered
        refused += other.refused
        unanswered += other.unanswered
        connectionLost += other.connectionLost
        unsent += other.unsent
        connectionsOpened += other.connectionsOpened
        connectionsLost += other.connectionsLost
        waited += other.waited
        mostWaiting += other.mostWaiting
        mostInFlight += other.mostInFlight
        cpu += other.cpu
    }
}

/// What a load came to: its counts, and how well the generator kept its plan.
package struct LoadOutcome: Sendable, Equatable {
    package var totals: LoadTotals
    package var harness: HarnessReport
    /// Processor time of the system's processes under test during the load, ns; `nil` where none were named.
    package var targetCPU: Int64?
    /// From the origin to the end of the last thread, ns.
    package var duration: Int64
}
