import LabCore

/// A picture as inline SVG that fits every width.
///
/// Places along the width are shares of it, heights are pixels: so a picture stretches from a phone to a desk, and its text keeps its size.
/// Labels of the vertical axis stand in the padding of the element (`PictureStyle`).
struct Plot {
    let id: String
    let title: String
    let description: String
    let height: Double
    /// Class of the element beside `plot`: `axis` leaves room on the left for labels.
    var style = "axis"
    private var parts: [String] = []

    enum Anchor: String { case start, middle, end }

    init(id: String, title: String, description: String, height: Double, style: String = "axis") {
        self.id = id
        self.title = title
        self.description = description
        self.height = height
        self.style = style
    }

    var svg: String {
        "<svg class=\"plot\(style.isEmpty ? "" : " " + style)\" width=\"100%\" height=\"\(Self.number(height))\" role=\"img\" "
            + "aria-labelledby=\"\(id)-title \(id)-text\"><title id=\"\(id)-title\">\(HTMLText.escaped(title))</title>"
            + "<desc id=\"\(id)-text\">\(HTMLText.escaped(description))</desc>\n" + parts.joined(separator: "\n") + "\n</svg>\n"
    }

    mutating func add(_ part: String) { parts.append(part) }

    mutating func line(_ style: String, x1: Double, y1: Double, x2: Double, y2: Double) {
        add(
            "<line class=\"\(style)\" x1=\"\(Self.share(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.share(x2))\" y2=\"\(Self.number(y2))\"/>")
    }

    mutating func rectangle(_ style: String, x: Double, y: Double, width: Double, height: Double, fill: String? = nil, title: String? = nil) {
        let paint = fill.map { " fill=\"\($0)\"" } ?? ""
        let start = "<rect class=\"\(style)\"\(paint) x=\"\(Self.share(x))\" y=\"\(Self.number(y))\" width=\"\(Self.share(width))\" height=\"\(Self.number(height))\""
        add(title.map { "\(start)><title>\(HTMLText.escaped($0))</title></rect>" } ?? start + "/>")
    }

    mutating func dot(_ style: String, x: Double, y: Double, radius: Double = 3.5, title: String? = nil) {
        let start = "<circle class=\"\(style)\" cx=\"\(Self.share(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\""
        add(title.map { "\(start)><title>\(HTMLText.escaped($0))</title></circle>" } ?? start + "/>")
    }

    /// - Parameters:
    ///   - text: not yet escaped.
    ///   - shift: pixels to the right of `x`.
    mutating func text(_ text: String, x: Double, y: Double, shift: Double = 0, anchor: Anchor = .start, style: String = "") {
        let look = style.isEmpty ? "" : " class=\"\(style)\""
        let move = shift == 0 ? "" : " dx=\"\(Self.number(shift))\""
        let end = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
        add("<text\(look) x=\"\(Self.share(x))\" y=\"\(Self.number(y))\"\(move)\(end)>\(HTMLText.escaped(text))</text>")
    }

    /// Paths in units of their own, stretched over the whole width and the given height.
    mutating func stretched(_ paths: String, y: Double = 0, height: Double, columns: Double = 1000, rows: Double? = nil, style: String = "") {
        guard !paths.isEmpty, height > 0 else { return }
        let look = style.isEmpty ? "" : " class=\"\(style)\""
        add(
            "<svg\(look) x=\"0\" y=\"\(Self.number(y))\" width=\"100%\" height=\"\(Self.number(height))\" "
                + "viewBox=\"0 0 \(Self.number(columns)) \(Self.number(rows ?? height))\" preserveAspectRatio=\"none\">\(paths)</svg>")
    }

    /// A line through points of the form (share of the width, pixels), for `stretched`.
    static func path(_ style: String, _ points: [(x: Double, y: Double)]) -> String {
        guard !points.isEmpty else { return "" }
        let steps = points.enumerated().map { "\($0.offset == 0 ? "M" : "L")\(number($0.element.x * 1000)) \(number($0.element.y))" }
        return "<path class=\"\(style)\" d=\"\(steps.joined())\"/>"
    }

    /// Lines across and labels on the left.
    mutating func verticalAxis(_ scale: Scale, top: Double, bottom: Double, atMost limit: Int = 6, label: (Double) -> String) {
        for tick in scale.ticks(atMost: limit) {
            let y = bottom - (bottom - top) * scale.place(tick.value)
            line("grid", x1: 0, y1: y, x2: 1, y2: y)
            text(label(tick.value), x: 0, y: y + 4, shift: -8, anchor: .end, style: "tick-label")
        }
    }

    /// Labels of times below the picture.
    mutating func timeAxis(_ scale: Scale, y: Double, top: Double? = nil) {
        for tick in scale.timeTicks(atMost: 10) {
            let x = scale.place(tick.value)
            line("grid", x1: x, y1: top ?? y, x2: x, y2: y + 4)
            text(
                FigureText.duration(nanoseconds: tick.value), x: x, y: y + 17, anchor: x < 0.02 ? .start : x > 0.97 ? .end : .middle,
                style: tick.isMajor ? "tick-label" : "tick-label wide")
        }
    }

    static func share(_ value: Double) -> String { number(value * 100) + "%" }

    /// At most two decimals, none that are 0; what is not finite is 0.
    static func number(_ value: Double) -> String {
        guard value.isFinite, value.magnitude < 1e9 else { return "0" }
        let text = FigureText.decimal(value, places: 2)
        if text.hasSuffix(".00") { return String(text.dropLast(3)) }
        return text.hasSuffix("0") ? String(text.dropLast()) : text
    }
}
