/// Where the language reads its files: a disk, or a dictionary in tests. The module does no I/O of its own.
package protocol FileProvider {
    /// The content of a file.
    ///
    /// - Parameters:
    ///   - path: as given to the loader, or relative to where the loader's paths are, with `/`.
    ///   - count: bytes that are wanted; a provider may stop there, so that an endless file costs bounded memory.
    /// - Throws: an error whose description says why, such as "no such file".
    func read(_ path: String, atMost count: Int) throws -> [UInt8]
}

enum FilePath {
    /// The path without `.` and, where possible, without `..`.
    static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    /// A path written in a file, seen from that file's folder.
    static func resolve(_ path: String, from file: String) -> String {
        let folder = file.lastIndex(of: "/").map { file[...$0] } ?? ""
        return normalized(folder + path)
    }

    /// The path below the last folder `scenarios`, without its ending: `badge/register`.
    static func scenarioName(_ path: String) -> String {
        let parts = normalized(path).split(separator: "/")
        let folder = parts.dropLast().lastIndex(of: "scenarios")
        let name = folder.map { parts[($0 + 1)...].joined(separator: "/") } ?? normalized(path)
        for ending in [".yaml", ".yml"] where name.hasSuffix(ending) { return String(name.dropLast(ending.count)) }
        return name
    }
}
