import Foundation
import LabCore

/// The folder in which emulated serial ports have their stable names: links `modem.at`, `modem.nmea` to whatever the
/// system has called the pseudo terminals.
final class PortFolder {
    let path: String
    /// Made for one run, and removed with it.
    private let isTemporary: Bool

    /// - Parameter path: made where it does not exist; a new temporary folder where it is `nil`.
    /// - Throws: `StreamFailure`.
    init(_ path: String?) throws(StreamFailure) {
        isTemporary = path == nil
        if let path { self.path = path } else { self.path = try Self.makeTemporary() }
        do { try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true) } catch {
            throw StreamFailure(.permissionDenied, self.path, "the folder for serial ports cannot be made: \(error.localizedDescription)")
        }
        guard FileManager.default.isWritableFile(atPath: self.path) else {
            throw StreamFailure(.permissionDenied, self.path, "the folder for serial ports cannot be written", remedy: "choose another folder, or change its rights")
        }
    }

    /// A folder that no other lab of this machine has.
    private static func makeTemporary() throws(StreamFailure) -> String {
        let pattern = FileManager.default.temporaryDirectory.path + "/lab-ports-XXXXXX"
        var name = Array(pattern.utf8CString)
        guard unsafe mkdtemp(&name) != nil else {
            throw StreamFailure(.permissionDenied, pattern, "the folder for serial ports cannot be made", remedy: "make the folder writable, or name another in TMPDIR")
        }
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func path(for name: String) -> String { "\(path)/\(name)" }

    func remove() { if isTemporary { try? FileManager.default.removeItem(atPath: path) } }
}
