import ArgumentParser
import Reports
import Runner
import ScenarioLanguage

/// `lab schema`: for editors; people read `lab check`.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Prints the JSON Schema of scenario files, or of result.json.")

    @Flag(help: "The schema of result.json instead.")
    var result = false

    func run() { Console.print(result ? ResultSchema.text : EditorSchema.json(Workplace.schemaCatalogue)) }
}
