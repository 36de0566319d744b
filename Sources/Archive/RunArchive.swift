import Foundation
package import LabCore

/// The folder `runs/`: one folder for each `lab run`, in it one for each cell (architecture.md §7).
package struct RunArchive: Sendable {
    package let root: String

    package init(root: String) { self.root = root }

    package enum Failure: Error, Equatable, CustomStringConvertible {
        case cannotWrite(String, reason: String)
        case unknownRun(String, known: [String])
        case unknownCase(run: String, name: String, known: [String])
        case damaged(String, reason: String)

        package var description: String {
            switch self {
            case .cannotWrite(let path, let reason): "Could not write \(path): \(reason)."
            case .unknownRun(let name, let known):
                known.isEmpty
                    ? "There is no run '\(name)', nor any other. Run `lab run` first."
                    : "There is no run '\(name)'. The latest are \(known.suffix(5).joined(separator: ", "))."
            case .unknownCase(let run, let name, let known):
                "Run \(run) has no case '\(name)'. It has \(known.joined(separator: ", "))."
            case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
            }
        }
    }

    /// Makes the folder of a new run: `<day>-<n>` with the first free n, also where several labs begin at once.
    ///
    /// - Parameter day: month and day, `0611`.
    package func create(day: String) throws(Failure) -> RunFolder {
        do { try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true) } catch {
            throw .cannotWrite(root, reason: error.localizedDescription)
        }
        for number in 1...100_000 {
            let path = "\(root)/\(day)-\(number)"
            if FileManager.default.fileExists(atPath: path) { continue }
            // Without intermediate directories this fails if another lab was faster, and the next number is tried.
            if (try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)) != nil {
                return RunFolder(path: path)
            }
            if !FileManager.default.fileExists(atPath: path) { throw .cannotWrite(path, reason: "the folder cannot be made") }
        }
        throw .cannotWrite(root, reason: "it holds 100,000 runs of \(day)")
    }

    /// The runs in the order in which they were made.
    package func runs() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.filter { $0.contains("-") && FileManager.default.fileExists(atPath: "\(root)/\($0)/result.json") }
            .sorted { (made(at: $0), number(of: $0), $0) < (made(at: $1), number(of: $1), $1) }
    }

    private func made(at name: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: "\(root)/\(name)/result.json")
        return (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
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

/// The folder of one `lab run`.
package struct RunFolder: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// `0611-1`
    package var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The names of its cases, sorted.
    package func cases() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { FileManager.default.fileExists(atPath: "\(path)/\($0)/events.jsonl") }.sorted()
    }

    package func caseFolder(_ name: String) -> CaseFolder { CaseFolder(path: "\(path)/\(name)") }

    /// Makes the folder of a case.
    package func makeCase(_ name: String) throws(RunArchive.Failure) -> CaseFolder {
        let folder = caseFolder(name)
        do { try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true) } catch {
            throw .cannotWrite(folder.path, reason: error.localizedDescription)
        }
        return folder
    }

    /// Writes a file at the top of the run: it is there whole or not at all.
    package func write(_ bytes: [UInt8], to name: String) throws(RunArchive.Failure) {
        try FileWriting.replace("\(path)/\(name)", with: bytes)
    }

    package func read(_ name: String) throws(RunArchive.Failure) -> [UInt8] { try FileWriting.read("\(path)/\(name)") }

    /// A folder name for a cell: letters, digits, dots and dashes, at most 120 characters.
    package static func caseName(scenario: String, cell: Fields) -> String {
        var text = scenario
        for entry in cell { text += ".\(entry.name)-\(entry.value)" }
        var name = ""
        for character in text where name.utf8.count < 120 {
            if character.isASCII && (character.isLetter || character.isNumber || character == ".") {
                name.append(character)
            } else if !name.hasSuffix("-") {
                name.append("-")
            }
        }
        while name.hasSuffix("-") || name.hasSuffix(".") { name.removeLast() }
        return name
    }
}

/// The folder of one cell of a run.
package struct CaseFolder: Sendable {
    package let path: String

    package var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    package func write(_ bytes: [UInt8], to name: String) throws(RunArchive.Failure) {
        try FileWriting.replace("\(path)/\(name)", with: bytes)
    }

    package func read(_ name: String) throws(RunArchive.Failure) -> [UInt8] { try FileWriting.read("\(path)/\(name)") }

    /// Opens `events.jsonl` for writing.
    package func eventWriter() throws(RunArchive.Failure) -> EventWriter { try EventWriter(path: "\(path)/events.jsonl") }

    /// The events of the log. A last line that was cut off by a kill is left out; any other damage is an error.
    package func events() throws(RunArchive.Failure) -> [RunEvent] {
        let file = "\(path)/events.jsonl"
        let bytes = try FileWriting.read(file)
        var events: [RunEvent] = []
        var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: true)[...]
        if bytes.last != 0x0a { lines = lines.dropLast() }
        for (index, line) in lines.enumerated() {
            do throws(RunEvent.ReadingFailure) { events.append(try RunEvent(jsonLine: Array(line))) } catch {
                throw .damaged("\(file):\(index + 1)", reason: error.description)
            }
        }
        return events
    }
}

enum FileWriting {
    static func replace(_ path: String, with bytes: [UInt8]) throws(RunArchive.Failure) {
        do {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch { throw .cannotWrite(path, reason: error.localizedDescription) }
    }

    static func read(_ path: String) throws(RunArchive.Failure) -> [UInt8] {
        do { return Array(try Data(contentsOf: URL(fileURLWithPath: path))) } catch {
            throw .damaged(path, reason: "it cannot be read; \(error.localizedDescription)")
        }
    }
}
