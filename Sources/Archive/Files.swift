import Foundation
import Glibc
import Synchronization

/// Files as the archive uses them: whole or not at all.
enum Files {
    private static let partCount = Atomic<Int>(0)

    static func read(_ path: String) throws(RunArchive.Failure) -> [UInt8] {
        do { return try FileDescriptor.open(path, O_RDONLY).readToEnd() } catch {
            throw .damaged(path, reason: "it cannot be read: \(error)")
        }
    }

    /// Puts `bytes` in the place of the file, which is the old one until all of the new one is written.
    ///
    /// This holds also when the lab is killed; it does not wait for the disk, so a power cut may take the new file.
    static func replace(_ path: String, with bytes: [UInt8]) throws(RunArchive.Failure) {
        do throws(SystemError) {
            try makeFolders(parent(of: path))
            let part = "\(path).\(getpid())-\(partCount.add(1, ordering: .relaxed).newValue).part"
            do throws(SystemError) {
                let file = try FileDescriptor.open(part, O_WRONLY | O_CREAT | O_EXCL)
                try file.write(bytes)
                try file.close()
                if unsafe rename(part, path) != 0 { throw SystemError(code: errno) }
            } catch {
                _ = unsafe unlink(part)
                throw error
            }
        } catch { throw .cannotWrite(path, reason: error.description) }
    }

    /// Makes a folder.
    ///
    /// - Returns: `false` if something of this name is there already, so that of several makers one succeeds.
    static func makeFolder(_ path: String) throws(SystemError) -> Bool {
        if unsafe mkdir(path, 0o755) == 0 { return true }
        if errno == EEXIST { return false }
        throw SystemError(code: errno)
    }

    /// Makes a folder with those above it; does nothing where it is there.
    static func makeFolders(_ path: String) throws(SystemError) {
        if path.isEmpty || path == "/" { return }
        let isMade: Bool
        do throws(SystemError) { isMade = try makeFolder(path) } catch {
            let above = parent(of: path)
            guard error.code == ENOENT, !above.isEmpty else { throw error }
            try makeFolders(above)
            isMade = try makeFolder(path)
        }
        if !isMade, !isFolder(path) { throw SystemError(code: ENOTDIR) }
    }

    static func isFolder(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func isRegular(_ path: String) -> Bool {
        var info = stat()
        return unsafe stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    }

    /// Bytes of a file; 0 where there is none.
    static func size(_ path: String) -> Int {
        var info = stat()
        return unsafe stat(path, &info) == 0 ? Int(info.st_size) : 0
    }

    /// The names in a folder, sorted; none where it cannot be read.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Seconds since 1970 at which the file was last written; 0 where there is none.
    static func modified(_ path: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
