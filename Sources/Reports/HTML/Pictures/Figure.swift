import LabCore

/// A picture with what belongs to it: heading, what it shows, its keys, the lab's own ribbon, and its numbers as a table.
struct Figure {
    var heading: String
    /// One sentence, not yet escaped.
    var note: String
    /// SVG, or several of them.
    var picture: String
    var keys: [Key] = []
    var ribbon: LabRibbon
    var table: DataTable

    /// A sign of the picture and what it stands for.
    struct Key {
        enum Shape { case line, box, dot }
        var shape: Shape
        var style: String
        var text: String
        /// What fills the box where it is not its class.
        var fill: String?

        init(_ shape: Shape, _ style: String, _ text: String, fill: String? = nil) {
            self.shape = shape
            self.style = style
            self.text = text
            self.fill = fill
        }

        var html: String {
            let paint = fill.map { " fill=\"\($0)\"" } ?? ""
            let sign =
                switch shape {
                case .line: "<line class=\"\(style)\" x1=\"0\" y1=\"6\" x2=\"24\" y2=\"6\"/>"
                case .box: "<rect class=\"\(style)\"\(paint) x=\"6\" y=\"0\" width=\"12\" height=\"12\"/>"
                case .dot: "<circle class=\"\(style)\" cx=\"12\" cy=\"6\" r=\"4\"/>"
                }
            return "<li><svg class=\"plot sign\" width=\"24\" height=\"12\" aria-hidden=\"true\">\(sign)</svg>\(HTMLText.escaped(text))</li>"
        }
    }

    var html: String {
        let legend = keys.isEmpty ? "" : "<ul class=\"keys\">\(keys.map(\.html).joined())</ul>\n"
        return "<figure class=\"picture\"><figcaption><h4>\(HTMLText.escaped(heading))</h4>"
            + "<p class=\"note\">\(HTMLText.escaped(note))</p></figcaption>\n\(picture)\(legend)\(ribbon.html)\(table.html)</figure>\n"
    }
}

/// The numbers of a picture.
struct DataTable {
    var caption: String
    var columns: [(heading: String, style: String)]
    /// Cells that are not yet escaped; the first of each row heads it.
    var rows: [[String]]
    /// Longer tables are folded.
    private let openLimit = 12

    init(_ caption: String, columns: [(heading: String, style: String)], rows: [[String]]) {
        self.caption = caption
        self.columns = columns
        self.rows = rows
    }

    var html: String {
        guard !rows.isEmpty else { return "" }
        guard rows.count > openLimit else { return table }
        return HTMLText.details("The numbers as a table", note: HTMLText.count(rows.count, "row"), table)
    }

    private var table: String {
        let head = columns.map { "<th scope=\"col\"\(Self.style($0.style))>\(HTMLText.escaped($0.heading))</th>" }.joined()
        let body = rows.map { row in
            let cells = zip(row, columns).enumerated().map { index, cell in
                index == 0
                    ? "<th scope=\"row\"\(Self.style(cell.1.style))>\(HTMLText.escaped(cell.0))</th>"
                    : "<td\(Self.style(cell.1.style))>\(HTMLText.escaped(cell.0))</td>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        let label = HTMLText.escaped(caption)
        return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(label)\"><table class=\"data\"><caption>\(label)</caption>"
            + "<thead><tr>\(head)</tr></thead><tbody>\n\(body.joined(separator: "\n"))\n</tbody></table></div>\n"
    }

    private static func style(_ style: String) -> String { style.isEmpty ? "" : " class=\"\(style)\"" }
}
