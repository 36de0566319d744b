extension RunEvent {
    /// Whether the event was noted by `node`: a node's own name, or a role for every member of its fleet.
    package func isNoted(by node: String) -> Bool { self.node == node || role == node }
}

extension BidirectionalCollection where Element == RunEvent {
    /// The last events that a node noted, the oldest first.
    ///
    /// - Parameters:
    ///   - sequence: events after this one are left out; `nil` looks to the end of the log.
    ///   - limit: how many at most.
    package func last(_ limit: Int, of node: String, upTo sequence: Int? = nil) -> [RunEvent] {
        var found: [RunEvent] = []
        for event in reversed() where event.isNoted(by: node) {
            if let sequence, event.sequence > sequence { continue }
            if found.count >= limit { break }
            found.append(event)
        }
        return found.reversed()
    }
}
