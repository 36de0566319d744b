import Foundation
import LabCore

/// Loads as a run would measure them, made from a seed: a queue behind a few connections, with freezes and lost items.
struct LoadExample {
    struct Item {
        var planned: Int64
        var sent: Int64
        var seen: Int64?
        var member: Int
    }

    var id: String
    var seed: UInt64
    /// Items per second at evenly spread points.
    var rates: [Double]
    var seconds: Int64
    var start: Int64 = 20
    var warmup: Int64 = 0
    var connections = 16
    /// Median of the time that the server takes, ms.
    var serviceMilliseconds = 3.0
    /// Seconds of the load in which nothing moves.
    var freezes: [Range<Double>] = []
    /// Seconds in which items are lost.
    var losses: [Range<Double>] = []
    var members = 0

    private let second: Int64 = 1_000_000_000

    /// Each item waits for a connection, and a freeze holds whoever is on the way.
    var items: [Item] {
        var chance = SeededGenerator(seed: seed, purpose: "example load \(id)")
        var free = [Double](repeating: 0, count: connections)
        var items: [Item] = []
        var time = 0.0
        while true {
            let place = time / Double(seconds) * Double(rates.count - 1)
            let index = min(Int(place), rates.count - 2)
            let rate = rates.count == 1 ? rates[0] : rates[index] + (rates[index + 1] - rates[index]) * (place - Double(index))
            time += -log(1 - chance.unitInterval()) / max(rate, 0.1)
            if time >= Double(seconds) { return items }
            let lane = free.indices.min { free[$0] < free[$1] } ?? 0
            var begin = max(time, free[lane]) + 20e-6 + 60e-6 * chance.unitInterval()
            let sent = begin
            let normal = (0..<6).reduce(0.0) { sum, _ in sum + chance.unitInterval() } - 3
            let work = serviceMilliseconds / 1e3 * exp(normal * 0.55) * (chance.chance(0.004) ? 9 : 1)
            for freeze in freezes where begin < freeze.upperBound && begin + work > freeze.lowerBound { begin = max(begin, freeze.upperBound) }
            let seen = begin + work
            let isLost = losses.contains { $0.contains(time) } || chance.chance(members > 0 ? 0.00002 : 0)
            free[lane] = isLost ? free[lane] : seen
            items.append(
                Item(planned: nanoseconds(time), sent: nanoseconds(sent), seen: isLost ? nil : nanoseconds(seen), member: members > 0 ? Int(chance.integer(below: UInt64(members))) : 0))
        }
    }

    private func nanoseconds(_ seconds: Double) -> Int64 { start * second + Int64(seconds * 1e9) }

    func report(isModelled: Bool, harness: HarnessReport?) -> LoadReport {
        let all = items
        let measured = all.filter { $0.planned >= (start + warmup) * second }
        var counts = LoadReport.Counts()
        counts.planned = measured.count
        counts.warmup = all.count - measured.count
        counts.sent = measured.count
        counts.unanswered = measured.count { $0.seen == nil }
        counts.lost = counts.unanswered
        counts.good = measured.count - counts.unanswered
        let location = SourceLocation(file: "scenarios/sla/charging-cloud.yaml", line: 24, column: 5)
        return LoadReport(
            id: id, location: location, text: "load \(id), \(rates.map { FigureText.number($0) + "/s" }.joined(separator: " to ")) for \(seconds)s, arrivals poisson",
            span: RunInstant(nanoseconds: start * second)..<RunInstant(nanoseconds: (start + seconds) * second),
            measuredFrom: RunInstant(nanoseconds: (start + warmup) * second), isModelled: isModelled, counts: counts,
            response: Self.spectrum(measured.map { item in item.seen.map { $0 - item.planned } }),
            service: Self.spectrum(measured.map { item in item.seen.map { $0 - item.sent } }), parts: parts(measured), heat: heat(all),
            hops: hops(measured), raster: members > 0 ? raster(all) : nil, harness: harness,
            floor: isModelled ? nil : Self.floor(measured.count), cloudCPU: isModelled ? nil : 412_000, labCPU: isModelled ? nil : 9_800)
    }

    // MARK: Parts of the report

    static let thousandths = [0, 10_000, 25_000, 50_000, 75_000, 90_000, 95_000, 97_500, 99_000, 99_500, 99_750, 99_900, 99_950, 99_990, 99_999, 100_000]

    /// Nearest rank in whole numbers; an item without an answer ranks above all.
    static func spectrum(_ values: [Int64?]) -> LoadReport.Spectrum {
        let sorted = values.map { $0 ?? .max }.sorted()
        let points = thousandths.map { thousandths in
            let rank = max(1, (sorted.count * thousandths + 99_999) / 100_000)
            let value = sorted.isEmpty ? .max : sorted[min(rank, sorted.count) - 1]
            return LoadReport.Spectrum.Point(thousandths: thousandths, value: value == .max ? nil : value)
        }
        return LoadReport.Spectrum(samples: values.count, points: points)
    }

