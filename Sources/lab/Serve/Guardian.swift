import Foundation
import Glibc

/// The process that a served cloud was started for, where it was: when that one is gone, however it ended, the cloud ends too.
struct Guardian {
    /// The variable that names the process by its number.
    static let variable = "LAB_SERVE_FOR"
    private let process: Int32?

    init(_ environment: [String: String] = ProcessInfo.processInfo.environment) { process = environment[Self.variable].flatMap { Int32($0) } }

    /// A child whose parent has ended belongs to somebody else.
    var isGone: Bool { process.map { getppid() != $0 } ?? false }

    /// The environment of a child that is to end with this process.
    static var environment: [String: String] {
        var variables = ProcessInfo.processInfo.environment
        variables[variable] = String(getpid())
        return variables
    }
}
