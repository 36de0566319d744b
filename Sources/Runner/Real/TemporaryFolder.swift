import Foundation
import LabCore

enum TemporaryFolder {
    /// Makes a folder below TMPDIR that nobody else has, with rights for this user alone.
    ///
    /// - Parameters:
    ///   - name: how its name begins: `lab-ports`.
    ///   - purpose: what it is for, as errors say it: `the folder for serial ports`.
    /// - Returns: its path.
    static func make(_ name: String, for purpose: String) throws(StreamFailure) -> String {
        let pattern = "\(FileManager.default.temporaryDirectory.path)/\(name)-XXXXXX"
        var path = Array(pattern.utf8CString)
        guard unsafe mkdtemp(&path) != nil else {
            throw StreamFailure(.permissionDenied, pattern, "\(purpose) cannot be made", remedy: "make the folder writable, or name another in TMPDIR")
        }
        return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