    private static func floor(_ count: Int) -> LoadReport.Spectrum {
        var chance = SeededGenerator(seed: 5, purpose: "floor")
        return spectrum((0..<max(count, 1)).map { _ in 40_000 + Int64(chance.integer(below: 30_000)) + (chance.chance(0.01) ? 90_000 : 0) + (chance.chance(0.0004) ? 700_000 : 0) })
    }

    private func parts(_ items: [Item]) -> [LoadReport.Part] {
        let routes = ["/health", "/api/v1/devices", "/api/v1/orders"]
        return routes.enumerated().map { index, route in
            let own = items.enumerated().filter { $0.offset % routes.count == index }.map { item in item.element.seen.map { $0 - item.element.planned } }
            let spectrum = Self.spectrum(own)
            func value(_ thousandths: Int) -> Int64? { spectrum.points.first { $0.thousandths == thousandths }?.value }
            return LoadReport.Part(label: Requirement.Label(name: "route", value: route), samples: own.count, p50: value(50_000), p99: value(99_000), refused: index == 2 ? 3 : 0)
        }
    }

    private func heat(_ items: [Item]) -> LoadReport.HeatMap {
        let columns = 240
        let width = seconds * second / Int64(columns)
        let bounds = (0..<48).map { Int64(100_000 * pow(10, Double($0) / 8.5)) }
        var counts = [[Int]](repeating: [Int](repeating: 0, count: bounds.count + 1), count: columns)
        var planned = [Int](repeating: 0, count: columns)
        for item in items {
            let column = min(Int((item.planned - start * second) / width), columns - 1)
            planned[column] += 1
            let row = item.seen.map { seen in bounds.firstIndex { $0 >= seen - item.planned } ?? bounds.count - 1 } ?? bounds.count
            counts[column][row] += 1
        }
        return LoadReport.HeatMap(start: RunInstant(nanoseconds: start * second), columnWidth: width, bounds: bounds, counts: counts, planned: planned)
    }

    /// Fixed shares of the service time, and what the item waited before it.
    private func hops(_ items: [Item]) -> LoadReport.HopReport {
        let places: [(LoadPlace, Double)] = [(.sent, 0.02), (.accepted, 0.06), (.received, 0.08), (.handled, 0.14), (.committed, 0.52), (.answered, 0.06), (.seen, 0.12)]
        let answered = items.filter { $0.seen != nil }.sorted { ($0.seen ?? 0) - $0.planned < ($1.seen ?? 0) - $1.planned }
        func vector(_ item: Item) -> [Int64] {
            let whole = (item.seen ?? item.planned) - item.planned
            let wait = item.sent - item.planned
            var rest = whole - wait
            let parts = places.dropLast().map { place in
                let part = Int64(Double(whole - wait) * place.1)
                rest -= part
                return part
            }
            return [wait] + parts + [rest]
        }
        guard !answered.isEmpty else { return LoadReport.HopReport(hops: [], slowestCount: 0) }
        let vectors = answered.map(vector)
        let slow = vectors.suffix(max(vectors.count / 100, 1))
        let names: [LoadPlace] = [.made] + places.map(\.0)
        let hops = names.enumerated().map { index, place in
            let sorted = vectors.map { $0[index] }.sorted()
            return LoadReport.HopReport.Hop(
                place: place, p50: sorted[sorted.count / 2], p99: sorted[sorted.count * 99 / 100], median: vectors[vectors.count / 2][index],
                slowest: Double(slow.reduce(0) { $0 + $1[index] }) / Double(slow.count))
        }
        return LoadReport.HopReport(hops: hops, slowestCount: slow.count)
    }

    private func raster(_ items: [Item]) -> LoadReport.FleetRaster {
        let perRow = max((members + 499) / 500, 1)
        let (rows, columns) = ((members + perRow - 1) / perRow, 150)
        let width = seconds * second / Int64(columns)
        var cells = [[LoadReport.FleetRaster.Cell]](repeating: Array(repeating: .nothing, count: columns), count: rows)
        for item in items {
            let column = min(Int((item.planned - start * second) / width), columns - 1)
            let late = item.seen.map { $0 - item.planned > second } ?? false
            let cell: LoadReport.FleetRaster.Cell = item.seen == nil ? .lost : late ? .late : .good
            let row = item.member / perRow
            if cell.rawValue > cells[row][column].rawValue { cells[row][column] = cell }
        }
        return LoadReport.FleetRaster(start: RunInstant(nanoseconds: start * second), columnWidth: width, membersPerRow: perRow, rows: cells)
    }
}
