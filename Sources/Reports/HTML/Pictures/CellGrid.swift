/// A grid of small numbers as one path for each number: horizontal strokes over equal neighbours, in whole units of cells.
///
/// Strokes of width 1 need half the text of rectangles, and most cells of a fleet are alike.
struct CellGrid {
    /// From the top row to the bottom row; 0 is drawn by nobody.
    var rows: [[UInt8]]

    /// For each level that occurs, ascending, its path data. Rows lie at y + ½.
    func paths(leavingOut background: UInt8 = 0) -> [(level: UInt8, data: String)] {
        var data: [UInt8: String] = [:]
        for (y, row) in rows.enumerated() {
            var x = 0
            while x < row.count {
                let level = row[x]
                var end = x + 1
                while end < row.count, row[end] == level { end += 1 }
                if level != 0, level != background { data[level, default: ""] += "M\(x) \(y)h\(end - x)" }
                x = end
            }
        }
        return data.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// How many strokes the grid takes.
    func strokeCount(leavingOut background: UInt8 = 0) -> Int {
        rows.reduce(0) { sum, row in
            sum + row.indices.count { row[$0] != 0 && row[$0] != background && ($0 == 0 || row[$0 - 1] != row[$0]) }
        }
    }

    /// The grid with half as many columns, each the larger number of two.
    var halved: CellGrid {
        CellGrid(rows: rows.map { row in stride(from: 0, to: row.count, by: 2).map { max(row[$0], $0 + 1 < row.count ? row[$0 + 1] : 0) } })
    }

    /// SVG paths with the classes `prefix` + level, for `Plot.stretched` with columns and rows as units.
    func svg(classes prefix: String, leavingOut background: UInt8 = 0) -> String {
        let strokes = paths(leavingOut: background).map { "<path class=\"\(prefix)\($0.level)\" d=\"\($0.data)\"/>" }
        return strokes.isEmpty ? "" : "<g class=\"cells\" transform=\"translate(0 .5)\">\(strokes.joined())</g>"
    }
}
