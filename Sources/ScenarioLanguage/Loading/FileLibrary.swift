import LabCore

/// The files of one load with their imports: each is read and compared with the grammar once.
struct FileLibrary {
    /// Imports of imports of imports.
    private static let maximumImportDepth = 32

    private struct LoadedFile {
        var root: SourceValue?
        var imports: [String] = []
    }

    private let files: any FileProvider
    private let log: DiagnosticLog
    private var shapes: ShapeChecker
    private var loaded: [String: LoadedFile] = [:]
    /// Files that are being opened, outermost first.
    private var opening: [String] = []
    /// Blocks that a file can use, by the file's path.
    private(set) var blocks: [String: [String: CheckingContext.Block]] = [:]

    init(files: any FileProvider, log: DiagnosticLog) {
        self.files = files
        self.log = log
        shapes = ShapeChecker(log: log)
    }

    var broken: Set<SourceLocation> { shapes.broken }

    func root(of path: String) -> SourceValue? { loaded[path]?.root }

    /// The file and everything that it imports, directly or not.
    func closure(of path: String) -> [String] {
        var result: [String] = []
        var waiting = [path]
        while let next = waiting.popLast() {
            guard !result.contains(next) else { continue }
            result.append(next)
            waiting += loaded[next]?.imports ?? []
        }
        return result
    }

    /// - Parameter place: where the import is written; `nil` for a file that was asked for.
    mutating func open(_ path: String, importedAt place: SourceLocation? = nil) {
        guard loaded[path] == nil else { return }
        var file = LoadedFile()
        defer { loaded[path] = file }
        guard let content = read(path, at: place), let root = YAMLComposer.compose(content, file: path, log: log) else { return }
        file.root = root
        shapes.check(root, .record(Grammar.scenario), as: "a scenario")
        opening.append(path)
        file.imports = openImports(of: root, in: path)
        opening.removeLast()
        blocks[path] = table(of: path, root, file.imports)
    }

    private func read(_ path: String, at place: SourceLocation?) -> [UInt8]? {
        do {
            return try files.read(path, atMost: SourceText.maximumBytes + 1)
        } catch {
            log.error(at: place ?? SourceLocation(file: path, line: 1, column: 1), "cannot read '\(path)': \(error)")
            return nil
        }
    }

    private mutating func openImports(of root: SourceValue, in path: String) -> [String] {
        var result: [String] = []
        for item in root["import"]?.list ?? [] {
            guard let written = item.scalar?.text, !shapes.broken.contains(item.location) else { continue }
            if written.hasPrefix("/") {
                log.error(at: item.location, "'\(written)' must be a path relative to this file")
                continue
            }
            let target = FilePath.resolve(written, from: path)
            if let start = opening.firstIndex(of: target) {
                let cycle = (opening[start...] + [target]).joined(separator: " → ")
                log.error(at: item.location, "the import goes in a circle: \(cycle)")
            } else if opening.count >= Self.maximumImportDepth {
                log.error(at: item.location, "imports are nested deeper than \(Self.maximumImportDepth) files")
            } else if result.contains(target) {
                log.error(at: item.location, "'\(written)' is imported twice")
            } else {
                open(target, importedAt: item.location)
                result.append(target)
            }
        }
        return result
    }

    /// Own blocks, and those that are written in the imported files.
    private func table(of path: String, _ root: SourceValue, _ imports: [String]) -> [String: CheckingContext.Block] {
        var table: [String: CheckingContext.Block] = [:]
        for imported in imports {
            for entry in loaded[imported]?.root?["blocks"]?.record ?? [] {
                if let other = table[entry.name] {
                    log.error(at: root["import"]?.location ?? root.location, "block '\(entry.name)' is in \(other.home) and in \(imported)")
                }
                table[entry.name] = CheckingContext.Block(name: entry.name, value: entry.value, home: imported)
            }
        }
        for entry in root["blocks"]?.record ?? [] {
            if let other = table[entry.name] { log.error(at: entry.location, "block '\(entry.name)' is also in \(other.home), which is imported") }
            table[entry.name] = CheckingContext.Block(name: entry.name, value: entry.value, home: path)
        }
        return table
    }
}
