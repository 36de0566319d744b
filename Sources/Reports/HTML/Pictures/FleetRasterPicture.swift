import LabCore

/// A row of pixels for each member of a fleet: online, late, refused, lost.
struct FleetRasterPicture {
    let load: LoadReport
    let raster: LoadReport.FleetRaster
    let faults: [FaultSpan]
    let id: String
    let ribbon: LabRibbon

    private let top = 8.0
    /// Strokes after which columns are put together: some 400 KB of text.
    private let strokeLimit = 40_000
    private let tableLimit = 24
    private static let names: [(cell: LoadReport.FleetRaster.Cell, name: String)] = [
        (.good, "good"), (.late, "late"), (.refused, "refused"), (.lost, "lost"), (.nothing, "nothing due"),
    ]

    private var columns: Int { raster.rows.map(\.count).max() ?? 0 }

    /// Levels of the grid are the cells' raw values + 1, so that the worst is the largest.
    private var grid: CellGrid {
        let width = columns
        return CellGrid(rows: raster.rows.map { row in row.map { $0.rawValue + 1 } + Array(repeating: 1, count: width - row.count) })
    }

    private var usual: UInt8 {
        var counts = [Int](repeating: 0, count: 8)
        for row in raster.rows { for cell in row { counts[Int(cell.rawValue) + 1] += 1 } }
        return UInt8(counts.indices.max { (counts[$0], $1) < (counts[$1], $0) } ?? 1)
    }

    private var scale: Scale {
        let start = Double(raster.start.nanoseconds)
        return .linear(start, start + Double(max(raster.columnWidth, 1)) * Double(columns))
    }

    private var members: Int { raster.rows.count * max(raster.membersPerRow, 1) }

    var html: String {
        guard columns > 0 else { return "" }
        var drawn = grid
        var merged = 1
        while drawn.strokeCount(leavingOut: usual) > strokeLimit, (drawn.rows.first?.count ?? 0) > 8 {
            drawn = drawn.halved
            merged *= 2
        }
        let row = raster.membersPerRow > 1 ? "the worst of \(HTMLText.grouped(raster.membersPerRow)) members" : "a member"
        let width = FigureText.duration(nanoseconds: Double(raster.columnWidth) * Double(merged))
        let note = "Each row is \(row), each column \(width)" + (merged > 1 ? ", the worst of \(merged) measured ones" : "") + "."
        let keys = Self.names.map { Figure.Key(.box, "cell-box-\($0.cell.rawValue + 1)", $0.name) }
        return Figure(heading: "Fleet", note: note, picture: plot(drawn).svg + FaultLanes(faults: faults, scale: scale).list, keys: keys, ribbon: ribbon, table: table).html
    }

    private func plot(_ drawn: CellGrid) -> Plot {
        let rowHeight = min(12, max(1, (220 / Double(raster.rows.count)).rounded(.down)))
        let bottom = top + rowHeight * Double(raster.rows.count)
        let lanes = FaultLanes(faults: faults, scale: scale)
        var plot = Plot(
            id: id, title: "Fleet of load \(load.id), \(HTMLText.count(members, "member"))",
            description: "State of each member over time. The table below counts them.", height: bottom + lanes.height + 24)
        plot.rectangle("cell-box-\(usual)", x: 0, y: top, width: 1, height: bottom - top)
        plot.stretched(
            drawn.svg(classes: "cell-", leavingOut: usual), y: top, height: bottom - top, columns: Double(drawn.rows.first?.count ?? 1),
            rows: Double(drawn.rows.count))
        let count = Scale.linear(0, Double(members))
        for tick in count.ticks(atMost: 4) {
            let y = top + (bottom - top) * count.place(tick.value)
            plot.text(HTMLText.grouped(Int(tick.value)), x: 0, y: min(max(y + 4, top + 9), bottom), shift: -8, anchor: .end, style: "tick-label")
        }
        lanes.draw(into: &plot, y: bottom)
        plot.timeAxis(scale, y: bottom + lanes.height + 2)
        return plot
    }

    var table: DataTable {
        let stride = max((columns + tableLimit - 1) / tableLimit, 1)
        let rows = Swift.stride(from: 0, to: columns, by: stride).map { first -> [String] in
            var counts = [Int](repeating: 0, count: 5)
            for row in raster.rows { for cell in row.dropFirst(first).prefix(stride) { counts[Int(cell.rawValue)] += 1 } }
            let start = Double(raster.start.nanoseconds) + Double(first) * Double(raster.columnWidth)
            return [FigureText.duration(nanoseconds: start)] + Self.names.map { HTMLText.grouped(counts[Int($0.cell.rawValue)]) }
        }
        return DataTable(
            "Cells of the fleet of load \(load.id) by time", columns: [("From", "")] + Self.names.map { ($0.name.capitalizedFirst, "number") }, rows: rows)
    }
}
