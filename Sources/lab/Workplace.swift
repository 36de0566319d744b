import Archive
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Verdicts

/// The folder that `lab` was started in: its lab.yaml, its scenarios, its runs.
struct Workplace {
    var lab: LabFile?
    /// What lab.yaml names as `quarantine`.
    var quarantine: Quarantine?
    var scenarios: [Scenario]
    var diagnostics: [Diagnostic]
    /// Every file that was read, so that a run can keep them.
    var sources: [(path: String, bytes: [UInt8])]

    static let labFile = "lab.yaml"
    static let scenarioFolder = "scenarios"

    static var schemaCatalogue: Catalogue { Catalogue(NodeKinds.all) }

    /// Reads lab.yaml, if there is one, and the scenario files.
    ///
    /// - Parameter paths: files and folders; the folder `scenarios` where there are none. Files with the name lab.yaml are
    ///   only checked.
    static func load(_ paths: [String] = []) throws -> Workplace {
        var tree = ScenarioTree()
        for path in paths { tree.add(path) }
        if paths.isEmpty {
            guard Descriptor.kind(of: scenarioFolder) != nil else {
                throw Stop(
                    .wrongInput, "There is no folder '\(scenarioFolder)' here. `lab init` makes a first lab; or name files or folders.")
            }
            tree.add(scenarioFolder)
        }
        let files = RecordingFiles(DiskFiles())
        let catalogue = schemaCatalogue
        var diagnostics = tree.diagnostics
        var lab: LabFile?
        var quarantine: Quarantine?
        if Descriptor.kind(of: labFile) != nil {
            let result = LabFile.load(labFile, catalogue: catalogue, files: files)
            lab = result.lab
            diagnostics += result.diagnostics + BrokerSection(result.lab?.broker, of: labFile).diagnostics
            if let lab {
                let known = Quarantine.load(of: lab, files: files)
                quarantine = known.quarantine
                diagnostics += known.diagnostics
            }
        }
        for file in tree.files where isLabFile(file) && !["lab.yaml", "./lab.yaml"].contains(file) {
            let other = LabFile.load(file, catalogue: catalogue, files: DiskFiles())
            diagnostics += other.diagnostics + impossibleNodes(of: other.lab)
        }
        let loader = ScenarioLoader(catalogue: catalogue, lab: lab, files: files)
        let loaded = loader.load(tree.files.filter { !isLabFile($0) })
        // Only who has read all scenarios knows that there is none.
        if paths.isEmpty, !loaded.diagnostics.contains(where: { $0.severity == .error }) {
            diagnostics += quarantine?.idle(among: loaded.scenarios) ?? []
        }
        let nodes = nodes(of: lab)
        diagnostics += impossibleNodes(of: lab)
        let facts = loaded.scenarios.flatMap { scenario in
            FactCheck.diagnostics(of: scenario.fidelity.flatMap { scenario.plans(world: $0, seed: 0) }, nodes: nodes)
        }
        return Workplace(
            lab: lab, quarantine: quarantine, scenarios: loaded.scenarios, diagnostics: diagnostics + loaded.diagnostics + facts, sources: files.contents)
    }

    private static func isLabFile(_ path: String) -> Bool { path == labFile || path.hasSuffix("/\(labFile)") }

    /// Ends the command with 2 if a file is wrong; everything that is wrong has been printed then.
    func refuseErrors() throws {
        for diagnostic in diagnostics { Console.error(VisibleText.clean(diagnostic.description)) }
        let errors = diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else { throw Stop(.wrongInput, Self.count(errors)) }
    }

    /// Ends the command with 2 if lab.yaml cannot be right for real devices, such as a relay without an entry; these were only warnings
    /// until now.
    func refuseBenchProblems() throws {
        let problems = (lab?.benchProblems ?? []) + (lab?.sharedPorts ?? [])
        for problem in problems { Console.error(VisibleText.clean(problem.description)) }
        guard problems.isEmpty else { throw Stop(.wrongInput, Self.count(problems)) }
    }

    /// For a command that was given the name of a node that lab.yaml does not have.
    static func unknownNode(_ name: String, among known: [String]) -> Stop {
        let hint = DidYouMean.suggestion(for: name, among: known).map { " — did you mean '\($0)'?" } ?? ""
        return Stop(.wrongInput, "unknown node '\(name)'\(hint) (\(labFile) has: \(known.joined(separator: ", ")))")
    }

    /// `3 errors in 2 files`
    static func count(_ errors: [Diagnostic]) -> String {
        let files = Set(errors.map(\.location.file)).count
        return "\(counted(errors.count, "error")) in \(counted(files, "file"))"
    }

    /// The devices that lab.yaml names, for the runner.
    var nodes: [NamedNode] { Self.nodes(of: lab) }

    /// Nodes whose facts are typed right and belong to no device that there can be.
    private static func impossibleNodes(of lab: LabFile?) -> [Diagnostic] {
        zip(nodes(of: lab), lab?.nodes ?? []).compactMap { node, written in
            FactCheck.problem(of: node).map { Diagnostic(at: written.location, "node '\(node.name)': \($0)") }
        }
    }

    private static func nodes(of lab: LabFile?) -> [NamedNode] {
        (lab?.nodes ?? []).map {
            NamedNode(name: $0.name, kind: $0.kind, facts: $0.facts, abilities: $0.abilities, hardware: $0.hardware, emulated: $0.emulated)
        }
    }
}

/// `1 cell`, `2 cells`
func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String { "\(count) \(count == 1 ? noun : plural ?? noun + "s")" }

extension WorldKind {
    /// - Parameter text: what `--on` was given.
    static func parse(_ text: String) throws -> WorldKind {
        guard let kind = WorldKind(rawValue: text) else {
            throw Stop(.wrongInput, "unknown world '\(text)' for --on (allowed: \(allCases.map(\.rawValue).joined(separator: ", ")))")
        }
        return kind
    }
}
