/// The text, with spaces behind it up to the width.
package func left(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

/// The text, with spaces before it up to the width.
package func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

/// With so many digits behind the point.
package func figure(_ value: Double, _ digits: Int) -> String { BenchRow.text(value, digits: digits) }

/// The middle one; the mean of the two middle ones of an even number; 0 for none.
package func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
