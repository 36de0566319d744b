import LabCore
import Synchronization

/// Counters, gauges and histograms in the Prometheus text format 0.0.4.
///
/// Names and labels are written in sorted order: the same run gives the same text in every process.
package final class MetricsRegistry: Sendable {
    /// The content type of the format.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Upper bounds in seconds, Prometheus' own default.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct Histogram {
        var counts: [Int]
        var sum: Double
        var count: Int
    }

    private struct State {
        var help: [String: String] = [:]
        var counters: [String: [String: Int]] = [:]
        var gauges: [String: @Sendable () -> Double] = [:]
        var series: [String: @Sendable () -> [Series]] = [:]
        var histograms: [String: [String: Histogram]] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Declares a counter; it is shown once it has counted.
    package func declare(_ name: String, _ help: String) { state.withLock { $0.help[name] = help } }

    /// Registers a value that is asked for when somebody reads the metrics; a second one of the name takes its place.
    package func gauge(_ name: String, _ help: String, value: @escaping @Sendable () -> Double) {
        state.withLock {
            $0.help[name] = help
            $0.gauges[name] = value
        }
    }

    /// One line of a counter that its service keeps itself.
    package struct Series: Sendable {
        package var labels: [(String, String)]
        package var value: Int
        package init(_ labels: [(String, String)], _ value: Int) {
            self.labels = labels
            self.value = value
        }
    }

    /// Registers a counter that a service keeps itself, for what is counted too often to build texts each time; a second one of
    /// the name takes its place. Labels take few different values.
    package func series(_ name: String, _ help: String, values: @escaping @Sendable () -> [Series]) {
        state.withLock {
            $0.help[name] = help
            $0.series[name] = values
        }
    }

    /// Adds to a counter. Labels take few different values: never an id or a path as sent.
    package func count(_ name: String, _ labels: [(String, String)] = [], by amount: Int = 1) {
        let labels = Self.text(of: labels)
        state.withLock { $0.counters[name, default: [:]][labels, default: 0] += amount }
    }

    /// Adds a duration to a histogram in seconds.
    package func observe(_ name: String, _ labels: [(String, String)] = [], _ duration: Duration) {
        let labels = Self.text(of: labels)
        let seconds = Double(duration.nanoseconds) / 1e9
        state.withLock {
            var histogram = $0.histograms[name]?[labels] ?? Histogram(counts: Self.bounds.map { _ in 0 }, sum: 0, count: 0)
            for (index, bound) in Self.bounds.enumerated() where seconds <= bound { histogram.counts[index] += 1 }
            histogram.sum += seconds
            histogram.count += 1
            $0.histograms[name, default: [:]][labels] = histogram
        }
    }

    /// The counter's value, 0 where it never counted.
    package func value(_ name: String, _ labels: [(String, String)] = []) -> Int {
        let labels = Self.text(of: labels)
        return state.withLock { $0.counters[name]?[labels] ?? 0 }
    }

    /// All metrics as text, each with its help and type.
    package func text() -> String {
        // Gauges ask other services, which may take locks of their own: outside of ours.
        let (help, counters, gauges, kept, histograms) = state.withLock { ($0.help, $0.counters, $0.gauges, $0.series, $0.histograms) }
        var blocks: [(name: String, lines: [String])] = []
        for (name, series) in counters {
            blocks.append((name, head(name, "counter", help) + series.sorted { $0.key < $1.key }.map { "\(name)\($0.key) \($0.value)" }))
        }
        for (name, value) in gauges {
            blocks.append((name, head(name, "gauge", help) + ["\(name) \(Self.number(value()))"]))
        }
        for (name, values) in kept {
            let lines = values().map { (Self.text(of: $0.labels), $0.value) }.sorted { $0.0 < $1.0 }.map { "\(name)\($0.0) \($0.1)" }
            if !lines.isEmpty { blocks.append((name, head(name, "counter", help) + lines)) }
        }
        for (name, series) in histograms {
            let lines = series.sorted { $0.key < $1.key }.flatMap { Self.lines(name, $0.key, $0.value) }
            blocks.append((name, head(name, "histogram", help) + lines))
        }
        return blocks.sorted { $0.name < $1.name }.flatMap(\.lines).map { $0 + "\n" }.joined()
    }

    private func head(_ name: String, _ type: String, _ help: [String: String]) -> [String] {
        let text = (help[name] ?? "").replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return (text.isEmpty ? [] : ["# HELP \(name) \(text)"]) + ["# TYPE \(name) \(type)"]
    }

    private static func lines(_ name: String, _ labels: String, _ histogram: Histogram) -> [String] {
        let inner = labels.isEmpty ? "" : String(labels.dropFirst().dropLast()) + ","
        var lines = zip(bounds, histogram.counts).map { "\(name)_bucket{\(inner)le=\"\(number($0))\"} \($1)" }
        lines.append("\(name)_bucket{\(inner)le=\"+Inf\"} \(histogram.count)")
        lines.append("\(name)_sum\(labels) \(number(histogram.sum))")
        lines.append("\(name)_count\(labels) \(histogram.count)")
        return lines
    }

    private static func text(of labels: [(String, String)]) -> String {
        if labels.isEmpty { return "" }
        var text = ""
        // Every request comes here: one allocation for most.
        text.reserveCapacity(128)
        for (name, value) in labels {
            text += text.isEmpty ? "{" : ","
            text += name
            text += "=\""
            text += escaped(value)
            text += "\""
        }
        return text + "}"
    }

    private static func escaped(_ value: String) -> String {
        // Hardly any value has one of these, and every request comes here.
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return value }
        return value.replacing("\\", with: "\\\\").replacing("\n", with: "\\n").replacing("\"", with: "\\\"")
    }

    /// Whole numbers without their ".0".
    private static func number(_ value: Double) -> String {
        Int64(exactly: value).map { String($0) } ?? value.description
    }
}
