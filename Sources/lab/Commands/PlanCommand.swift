import ArgumentParser
import LabCore
import ScenarioLanguage
import Verdicts

/// `lab plan`: what a run would do, without doing it.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "plan", abstract: "Prints the resolved steps, the nodes and the longest time.")

    @Argument(help: "Paths, globs or a SELECT expression.")
    var select: [String] = []

    @Option(name: .customLong("on"), help: "sim, emu or hw.")
    var world = "sim"

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        guard let kind = WorldKind(rawValue: world) else {
            throw Stop(.wrongInput, "unknown world '\(world)' for --on (allowed: \(WorldKind.allCases.map(\.rawValue).joined(separator: ", ")))")
        }
        let (workplace, selected) = try Workplace.select(select)
        try workplace.refuseErrors()
        let plans = selected.flatMap { $0.plans(world: kind, seed: 1) }
        guard !plans.isEmpty else { throw Stop(.nothingSelected, "Nothing is selected for \(world).") }
        if json { return Console.print(JSONWriter.text(.list(plans.map(\.asValue)))) }
        for plan in plans { for line in plan.page { Console.print(line) } }
        let longest = plans.reduce(Duration.zero) { $0 + $1.deadline }
        Console.print("\(plans.count) cells, at most \(DurationText.format(nanoseconds: longest.nanoseconds)) of the run's clock")
    }
}

extension Plan {
    fileprivate var page: [String] {
        let title = cell.isEmpty ? scenario : "\(scenario) [\(cellText)]"
        var lines = ["\(title)  deadline \(DurationText.format(nanoseconds: deadline.nanoseconds))"]
        for role in roles {
            let count = role.count > 1 ? " × \(role.count)" : ""
            let abilities = role.abilities.isEmpty ? "" : ", can \(role.abilities.joined(separator: ", "))"
            lines.append("  needs \(role.name): \(role.kind)\(count)\(abilities)\(role.facts.isEmpty ? "" : ", \(role.facts)")")
        }
        for (phase, steps) in [("setup", setup), ("steps", steps), ("teardown", teardown)] where !steps.isEmpty {
            lines.append("  \(phase)")
            lines += steps.flatMap { $0.lines(indent: 4) }
        }
        for limit in limits { lines.append("  limit \(limit.requirement.source)") }
        return lines + [""]
    }

    fileprivate var asValue: FieldValue {
        [
            "scenario": .text(scenario), "file": .text(file), "cell": .record(cell), "deadline_ns": .integer(deadline.nanoseconds),
            "needs": .list(roles.map { ["role": .text($0.name), "kind": .text($0.kind), "count": .integer(Int64($0.count))] }),
            "steps": .list((setup + steps + teardown).flatMap { $0.lines(indent: 0) }.map { .text($0) }),
            "limits": .list(limits.map { .text($0.requirement.source) }),
        ]
    }
}

extension Step {
    fileprivate func lines(indent: Int) -> [String] {
        let space = String(repeating: " ", count: indent)
        func line(_ text: String) -> String { "\(space)\("\(location.line)".padded(to: 5))\(text)" }
        func condition(_ match: Match) -> String { match.isEmpty ? "" : " where \(match)" }
        switch action {
        case .act(let act): return [line("do \(act.target) \(act.arguments)\(act.fails.map { " fails \($0)" } ?? "")")]
        case .expect(let expect):
            return [line("expect \(expect.event)\(condition(expect.condition))\(expect.within.map { " within \($0)" } ?? "")")]
        case .forbid(let forbid): return [line("forbid \(forbid.event)\(condition(forbid.condition)) for \(forbid.duration)")]
        case .check(let check): return [line("check \(check.query) \(check.arguments) is \(check.condition)")]
        case .fault(let fault):
            let trigger = fault.trigger.map { " when \($0.event)\(condition($0.condition))" } ?? ""
            return [line("fault \(fault.target) \(fault.arguments)\(trigger)\(fault.duration.map { " for \($0)" } ?? "")")]
        case .clear(let id): return [line("clear \(id)")]
        case .wait(let time): return [line("wait \(time)")]
        case .load(let load): return [line("load \(load.target)")]
        case .sequence(let turns): return turns.flatMap { turn in [line(turn.label)] + turn.steps.flatMap { $0.lines(indent: indent + 2) } }
        case .parallel(let branches):
            return [line("parallel")] + branches.enumerated().flatMap { index, steps in
                ["\(space)  branch \(index + 1)"] + steps.flatMap { $0.lines(indent: indent + 4) }
            }
        }
    }
}
