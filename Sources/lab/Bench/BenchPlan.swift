import Archive
import LabCore
import Reports
import Runner
import ScenarioLanguage

/// What a run on a bench would do, said before it takes anything: cells with the nodes that they take, those that would be skipped with
/// the reason, and how long the hardware is busy.
struct BenchPlan {
    struct Cell {
        var plan: Plan
        /// Roles of real devices with the nodes that fill them.
        var taken: [(role: Role, node: NamedNode)]
        /// Why it would be skipped.
        var missing: String?
        /// The longest that it can wait.
        var longest: Duration
        /// The median of its last runs in this world; `nil` where there is none.
        var usual: Duration?
    }

    /// Runs of a cell that its usual time is taken from.
    private static let runs = 20

    let cells: [Cell]
    private let world: WorldKind

    init(_ plans: [Plan], left: [(plan: Plan, reason: String)], nodes: [NamedNode], settings: RealSettings, world: WorldKind, history: LabHistory?) {
        self.world = world
        cells = plans.map { plan in
            let missing = WorldNeeds.missing(for: plan, nodes: nodes, settings)
            return Cell(
                plan: plan, taken: missing == nil ? BenchNeeds.taken(by: plan, nodes: nodes, settings.bench) : [], missing: missing,
                longest: plan.longestTime, usual: missing == nil ? Self.usual(plan, history) : nil)
        } + left.map { Cell(plan: $0.plan, taken: [], missing: $0.reason, longest: .zero) }
    }

    private static func usual(_ plan: Plan, _ history: LabHistory?) -> Duration? {
        let key = CaseKey(world: plan.world.rawValue, file: plan.file, cell: JSONWriter.text(.record(plan.cell)))
        let past = (try? history?.index.past(of: key, last: runs)) ?? []
        let times = past.filter { $0.row.hasFigures && !$0.run.isPartial && $0.row.duration > 0 }.map(\.row.duration).sorted()
        return times.isEmpty ? nil : .nanoseconds(times[times.count / 2])
    }

    // MARK: sums

    struct Time {
        var cells = 0
        var longest = Duration.zero
        /// Of the cells that have one.
        var usual = Duration.zero
        var known = 0

        mutating func add(_ cell: Cell) {
            cells += 1
            longest += cell.longest
            usual += cell.usual ?? .zero
            if cell.usual != nil { known += 1 }
        }

        /// `at most 54 min, usually 21 min`
        var text: String {
            let most = "at most \(Self.text(longest))"
            if known == 0 { return most }
            return "\(most), usually \(Self.text(usual))" + (known < cells ? " for \(known) of them" : "")
        }

        /// Benches are planned in minutes: `45 s`, `9.5 min`, `6 h 55 min`.
        static func text(_ time: Duration) -> String {
            let seconds = Double(time.nanoseconds) / 1e9
            if seconds < 90 { return "\(FigureText.decimal(seconds, places: 0)) s" }
            if seconds < 7_200 { return "\(BenchPlan.rounded(seconds / 60)) min" }
            let minutes = Int((seconds / 60).rounded())
            return "\(minutes / 60) h \(minutes % 60) min"
        }
    }

    private var running: [Cell] { cells.filter { $0.missing == nil } }

    /// In the order in which the cells take them.
    var nodes: [(name: String, time: Time)] {
        var order: [String] = []
        var times: [String: Time] = [:]
        for cell in running {
            for (_, node) in cell.taken {
                if times[node.name] == nil { order.append(node.name) }
                times[node.name, default: Time()].add(cell)
            }
        }
        return order.map { ($0, times[$0] ?? Time()) }
    }

    private var all: Time {
        var time = Time()
        for cell in running { time.add(cell) }
        return time
    }

    /// Minutes in which devices are busy: a cell with two of them counts twice.
    private var hardwareMinutes: (longest: Double, usual: Double) {
        func minutes(_ time: (Time) -> Duration) -> Double { nodes.reduce(0) { $0 + Double(time($1.time).nanoseconds) / 60e9 } }
        return (minutes(\.longest), minutes(\.usual))
    }

