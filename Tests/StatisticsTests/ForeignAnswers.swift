import Foundation
import LabCore
import Programs

/// SciPy, Apache Otava and Python's HdrHistogram, where `scripts/python-tools` has installed them or the machine has them.
struct ForeignAnswers {
    private let python: String
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Tools/answers.py").path

    struct Failure: Error, CustomStringConvertible { var description: String }

    /// Asks all at once: importing the libraries takes longer than answering.
    ///
    /// - Returns: a list of numbers for each question, `nil` for one that is not finite; `nil` after a line `SKIPPED …` where a
    ///   library is missing.
    static func ask(_ questions: [[String: Any]], for test: String) throws -> [[Double?]]? {
        guard let python = python() else {
            print("SKIPPED \(test): python3 is not installed")
            return nil
        }
        let input = JSONWriter.bytes(try value(questions))
        let outcome = try ChildProcess(python, [script], input: input, limit: .seconds(300)).wait()
        if outcome.status == 77 {
            print(
                "SKIPPED \(test): Python's \(outcome.errors.split(separator: "\n").first ?? "") is not installed; scripts/python-tools installs it"
            )
            return nil
        }
        guard outcome.status == 0 else { throw Failure(description: outcome.description) }
        let answers = (try JSONReader.read(outcome.outputBytes).list ?? []).map { $0.list ?? [] }
        guard answers.count == questions.count else {
            throw Failure(description: "\(answers.count) answers for \(questions.count) questions")
        }
        return answers.map { answer in answer.map(\.asNumber) }
    }

    /// With the lab's own writer: Foundation's does not keep every bit of a number.
    private static func value(_ value: Any) throws -> FieldValue {
        switch value {
        case let text as String: .text(text)
        case let flag as Bool: .bool(flag)
        case let number as Int: .integer(Int64(number))
        case let number as UInt64: .integer(Int64(number))
        case let number as Double: .number(number)
        case let list as [Any]: .list(try list.map(Self.value))
        case let record as [String: Any]:
            .record(try record.sorted { $0.key < $1.key }.reduce(into: Fields()) { $0[$1.key] = try Self.value($1.value) })
        default: throw Failure(description: "\(value) cannot be asked")
        }
    }

    private static func python() -> String? {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        for folder in [environment["LAB_PYTHON_TOOLS"] ?? cache + "/lab-python-tools", environment["VIRTUAL_ENV"]].compactMap(\.self) {
            let path = folder + "/bin/python3"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return ChildProcess.path(of: "python3")
    }
}
