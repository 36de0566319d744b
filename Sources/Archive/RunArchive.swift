/// The folder `runs/`: one folder for each `lab run`, in it one for each cell (architecture.md §7).
package struct RunArchive: Sendable {
    package let root: String

    package init(root: String) { self.root = root }

    package enum Failure: Error, Equatable, CustomStringConvertible {
        case cannotWrite(String, reason: String)
        case unknownRun(String, known: [String])
        /// An empty name: none was given, and the run has not exactly one case.
        case unknownCase(run: String, name: String, known: [String])
        case damaged(String, reason: String)

        package var description: String {
            switch self {
            case .cannotWrite(let path, let reason): "Could not write \(path): \(reason)."
            case .unknownRun(let name, let known):
                known.isEmpty
                    ? "There is no run '\(name)', nor any other. Run `lab run` first."
                    : "There is no run '\(name)'. The latest are \(known.suffix(5).joined(separator: ", "))."
            case .unknownCase(let run, _, []): "Run \(run) has no cases."
            case .unknownCase(let run, "", let known):
                "Run \(run) has \(known.count) cases; name one of them, such as \(run)/\(known[0]). It has \(Self.list(known))."
            case .unknownCase(let run, let name, let known): "Run \(run) has no case '\(name)'. It has \(Self.list(known))."
            case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
            }
        }

        private static func list(_ names: [String]) -> String {
            let shown = names.prefix(20).joined(separator: ", ")
            return names.count > 20 ? "\(shown) and \(names.count - 20) more" : shown
        }
    }

    /// Makes the folder of a new run: `<day>-<n>` with the first free n, also where several labs begin at once.
    ///
    /// - Parameter day: month and day, `0611`.
    package func create(day: String) throws(Failure) -> RunFolder {
        do { try Files.makeFolders(root) } catch { throw .cannotWrite(root, reason: error.description) }
        for number in 1...100_000 {
            let path = "\(root)/\(day)-\(number)"
            do {
                // Making the folder is the test for whether it is free: of several labs one succeeds.
                if try Files.makeFolder(path) { return RunFolder(path: path) }
            } catch { throw .cannotWrite(path, reason: error.description) }
        }
        throw .cannotWrite(root, reason: "it holds 100,000 runs of \(day)")
    }

    /// The runs that came to their end, in this order.
    package func runs() -> [String] {
        let found = Files.names(in: root).filter { $0.contains("-") && Files.exists("\(root)/\($0)/result.json") }
        let entries = found.map { (made: Files.modified("\(root)/\($0)/result.json"), number: number(of: $0), name: $0) }
        return entries.sorted { ($0.made, $0.number, $0.name) < ($1.made, $1.number, $1.name) }.map(\.name)
    }

    /// The latest run without a result that was begun after all others had ended: it is under way, or it was killed.
    package var unfinished: String? {
        let end = runs().last.map { Files.modified("\(root)/\($0)/result.json") } ?? 0
        let begun = Files.names(in: root).filter { $0.contains("-") && !$0.hasPrefix(".") && !Files.exists("\(root)/\($0)/result.json") }
        let later = begun.map { (made: Files.modified("\(root)/\($0)"), number: number(of: $0), name: $0) }.filter { $0.made > end }
        return later.max { ($0.made, $0.number, $0.name) < ($1.made, $1.number, $1.name) }?.name
    }

    private func number(of name: String) -> Int { name.split(separator: "-").last.flatMap { Int($0) } ?? 0 }

    /// The run with this name; the latest for `last`.
    package func open(_ name: String) throws(Failure) -> RunFolder {
        let known = runs()
        if name == "last", let latest = known.last { return RunFolder(path: "\(root)/\(latest)") }
        guard known.contains(name) else { throw .unknownRun(name, known: known) }
        return RunFolder(path: "\(root)/\(name)")
    }

    /// The case that `0611-1/badge-register.loss-20` names; the part after the slash may be left out where a run has one case.
    package func openCase(_ name: String) throws(Failure) -> CaseFolder {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        let run = try open(parts.first ?? "last")
        let known = run.cases()
        if parts.count == 2 {
            guard known.contains(parts[1]) else { throw .unknownCase(run: run.name, name: parts[1], known: known) }
            return run.caseFolder(parts[1])
        }
        guard known.count == 1, let only = known.first else { throw .unknownCase(run: run.name, name: "", known: known) }
        return run.caseFolder(only)
    }
}
