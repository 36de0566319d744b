import BenchTable
import CLoad
import Foundation
import LabCore

/// A month of three million orders with both oracles. The city is two sites, each with a cloud of its own on a core of its own; with
/// fewer days than thirty the time is extrapolated from the last of them, since days get slower as tables grow.
enum MonthPart {
    private static let sites = 2
    private static let ordersPerDay = 100_000
    private static let days = 30

    /// - Parameter days: 1 to 30.
    static func run(days: Int) throws {
        let begin = Date()
        var shards: [(process: Process, output: Pipe)] = []
        for site in 0..<sites {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            process.arguments = ["month-site", "\(site + 1)", "\(ordersPerDay / sites)", "\(days)"]
            // Blocks of one size come and go by the thousand; glibc keeps seven of them at hand where nobody says more (mallopt(3), tunables).
            process.environment = ProcessInfo.processInfo.environment.merging(["GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000"]) { $1 }
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            shards.append((process, output))
        }
        var results: [Fields] = []
        for shard in shards {
            let bytes = shard.output.fileHandleForReading.readDataToEndOfFile()
            shard.process.waitUntilExit()
            guard let result = try? JSONReader.read(Array(bytes)).record else { throw Problem("a site ended: \(String(decoding: bytes.prefix(500), as: UTF8.self))") }
            results.append(result)
        }
        let seconds = Date().timeIntervalSince(begin)
        report(results, days: days, seconds: seconds)
    }

    private static func report(_ results: [Fields], days: Int, seconds: Double) {
        func sum(_ name: String) -> Int64 { results.reduce(0) { $0 + ($1[name]?.integer ?? 0) } }
        let texts = results.flatMap { $0["texts"]?.list?.compactMap(\.text) ?? [] }
        for text in texts { print("month: \(text)") }
        let (settled, judged, wrong) = (sum("settled"), sum("judged"), sum("violations"))
        let expected = Int64(ordersPerDay * days)
        let slowest = results.map { site in site["days_ns"]?.list?.compactMap(\.integer) ?? [] }
        let first = slowest.compactMap(\.first).max() ?? 0, last = slowest.compactMap(\.last).max() ?? 0
        // What is left goes on as the last day and gets slower as much as the days before it did.
        let growth = days > 1 ? max(0, Double(last - first) / Double(days - 1)) : 0
        let left = Double(Self.days - days)
        let rest = left * Double(last) + growth * left * (left + 1) / 2
        let whole = seconds + rest * 1e-9
        let isRight = settled == expected && judged == expected && wrong == 0
        if !isRight { print("month: \(settled) settled, \(judged) judged of \(expected); \(wrong) wrong") }
        let name = days == Self.days ? "a month of 3 million orders, both oracles" : "a month of 3 million orders, from \(days) of 30 days"
        BenchRow(
            name, "\(BenchRow.text(whole / 60, digits: 1)) min\(days == Self.days ? "" : ", extrapolated")", target: "< 10 min, none wrong",
            isMet: whole < 600 && isRight
        ).show()
        let cpu = Double(sum("cpu_ns")) / Double(max(1, settled)) * 1e-3
        BenchRow(
            "  \(settled) orders, \(judged) judged, \(wrong) wrong", "\(BenchRow.text(cpu, digits: 0)) µs CPU an order",
            peer: "day 1: \(seconds1(first)), last: \(seconds1(last))"
        ).show()
        BenchRow("  memory of both sites", "\(BenchRow.text(Double(sum("bytes")) / 1_073_741_824)) GB").show()
    }

    private static func seconds1(_ nanoseconds: Int64) -> String { BenchRow.text(Double(nanoseconds) * 1e-9, digits: 1) + " s" }

    /// One site, in a process of its own.
    static func site(_ number: Int, ordersPerDay: Int, days: Int) throws {
        let world = try MonthWorld(MonthWorld.Settings(seed: UInt64(number), ordersPerDay: ordersPerDay))
        var times: [FieldValue] = []
        for _ in 0..<days {
            let begin = Date()
            world.passDay()
            times.append(.integer(Int64(Date().timeIntervalSince(begin) * 1e9)))
        }
        let totals = world.totals
        var texts = totals.violations.prefix(5).map { $0 }
        texts += totals.refused.sorted { $0.key < $1.key }.prefix(5).map { "\($0.value) × refused: \($0.key)" }
        texts += totals.notJudged.sorted { $0.key < $1.key }.prefix(5).map { "\($0.value) × not judged: \($0.key)" }
        let result: Fields = [
            "settled": .integer(Int64(totals.settled)), "judged": .integer(Int64(totals.judged)), "violations": .integer(Int64(totals.violations.count)),
            "days_ns": .list(times), "cpu_ns": .integer(Int64(load_cpu(getpid()))), "bytes": .integer(Int64(load_memory(getpid()))),
            "texts": .list(texts.map { .text($0) }),
        ]
        print(JSONWriter.text(.record(result)))
    }
}
