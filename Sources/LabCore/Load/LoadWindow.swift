/// One second of a load that has too many items for rows: counts, and histograms in place of single times.
///
/// Percentiles from it are those of a histogram with three significant digits; verdicts that need exact ranks say so.
package struct LoadWindow: Sendable, Equatable {
    /// The second that the items were planned in.
    package var start: RunInstant
    /// ns
    package var length: Int64
    package var counts: LoadReport.Counts
    /// Times from the plan and from the sending, in the text form of `Statistics.LatencyHistogram`; answered items only.
    package var response: String
    package var service: String

    package init(start: RunInstant, length: Int64, counts: LoadReport.Counts, response: String, service: String) {
        self.start = start
        self.length = length
        self.counts = counts
        self.response = response
        self.service = service
    }

    /// As the event `load.window` tells it.
    package func fields(load: String) -> Fields {
        var fields: Fields = ["load": .text(load), "start_ns": .integer(start.nanoseconds), "length_ns": .integer(length)]
        for (name, path) in Self.counts { fields[name] = .integer(Int64(counts[keyPath: path])) }
        fields["response"] = .text(response)
        fields["service"] = .text(service)
        return fields
    }

    /// Reads the fields of the event `load.window`; `nil` if they are not what the lab writes.
    package init?(_ fields: Fields) {
        guard let start = fields["start_ns"]?.integer, let length = fields["length_ns"]?.integer, length > 0, let response = fields["response"]?.text,
            let service = fields["service"]?.text
        else { return nil }
        var counts = LoadReport.Counts()
        for (name, path) in Self.counts {
            guard let count = fields[name]?.integer, count >= 0 else { return nil }
            counts[keyPath: path] = Int(count)
        }
        self.init(start: RunInstant(nanoseconds: start), length: length, counts: counts, response: response, service: service)
    }

    private static var counts: [(name: String, path: WritableKeyPath<LoadReport.Counts, Int>)] {
        [
            ("planned", \.planned), ("warmup", \.warmup), ("sent", \.sent), ("good", \.good), ("refused", \.refused), ("unanswered", \.unanswered),
            ("lost", \.lost), ("duplicates", \.duplicates), ("out_of_order", \.outOfOrder),
        ]
    }
}
