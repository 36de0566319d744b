import Foundation
import Verdicts

/// Files that the firmware commands write: whole or not at all, told by name.
enum FirmwareOutput {
    /// - Parameter isSecret: only the owner may read it, and one that is there is never written over.
    /// - Throws: `Stop` with what to do.
    static func write(_ bytes: [UInt8], to path: String, isSecret: Bool = false) throws {
        guard !path.isEmpty, !path.utf8.contains(0), Descriptor.kind(of: path) != .folder else {
            throw Stop(.wrongInput, "'\(path)' is no name for a file")
        }
        if isSecret, Descriptor.kind(of: path) != nil {
            throw Stop(.wrongInput, "\(path) is there already; a private key is never written over. Name another file, or remove it.")
        }
        // Beside the file and then under its name, so that a full disk leaves the old one.
        let part = isSecret ? path : path + ".part"
        let descriptor = unsafe open(part, O_WRONLY | O_CREAT | O_CLOEXEC | (isSecret ? O_EXCL : O_TRUNC), isSecret ? 0o600 : 0o644)
        guard descriptor >= 0 else { throw Stop(.wrongInput, "cannot write \(path): \(reason(errno))") }
        let failure = Descriptor.write(bytes, to: descriptor)
        _ = close(descriptor)
        guard failure == 0, isSecret || (unsafe rename(part, path)) == 0 else {
            let number = failure == 0 ? errno : failure
            _ = unsafe unlink(part)
            throw Stop(.wrongInput, "cannot write \(path): \(reason(number))")
        }
    }

    private static func reason(_ number: Int32) -> String {
        number == ENOENT ? "its folder is not there" : number == EACCES ? "no right to write there" : Descriptor.reason(number)
    }

    /// Reads a file, or says which cannot be read.
    static func read(_ path: String) throws -> [UInt8] {
        do { return try FirmwareFiles.read(path) } catch { throw Stop(.wrongInput, "cannot read \(path): \(error)") }
    }

    static func text(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }
}
