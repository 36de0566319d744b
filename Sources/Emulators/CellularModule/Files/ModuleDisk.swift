import LabCore

/// The file system `UFS:`: whole blocks of a flash, and a list of files that is kept in the settings' store (specs/rg500q.md §3.1).
///
/// A file is written into free blocks first and listed afterwards, so that a loss of power leaves the old list or the new one.
package struct ModuleDisk: Sendable {
    package struct File: Sendable, Equatable {
        package var name: String
        package var size: Int
        var blocks: [Int]
    }

    /// 64 MiB in blocks of 16 KiB. Source: total of transcript 139.
    static let geometry = (try? VirtualFlash.Geometry(sectorCount: 4_096, sectorSize: 16_384, writeUnit: 1)) ?? .badge
    /// Source: chosen; the list must fit into one record.
    static let fileLimit = 128
    static let nameLimit = 80

    private var flash = VirtualFlash(Self.geometry)
    /// In the order of their names.
    package private(set) var files: [File] = []

    package init() {}

    var total: Int { flash.geometry.size }
    var free: Int { total - files.reduce(0) { $0 + $1.blocks.count } * flash.geometry.sectorSize }

    func file(_ name: String) -> File? { files.first { $0.name == name } }

    package func contents(_ name: String) -> [UInt8]? {
        guard let file = file(name) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(file.size)
        for block in file.blocks {
            let count = min(flash.geometry.sectorSize, file.size - bytes.count)
            guard let part = try? flash.read(at: block * flash.geometry.sectorSize, count: count) else { return nil }
            bytes += part
        }
        return bytes
    }

    /// Writes a file into free blocks, in place of one of that name.
    ///
    /// - Returns: false if there is no room; the old file stays then.
    mutating func write(_ name: String, _ bytes: [UInt8]) -> Bool {
        let size = flash.geometry.sectorSize
        let needed = (bytes.count + size - 1) / size
        guard files.count < Self.fileLimit || file(name) != nil else { return false }
        var isUsed = [Bool](repeating: false, count: flash.geometry.sectorCount)
        for block in files.lazy.flatMap(\.blocks) { isUsed[block] = true }
        let blocks = Array(isUsed.indices.lazy.filter { !isUsed[$0] }.prefix(needed))
        guard blocks.count == needed else { return false }
        for (number, block) in blocks.enumerated() {
            let part = Array(bytes[(number * size)..<min((number + 1) * size, bytes.count)])
            guard (try? flash.erase(sector: block)) != nil, (try? flash.program(at: block * size, part)) != nil else { return false }
        }
        files.removeAll { $0.name == name }
        files.insert(File(name: name, size: bytes.count, blocks: blocks), at: files.firstIndex { $0.name > name } ?? files.endIndex)
        return true
    }

    mutating func remove(_ name: String) { files.removeAll { $0.name == name } }

    // MARK: The list in flash

    /// Name, size and runs of blocks of each file.
    var list: [UInt8] {
        var bytes: [UInt8] = []
        for file in files {
            let name = Array(file.name.utf8)
            bytes.append(UInt8(clamping: name.count))
            bytes += name.prefix(255)
            bytes.append(littleEndian: UInt32(file.size))
            var runs: [(start: Int, count: Int)] = []
            for block in file.blocks {
                if let last = runs.last, last.start + last.count == block {
                    runs[runs.count - 1].count += 1
                } else {
                    runs.append((block, 1))
                }
            }
            bytes.append(littleEndian: UInt16(runs.count))
            for run in runs {
                bytes.append(littleEndian: UInt16(run.start))
                bytes.append(littleEndian: UInt16(run.count))
            }
        }
        return bytes
    }

    /// Takes the list from the flash; files that are not whole in it are not there.
    mutating func mount(_ list: [UInt8]) {
        files = []
        var cursor = ByteCursor(list)
        while let length = cursor.integer(UInt8.self), let name = cursor.take(Int(length)), let size = cursor.integer(UInt32.self),
            let runs = cursor.integer(UInt16.self)
        {
            var blocks: [Int] = []
            for _ in 0..<runs {
                guard let start = cursor.integer(UInt16.self), let count = cursor.integer(UInt16.self) else { return }
                blocks += (Int(start)..<(Int(start) + Int(count))).filter { $0 < flash.geometry.sectorCount }
            }
            files.append(File(name: String(decoding: name, as: UTF8.self), size: Int(size), blocks: blocks))
        }
    }
}

/// What AT commands on files keep until the next reset.
struct FileState: Sendable {
    /// An open file. What was written is kept here until it is closed.
    struct Handle: Sendable {
        var number: Int
        var name: FileName
        var bytes: [UInt8]
        var position = 0
        var isWritable: Bool
        var isChanged = false
    }

    /// `RAM:`, in the order of their names.
    var temporary: [(name: String, bytes: [UInt8])] = []
    var handles: [Handle] = []
    /// Uploads that have come in full, by port.
    var taken: [LinkName: FileUpload] = [:]
}

/// A file name with its storage.
struct FileName: Sendable, Equatable {
    var isTemporary: Bool
    var name: String

    /// `UFS:a.zip`, `RAM:a.pem`, `a.zip`; `nil` for names that are empty, too long, or not printable.
    init?(_ text: String) {
        let upper = text.uppercased()
        isTemporary = upper.hasPrefix("RAM:")
        name = isTemporary || upper.hasPrefix("UFS:") ? String(text.dropFirst(4)) : text
        guard !name.isEmpty, name.utf8.count <= ModuleDisk.nameLimit, name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != 0x3a })
        else { return nil }
    }

    var full: String { (isTemporary ? "RAM:" : "UFS:") + name }
}

/// Bytes on their way from the host into a file.
struct FileUpload: Sendable {
    enum Purpose: Sendable, Equatable {
        case file(FileName)
        case handle(Int)
    }

    var purpose: Purpose
    var size: Int
    /// Without a byte for so long the upload ends.
    var limit: Duration
    /// An `A` for each 1 KiB.
    var isAcknowledged = false
    var bytes: [UInt8] = []
    /// The host has ended it with `+++`.
    var isCut = false

    /// XOR of the big-endian 16-bit words, an odd last byte being the high half (specs/rg500q.md §3.1).
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum = UInt16(0)
        for (index, byte) in bytes.enumerated() { sum ^= index % 2 == 0 ? UInt16(byte) << 8 : UInt16(byte) }
        return sum
    }
}
