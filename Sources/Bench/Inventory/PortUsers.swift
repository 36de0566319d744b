import Foundation
package import LabCore

/// Which programs of this machine have which ports open, as /proc tells of it.
///
/// One look for all ports. What belongs to other users is told to root alone: `hidden` counts the processes that could not be looked at.
package struct PortUsers: Sendable {
    package struct User: Sendable, Hashable, CustomStringConvertible {
        package var process: Int32
        /// As the system knows it: `ModemManager`, `picocom`.
        package var program: String

        package init(process: Int32, program: String) { (self.process, self.program) = (process, program) }

        package var description: String { "\(program) (pid \(process))" }
    }

    private var users: [String: [User]] = [:]
    /// Processes whose descriptors this user may not see.
    package private(set) var hidden = 0
    /// ModemManager, where it runs: it opens ports that it takes for a modem's whenever it likes.
    package private(set) var modemManager: User?

    /// - Parameter users: by the paths that are open.
    package init(_ users: [String: [User]] = [:], modemManager: User? = nil) { (self.users, self.modemManager) = (users, modemManager) }

    /// Looks at every process but this one.
    package static func now() -> PortUsers {
        var result = PortUsers()
        let own = ProcessInfo.processInfo.processIdentifier
        let numbers = Self.entries("/proc").compactMap { Int32($0) }.sorted()
        // A pseudo terminal is its maker's: who holds the end behind it is the device, not a user.
        var makers: [String: Set<Int32>] = [:]
        var found: [(path: String, link: String, user: User)] = []
        for process in numbers where process != own {
            let name = ProcessTable.name(of: process) ?? "?"
            if name == "ModemManager" { result.modemManager = User(process: process, program: name) }
            guard let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd") else {
                result.hidden += 1
                continue
            }
            for descriptor in descriptors {
                let link = "/proc/\(process)/fd/\(descriptor)"
                guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link), path.hasPrefix("/dev/") else { continue }
                if path.hasSuffix("/ptmx") {
                    if let number = terminal(process, descriptor) { makers["/dev/pts/\(number)", default: []].insert(process) }
                } else {
                    found.append((path, link, User(process: process, program: name)))
                }
            }
        }
        // A child that was just being started had what its parent has, and has it no more.
        for (path, link, user) in found where (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) == path {
            if result.users[path]?.last != user { result.users[path, default: []].append(user) }
        }
        for (path, processes) in makers { result.users[path]?.removeAll { processes.contains($0.process) } }
        return result
    }

    /// Who has the port open, by its path or by that which it is a link to.
    package func users(of path: String) -> [User] {
        let target = SystemText.real(path)
        let found = (users[path] ?? []) + (target == path ? [] : users[target] ?? [])
        return found.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Whether ModemManager runs and may take this port for its own (specs/rg500q.md §1.4).
    package func isManaged(_ port: PortRecord) -> Bool {
        guard modemManager != nil, port["ID_MM_DEVICE_IGNORE"] != "1", port["ID_MM_PORT_IGNORE"] != "1" else { return false }
        return port["ID_MM_CANDIDATE"] == "1" || port.usbDevice != nil
    }

    /// The number of the terminal behind a descriptor of /dev/ptmx.
    private static func terminal(_ process: Int32, _ descriptor: String) -> Int? {
        guard let bytes = SystemText.read("/proc/\(process)/fdinfo/\(descriptor)") else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("tty-index:") {
            return Int(line.dropFirst("tty-index:".count).filter(\.isNumber))
        }
        return nil
    }

    private static func entries(_ folder: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }
}
