package import LabCore

/// The HTTP faults as scenarios name them, for every kind of node that speaks HTTP.
package enum HTTPFaults {
    private static let scope = [
        FieldKind("path", .text, "only requests whose path holds this text; all where it is absent"),
        FieldKind("times", .integer, "only so many requests; all while the fault is in force where it is absent"),
    ]

    private static func kind(_ name: String, _ about: String, _ fields: FieldKind...) -> ActionKind {
        ActionKind(name, about, takes: fields + scope)
    }

    package static let kinds: [ActionKind] = [
        kind("http.stall", "Requests get no answer."),
        kind("http.trickle", "Answers come slowly.", FieldKind("bytes_per_second", .integer, unit: "bytes/s", required: true, "1 or more")),
        kind(
            "http.reset", "The connection breaks in the middle of an answer.",
            FieldKind("after_bytes", .integer, unit: "bytes", "of the body; 0 where it is absent")),
        kind("http.ignore_range", "The server ignores ranges: it answers 200 with everything."),
        kind(
            "http.wrong_offset", "The server answers another range than the one that was asked for.",
            FieldKind("by", .integer, unit: "bytes", required: true, "how much later it begins; negative for earlier")),
        kind("http.no_content_range", "A partial answer does not say which part it is."),
        kind(
            "http.wrong_length", "Content-Length is not the length.",
            FieldKind("by", .integer, unit: "bytes", required: true, "more than there is; negative for less")),
        kind("http.endless", "More bytes follow than were asked for.", FieldKind("extra", .integer, unit: "bytes", required: true, "at most 16 MiB")),
        kind(
            "http.status", "Somebody on the way answers with an error.", FieldKind("code", .integer, required: true, "100 to 599"),
            FieldKind("retry_after", .integer, unit: "s")),
        kind("http.captive_portal", "A log-in page is answered with 200."),
        kind("http.redirect", "Requests are redirected (302).", FieldKind("to", .text, "the value of Location; / where it is absent")),
        kind("http.gzip", "A proxy compresses answers."),
        kind("http.corrupt", "A byte in the middle of the answer's body is changed."),
        kind("http.duplicate", "Requests arrive twice."),
        kind("http.lose_answer", "Requests take effect, their answers are lost."),
        kind("http.delay", "Requests arrive later.", FieldKind("time", .duration, required: true)),
    ]

    package static let events: [EventKind] = [
        EventKind(
            "http.disturbed", "A request met faults of the way.",
            fields: [FieldKind("method", .text), FieldKind("path", .text), FieldKind("faults", .list(.text))], volume: .traffic)
    ]

    /// Reads a fault from its name in the vocabulary and its arguments.
    ///
    /// - Throws: `unknown_fault`, `missing_argument` or `bad_argument`, with what is allowed.
    package static func fault(_ name: String, _ arguments: Fields) throws(ActionFailure) -> HTTPFault {
        func number(_ field: String, in range: ClosedRange<Int64>, else standard: Int64? = nil) throws(ActionFailure) -> Int64 {
            guard let value = arguments[field]?.integer ?? standard else { throw ActionFailure("missing_argument", "\(name) needs '\(field)'.") }
            guard range.contains(value) else {
                throw ActionFailure("bad_argument", "\(name): '\(field)' is \(value); it must be \(range.lowerBound) to \(range.upperBound).")
            }
            return value
        }
        let far = Int64(1) << 40
        let kind: HTTPFault.Kind =
            switch name {
            case "http.stall": .stall
            case "http.trickle": .trickle(bytesPerSecond: try number("bytes_per_second", in: 1...far))
            case "http.reset": .reset(afterBytes: try number("after_bytes", in: 0...far, else: 0))
            case "http.ignore_range": .ignoreRange
            case "http.wrong_offset": .wrongOffset(by: try number("by", in: -far...far))
            case "http.no_content_range": .noContentRange
            case "http.wrong_length": .wrongLength(by: try number("by", in: -far...far))
            case "http.endless": .endless(extra: try number("extra", in: 1...(16 << 20)))
            case "http.status":
                .status(
                    Int(try number("code", in: 100...599)),
                    retryAfter: arguments["retry_after"] == nil ? nil : try number("retry_after", in: 0...86_400))
            case "http.captive_portal": .captivePortal
            case "http.redirect": .redirect(to: arguments["to"]?.text ?? "/")
            case "http.gzip": .gzip
            case "http.corrupt": .corrupt
            case "http.duplicate": .duplicate
            case "http.lose_answer": .loseAnswer
            case "http.delay": .delay(.nanoseconds(max(0, arguments["time"]?.durationNanoseconds ?? 0)))
            default:
                throw ActionFailure("unknown_fault", "There is no HTTP fault '\(name)'. There are \(kinds.map(\.name).joined(separator: ", ")).")
            }
        return HTTPFault(
            kind, path: arguments["path"]?.text,
            times: arguments["times"] == nil ? nil : try number("times", in: 1...1_000_000))
    }
}
