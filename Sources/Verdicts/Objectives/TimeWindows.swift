package import LabCore

/// Half-open windows of equal length from the start of measuring; a last partial one is dropped (sla.md §2.4 rule 3).
package struct TimeWindows: Sendable, Equatable {
    package let span: Range<RunInstant>
    package let length: Duration

    package init(span: Range<RunInstant>, length: Duration) {
        self.span = span
        self.length = length
    }

    private var step: Int64 { max(1, length.nanoseconds) }
    private var total: Int64 { span.upperBound.nanoseconds - span.lowerBound.nanoseconds }

    /// The whole windows.
    package var count: Int { Int(total / step) }
    /// Whether a last, partial one is dropped.
    package var dropsPartial: Bool { total % step != 0 }

    /// The window that holds the moment; `nil` outside the whole ones.
    package func index(of instant: RunInstant) -> Int? {
        guard instant >= span.lowerBound else { return nil }
        let index = Int((instant.nanoseconds - span.lowerBound.nanoseconds) / step)
        return index < count ? index : nil
    }

    package subscript(index: Int) -> Range<RunInstant> {
        let start = span.lowerBound.advanced(byNanoseconds: Int64(index) * step)
        return start..<start.advanced(byNanoseconds: step)
    }
}
