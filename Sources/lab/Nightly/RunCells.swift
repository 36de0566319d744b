import Archive
import LabCore
import Runner
import Verdicts

/// `cells.json` of a run: what it was to run, noted before the first cell begins, so that another run can go on where this one was
/// cut off.
struct RunCells {
    static let fileName = "cells.json"

    var world: WorldKind
    var seed: UInt64
    /// What `lab run` was told beside the world: `--node badge=emu`.
    var options: String
    /// In their order; of `CaseNames.key`.
    var cells: [(file: String, cell: Fields)]
    /// Case folders of earlier runs whose results are this run's, too: `1121-1/badge-register.loss-20`.
    var carried: [String] = []

    var keys: Set<String> { Set(cells.map { CaseNames.key(file: $0.file, cell: $0.cell) }) }

    func write(to folder: RunFolder) throws(RunArchive.Failure) {
        let fields: Fields = [
            "schema": 1, "world": .text(world.rawValue), "seed": .text("0x" + String(seed, radix: 16)), "options": .text(options),
            "cells": .list(cells.map { ["file": .text($0.file), "cell": .record($0.cell)] }), "carried": .list(carried.map { .text($0) }),
        ]
        try folder.write(JSONWriter.bytes(.record(fields)) + [0x0a], to: Self.fileName)
    }

    static func read(from folder: RunFolder) throws(RunArchive.Failure) -> RunCells {
        let path = "\(folder.path)/\(fileName)"
        let record = try StoredJSON.record(path)
        guard let world = record["world"]?.text.flatMap(WorldKind.init), let cells = record["cells"]?.list,
            let seed = record["seed"]?.text.flatMap({ $0.hasPrefix("0x") ? UInt64($0.dropFirst(2), radix: 16) : nil })
        else { throw .damaged(path, reason: "it must have 'world', 'seed' and 'cells'") }
        return RunCells(
            world: world, seed: seed, options: record["options"]?.text ?? "",
            cells: cells.compactMap(\.record).compactMap { entry in entry["file"]?.text.map { (file: $0, cell: entry["cell"]?.record ?? [:]) } },
            carried: (record["carried"]?.list ?? []).compactMap(\.text))
    }
}
