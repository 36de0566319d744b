import ArgumentParser
import LabCore
import Reports
import ScenarioLanguage
import Verdicts

/// `lab check`: everything that is wrong in lab.yaml and the scenarios, at once, as a compiler says it.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "check", abstract: "Validates scenario files and lab.yaml.")

    @Argument(help: "Files and folders; everything in scenarios/ where they are left out.")
    var files: [String] = []

    @Flag(help: "As JSON.")
    var json = false

    @Flag(help: "As SARIF 2.1.0.")
    var sarif = false

    func run() throws {
        var workplace = try Workplace.load(files)
        workplace.diagnostics += overdue(workplace.quarantine) + (workplace.lab?.sharedPorts ?? [])
        let errors = workplace.diagnostics.filter { $0.severity == .error }
        if json {
            Console.print(JSONWriter.text(.list(workplace.diagnostics.map(\.asValue))))
        } else if sarif {
            Console.print(JSONWriter.text(Sarif.document(workplace.diagnostics)))
        } else {
            // What a file holds must not be able to move the cursor.
            for diagnostic in workplace.diagnostics { Console.print(VisibleText.clean(diagnostic.description)) }
            Console.print(errors.isEmpty ? "\(counted(workplace.scenarios.count, "scenario")), no errors" : Workplace.count(errors))
        }
        if !errors.isEmpty { throw Stop(.wrongInput) }
    }

    /// Entries that will fail the next run.
    private func overdue(_ quarantine: Quarantine?) -> [Diagnostic] {
        guard let quarantine, let today = Today.day else { return [] }
        return quarantine.entries.filter { $0.isOver(on: today) }.map {
            Diagnostic(.warning, at: $0.location, "the quarantine of '\($0.scenario)' ended on \($0.until); \($0.owner) mends it, or says why it goes on (\($0.issue))")
        }
    }
}

extension Diagnostic {
    fileprivate var asValue: FieldValue {
        [
            "file": .text(location.file), "line": .integer(Int64(location.line)), "column": .integer(Int64(location.column)),
            "severity": .text(severity.rawValue), "message": .text(message),
        ]
    }
}

/// SARIF 2.1.0 (OASIS), for code hosts that show findings at their lines.
enum Sarif {
    static func document(_ diagnostics: [Diagnostic]) -> FieldValue {
        let results = diagnostics.map { diagnostic -> FieldValue in
            [
                "ruleId": "scenario", "level": .text(diagnostic.severity.rawValue), "message": ["text": .text(diagnostic.message)],
                "locations": [
                    [
                        "physicalLocation": [
                            "artifactLocation": ["uri": .text(diagnostic.location.file)],
                            "region": [
                                "startLine": .integer(Int64(diagnostic.location.line)),
                                "startColumn": .integer(Int64(diagnostic.location.column)),
                            ],
                        ]
                    ]
                ],
            ]
        }
        let rule: FieldValue = ["id": "scenario", "shortDescription": ["text": "A scenario file or lab.yaml is wrong."]]
        return [
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
            "runs": [["tool": ["driver": ["name": "lab", "version": .text(Lab.version), "rules": [rule]]], "results": .list(results)]],
        ]
    }
}
