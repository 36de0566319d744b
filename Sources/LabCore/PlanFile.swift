/// A file that a scenario names, with its content, so that a run needs no disk and a replay has the same bytes.
package struct PlanFile: Sendable, Hashable {
    /// As it is written in the scenario: relative to the folder that `lab` was started in.
    package var path: String
    package var bytes: [UInt8]
    /// What lies beside it under the same name with another ending, for fields that its taker knows.
    package var companions: [Companion]

    package struct Companion: Sendable, Hashable {
        /// The field under which the taker gets it.
        package var field: String
        package var bytes: [UInt8]
        package init(field: String, bytes: [UInt8]) {
            self.field = field
            self.bytes = bytes
        }
    }

    /// Endings of companions, and the fields under which they come: the signed release manifest and the delta of an image.
    package static let endings: [(ending: String, field: String)] = [(".manifest.json", "manifest"), (".delta", "delta")]
    /// The longest file that a scenario can name.
    package static let maximumBytes = 64 << 20

    package init(path: String, bytes: [UInt8], companions: [Companion] = []) {
        self.path = path
        self.bytes = bytes
        self.companions = companions
    }

    /// The paths of a companion, the first one that is there counts: `badge-2.4.0.bin.manifest.json`, `badge-2.4.0.manifest.json`.
    package static func companionPaths(of path: String, ending: String) -> [String] {
        let name = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let stem = path[name...].lastIndex(of: ".").map { path[..<$0] } ?? path[...]
        return [path + ending, stem + ending].filter { $0 != path }
    }

    /// What an action gets in the place of the path.
    package var asFields: Fields {
        var fields: Fields = ["path": .text(path), "bytes": .bytes(bytes)]
        for companion in companions { fields[companion.field] = .bytes(companion.bytes) }
        return fields
    }
}

extension Plan {
    /// The arguments with files in the place of their paths, where the kind says that a field is a file.
    package func withFiles(_ arguments: Fields, of kinds: [FieldKind]) -> Fields {
        guard !files.isEmpty else { return arguments }
        var result = arguments
        for kind in kinds where kind.type == .file {
            guard let path = arguments[kind.name]?.text, let file = files.first(where: { $0.path == path }) else { continue }
            result[kind.name] = .record(file.asFields)
        }
        return result
    }
}
