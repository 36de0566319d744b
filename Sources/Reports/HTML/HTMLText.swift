import LabCore

/// Text and small elements of the page. Everything that comes from a scenario, a device or a cloud goes through `escaped`.
enum HTMLText {
    /// Safe between tags and in quoted attributes; control characters and marks of direction become visible.
    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in VisibleText.clean(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Cut to `limit` characters, then escaped.
    static func escaped(_ text: String, limit: Int) -> String {
        escaped(text.count > limit ? text.prefix(limit) + "…" : text)
    }

    static func element(_ name: String, _ attributes: String = "", _ content: String) -> String {
        "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(content)</\(name)>"
    }

    /// A verdict as a word on its colour; the word carries the meaning.
    static func badge(_ verdict: Verdict, word: String? = nil) -> String {
        element("span", "class=\"badge \(verdict.rawValue)\"", escaped(word ?? verdict.word))
    }

    static func code(_ text: String) -> String { element("code", "", escaped(text)) }

    /// A table in a box of its own, which scrolls where the page is narrow.
    ///
    /// - Parameters:
    ///   - label: what a screen reader says of the box.
    ///   - columns: heading and class of each column.
    ///   - rows: cells that are escaped already.
    static func table(_ label: String, columns: [(heading: String, style: String)], rows: [[String]]) -> String {
        func cell(_ name: String, _ attribute: String, _ style: String, _ content: String) -> String {
            "<\(name)\(attribute)\(style.isEmpty ? "" : " class=\"\(style)\"")>\(content)</\(name)>"
        }
        let head = columns.map { cell("th", " scope=\"col\"", $0.style, escaped($0.heading)) }.joined()
        let body = rows.map { row in
            "<tr>" + zip(row, columns).map { cell("td", "", $0.1.style, $0.0) }.joined() + "</tr>"
        }.joined(separator: "\n")
        return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(escaped(label))\"><table><thead><tr>\(head)</tr></thead>"
            + "<tbody>\n\(body)\n</tbody></table></div>\n"
    }

    static func details(_ summary: String, note: String = "", _ content: String) -> String {
        let small = note.isEmpty ? "" : " <span class=\"note\">\(escaped(note))</span>"
        return "<details><summary>\(escaped(summary))\(small)</summary>\n\(content)</details>\n"
    }

    static func fields(_ fields: Fields) -> String {
        fields.map { "<span class=\"key\">\(escaped($0.name))</span>=\(escaped($0.value.description, limit: 240))" }.joined(separator: " ")
    }

    static func count(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }

    /// `12,345`
    static func grouped(_ number: Int) -> String {
        var digits = String(number)
        var position = digits.count - 3
        while position > 0 {
            digits.insert(",", at: digits.index(digits.startIndex, offsetBy: position))
            position -= 3
        }
        return digits
    }
}
