import LabCore

/// A load or probe that is under way, whoever paces it.
protocol LoadWork: AnyObject, Sendable {
    /// The step's id, or the name of the probe.
    var id: String { get }
    /// How it stands, for the person who waits: from a histogram, so that it costs the same however long it goes on.
    var standing: String { get }
    /// Items come from now on.
    func begin() throws
    /// Waits until the last item is answered, or has been given up, and writes what it came to.
    func finish() async
    /// Sends the same plan to a target that does nothing, when all that is measured is over; not where time is virtual.
    func measureFloor() async
    /// No further item begins; those under way are still waited for.
    func stop()
    /// Nobody waits any longer: what is under way has no answer.
    func abandon()
}

/// A world whose cloud listens on sockets, so that requests can come from a generator with threads of its own.
protocol RequestOffering: World {
    /// - Parameter kinds: the arguments of the first item of each kind.
    /// - Returns: `nil` where this load must go another way: it is none of plain requests, or some of them are signed.
    /// - Throws: `ActionFailure` where such a request cannot be made.
    func requestTarget(for load: Step.Load, _ kinds: [Fields]) async throws -> RequestTarget?
}

/// Where a generator sends its requests, and with what.
struct RequestTarget {
    var host: String
    var port: UInt16
    /// Of the requests of each kind: who asks.
    var headers: [[HTTPCall.Header]]
    /// Seconds of the run for each real second.
    var speed: Double
    /// Calls a job on the thread of the run.
    var post: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// What the cloud's side noted of a request, once.
    var marks: (LoadRun.Number, _ index: Int) -> LoadItem?
}
