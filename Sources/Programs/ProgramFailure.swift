import Glibc

/// Why a program did not start: which, why, and what to do.
package struct ProgramFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: Sendable, Hashable, CaseIterable {
        case notFound
        /// There is a file, but the system does not execute it.
        case notExecutable
        /// Somebody is writing the file.
        case busy
        /// The folder that it should work in cannot be entered.
        case noFolder
        /// An argument or a variable that cannot be handed over.
        case badArgument
        /// Descriptors, processes or memory are used up.
        case exhausted
        case failed
    }

    package var reason: Reason
    /// As it was given: a name or a path.
    package var program: String
    /// What failed, in a sentence without the program's name.
    package var detail: String
    /// What to do about it.
    package var remedy: String

    package var description: String { "\(program): \(detail); \(remedy)" }

    init(_ reason: Reason, _ program: String, _ detail: String, remedy: String) {
        self.reason = reason
        self.program = program
        self.detail = detail
        self.remedy = remedy
    }

    /// - Parameters:
    ///   - code: of the system (errno).
    ///   - folder: the working folder, where that is what cannot be used.
    init(_ program: String, code: Int32, missing folder: String? = nil) {
        if let folder {
            self.init(.noFolder, program, "the folder '\(folder)' to run it in cannot be entered", remedy: "make it, or choose another")
            return
        }
        switch code {
        case ENOENT where !program.contains("/"):
            self.init(.notFound, program, "there is no such program in PATH", remedy: "install it, or give its path")
        case ENOENT, ENOTDIR:
            self.init(.notFound, program, "there is no such file", remedy: "check the path, and in a script the program after '#!'")
        case EACCES:
            self.init(
                .notExecutable, program, "it may not be executed", remedy: "give a program, with the permission to execute it (chmod +x)")
        case ENOEXEC:
            self.init(.notExecutable, program, "it is not a program of this machine", remedy: "give another, or begin a script with '#!'")
        case ETXTBSY:
            self.init(.busy, program, "somebody is writing it", remedy: "wait until that is done")
        case E2BIG:
            self.init(.badArgument, program, "arguments and variables are too long", remedy: "give large data as input or in a file")
        case EMFILE, ENFILE:
            self.init(.exhausted, program, "too many files are open to start it", remedy: "close some, or raise the limit (ulimit -n)")
        case EAGAIN, ENOMEM:
            self.init(
                .exhausted, program, "the system has no room for another process", remedy: "end others, or raise the limit (ulimit -u)")
        default:
            self.init(
                .failed, program, "it does not start: \(unsafe String(cString: strerror(code))) (error \(code))",
                remedy: "run it by hand to see more")
        }
    }
}
