import LabCore
import ScenarioLanguage
import Verdicts

/// What the words after a command select: paths are read, expressions of the SELECT language choose among what was read.
/// Several expressions add up.
struct Selection {
    var workplace: Workplace
    var scenarios: [Scenario]
    private var expressions: [String]

    init(_ words: [String]) throws {
        let paths = words.filter { Descriptor.kind(of: $0) != nil }
        expressions = words.filter { !paths.contains($0) }
        var selectors: [Selector] = []
        for word in expressions {
            if Self.isFileName(word) { throw Stop(.wrongInput, "There is no file or folder '\(word)'.") }
            do { selectors.append(try Selector(parsing: word)) } catch { throw Stop(.wrongInput, "\(error)") }
        }
        workplace = try Workplace.load(paths)
        scenarios = workplace.scenarios
        if !selectors.isEmpty { scenarios = scenarios.filter { scenario in selectors.contains { $0.matches(scenario) } } }
    }

    /// A word that can only be meant as the name of a file.
    private static func isFileName(_ word: String) -> Bool {
        (word.hasSuffix(".yaml") || word.hasSuffix(".yml")) && !word.contains { "*?&|!() :".contains($0) }
    }

    /// What to say where nothing is left.
    var nothing: Stop {
        guard let word = expressions.first, !workplace.scenarios.isEmpty else {
            return Stop(.nothingSelected, "Nothing is selected: there is no scenario.")
        }
        let names = workplace.scenarios.map(\.name) + Set(workplace.scenarios.flatMap(\.tags)).sorted().map { "tag:\($0)" }
        let hint = DidYouMean.suggestion(for: word, among: names).map { " — did you mean '\($0)'?" } ?? ". `lab list` shows what there is."
        return Stop(.nothingSelected, "Nothing is selected by \(expressions.map { "'\($0)'" }.joined(separator: ", "))\(hint)")
    }
}
