package import LabCore

/// What became of one item of a load. Late, lost and unanswered items are rows too: every planned item gives exactly one.
///
/// Times are nanoseconds of the monotonic clock since the load's origin; -1 for what did not happen.
package struct LoadRow: Sendable, Hashable {
    package enum Outcome: UInt8, Sendable {
        /// With a status below `LoadSettings.refusedFrom`.
        case answered
        /// With that status or above.
        case refused
        /// Nothing until its timeout, or until the load's end.
        case unanswered
        /// The connection could not be made, broke, or carried what is no answer.
        case connectionLost
        /// Never written: the generator had no room for it any more, or was stopped.
        case unsent
    }

    /// Number of the item in the plan, from 0.
    package var index: Int
    package var planned: Int64
    /// The generator turned to it: this minus `planned` is the lab's own lateness.
    package var taken: Int64
    /// The last of its bytes was handed to the socket. Between `taken` and this it may have waited for a connection.
    package var written: Int64
    /// Its first byte came, by the system's note; of an answer that is read in one go, that is when the last one came.
    package var firstByte: Int64
    /// The last byte of the answer was here.
    package var answered: Int64
    /// HTTP status; 0 without an answer, and for opened connections.
    package var status: UInt16
    /// Index into `LoadGenerator.labels`.
    package var label: UInt16
    package var outcome: Outcome

    package init(
        index: Int, planned: Int64, taken: Int64 = -1, written: Int64 = -1, firstByte: Int64 = -1, answered: Int64 = -1, status: UInt16 = 0,
        label: UInt16 = 0, outcome: Outcome = .unanswered
    ) {
        self.index = index
        self.planned = planned
        self.taken = taken
        self.written = written
        self.firstByte = firstByte
        self.answered = answered
        self.status = status
        self.label = label
        self.outcome = outcome
    }

    /// From the plan to the answer, ns; `nil` without one.
    package var response: Int64? { answered < 0 ? nil : answered - planned }
    /// From the sending to the answer, ns: what a generator that waits for answers would report.
    package var service: Int64? { answered < 0 || written < 0 ? nil : answered - written }

    /// The row as the lab's log has it.
    ///
    /// - Parameters:
    ///   - origin: the load's origin on the clock of the run.
    ///   - labels: what limits can ask for.
    package func item(origin: RunInstant, labels: [Requirement.Label]) -> LoadItem {
        func moment(_ time: Int64) -> RunInstant? { time < 0 ? nil : origin.advanced(byNanoseconds: time) }
        let outcome: LoadItem.Outcome =
            switch self.outcome {
            case .answered: .good
            case .refused: .refused
            case .unanswered, .connectionLost: .unanswered
            case .unsent: .unsent
            }
        var item = LoadItem(index: index, planned: origin.advanced(byNanoseconds: planned), outcome: outcome, labels: labels)
        item[.made] = moment(taken)
        item[.sent] = moment(written)
        item[.seen] = moment(answered)
        return item
    }
}
