package import LabCore

/// report.html: one file without a network, for browsers and for `file://`.
package enum HTMLReport {
    /// - Parameters:
    ///   - events: the log of a case, asked for once and one case at a time; it may be cut, `eventCount` tells the whole.
    package static func render(_ summary: Summary, events: (CaseSummary) -> [RunEvent]) -> [UInt8] {
        let blocks = summary.cases.map { result in
            "<pre>" + XMLText.escaped(FailureBlock(style: .plain).lines(result, events: events(result)).joined(separator: "\n")) + "</pre>"
        }
        let title = XMLText.escaped("lab \(summary.run): \(Tally(summary).line)")
        return Array("<!doctype html><meta charset=\"utf-8\"><title>\(title)</title><h1>\(title)</h1>\(blocks.joined())".utf8)
    }
}
