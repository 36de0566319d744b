import LabCore
import ScenarioLanguage
import Verdicts

/// A scenario file with what was drawn written before its own steps, and without its `explore`: an ordinary scenario file.
struct DrawnScenario: Sendable {
    /// The file that is explored.
    let file: String
    private let before: [String]
    private let after: [String]
    private let indentation: String

    /// - Parameter text: of a scenario file without errors, which has steps and `explore`.
    /// - Throws: `Stop` where the file is written in a form that cannot be taken apart by lines.
    init(file: String, text: String) throws {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let start = lines.firstIndex(where: { $0.hasPrefix("explore:") }) {
            let end = lines[(start + 1)...].firstIndex { !$0.isEmpty && !$0.hasPrefix(" ") && !$0.hasPrefix("#") } ?? lines.count
            lines.removeSubrange(start..<end)
        }
        guard let steps = lines.firstIndex(where: { $0.hasPrefix("steps:") }),
            let first = lines[(steps + 1)...].first(where: { $0.drop { $0 == " " }.hasPrefix("-") })
        else { throw Stop(.wrongInput, "\(file): `lab explore` needs 'steps:' as a block list, with what must hold in the end") }
        self.file = file
        indentation = String(first.prefix { $0 == " " })
        before = Array(lines[...steps])
        after = Array(lines[(steps + 1)...])
    }

    func text(with draw: Draw) -> String { (before + draw.lines(indentation: indentation) + after).joined(separator: "\n") }
}

/// Files that were read once, with one replaced.
struct SnapshotFiles: FileProvider {
    var contents: [String: [UInt8]]
    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        guard let bytes = contents[path] else { throw SnapshotMiss() }
        return Array(bytes.prefix(count))
    }

    struct SnapshotMiss: Error, CustomStringConvertible {
        var description: String { "it was not read when the exploration began" }
    }
}
