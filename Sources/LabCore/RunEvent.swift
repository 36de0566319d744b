/// One thing that was observed in a run: a line of `events.jsonl` (architecture.md §7).
///
/// The sequence number gives the total order. Verdicts and reports read events and nothing else.
package struct RunEvent: Sendable, Equatable {
    /// 1 for the first event of a run, then without gaps.
    package var sequence: Int
    package var at: RunInstant
    /// The node that it was seen at: a role (`cloud`, `badge`), a member of a fleet (`badges#17`), or `lab`.
    package var node: String
    /// The event's name in the vocabulary of the node's kind: `device.registered`.
    package var name: String
    package var fields: Fields
    /// The sequence number of the event that led to this one.
    package var cause: Int?

    package init(sequence: Int, at: RunInstant, node: String, name: String, fields: Fields = [:], cause: Int? = nil) {
        self.sequence = sequence
        self.at = at
        self.node = node
        self.name = name
        self.fields = fields
        self.cause = cause
    }

    /// The role in the scenario: `badges` for the node `badges#17`.
    package var role: Substring { node.utf8.firstIndex(of: UInt8(ascii: "#")).map { node[..<$0] } ?? node[...] }

    /// The member's number for a node of a fleet: 17 for `badges#17`.
    package var member: Int? { node.utf8.firstIndex(of: UInt8(ascii: "#")).flatMap { Int(node[node.index(after: $0)...]) } }

    /// One line of JSON without its line feed. The keys are `seq`, `t` (ns), `node`, `event`, `cause`, `fields`.
    package func appendJSON(to output: inout [UInt8]) {
        output.append(contentsOf: #"{"seq":"#.utf8)
        JSONWriter.append(integer: Int64(sequence), to: &output)
        output.append(contentsOf: #","t":"#.utf8)
        JSONWriter.append(integer: at.nanoseconds, to: &output)
        output.append(contentsOf: #","node":"#.utf8)
        JSONWriter.append(quoted: node, to: &output)
        output.append(contentsOf: #","event":"#.utf8)
        JSONWriter.append(quoted: name, to: &output)
        if let cause {
            output.append(contentsOf: #","cause":"#.utf8)
            JSONWriter.append(integer: Int64(cause), to: &output)
        }
        if !fields.isEmpty {
            output.append(contentsOf: #","fields":"#.utf8)
            JSONWriter.append(fields, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    package enum ReadingFailure: Error, Equatable, CustomStringConvertible {
        case notJSON(JSONReader.Failure)
        case missing(String)
        package var description: String {
            switch self {
            case .notJSON(let failure): "The event line is damaged. \(failure)"
            case .missing(let key): "The event line lacks '\(key)' or has the wrong type there."
            }
        }
    }

    /// Reads what `appendJSON` wrote. Bytes and durations come back as their text.
    package init(jsonLine: [UInt8]) throws(ReadingFailure) {
        let value: FieldValue
        do { value = try JSONReader.read(jsonLine) } catch { throw .notJSON(error) }
        guard case .record(let line) = value else { throw .missing("seq") }
        guard let sequence = line["seq"]?.integer else { throw .missing("seq") }
        guard let at = line["t"]?.integer else { throw .missing("t") }
        guard let node = line["node"]?.text else { throw .missing("node") }
        guard let name = line["event"]?.text else { throw .missing("event") }
        let cause = line["cause"]
        if let cause, cause.integer == nil { throw .missing("cause") }
        guard let fields = (line["fields"] ?? .record([:])).record else { throw .missing("fields") }
        self.init(
            sequence: Int(sequence), at: RunInstant(nanoseconds: at), node: node, name: name, fields: fields,
            cause: cause?.integer.map { Int($0) })
    }
}
