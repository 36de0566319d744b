package import LabCore

/// Writes down what happens: gives each event its number, its time and its cause, and shows it to those who watch.
package final class EventRecorder {
    /// How many events stay in memory.
    package enum Keeping: Sendable, Equatable {
        case all
        case last(Int)
    }

    /// Decides by node and name whether an event goes into the log.
    package typealias Policy = (_ node: String, _ name: String) -> Bool
    package typealias Sink = (RunEvent) -> Void

    package struct SinkID: Sendable, Hashable { fileprivate let number: Int }

    private let kernel: Kernel
    private let keeping: Keeping
    private var sinks: [(id: SinkID, sink: Sink)] = []
    private var sinkCount = 0
    private var waiting: [RunEvent] = []
    private var isShowing = false

    /// Which events are recorded; all of them where it is `nil`. Those left out get no number and reach no sink.
    package var policy: Policy?
    /// The events that are kept, the oldest first.
    package var events: ArraySlice<RunEvent> {
        if case .last(let limit) = keeping { kept.suffix(limit) } else { kept[...] }
    }
    private var kept: [RunEvent] = []
    /// Events recorded so far: the number of the last one.
    package private(set) var count = 0
    /// Events that the policy left out.
    package private(set) var leftOut = 0

    package init(on kernel: Kernel, keeping: Keeping = .all, policy: Policy? = nil) {
        self.kernel = kernel
        self.keeping = keeping
        self.policy = policy
    }

    /// Records one event at the current moment.
    ///
    /// The sinks see it before this returns, unless a sink itself records: then it is shown after the current event,
    /// so that every sink sees all events in order.
    /// - Parameter cause: the number of the event that led to it; the kernel's current cause where it is `nil`.
    /// - Returns: its number; `nil` if the policy leaves it out (the fields are not made then).
    @discardableResult
    package func append(
        _ node: String, _ name: String, _ fields: @autoclosure () -> Fields = [:], cause: Int? = nil
    ) -> Int? {
        let now = kernel.now
        if let policy, !policy(node, name) {
            leftOut += 1
            return nil
        }
        count += 1
        let event = RunEvent(
            sequence: count, at: now, node: node, name: name, fields: fields(), cause: cause ?? kernel.currentCause)
        keep(event)
        show(event)
        return event.sequence
    }

    /// Calls `sink` with every event from now on, in the order in which sinks were added.
    @discardableResult
    package func addSink(_ sink: @escaping Sink) -> SinkID {
        sinkCount += 1
        let id = SinkID(number: sinkCount)
        sinks.append((id, sink))
        return id
    }

    /// Ends it; a sink may remove itself or another one while it is called.
    package func removeSink(_ id: SinkID) { sinks.removeAll { $0.id == id } }

    private func keep(_ event: RunEvent) {
        kept.append(event)
        // Thrown away in one go now and then, so that one event costs the same however many are kept.
        if case .last(let limit) = keeping, kept.count >= limit * 2 { kept.removeFirst(kept.count - limit) }
    }

    private func show(_ event: RunEvent) {
        waiting.append(event)
        if isShowing { return }
        isShowing = true
        defer { isShowing = false }
        while !waiting.isEmpty {
            let next = waiting.removeFirst()
            for (id, sink) in sinks where sinks.contains(where: { $0.id == id }) { sink(next) }
        }
    }
}
