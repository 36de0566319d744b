import Foundation
import Glibc

/// Small files of the system, and what they say of processes.
enum SystemText {
    /// The first bytes of a file; `nil` where it cannot be read.
    static func read(_ path: String, atMost limit: Int = 4_096) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor, atMost: limit)
    }

    static func read(_ descriptor: Int32, atMost limit: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        var length = 0
        while length < limit {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(descriptor, buffer.baseAddress.map { unsafe $0 + length }, limit - length, off_t(length))
            }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            if count == 0 { break }
            length += count
        }
        return Array(bytes.prefix(length))
    }

    /// The first line of a file, without spaces around it.
    static func line(_ path: String) -> String? {
        read(path).map { bytes in
            String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }, as: UTF8.self).trimmed
        }
    }

    /// A path with its links followed, those of its folders left out: a port is a link such as /dev/serial/by-id/…, folders of ports are none.
    ///
    /// Link by link: realpath(3) damages the memory of a program whose devices are mocked, and what stands in for a device's node there may be a link that
    /// says of itself that it is a device.
    static func real(_ path: String) -> String { names(of: path).last ?? path }

    /// A path and what it is a link to, link by link; the last one is no link.
    static func names(of path: String) -> [String] {
        var names = [path]
        for _ in 0..<maximumLinks {
            let path = names[names.count - 1]
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { break }
            let folder = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
            names.append(simplified(target.hasPrefix("/") ? target : "\(folder)/\(target)"))
        }
        return names
    }

    /// As the kernel has it (path_resolution(7)).
    private static let maximumLinks = 40

    private static func simplified(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)).lowercased() }
}

extension String {
    /// Without spaces at both ends.
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

/// Processes of this machine, as /proc tells of them.
package enum ProcessTable {
    /// When a process began, in ticks since the boot; `nil` where there is no such process. With the number it names one process for ever:
    /// a number alone is given to another process one day (proc(5), field 22 of stat).
    package static func start(of process: Int32) -> Int64? {
        SystemText.read("/proc/\(process)/stat").flatMap { start(inStat: $0) }
    }

    /// The name may hold spaces and parentheses, so fields are counted from its last `)`.
    static func start(inStat bytes: [UInt8]) -> Int64? {
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        return fields.count > 19 ? Int64(String(decoding: fields[19], as: UTF8.self)) : nil
    }

    /// `minicom`; `nil` where there is no such process.
    package static func name(of process: Int32) -> String? { SystemText.line("/proc/\(process)/comm") }

    /// Whether it runs, also as somebody else's.
    static func isRunning(_ process: Int32) -> Bool { process > 0 && (kill(process, 0) == 0 || errno == EPERM) }
}