    // MARK: for people

    var lines: [String] {
        let skips = skips
        let width = min(Self.longestTitle, max(24, (running.map { title($0).count } + skips.map(\.title.count)).max() ?? 0))
        var lines = running.map { "  \("runs".padded(to: 8)) \(title($0).padded(to: width))  \(remark($0))" }
        lines += skips.map { "  \("skipped".padded(to: 8)) \($0.title.padded(to: width))  \($0.reason)" }
        if !nodes.isEmpty { lines.append("") }
        for (name, time) in nodes { lines.append("  node     \(name.padded(to: width))  \(counted(time.cells, "cell")), \(time.text)") }
        let minutes = hardwareMinutes
        let skipped = cells.count - running.count
        lines += [
            "", "\(counted(running.count, "cell")) \(running.count == 1 ? "runs" : "run") on \(world.rawValue), \(skipped) skipped; one after the other \(all.text)",
            "hardware minutes: at most \(Self.rounded(minutes.longest))" + (all.known == 0 ? "" : ", usually \(Self.rounded(minutes.usual))"),
        ]
        return lines
    }

    /// Cells of one scenario that are skipped for one reason, as one line.
    private var skips: [(title: String, reason: String)] {
        var groups: [(cells: [Cell], reason: String)] = []
        for cell in cells {
            guard let reason = cell.missing else { continue }
            if let last = groups.last, last.reason == reason, last.cells[0].plan.scenario == cell.plan.scenario {
                groups[groups.count - 1].cells.append(cell)
            } else {
                groups.append(([cell], reason))
            }
        }
        return groups.map { group in
            let first = group.cells[0]
            return (group.cells.count == 1 ? title(first) : "\(first.plan.scenario) (\(group.cells.count) cells)", group.reason)
        }
    }

    private static let longestTitle = 60

    private func title(_ cell: Cell) -> String {
        let title = cell.plan.cell.isEmpty ? cell.plan.scenario : "\(cell.plan.scenario) [\(cell.plan.cellText)]"
        return title.count > Self.longestTitle ? title.prefix(Self.longestTitle - 1) + "…" : title
    }

    private func remark(_ cell: Cell) -> String {
        var time = Time()
        time.add(cell)
        let taken = cell.taken.map { "\($0.role.name) = \($0.node.name)" }.joined(separator: ", ")
        return "\(taken.isEmpty ? "no real device" : taken); \(time.text)"
    }

    /// Tenths below ten.
    fileprivate static func rounded(_ minutes: Double) -> String { FigureText.decimal(minutes, places: minutes < 10 ? 1 : 0) }

    // MARK: for machines

    var asValue: FieldValue {
        let minutes = hardwareMinutes
        return [
            "world": .text(world.rawValue), "cells": .list(cells.map(Self.value)),
            "nodes": .list(nodes.map { name, time in
                ["node": .text(name), "cells": .integer(Int64(time.cells)), "longest_ns": .integer(time.longest.nanoseconds), "usual_ns": .integer(time.usual.nanoseconds), "usual_cells": .integer(Int64(time.known))]
            }),
            "hardware_minutes": ["longest": .number(minutes.longest), "usual": all.known == 0 ? .null : .number(minutes.usual)],
        ]
    }

    private static func value(_ cell: Cell) -> FieldValue {
        [
            "scenario": .text(cell.plan.scenario), "file": .text(cell.plan.file), "cell": .record(cell.plan.cell), "runs": .bool(cell.missing == nil),
            "reason": cell.missing.map { .text($0) } ?? .null,
            "nodes": .list(cell.taken.map { ["role": .text($0.role.name), "node": .text($0.node.name)] }),
            "longest_ns": .integer(cell.longest.nanoseconds), "usual_ns": cell.usual.map { .integer($0.nanoseconds) } ?? .null,
        ]
    }
}
