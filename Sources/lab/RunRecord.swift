import Archive
import Crypto
import LabCore
import Runner

/// `run.json` of a case: what is needed to run it again, and what it ran on.
struct RunRecord {
    var plan: Plan
    var nodes: [NamedNode]

    static let fileName = "run.json"
    /// Raised when the kernel orders events in another way: logs of other versions do not replay.
    static let kernelVersion: Int64 = 1

    func write(to folder: CaseFolder) throws(RunArchive.Failure) {
        let record: Fields = [
            "schema": 1, "lab": .text(Lab.version), "kernel": .integer(Self.kernelVersion), "scenario": .text(plan.scenario),
            "file": .text(plan.file), "world": .text(plan.world.rawValue), "seed": .text("0x" + String(plan.seed, radix: 16)),
            "cell": .record(plan.cell),
            "nodes": .list(nodes.map { ["name": .text($0.name), "kind": .text($0.kind), "facts": .record($0.facts), "can": .list($0.abilities.map { .text($0) })] }),
        ]
        try folder.write(JSONWriter.bytes(.record(record)) + [0x0a], to: Self.fileName)
    }

    /// What a case's folder says of itself; the plan is made again from the scenario.
    struct Stored {
        var file: String
        var world: WorldKind
        var seed: UInt64
        var cell: Fields
        var kernel: Int64
        var nodes: [NamedNode]
    }

    static func read(from folder: CaseFolder) throws(RunArchive.Failure) -> Stored {
        let path = "\(folder.path)/\(fileName)"
        let value: FieldValue
        do { value = try JSONReader.read(try folder.read(fileName)) } catch let failure as RunArchive.Failure { throw failure } catch {
            throw .damaged(path, reason: "\(error)")
        }
        guard let record = value.record, let file = record["file"]?.text, let world = record["world"]?.text.flatMap(WorldKind.init),
            let seed = record["seed"]?.text.flatMap({ UInt64($0.dropFirst(2), radix: 16) }), let kernel = record["kernel"]?.integer,
            let nodes = record["nodes"]?.list
        else { throw .damaged(path, reason: "a field is missing") }
        return Stored(
            file: file, world: world, seed: seed, cell: record["cell"]?.record ?? [:], kernel: kernel,
            nodes: nodes.compactMap(\.record).map { node in
                NamedNode(
                    name: node["name"]?.text ?? "", kind: node["kind"]?.text ?? "", facts: node["facts"]?.record ?? [:],
                    abilities: (node["can"]?.list ?? []).compactMap(\.text))
            })
    }
}

/// The files that a run was made from, kept in the run's folder so that it can be repeated when they have changed.
enum StoredSources {
    static let folder = "sources"

    static func write(_ sources: [(path: String, bytes: [UInt8])], to run: RunFolder) throws(RunArchive.Failure) {
        var index = Fields()
        for source in sources {
            index[source.path] = .text(Hexadecimal.text(SHA256.hash(data: source.bytes)))
            try run.write(source.bytes, to: "\(folder)/\(flat(source.path))")
        }
        try run.write(JSONWriter.bytes(.record(index)) + [0x0a], to: "\(folder)/index.json")
    }

    /// A file name without folders, so that no path leads out of the run.
    static func flat(_ path: String) -> String {
        Hexadecimal.text(SHA256.hash(data: Array(path.utf8))).prefix(12) + "-" + (path.split(separator: "/").last ?? "file")
    }
}
