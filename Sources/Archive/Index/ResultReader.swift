package import LabCore

/// Makes an index entry of what a run's folder says: `session.json` and `result.json`.
///
/// The entry of a run that has just ended is made from the same bytes, so that an index made again is the same.
package enum ResultReader {
    /// - Parameters:
    ///   - result: the content of result.json.
    ///   - folder: the path of the run's folder.
    /// - Returns: `nil` where result.json is none of the lab's.
    package static func entry(_ result: Fields, session: SessionRecord, folder: String) -> RunEntry? {
        guard let cases = result["cases"]?.list, let world = result["world"]?.text else { return nil }
        var session = session
        if session.labVersion.isEmpty { session.labVersion = result["lab_version"]?.text ?? "" }
        let name = folder.split(separator: "/").last.map(String.init) ?? folder
        return RunEntry(
            name: name, folder: folder, session: session, world: world, seed: result["seed"]?.text ?? "",
            cases: cases.compactMap(\.record).compactMap { oneCase($0, world: world) },
            comparisons: result["comparison"]?.record.map(comparisons) ?? [])
    }

    private static func oneCase(_ fields: Fields, world: String) -> RunEntry.Case? {
        guard let file = fields["file"]?.text, let cell = fields["cell"]?.record, let verdict = fields["verdict"]?.text.flatMap(Verdict.init) else { return nil }
        return RunEntry.Case(
            key: CaseKey(world: fields["world"]?.text ?? world, file: file, cell: JSONWriter.text(.record(cell))),
            scenario: fields["scenario"]?.text ?? file, cellText: fields["cell_text"]?.text ?? "", seed: fields["seed"]?.text ?? "", verdict: verdict,
            reason: fields["reason"]?.text, duration: fields["duration_ns"]?.integer ?? 0, wallClock: fields["wall_clock_ns"]?.integer ?? 0,
            place: fields["run"]?.text ?? "", objectives: records(fields["limits"]).compactMap(objective), measurements: measurements(fields),
            loads: records(fields["loads"]).compactMap(load))
    }

    private static func objective(_ fields: Fields) -> RunEntry.Objective? {
        guard let id = fields["id"]?.text, let verdict = fields["verdict"]?.text.flatMap(Verdict.init) else { return nil }
        let require = fields["require"]?.text ?? ""
        let threshold = fields.value(at: "threshold.value")?.asNumber
        let claim = ClaimText.read(require, threshold: threshold)
        let unit = fields.value(at: "threshold.unit")?.text.map { $0 == "1" ? "share" : $0 }
        return RunEntry.Objective(
            id: id, file: fields.value(at: "location.file")?.text ?? "", line: whole(fields.value(at: "location.line")), require: require,
            verdict: verdict, isVoid: fields["is_void"]?.bool ?? false, isMarginal: fields["is_marginal"]?.bool ?? false,
            figure: fields["figure"]?.text ?? "", value: fields["value"]?.asNumber, lower: fields["lower"]?.asNumber, upper: fields["upper"]?.asNumber,
            threshold: threshold ?? claim?.threshold, unit: unit ?? claim?.unit ?? "", better: claim?.better, samples: whole(fields["samples"]),
            missing: fields["missing_samples"]?.integer.map { Int(clamping: $0) }, reason: fields["reason"]?.text)
    }

    /// One row for each name, over all of its samples, in the order of their first ones.
    private static func measurements(_ fields: Fields) -> [RunEntry.Measured] {
        var order: [String] = []
        var samples: [String: (unit: String, values: [Double])] = [:]
        for measurement in records(fields["measurements"]) {
            guard let name = measurement["name"]?.text, let value = measurement["value"]?.asNumber, value.isFinite else { continue }
            if samples[name] == nil { order.append(name) }
            samples[name, default: (measurement["unit"]?.text ?? "", [])].values.append(value)
        }
        return order.compactMap { name in samples[name].map { measured(name, unit: $0.unit, $0.values) } }
    }

    private static func measured(_ name: String, unit: String, _ values: [Double]) -> RunEntry.Measured {
        let sorted = values.sorted()
        // Nearest rank with whole numbers: sla.md §3.1.
        func percentile(_ percent: Int) -> Double { sorted[max(1, (sorted.count * percent + 99) / 100) - 1] }
        return RunEntry.Measured(
            name: name, unit: unit, count: sorted.count, min: sorted[0], p50: percentile(50), p90: percentile(90), p99: percentile(99),
            max: sorted[sorted.count - 1], mean: sorted.reduce(0, +) / Double(sorted.count))
    }

    private static func load(_ fields: Fields) -> RunEntry.Load? {
        guard let id = fields["id"]?.text else { return nil }
        let response = fields["response"]?.record ?? [:]
        let service = fields["service"]?.record ?? [:]
        return RunEntry.Load(
            id: id, file: fields.value(at: "location.file")?.text ?? "", line: whole(fields.value(at: "location.line")), text: fields["text"]?.text ?? "",
            isModelled: fields["is_modelled"]?.bool ?? false, p50: point(response, 50_000), p90: point(response, 90_000), p99: point(response, 99_000),
            p999: point(response, 99_900), serviceP99: point(service, 99_000), cloudCPU: fields["cloud_cpu_ns"]?.asNumber,
            labCPU: fields["lab_cpu_ns"]?.asNumber, samples: whole(response["samples"]), counts: fields["counts"]?.record ?? [:],
            spectrum: ["response": .record(response), "service": .record(service)], harness: fields["harness"]?.record)
    }

    private static func point(_ spectrum: Fields, _ thousandths: Int64) -> Double? {
        records(spectrum["points"]).first { $0["thousandths"]?.integer == thousandths }?["value_ns"]?.asNumber
    }

    private static func comparisons(_ fields: Fields) -> [RunEntry.Comparison] {
        records(fields["rows"]).map { row in
            RunEntry.Comparison(
                a: fields["a"]?.text ?? "", b: fields["b"]?.text ?? "", objective: row["objective"]?.text ?? "",
                file: row.value(at: "location.file")?.text, line: row.value(at: "location.line").map { whole($0) }, metric: row["metric"]?.text ?? "",
                pairs: whole(row["pairs"]), ratio: row["ratio"]?.asNumber, lower: row["lower"]?.asNumber, upper: row["upper"]?.asNumber,
                effect: row["effect"]?.asNumber, aMedian: row["a"]?.asNumber, bMedian: row["b"]?.asNumber, p: row["p"]?.asNumber,
                adjusted: row["adjusted"]?.asNumber, outcome: row["outcome"]?.text ?? "", reason: row["reason"]?.text)
        }
    }

    private static func records(_ value: FieldValue?) -> [Fields] { (value?.list ?? []).compactMap(\.record) }
    private static func whole(_ value: FieldValue?) -> Int { Int(clamping: value?.integer ?? 0) }
}

