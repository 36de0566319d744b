/// Text that may stand in an XML 1.0 document.
enum XMLText {
    static func escaped(_ text: String, inAttribute: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n", "\t": result += inAttribute ? "&#\(scalar.value);" : String(scalar)
            default:
                // XML 1.0 has no way to write most control characters, not even escaped (section 2.2).
                if isAllowed(scalar.value) { result.unicodeScalars.append(scalar) } else {
                    result += "\\u{" + String(scalar.value, radix: 16) + "}"
                }
            }
        }
        return result
    }

    private static func isAllowed(_ value: UInt32) -> Bool {
        switch value {
        case 0..<0x20, 0x7f..<0xa0, 0x202a...0x202e, 0x2066...0x2069, 0xfffe, 0xffff: false
        default: true
        }
    }
}

/// An element whose text and attributes are escaped when it is written.
struct XMLElement {
    var name: String
    var attributes: [(String, String)] = []
    var text: String?
    var children: [XMLElement] = []

    func append(to output: inout String, indent: Int = 0) {
        let space = String(repeating: "  ", count: indent)
        output += "\(space)<\(name)"
        for (key, value) in attributes { output += " \(key)=\"\(XMLText.escaped(value, inAttribute: true))\"" }
        if text == nil && children.isEmpty {
            output += "/>\n"
            return
        }
        output += ">"
        if let text { output += XMLText.escaped(text) }
        if !children.isEmpty {
            output += "\n"
            for child in children { child.append(to: &output, indent: indent + 1) }
            output += space
        }
        output += "</\(name)>\n"
    }
}
