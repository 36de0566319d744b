import Programs
import Testing

/// The program `sqlite3`, which knows nothing of the lab: what it says of a file is what holds.
enum SQLiteProgram {
    static func find() -> String? {
        guard let path = ChildProcess.path(of: "sqlite3") else {
            print("SKIPPED looking at the index with sqlite3: it is not installed")
            return nil
        }
        return path
    }

    /// What it prints for some SQL; `nil` where it is not installed.
    static func ask(_ sql: String, of path: String) throws -> String? {
        guard let program = find() else { return nil }
        let outcome = try ChildProcess(program, ["-batch", path, sql], limit: .seconds(60)).wait()
        #expect(outcome.status == 0, "\(outcome)")
        var text = outcome.output
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    static func expectWhole(_ path: String) throws {
        if let answer = try ask("PRAGMA integrity_check; PRAGMA foreign_key_check;", of: path) { #expect(answer == "ok") }
    }
}
