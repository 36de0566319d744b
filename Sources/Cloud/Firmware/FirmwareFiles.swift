import GRDB
import LabCore
import Synchronization

/// The files of versions in memory: a device asks for a file in hundreds of pieces, and the database gives blobs only whole.
final class FirmwareFiles: Sendable {
    struct File: Sendable {
        /// 64 hexadecimal digits.
        var checksum: String
        var bytes: [UInt8]
        /// With its quotes (RFC 9110 §8.8.3).
        var tag: String { "\"sha256-\(checksum)\"" }
    }

    private struct Entry: Sendable {
        var version: Int64
        var part: FirmwarePart
        var file: File
    }

    private let storage: Storage
    private let limit: Int
    /// The one that was asked for last at the end.
    private let entries = Mutex<[Entry]>([])

    init(storage: Storage, limit: Int) {
        self.storage = storage
        self.limit = limit
    }

    func file(_ part: FirmwarePart, of version: Int64) throws -> File? {
        let known = entries.withLock { entries -> File? in
            guard let index = entries.lastIndex(where: { $0.version == version && $0.part == part }) else { return nil }
            if index != entries.count - 1 { entries.append(entries.remove(at: index)) }
            return entries[entries.count - 1].file
        }
        if let known { return known }
        guard let (checksum, bytes) = try storage.read({ db in try VersionStore.content(part, of: version, in: db) }) else { return nil }
        let file = File(checksum: checksum, bytes: bytes)
        entries.withLock { entries in
            entries.append(Entry(version: version, part: part, file: file))
            var size = entries.reduce(0) { $0 + $1.file.bytes.count }
            while size > limit, entries.count > 1 { size -= entries.removeFirst().file.bytes.count }
        }
        return file
    }

    func forget(_ version: Int64) { entries.withLock { $0.removeAll { $0.version == version } } }
}

/// Faults of a scenario, for this life of the cloud.
struct FirmwareFaults: Sendable {
    /// Other bytes under the address of a version (specs/ota.md N5).
    var switched: [(version: String, file: FirmwareFiles.File)] = []
    /// Versions that are gone for whoever asks (M5).
    var deleted: [String] = []
    /// Reports are not taken, or taken and not answered (M6).
    var losesReports = false
    var takesLostReports = false
    /// The status with which reports are answered instead of being taken.
    var reportStatus: Int?
    /// How many more; `nil` until the fault ends.
    var reportsLeft: Int64?

    /// Whether a fault acts on this report.
    mutating func strikes() -> Bool {
        guard losesReports || reportStatus != nil else { return false }
        guard let left = reportsLeft else { return true }
        if left <= 0 { return false }
        reportsLeft = left - 1
        return true
    }
}
