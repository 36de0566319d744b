import GRDB

/// Why the index of runs cannot be used. The run folders hold all of it, so nothing is lost with it.
package enum IndexFailure: Error, Equatable, CustomStringConvertible {
    /// Made by a lab with further migrations.
    case newer(String, version: Int64)
    /// A database of another program.
    case foreign(String)
    case damaged(String, reason: String)
    case full(String)
    /// Others wrote for longer than the lab waits.
    case busy(String)
    case failed(String, reason: String)

    package var description: String {
        switch self {
        case .newer(let path, let version):
            "\(path) was made by a newer lab: its schema is \(version), this lab knows \(IndexSchema.version). Use that lab, or name another file as `history` in lab.yaml."
        case .foreign(let path):
            "\(path) is a database of another program. Name another file as `history` in lab.yaml."
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason). `lab trend --rebuild` makes it again from the run folders, and keeps the damaged file."
        case .full(let path):
            "\(path): the disk is full. Earlier runs are as they were; make room there, and the next command takes in what is missing."
        case .busy(let path): "\(path): other labs kept it locked for too long. The next command takes in what is missing."
        case .failed(let path, let reason): "Could not use \(path): \(reason)."
        }
    }

    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            self = error as? IndexFailure ?? .failed(path, reason: "\(error)")
            return
        }
        let reason = error.message ?? error.resultCode.description
        self =
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path, reason: reason)
            case .SQLITE_FULL: .full(path)
            case .SQLITE_BUSY, .SQLITE_LOCKED: .busy(path)
            default: .failed(path, reason: reason)
            }
    }
}
