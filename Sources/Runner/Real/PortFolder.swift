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
        if let path { self.path = path } else { self.path = try TemporaryFolder.make("lab-ports", for: "the folder for serial ports") }
        do { try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true) } catch {
            throw StreamFailure(.permissionDenied, self.path, "the folder for serial ports cannot be made: \(error.localizedDescription)")
        }
        guard FileManager.default.isWritableFile(atPath: self.path) else {
            throw StreamFailure(.permissionDenied, self.path, "the folder for serial ports cannot be written", remedy: "choose another folder, or change its rights")
        }
    }

    func path(for name: String) -> String { "\(path)/\(name)" }

    func remove() { if isTemporary { try? FileManager.default.removeItem(atPath: path) } }
}
