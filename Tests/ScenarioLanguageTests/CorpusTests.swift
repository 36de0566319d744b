import Foundation
import LabCore
import Programs
import ScenarioLanguage
import Testing

/// `Corpus/good` passes the checker and the schema, `Corpus/bad` fails both, `Corpus/typed` holds what only the checker
/// can refuse: it needs the catalogue's fields, the flow of names, or YAML itself.
enum Corpus {
    struct File: Sendable, CustomTestStringConvertible {
        /// Below the folder of its kind, so that expected places read like those of a user.
        var path: String
        var folder: String
        var testDescription: String { path }
        var isLab: Bool { begins(with: "lab-") }
        var isQuarantine: Bool { begins(with: "quarantine-") }
        private func begins(with prefix: String) -> Bool { path.split(separator: "/").last?.hasPrefix(prefix) ?? false }
        var absolutePath: String { "\(folder)/\(path)" }
    }

    static func files(_ kind: String) -> [File] {
        let folder = "\(testFolder)/Corpus/\(kind)"
        let paths = FileManager.default.subpaths(atPath: folder) ?? []
        return paths.filter { $0.hasSuffix(".yaml") }.sorted().map { File(path: $0, folder: folder) }
    }

    static func diagnostics(of file: File) -> [Diagnostic] {
        let files = FolderFiles(folder: file.folder)
        if file.isLab { return LabFile.load(file.path, catalogue: TestCatalogue.catalogue, files: files).diagnostics }
        if file.isQuarantine { return Quarantine.read((try? files.read(file.path, atMost: 1 << 20)) ?? [], file: file.path).diagnostics }
        return ScenarioLoader(catalogue: TestCatalogue.catalogue, files: files).load([file.path]).diagnostics
    }

    static func expected(_ file: File) throws -> [String] {
        let path = file.absolutePath.dropLast(".yaml".count) + ".expected"
        return try String(contentsOfFile: String(path), encoding: .utf8).split(separator: "\n").map(String.init)
    }
}

@Suite("lab check over the corpus")
struct CorpusTests {
    @Test("says nothing about a good file but what is worth a warning", arguments: Corpus.files("good"))
    func good(_ file: Corpus.File) {
        let warnings = (try? Corpus.expected(file)) ?? []
        #expect(Corpus.diagnostics(of: file).map(\.description) == warnings)
    }

    @Test("says exactly this about a bad file", arguments: Corpus.files("bad") + Corpus.files("typed"))
    func bad(_ file: Corpus.File) throws {
        let (found, expected) = (Corpus.diagnostics(of: file).map(\.description), try Corpus.expected(file))
        #expect(found.filter { !expected.contains($0) } == [], "not expected in \(file.path)")
        #expect(expected.filter { !found.contains($0) } == [], "missing in \(file.path)")
        #expect(found.count == expected.count)
    }

    @Test("the corpus is there")
    func corpusIsThere() {
        #expect(Corpus.files("good").count >= 8)
        #expect(Corpus.files("bad").count >= 40)
        #expect(Corpus.files("typed").count >= 20)
    }
}

@Suite("Checker and editor schema agree")
struct SchemaAgreementTests {
    private struct Verdict {
        var isGood: Bool
        var complaint: String
    }

    /// Runs a JSON Schema validator that is not ours; `nil` where Python or its modules are missing.
    private func validate(_ files: [Corpus.File]) throws -> [String: Verdict]? {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("schema-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let schemas = [EditorSchema.json(TestCatalogue.catalogue), EditorSchema.labJSON(TestCatalogue.catalogue), EditorSchema.quarantineJSON(TestCatalogue.catalogue)]
        var arguments = ["\(testFolder)/validate.py"]
        for (index, schema) in schemas.enumerated() {
            let path = folder.appendingPathComponent("\(index).json")
            try Data(schema.utf8).write(to: path)
            arguments.append(path.path)
        }
        let outcome = try ChildProcess.path(of: "python3").map { try ChildProcess($0, arguments + files.map(\.absolutePath)).wait() }
        guard let outcome, outcome.status != 3, outcome.status != 127 else {
            let text = outcome?.output ?? ""
            print(
                "skipped: the schema is not compared with a foreign validator, because python3 with jsonschema and PyYAML is missing: \(text)"
            )
            return nil
        }
        try #require(outcome.status == 0, "\(outcome)")
        var verdicts: [String: Verdict] = [:]
        for line in outcome.output.split(separator: "\n") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if parts.count == 3 { verdicts[parts[0]] = Verdict(isGood: parts[1] == "good", complaint: parts[2]) }
        }
        return verdicts
    }

    @Test("good files pass both, bad files fail both, typed files fail the checker only")
    func agreement() throws {
        let groups = [("good", true), ("bad", false), ("typed", true)].map { (files: Corpus.files($0.0), passes: $0.1) }
        guard let verdicts = try validate(groups.flatMap(\.files)) else { return }
        for group in groups {
            for file in group.files {
                let verdict = try #require(verdicts[file.absolutePath], "no verdict on \(file.path)")
                #expect(verdict.isGood == group.passes, "\(file.path): \(verdict.complaint)")
            }
        }
    }

    @Test("an editor is told the one wrong word of a step")
    func complaints() throws {
        let files = Corpus.files("bad").filter { ["foreign-key.yaml", "unknown-step.yaml"].contains($0.path) }
        guard let verdicts = try validate(files) else { return }
        let complaints = files.compactMap { verdicts[$0.absolutePath]?.complaint }
        #expect(complaints[0].hasPrefix("Additional properties are not allowed ('where' was unexpected)"))
        #expect(complaints[1].hasPrefix("'expct' is not one of ['do', "))
    }

    @Test("the schema is the same text in every process: its keys stand in the order of the grammar")
    func isStable() {
        let text = EditorSchema.json(TestCatalogue.catalogue)
        #expect(text.hasPrefix(#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"A lab scenario","type":"object","properties":{"lab":"#))
        #expect(text == EditorSchema.json(TestCatalogue.catalogue))
    }
}
