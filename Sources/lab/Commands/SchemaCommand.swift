import ArgumentParser
import Reports
import Runner
import ScenarioLanguage
import Verdicts

/// `lab schema`: for editors; people read `lab check`.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Prints the JSON Schema of scenario files, of lab.yaml, of its quarantine, or of result.json.")

    @Flag(help: "The schema of lab.yaml instead.")
    var lab = false

    @Flag(help: "The schema of result.json instead.")
    var result = false

    @Flag(help: "The schema of the file that lab.yaml names as `quarantine` instead.")
    var quarantine = false

    func run() throws {
        if [lab, result, quarantine].count(where: { $0 }) > 1 { throw Stop(.wrongInput, "--lab, --result and --quarantine exclude each other") }
        let catalogue = Workplace.schemaCatalogue
        Console.print(
            result
                ? ResultSchema.text
                : lab ? EditorSchema.labJSON(catalogue) : quarantine ? EditorSchema.quarantineJSON(catalogue) : EditorSchema.json(catalogue))
    }
}