/// What a requirement's text says of the way in which its figure should go, and of its unit.
enum ClaimText {
    struct Reading: Equatable {
        var better: Better
        var unit: String
        var threshold: Double
    }

    /// - Parameter threshold: of the claim that decided, in ns, shares or per second; the first claim where it is `nil`.
    static func read(_ require: String, threshold: Double?) -> Reading? {
        let words = require.split(separator: " ")
        var readings: [Reading] = []
        for (index, word) in words.enumerated() where index + 1 < words.count {
            guard let better = direction(word), let (value, unit) = quantity(words[index + 1]) else { continue }
            readings.append(Reading(better: better, unit: unit, threshold: value))
        }
        return readings.first { reading in threshold.map { abs($0 - reading.threshold) <= abs($0) * 1e-9 } ?? true } ?? readings.first
    }

    private static func direction(_ word: Substring) -> Better? {
        switch word {
        case "<", "<=", "≤": .lower
        case ">", ">=", "≥": .higher
        case "=", "==": .equal
        default: nil
        }
    }

    private static func quantity(_ word: Substring) -> (value: Double, unit: String)? {
        let number = word.prefix { $0.isNumber || $0 == "." || $0 == "-" || $0 == "_" }
        let suffix = word[number.endIndex...]
        guard let value = Double(number.replacing("_", with: "")) else { return nil }
        switch suffix {
        case "": return (value, "")
        case "%": return (value / 100, "share")
        case "/s": return (value, "/s")
        case "/min": return (value / 60, "/s")
        case "/h": return (value / 3600, "/s")
        case "/day": return (value / 86_400, "/s")
        case "min": return (value * 60e9, "ns")
        default:
            guard let nanoseconds = DurationText.parse(String(word)) else { return nil }
            return (Double(nanoseconds), "ns")
        }
    }
}
