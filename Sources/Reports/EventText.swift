package import LabCore

/// An event as one line for people: `boot.done  firmware=2.4.0 slot=B`.
package enum EventText {
    /// The fields as `name=value`, each value cut at `limit` characters, control characters made visible.
    package static func fields(_ fields: Fields, valueLimit limit: Int = 80) -> String {
        fields.map { "\($0.name)=\(value($0.value, limit: limit))" }.joined(separator: " ")
    }

    package static func value(_ value: FieldValue, limit: Int = 80) -> String {
        let text = VisibleText.clean(value.description)
        return text.count > limit ? text.prefix(limit) + "…" : text
    }

    /// Name and fields; what a device wrote into its log stands for itself, after a bar.
    package static func line(_ event: RunEvent, valueLimit limit: Int = 80) -> String {
        let name = VisibleText.clean(event.name)
        for key in ["line", "message"] where event.name.split(separator: ".").contains("log") || event.fields.count == 1 {
            if let text = event.fields[key]?.text { return "\(name) | \(value(.text(text), limit: limit * 2))" }
        }
        return event.fields.isEmpty ? name : "\(name)  \(fields(event.fields, valueLimit: limit))"
    }

    /// Time on the run's clock: `+61.2 s`.
    package static func time(_ instant: RunInstant) -> String { "+" + FigureText.duration(nanoseconds: Double(instant.nanoseconds)) }
}

/// Text from outside the lab, made safe to show: a device must not be able to move the cursor or turn text around.
package enum VisibleText {
    /// Control characters, and marks that change the direction of writing, become `\u{1b}`; line ends become `⏎`.
    package static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "⏎"
            case "\t": result += " "
            case _ where isUnsafe(scalar): result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x200b, 0x200e, 0x200f, 0x2028...0x202e, 0x2060...0x2069, 0xfeff, 0xfff9...0xfffb, 0xfffe, 0xffff: true
        default: false
        }
    }
}
