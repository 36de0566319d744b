package import LabCore

/// The first place in which two logs of the same run differ, for people.
package struct EventLogDifference: Sendable, Equatable, CustomStringConvertible {
    /// The number of the event, from 1.
    package var sequence: Int
    /// The lines of the two logs; `nil` for the log that has ended.
    package var left: String?
    package var right: String?
    /// What differs: `t`, `node`, `event`, `cause`, or a field's name.
    package var parts: [String]

    /// - Returns: `nil` for logs that are the same byte for byte.
    package static func first(_ left: [RunEvent], _ right: [RunEvent]) -> EventLogDifference? {
        for index in 0..<max(left.count, right.count) {
            let a = index < left.count ? left[index] : nil
            let b = index < right.count ? right[index] : nil
            let lines = (a.map(jsonLine), b.map(jsonLine))
            guard lines.0 != lines.1 else { continue }
            return EventLogDifference(sequence: index + 1, left: lines.0, right: lines.1, parts: parts(a, b))
        }
        return nil
    }

    private static func parts(_ left: RunEvent?, _ right: RunEvent?) -> [String] {
        guard let left, let right else { return [] }
        var parts: [String] = []
        if left.sequence != right.sequence { parts.append("seq") }
        if left.at != right.at { parts.append("t") }
        if left.node != right.node { parts.append("node") }
        if left.name != right.name { parts.append("event") }
        if left.cause != right.cause { parts.append("cause") }
        var names = left.fields.map(\.name)
        names += right.fields.map(\.name).filter { !names.contains($0) }
        parts += names.filter { left.fields[$0].map(JSONWriter.text) != right.fields[$0].map(JSONWriter.text) }
        return parts.isEmpty ? ["the order of the fields"] : parts
    }

    package static func jsonLine(_ event: RunEvent) -> String {
        var bytes: [UInt8] = []
        event.appendJSON(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    package var description: String {
        let what = parts.isEmpty ? "one log has ended" : parts.joined(separator: ", ")
        return "event \(sequence) differs: \(what)\n  left   \(left ?? "–")\n  right  \(right ?? "–")"
    }
}
