import Foundation
import LabCore

/// The scenario files below folders, in the order of their names.
struct ScenarioTree {
    private(set) var files: [String] = []
    private(set) var diagnostics: [Diagnostic] = []
    /// Folders by their real paths: links may lead in a circle.
    private var visited: Set<String> = []

    private static let maximumDepth = 32
    private static let maximumFiles = 10_000

    /// A path that is not a folder is taken as it is; whoever reads it says what is wrong with it.
    mutating func add(_ path: String) {
        guard Descriptor.kind(of: path) == .folder else { return files.append(path) }
        walk(path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path, depth: 0)
    }

    private mutating func walk(_ folder: String, depth: Int) {
        guard visited.insert(URL(fileURLWithPath: folder).resolvingSymlinksInPath().path).inserted else { return }
        guard depth < Self.maximumDepth else { return refuse(folder, "folders are nested deeper than \(Self.maximumDepth)") }
        // The files that an earlier run kept are not scenarios of today.
        guard Descriptor.kind(of: "\(folder)/\(StoredSources.folder)/\(StoredSources.index)") == nil else { return }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            return refuse(folder, "cannot read '\(folder)': no right to read it")
        }
        for name in names where !name.hasPrefix(".") {
            let path = folder == "." ? name : folder == "/" ? "/\(name)" : "\(folder)/\(name)"
            if Descriptor.kind(of: path) == .folder {
                walk(path, depth: depth + 1)
            } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
                guard files.count < Self.maximumFiles else {
                    return refuse(path, "more than \(Self.maximumFiles) files; name a folder further down")
                }
                files.append(path)
            }
        }
    }

    private mutating func refuse(_ path: String, _ message: String) {
        guard diagnostics.last?.message != message else { return }
        diagnostics.append(Diagnostic(at: SourceLocation(file: path, line: 1, column: 1), message))
    }
}
