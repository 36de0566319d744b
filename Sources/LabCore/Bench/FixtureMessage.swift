/// What the lab says to a fixture: one JSON object a line (`Docs/bench.md`, fixtures).
///
/// ```
/// {"id":1,"do":"sim.remove","with":{}}
/// {"id":2,"ask":"truth","with":{}}
/// {"id":3,"fault":"attach.lost","with":{},"active":true}
/// ```
package struct FixtureRequest: Sendable, Equatable {
    package enum Verb: Sendable, Equatable {
        case act
        case ask
        /// A fault begins or ends.
        case fault(isActive: Bool)
    }

    /// The action that puts away what earlier cases have left behind; asked for before the first step of each. A fixture that has nothing
    /// to put away answers with the reason `unknown`.
    package static let prepare = "prepare"
    /// The reason of a fixture that does not know a name.
    package static let unknown = "unknown"

    /// Counts the requests of a connection from 1; the answer has the same.
    package var id: Int64
    package var verb: Verb
    /// The action, query or fault in the vocabulary of the node's kind.
    package var name: String
    package var arguments: Fields

    package init(id: Int64, _ verb: Verb, _ name: String, _ arguments: Fields) {
        (self.id, self.verb, self.name, self.arguments) = (id, verb, name, arguments)
    }

    package var line: [UInt8] {
        var record: Fields = ["id": .integer(id)]
        switch verb {
        case .act: record["do"] = .text(name)
        case .ask: record["ask"] = .text(name)
        case .fault: record["fault"] = .text(name)
        }
        record["with"] = .record(arguments)
        if case .fault(let isActive) = verb { record["active"] = .bool(isActive) }
        return JSONWriter.bytes(.record(record)) + [0x0a]
    }

    /// - Throws: `FixtureFailure` with what is wrong.
    package init(line: [UInt8]) throws(FixtureFailure) {
        let record = try FixtureFailure.record(line)
        guard let id = record["id"]?.integer, id > 0 else { throw FixtureFailure("a request needs an 'id' of 1 or more") }
        let arguments = record["with"]?.record ?? [:]
        if let name = record["do"]?.text {
            self.init(id: id, .act, name, arguments)
        } else if let name = record["ask"]?.text {
            self.init(id: id, .ask, name, arguments)
        } else if let name = record["fault"]?.text, let isActive = record["active"]?.bool {
            self.init(id: id, .fault(isActive: isActive), name, arguments)
        } else {
            throw FixtureFailure("a request has 'do', 'ask', or 'fault' with 'active'")
        }
    }
}

/// What a fixture says to the lab.
///
/// ```
/// {"fixture":1,"about":"SIM multiplexer"}                     first of all
/// {"id":1,"ok":{"imsi":"001010000000001"}}
/// {"id":2,"error":"no_card","message":"Slot 3 is empty."}
/// {"event":"sim.removed","fields":{}}                         whenever it happens
/// ```
package enum FixtureReply: Sendable, Equatable {
    case hello(about: String)
    case answered(id: Int64, Result<Fields, ActionFailure>)
    case event(String, Fields)

    /// The version of the language of fixtures.
    package static let version: Int64 = 1

    package var line: [UInt8] {
        let record: Fields =
            switch self {
            case .hello(let about): ["fixture": .integer(Self.version), "about": .text(about)]
            case .answered(let id, .success(let fields)): ["id": .integer(id), "ok": .record(fields)]
            case .answered(let id, .failure(let failure)):
                ["id": .integer(id), "error": .text(failure.reason), "message": .text(failure.message), "fields": .record(failure.fields)]
            case .event(let name, let fields): ["event": .text(name), "fields": .record(fields)]
            }
        return JSONWriter.bytes(.record(record)) + [0x0a]
    }

    /// - Throws: `FixtureFailure` with what is wrong.
    package init(line: [UInt8]) throws(FixtureFailure) {
        let record = try FixtureFailure.record(line)
        if let version = record["fixture"] {
            guard version.integer == Self.version else { throw FixtureFailure("it speaks version \(version), the lab speaks \(Self.version)") }
            self = .hello(about: record["about"]?.text ?? "")
        } else if let name = record["event"]?.text {
            self = .event(name, record["fields"]?.record ?? [:])
        } else if let id = record["id"]?.integer {
            if let fields = record["ok"]?.record {
                self = .answered(id: id, .success(fields))
            } else if let reason = record["error"]?.text {
                self = .answered(id: id, .failure(ActionFailure(reason, record["message"]?.text ?? reason, record["fields"]?.record ?? [:])))
            } else {
                throw FixtureFailure("an answer has 'ok' with a record, or 'error'")
            }
        } else {
            throw FixtureFailure("a line has 'fixture', 'event' or 'id'")
        }
    }
}

/// A line that is none of the language of fixtures.
package struct FixtureFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    fileprivate static func record(_ line: [UInt8]) throws(FixtureFailure) -> Fields {
        let value: FieldValue
        do { value = try JSONReader.read(line) } catch { throw FixtureFailure("\(error)") }
        guard let record = value.record else { throw FixtureFailure("a line is one JSON object") }
        return record
    }
}

/// Bytes that come in pieces, as lines; a line that never ends is refused in time.
package struct LineCollector: Sendable {
    private var rest: [UInt8] = []
    /// The longest line, bytes.
    package let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// Adds bytes and takes out the lines that are whole, without their line feeds; empty ones are left out.
    ///
    /// - Returns: `nil` where a line is longer than the limit.
    package mutating func take(_ bytes: [UInt8]) -> [[UInt8]]? {
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: 0x0a) {
            rest += bytes[start..<end]
            if rest.last == 0x0d { rest.removeLast() }
            if rest.count > limit { return nil }
            if !rest.isEmpty { lines.append(rest) }
            rest = []
            start = end + 1
        }
        rest += bytes[start...]
        return rest.count > limit ? nil : lines
    }
}
