import ArgumentParser
import LabCore
import Runner
import Verdicts

/// `lab describe badge`: everything that scenarios can say to and about a kind of node.
struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Prints the actions, events, queries and faults of a node kind.")

    @Argument(help: "badge, cloud, …; all kinds in a line each where it is left out.")
    var kind: String?

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let kinds = NodeKinds.all + [LabVocabulary.kind]
        guard let kind else {
            if json { return Console.print(JSONWriter.text(.list(kinds.map(\.asValue)))) }
            for kind in kinds { Console.print("\(kind.name.padded(to: 12))\(kind.about)") }
            return
        }
        guard let found = kinds.first(where: { $0.name == kind }) else {
            let names = kinds.map(\.name)
            let hint = DidYouMean.suggestion(for: kind, among: names).map { " — did you mean '\($0)'?" } ?? ""
            throw Stop(.wrongInput, "unknown node kind '\(kind)'\(hint) (known: \(names.joined(separator: ", ")))")
        }
        Console.print(json ? JSONWriter.text(found.asValue) : found.page)
    }
}

extension NodeKind {
    fileprivate var page: String {
        var lines = ["\(name): \(about)"]
        if !abilities.isEmpty { lines.append("can: \(abilities.joined(separator: ", "))") }
        if !facts.isEmpty { lines += ["", "facts (for needs.where and lab.yaml)"] + facts.flatMap { $0.lines(indent: 2) } }
        for (title, entries) in [("actions (do)", actions), ("queries (check)", queries), ("faults (fault)", faults)] where !entries.isEmpty
        {
            lines += ["", title]
            for entry in entries {
                lines.append("  \(entry.name.padded(to: 24))\(entry.about)")
                if !entry.takes.isEmpty { lines += ["    with"] + entry.takes.flatMap { $0.lines(indent: 6) } }
                if !entry.gives.isEmpty { lines += ["    gives"] + entry.gives.flatMap { $0.lines(indent: 6) } }
            }
        }
        lines += ["", "events (expect, forbid, laws)"]
        for event in events {
            lines.append("  \(event.name.padded(to: 24))\(event.about)")
            lines += event.fields.flatMap { $0.lines(indent: 6) }
        }
        return lines.joined(separator: "\n")
    }

    fileprivate var asValue: FieldValue {
        func entry(_ action: ActionKind) -> FieldValue {
            [
                "name": .text(action.name), "about": .text(action.about), "takes": .list(action.takes.map(\.asValue)),
                "gives": .list(action.gives.map(\.asValue)),
            ]
        }
        return [
            "name": .text(name), "about": .text(about), "can": .list(abilities.map { .text($0) }), "facts": .list(facts.map(\.asValue)),
            "actions": .list(actions.map(entry)), "queries": .list(queries.map(entry)), "faults": .list(faults.map(entry)),
            "events": .list(events.map { ["name": .text($0.name), "about": .text($0.about), "fields": .list($0.fields.map(\.asValue))] }),
        ]
    }
}

extension FieldKind {
    fileprivate func lines(indent: Int) -> [String] {
        let unit = unit.map { ", \($0)" } ?? ""
        let need = isRequired ? ", required" : ""
        let head =
            String(repeating: " ", count: indent) + "\(name.padded(to: 20))\(type.name)\(unit)\(need)\(about.isEmpty ? "" : "; \(about)")"
        guard case .record(let fields) = type else { return [head] }
        return [head] + fields.flatMap { $0.lines(indent: indent + 2) }
    }

    fileprivate var asValue: FieldValue {
        var fields: Fields = ["name": .text(name), "type": .text(type.name), "required": .bool(isRequired), "about": .text(about)]
        if let unit { fields["unit"] = .text(unit) }
        return .record(fields)
    }
}

extension String {
    /// Filled with spaces; at least one follows where the text is as long or longer.
    func padded(to width: Int) -> String { count < width ? self + String(repeating: " ", count: width - count) : self + " " }
}
