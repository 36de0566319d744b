import ArgumentParser
import Reports
import Runner
import ScenarioLanguage
import Verdicts

/// `lab schema`: for editors; people read `lab check`.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Prints the JSON Schema of scenario files, of lab.yaml, or of result.json.")

    @Flag(help: "The schema of lab.yaml instead.")
    var lab = false

    @Flag(help: "The schema of result.json instead.")
    var result = false

    func run() throws {
        if lab && result { throw Stop(.wrongInput, "--lab and --result exclude each other") }
        Console.print(
            result
                ? ResultSchema.text : lab ? EditorSchema.labJSON(Workplace.schemaCatalogue) : EditorSchema.json(Workplace.schemaCatalogue))
    }
}
