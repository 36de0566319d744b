import Foundation
import LabCore
import Statistics

/// Items over time of the plan and response time.
struct HeatMapper: Sendable {
    static let mostColumns = 120
    static let mostRows = 40

    let map: LoadReport.HeatMap

    init(_ record: LoadRecord) {
        let columns = TimeColumns(record.span)
        let answered = record.items.compactMap { $0.isAnswered ? $0.response : nil }
        let histograms = record.windows.compactMap { window in (try? LatencyHistogram(text: window.response)).map { (window, $0) } }
        let times = answered + histograms.flatMap { [$0.1.min, $0.1.max].compactMap { $0 } }
        let bounds = Self.bounds(from: times.min(), to: times.max())
        var counts = Array(repeating: Array(repeating: 0, count: bounds.count + 1), count: columns.count)
        var planned = Array(repeating: 0, count: columns.count)
        for item in record.items {
            let column = columns.index(of: item.planned)
            planned[column] += 1
            counts[column][item.isAnswered ? Self.row(of: item.response, in: bounds) : bounds.count] += 1
        }
        for (window, histogram) in histograms {
            let column = columns.index(of: window.start)
            planned[column] += window.counts.planned
            for bucket in histogram.buckets { counts[column][Self.row(of: bucket.nanoseconds.upperBound, in: bounds)] += bucket.count }
            counts[column][bounds.count] += max(0, window.counts.planned - window.counts.warmup - histogram.count)
        }
        map = LoadReport.HeatMap(start: record.span.lowerBound, columnWidth: columns.width, bounds: bounds, counts: counts, planned: planned)
    }

    /// Upper ends of rows that are equally high on a logarithmic axis, ns; the last is the largest time.
    static func bounds(from smallest: Int64?, to largest: Int64?) -> [Int64] {
        guard let smallest, let largest else { return [] }
        let (low, high) = (Double(max(smallest, 1)), Double(max(largest, 1)))
        var bounds: [Int64] = []
        for row in 1...mostRows {
            let bound = row == mostRows ? max(largest, 1) : Int64((low * pow(high / low, Double(row) / Double(mostRows))).rounded(.up))
            if bound > bounds.last ?? 0 { bounds.append(bound) }
        }
        return bounds
    }

    private static func row(of time: Int64?, in bounds: [Int64]) -> Int {
        guard let time else { return bounds.count }
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < time { low = middle + 1 } else { high = middle }
        }
        return min(low, max(bounds.count - 1, 0))
    }
}

/// A span cut into columns of equal width.
struct TimeColumns: Sendable {
    private let start: Int64
    /// ns
    let width: Int64
    let count: Int

    init(_ span: Range<RunInstant>) {
        start = span.lowerBound.nanoseconds
        let length = max(span.upperBound.nanoseconds - start, 1)
        // Whole milliseconds where there is room, so that the axis has round numbers.
        let least = (length + Int64(HeatMapper.mostColumns) - 1) / Int64(HeatMapper.mostColumns)
        width = least >= 1_000_000 ? (least + 999_999) / 1_000_000 * 1_000_000 : least
        count = Int((length + width - 1) / width)
    }

    /// The column of a moment; what is outside belongs to the first or the last.
    func index(of moment: RunInstant) -> Int { Int(min(max((moment.nanoseconds - start) / width, 0), Int64(count - 1))) }
}

/// Where the time goes: of each hop, of the item in the middle and of the slowest 1 %.
enum HopSummary {
    /// - Parameter items: of the measured time.
    /// - Returns: `nil` without an item that passed a place between the plan and the answer.
    static func report(_ items: [LoadItem]) -> LoadReport.HopReport? {
        let answered = items.filter { $0.isAnswered && $0.response != nil }.sorted { ($0.response ?? 0, $0.index) < ($1.response ?? 0, $1.index) }
        guard !answered.isEmpty else { return nil }
        let hops = answered.compactMap(\.hops)
        let slowest = hops.suffix((answered.count + 99) / 100)
        let middle = hops[NearestRank.rank(thousandths: 50_000, count: hops.count) - 1]
        var result: [LoadReport.HopReport.Hop] = []
        for place in LoadPlace.allCases where place != .planned && answered.contains(where: { $0[place] != nil }) {
            let position = place.rawValue - 1
            let times = hops.map { $0[position] }.sorted()
            result.append(LoadReport.HopReport.Hop(
                place: place, p50: times[NearestRank.rank(thousandths: 50_000, count: times.count) - 1],
                p99: times[NearestRank.rank(thousandths: 99_000, count: times.count) - 1], median: middle[position],
                slowest: slowest.reduce(0.0) { $0 + Double($1[position]) } / Double(slowest.count)))
        }
        return LoadReport.HopReport(hops: result, slowestCount: slowest.count)
    }
}

/// One row for each member of a fleet, or for several of a large one.
struct RasterMapper: Sendable {
    static let mostRows = 500

    let raster: LoadReport.FleetRaster

    init(_ record: LoadRecord, members: Int) {
        let columns = TimeColumns(record.span)
        let perRow = (members + Self.mostRows - 1) / Self.mostRows
        var rows = Array(repeating: Array(repeating: LoadReport.FleetRaster.Cell.nothing, count: columns.count), count: (members + perRow - 1) / perRow)
        let late = min(1_000_000_000, max(record.timeout / 10, 1))
        for item in record.items where item.member >= 1 && item.member <= members {
            let cell: LoadReport.FleetRaster.Cell
            switch item.outcome {
            case .good: cell = item.response.map { $0 > late } ?? false ? .late : .good
            case .refused: cell = .refused
            case .unanswered, .unsent, .duplicate: cell = .lost
            }
            let (row, column) = ((item.member - 1) / perRow, columns.index(of: item.planned))
            // The worst of what falls into a cell is seen.
            if cell.rawValue > rows[row][column].rawValue { rows[row][column] = cell }
        }
        raster = LoadReport.FleetRaster(start: record.span.lowerBound, columnWidth: columns.width, membersPerRow: perRow, rows: rows)
    }
}
