import GRDB
import Glibc
import LabCore

/// Taking in what the run folders hold and the index does not: runs of a lab that was killed before it wrote there, of a full
/// disk, of an index that was lost.
extension RunIndex {
    package struct Intake: Sendable, Equatable {
        package var added = 0
        /// Runs that could not be read, each in a line.
        package var complaints: [String] = []
        package init(added: Int = 0) { self.added = added }
    }

    /// - Parameter all: reads also the runs again that the index has.
    package func catchUp(with archive: RunArchive, all: Bool = false) throws(IndexFailure) -> Intake {
        var intake = Intake()
        let known = try all ? [:] : modifiedByName()
        for name in archive.runs() {
            let folder = RunFolder(path: "\(archive.root)/\(name)")
            let modified = folder.resultModified
            if known[name]?.contains(modified) == true { continue }
            let found: (entry: RunEntry, acceptances: [Acceptance])
            do throws(RunArchive.Failure) { found = (try folder.entry(), try folder.acceptances()) } catch {
                intake.complaints.append(error.description)
                continue
            }
            try write { db in
                try Self.insert(found.entry, modified: modified, in: db)
                for acceptance in found.acceptances { try Self.insert(acceptance, of: found.entry, in: db) }
            }
            intake.added += 1
        }
        return intake
    }

    private func modifiedByName() throws(IndexFailure) -> [String: Set<Int64>] {
        try read { db in
            var known: [String: Set<Int64>] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT name, modified_ns FROM runs") { known[row["name"], default: []].insert(row["modified_ns"]) }
            return known
        }
    }

    /// Makes the index again from the run folders.
    ///
    /// A whole one is filled in its place, so that runs whose folders are gone stay in it. A damaged one is kept beside the new one.
    ///
    /// - Returns: `kept` is the path of the damaged file.
    /// - Throws: for a file that is none of this lab's, which stays as it is.
    package static func rebuild(path: String, from archive: RunArchive) throws(IndexFailure) -> (index: RunIndex, intake: Intake, kept: String?) {
        var kept: String?
        var index: RunIndex?
        do throws(IndexFailure) {
            let opened = try RunIndex(path: path)
            try opened.checkIntegrity()
            index = opened
        } catch .damaged {
            kept = try setAside(path)
        }
        let whole = if let index { index } else { try RunIndex(path: path) }
        return (whole, try whole.catchUp(with: archive, all: true), kept)
    }

    /// SQLite's own check of the whole file.
    package func checkIntegrity() throws(IndexFailure) {
        let answer = try read { db in try String.fetchOne(db, sql: "PRAGMA integrity_check") ?? "no answer" }
        guard answer == "ok" else {
            close()
            throw .damaged(label, reason: answer.split(separator: "\n").prefix(2).joined(separator: "; "))
        }
    }

    private static func setAside(_ path: String) throws(IndexFailure) -> String {
        do throws(SystemError) {
            let folder = Files.parent(of: path)
            let guardian = try FileDescriptor.open(folder.isEmpty ? "." : folder, FileDescriptor.folderFlags)
            try guardian.lock()
            var number = 1
            while Files.exists("\(path).damaged-\(number)") { number += 1 }
            let target = "\(path).damaged-\(number)"
            for ending in ["", "-wal", "-shm"] where Files.exists(path + ending) {
                if unsafe rename(path + ending, target + ending) != 0 { throw SystemError(code: errno) }
            }
            try guardian.close()
            return target
        } catch { throw .failed(path, reason: error.description) }
    }
}

extension RunFolder {
    /// When the result was written, nanoseconds since 1970, as precise as the file system tells.
    package var resultModified: Int64 { Int64(Files.modified("\(path)/result.json") * 1e9) }

    /// What the index keeps of the run.
    package func entry() throws(RunArchive.Failure) -> RunEntry {
        let result = try document("result.json")
        // Runs of labs that wrote none: nobody knows where they ran.
        let session = try Files.exists("\(path)/\(SessionRecord.fileName)") ? SessionRecord(document(SessionRecord.fileName)) : nil
        let known = session ?? SessionRecord(started: resultModified, machine: nil, label: "", labVersion: "")
        guard let entry = ResultReader.entry(result, session: known, folder: path) else {
            throw .damaged("\(path)/result.json", reason: "'cases' must be a list, 'world' a text")
        }
        return entry
    }

    /// A document that the lab wrote; somebody may have changed it, or put a pipe in its place.
    func document(_ name: String) throws(RunArchive.Failure) -> Fields {
        let file = "\(path)/\(name)"
        guard Files.isRegular(file) else { throw .damaged(file, reason: "it is not a regular file") }
        guard Files.size(file) <= Self.largestDocument else { throw .damaged(file, reason: "it is larger than 256 MiB") }
        let bytes = try Files.read(file)
        let value: FieldValue
        do throws(JSONReader.Failure) { value = try JSONReader.read(bytes) } catch { throw .damaged(file, reason: error.description) }
        guard let record = value.record else { throw .damaged(file, reason: "it must hold one record") }
        return record
    }

    private static var largestDocument: Int { 256 << 20 }
}
