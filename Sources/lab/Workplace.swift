import Foundation
import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// The folder that `lab` was started in: its lab.yaml, its scenarios, its runs.
struct Workplace {
    var lab: LabFile?
    var scenarios: [Scenario]
    var diagnostics: [Diagnostic]
    /// Every file that was read, so that a run can keep them.
    var sources: [(path: String, bytes: [UInt8])]

    static let labFile = "lab.yaml"
    static let scenarioFolder = "scenarios"

    static var schemaCatalogue: Catalogue { Catalogue(NodeKinds.all) }

    /// Reads lab.yaml, if there is one, and the scenario files.
    ///
    /// - Parameter paths: files and folders; the folder `scenarios` where there are none.
    static func load(_ paths: [String] = []) throws -> Workplace {
        let files = RecordingFiles(DiskFiles())
        let catalogue = schemaCatalogue
        var diagnostics: [Diagnostic] = []
        var lab: LabFile?
        if FileManager.default.fileExists(atPath: labFile) {
            let result = LabFile.load(labFile, catalogue: catalogue, files: files)
            lab = result.lab
            diagnostics += result.diagnostics
        }
        let loader = ScenarioLoader(catalogue: catalogue, lab: lab, files: files)
        let loaded = loader.load(try scenarioFiles(paths.isEmpty ? [scenarioFolder] : paths))
        return Workplace(
            lab: lab, scenarios: loaded.scenarios, diagnostics: diagnostics + loaded.diagnostics, sources: files.contents)
    }

    /// The scenarios that the words select: paths, globs, or expressions of the SELECT language.
    static func select(_ words: [String]) throws -> (workplace: Workplace, selected: [Scenario]) {
        let paths = words.filter { FileManager.default.fileExists(atPath: $0) }
        let expressions = words.filter { !paths.contains($0) }
        let workplace = try load(paths.isEmpty ? [] : paths)
        var selected = workplace.scenarios
        for word in expressions {
            let selector: Selector
            do { selector = try Selector(parsing: word) } catch { throw Stop(.wrongInput, "\(error)") }
            selected = selected.filter { selector.matches($0) }
        }
        return (workplace, selected)
    }

    /// Ends the command with 2 if a file is wrong; everything that is wrong has been printed then.
    func refuseErrors() throws {
        for diagnostic in diagnostics { Console.error(diagnostic.description) }
        let errors = diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else { throw Stop(.wrongInput, Self.count(errors)) }
    }

    /// `3 errors in 2 files`
    static func count(_ errors: [Diagnostic]) -> String {
        let files = Set(errors.map(\.location.file)).count
        return "\(errors.count) error\(errors.count == 1 ? "" : "s") in \(files) file\(files == 1 ? "" : "s")"
    }

    /// The devices that lab.yaml names, for the runner.
    var nodes: [NamedNode] {
        (lab?.nodes ?? []).map { NamedNode(name: $0.name, kind: $0.kind, facts: $0.facts, abilities: $0.abilities) }
    }

    /// All YAML files below the paths, sorted; a path that is a file is taken as it is.
    private static func scenarioFiles(_ paths: [String]) throws -> [String] {
        var files: [String] = []
        for path in paths {
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
                throw Stop(.wrongInput, "There is no file or folder '\(path)'. Run `lab init` for a first lab.")
            }
            guard attributes[.type] as? FileAttributeType == .typeDirectory else { files.append(path); continue }
            let names = (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
            files += names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
        }
        return files
    }
}

