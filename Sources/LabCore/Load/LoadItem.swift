/// The places that an item passes on its way from the plan to the device and back (sla.md §1.2).
///
/// Hop k is the time from place k−1 to place k; the hops of an item add up to the whole by construction.
package enum LoadPlace: Int, Sendable, CaseIterable {
    /// t0: when the plan wanted it.
    case planned
    /// t1: the device's model, or the user's, ran.
    case made
    /// t2: its bytes were handed to the socket, or to the link.
    case sent
    /// t3: the broker, or the server's front, had accepted it.
    case accepted
    /// t4: the cloud had received it.
    case received
    /// t5: its handler began.
    case handled
    /// t6: the commit that holds it had returned.
    case committed
    /// t7: the answer was sent.
    case answered
    /// t8: the sender saw the answer.
    case seen

    /// The hop that ends here, for people.
    package var hopName: String {
        switch self {
        case .planned: "plan"
        case .made: "wait for the sender"
        case .sent: "make and hand over"
        case .accepted: "to the front"
        case .received: "front to cloud"
        case .handled: "queue"
        case .committed: "handler and commit"
        case .answered: "answer"
        case .seen: "way back"
        }
    }
}

/// One item of a load: what was planned, and what became of it. Late, lost and unanswered items are items too.
package struct LoadItem: Sendable, Equatable {
    package enum Outcome: UInt8, Sendable {
        /// Answered, and the answer was good.
        case good
        /// Answered with a refusal or an error.
        case refused
        /// Without an answer until its timeout or the end of the run: it counts as worse than all answers.
        case unanswered
        /// Never sent: the generator came to its end before it.
        case unsent
        /// No item of its own: the far end had the item of this index once more.
        case duplicate
    }

    /// In the order of the plan, from 0.
    package var index: Int
    package var planned: RunInstant
    /// Moments of the places from `made` to `seen`, `nil` where the way has no such place or the item did not come so far.
    package var places: [RunInstant?]
    package var outcome: Outcome
    /// The far end had it: the cloud committed it, or the device took it.
    package var hasArrived: Bool
    /// A later item of the same sender was at the far end before it.
    package var isOutOfOrder: Bool
    /// What limits can ask for by `where` and `for each`: `route=/health`, `reason=timeout`.
    package var labels: [Requirement.Label]
    /// The fleet's member that sent it, from 1; 0 where there is none.
    package var member: Int

    package init(
        index: Int, planned: RunInstant, places: [RunInstant?] = Array(repeating: nil, count: 8), outcome: Outcome = .unanswered,
        hasArrived: Bool = false, isOutOfOrder: Bool = false, labels: [Requirement.Label] = [], member: Int = 0
    ) {
        self.index = index
        self.planned = planned
        self.places = places
        self.outcome = outcome
        self.hasArrived = hasArrived
        self.isOutOfOrder = isOutOfOrder
        self.labels = labels
        self.member = member
    }

    package subscript(place: LoadPlace) -> RunInstant? {
        get { place == .planned ? planned : places[place.rawValue - 1] }
        set { if place == .planned { planned = newValue ?? planned } else { places[place.rawValue - 1] = newValue } }
    }

    /// From the plan to the answer, ns; `nil` without an answer.
    package var response: Int64? { self[.seen].map { $0.nanoseconds - planned.nanoseconds } }
    /// From the sending to the answer, ns: what a generator that waits for answers would report (sla.md §3.3).
    package var service: Int64? { self[.seen].flatMap { seen in self[.sent].map { seen.nanoseconds - $0.nanoseconds } } }
    package var isAnswered: Bool { outcome == .good || outcome == .refused }

    /// The time of each hop from `made` to `seen`, ns, where a place that the item did not pass takes no time of its own: what would be
    /// its time belongs to the next place that it passed. The hops add up to `response` exactly.
    package var hops: [Int64]? {
        guard self[.seen] != nil else { return nil }
        var last = planned
        return places.map { place in
            guard let place else { return 0 }
            defer { last = place }
            return place.nanoseconds - last.nanoseconds
        }
    }
}
