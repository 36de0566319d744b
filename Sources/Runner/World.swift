package import LabCore

/// What the steps of a scenario need of the world that they run in; the only thing they know of it.
///
/// A world is confined to one thread, the one that runs its kernel; steps run on the kernel's executor.
package protocol World: AnyObject {
    var now: RunInstant { get }

    /// The moment by the finest clock there is: `now`, or later where time is real and a step takes long.
    var instant: RunInstant { get }

    /// Time is virtual: what code takes is a model's, not a machine's.
    var isModelled: Bool { get }

    /// Switches on what the loads of the plan need and no step of it does.
    func bringUp() async

    /// After the teardown: what the world itself has done to real devices is undone.
    ///
    /// - Parameter hasFailed: whether the run comes to say something against the product.
    func tidyUp(hasFailed: Bool) async

    /// Nothing more will be asked of the items of this load.
    func forget(load: Int)

    /// Receives every event right after it is in the log, in order. Set once, when the run begins; events that are in the
    /// log already, from the building of the world, are shown to it first.
    var observer: ((RunEvent) -> Void)? { get set }

    /// The sequence number of the last event in the log, 0 before the first.
    var lastSequence: Int { get }

    /// Events that the recording policy has left out so far.
    var omittedEvents: Int { get }

    /// How well the lab keeps time; `nil` where time is virtual.
    var timing: TimingReport? { get }

    /// Writes an event of the node `lab`.
    @discardableResult
    func note(_ name: String, _ fields: Fields) -> Int

    /// Calls the job when the clock has passed `instant` with everything that happens at it.
    func after(_ instant: RunInstant, _ job: @escaping @Sendable () -> Void)

    /// - Throws: `CancellationError` when the calling task is cancelled.
    func sleep(until instant: RunInstant) async throws

    /// Performs an action of a role; with a fleet, of the member named by the argument `member`, or of all members.
    func perform(_ action: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure>

    /// Answers a query of a role.
    func ask(_ query: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure>

    /// Begins a fault in this instant.
    func begin(_ fault: ActiveFault) throws(ActionFailure)

    /// Ends a fault that began.
    func end(_ fault: ActiveFault)
}

extension World {
    package var omittedEvents: Int { 0 }
    package var timing: TimingReport? { nil }
    package var instant: RunInstant { now }
    package var isModelled: Bool { timing == nil }
    package func forget(load: Int) {}
    package func bringUp() async {}
    package func tidyUp(hasFailed: Bool) async {}
}

/// A fault that a step injected. Equal handles are the same fault.
package struct ActiveFault: Sendable, Equatable {
    /// Counts the faults of a run from 1.
    package var handle: Int
    package var target: NodeReference
    package var arguments: Fields
    /// The step's `id`, for `clear`.
    package var id: String?

    package init(handle: Int, target: NodeReference, arguments: Fields, id: String? = nil) {
        self.handle = handle
        self.target = target
        self.arguments = arguments
        self.id = id
    }
}
