import Archive
import Crypto
import Foundation
import LabCore
import Runner

/// `run.json` of a case: what is needed to run it again, and what it ran on.
struct RunRecord {
    var plan: Plan
    var nodes: [NamedNode]
    var settings = RealSettings()
    /// From 1; higher for what `--retries` tried again.
    var attempt: Int
    /// What kept it from coming to a verdict.
    var halt: Halt?

    static let fileName = "run.json"
    /// Raised when the kernel orders events in another way: logs of other versions do not replay.
    static let kernelVersion: Int64 = 1

    func write(to folder: CaseFolder) throws(RunArchive.Failure) {
        var record: Fields = [
            "schema": 1, "lab": .text(Lab.version), "kernel": .integer(Self.kernelVersion),
            "host": .text(ProcessInfo.processInfo.operatingSystemVersionString), "scenario": .text(plan.scenario),
            "file": .text(plan.file), "world": .text(plan.world.rawValue), "seed": .text("0x" + String(plan.seed, radix: 16)),
            "cell": .record(plan.cell), "attempt": .integer(Int64(attempt)), "nodes": .list(nodes.map(Self.value)),
        ]
        if plan.world != .sim {
            record["speed"] = .number(settings.speed)
            record["broker"] = .text(settings.broker.name)
        }
        if let halt { record["halt"] = .record(Self.fields(of: halt)) }
        try folder.write(JSONWriter.bytes(.record(record)) + [0x0a], to: Self.fileName)
    }

    private static func value(_ node: NamedNode) -> FieldValue {
        ["name": .text(node.name), "kind": .text(node.kind), "facts": .record(node.facts), "can": .list(node.abilities.map { .text($0) })]
    }

    private static func fields(of halt: Halt) -> Fields {
        var fields: Fields = ["reason": .text(halt.reason), "lab_bug": .bool(halt.isLabBug)]
        if let step = halt.step { fields["step"] = ["file": .text(step.file), "line": .integer(Int64(step.line))] }
        return fields
    }

    private static func halt(_ fields: Fields) -> Halt {
        let step = fields["step"]?.record
        return Halt(
            reason: fields["reason"]?.text ?? "", isLabBug: fields["lab_bug"]?.bool ?? false,
            step: step?["line"]?.integer.map { SourceLocation(file: step?["file"]?.text ?? "", line: Int(clamping: $0), column: 1) })
    }

    /// What a case's folder says of itself; the plan is made again from the scenario.
    struct Stored {
        var file: String
        var world: WorldKind
        var seed: UInt64
        var cell: Fields
        var attempt: Int
        var kernel: Int64
        var nodes: [NamedNode]
        var halt: Halt?
        /// What `lab run` was told beside the world.
        var options: String
    }

    static func read(from folder: CaseFolder) throws(RunArchive.Failure) -> Stored {
        let path = "\(folder.path)/\(fileName)"
        let record = try StoredJSON.record(path)
        func missing(_ field: String, _ what: String) -> RunArchive.Failure { .damaged(path, reason: "'\(field)' must be \(what)") }
        guard let file = record["file"]?.text else { throw missing("file", "the path of the scenario") }
        guard let world = record["world"]?.text.flatMap(WorldKind.init) else { throw missing("world", "sim, emu or hw") }
        guard let seed = record["seed"]?.text.flatMap({ $0.hasPrefix("0x") ? UInt64($0.dropFirst(2), radix: 16) : nil }) else {
            throw missing("seed", "a text such as 0x1")
        }
        guard let kernel = record["kernel"]?.integer else { throw missing("kernel", "a whole number") }
        guard let nodes = record["nodes"]?.list else { throw missing("nodes", "a list") }
        return Stored(
            file: file, world: world, seed: seed, cell: record["cell"]?.record ?? [:], attempt: Int(record["attempt"]?.integer ?? 1),
            kernel: kernel,
            nodes: nodes.compactMap(\.record).map { node in
                NamedNode(
                    name: node["name"]?.text ?? "", kind: node["kind"]?.text ?? "", facts: node["facts"]?.record ?? [:],
                    abilities: (node["can"]?.list ?? []).compactMap(\.text))
            },
            halt: record["halt"]?.record.map(Self.halt),
            options: settings(in: record).options)
    }

    /// Speed and broker; what a changed file says otherwise is left at the standard.
    private static func settings(in record: Fields) -> RealSettings {
        var settings = RealSettings()
        if let speed = record["speed"]?.asNumber { settings.speed = speed }
        switch record["broker"]?.text {
        case "mosquitto"?: settings.broker = .mosquitto
        case let address?: if let external = ExternalBroker(address) { settings.broker = .external(external) }
        case nil: break
        }
        return settings
    }
}

/// Documents that the lab wrote itself and reads again; they may have been changed since.
enum StoredJSON {
    private static let maximumBytes = 256 << 20

    static func record(_ path: String) throws(RunArchive.Failure) -> Fields {
        let bytes: [UInt8]
        do throws(Descriptor.Unreadable) { bytes = try Descriptor.read(path, atMost: maximumBytes) } catch {
            throw .damaged(path, reason: error.description)
        }
        let value: FieldValue
        do throws(JSONReader.Failure) { value = try JSONReader.read(bytes) } catch { throw .damaged(path, reason: error.description) }
        guard let record = value.record else { throw .damaged(path, reason: "it must hold one record") }
        return record
    }
}

/// The files that a run was made from, kept in the run's folder so that it can be repeated when they have changed.
enum StoredSources {
    static let folder = "sources"
    static let index = "index.json"

    static func write(_ sources: [(path: String, bytes: [UInt8])], to run: RunFolder) throws(RunArchive.Failure) {
        var hashes = Fields()
        for source in sources {
            hashes[source.path] = .text(Hexadecimal.text(SHA256.hash(data: source.bytes)))
            try run.write(source.bytes, to: "\(folder)/\(flat(source.path))")
        }
        try run.write(JSONWriter.bytes(.record(hashes)) + [0x0a], to: "\(folder)/\(index)")
    }

    /// Files that somebody has changed while the run went on; it has used what it read in the beginning.
    static func changed(since sources: [(path: String, bytes: [UInt8])], keptIn run: String) -> [String] {
        sources.filter { source in (try? Descriptor.read(source.path, atMost: source.bytes.count + 1)) != source.bytes }
            .map { "\($0.path) has changed since the run began; the run used it as it was, which is in \(run)/\(folder)" }
    }

    /// A file name without folders, so that no path leads out of the run.
    static func flat(_ path: String) -> String {
        Hexadecimal.text(SHA256.hash(data: Array(path.utf8))).prefix(12) + "-" + (path.split(separator: "/").last ?? "file")
    }
}
