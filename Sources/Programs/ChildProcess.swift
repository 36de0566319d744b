import Dispatch
import Foundation
import Glibc
import Synchronization

/// Another program, run as a child of this process.
///
/// The child begins clean: no signal is blocked or ignored, no descriptor is open but its three standard streams, and it is
/// the leader of a process group of its own, so that Ctrl-C at the terminal reaches the lab alone. What it prints is read
/// at once, whoever waits for it, so it never blocks on a full pipe. It is told to end (SIGTERM) when nobody holds this
/// object any longer.
package final class ChildProcess: Sendable {
    /// Where one of its output streams goes.
    package enum Output: Sendable, Hashable {
        case discarded
        /// To where this process writes.
        case inherited
        /// Into the outcome: the first so many bytes; what comes after them is read and counted.
        case collected(atMost: Int = .max)
    }

    /// Why it is no longer there.
    package enum Ending: Sendable, Hashable, CustomStringConvertible {
        /// 0 to 255.
        case exited(status: Int32)
        case signalled(number: Int32)
        /// The system kept no record of it, as where this process was started with SIGCHLD ignored.
        case unknown

        package var description: String {
            switch self {
            case .exited(let status): "exit \(status)"
            case .signalled(let number): "signal \(number)"
            case .unknown: "ended in an unknown way"
            }
        }
    }

    /// How it ended, and what it printed until then.
    package struct Outcome: Sendable, Hashable, CustomStringConvertible {
        package var ending: Ending
        /// What was collected of its standard output.
        package var outputBytes: [UInt8]
        /// What was collected of its standard error.
        package var errorBytes: [UInt8]
        /// Bytes of both streams that were more than was to be collected.
        package var omittedBytes: Int

        package var output: String { String(decoding: outputBytes, as: UTF8.self) }
        package var errors: String { String(decoding: errorBytes, as: UTF8.self) }

        /// The exit status, 0 to 255; where a signal ended it, minus the signal's number; -256 where nobody knows.
        package var status: Int32 {
            switch ending {
            case .exited(let status): status
            case .signalled(let number): -number
            case .unknown: -256
            }
        }

        /// All of it, for the message of a failed test or a log.
        package var description: String { "\(ending)\n\(output)\n\(errors)" }
    }

    private let record: ChildRecord

    /// Starts a program.
    ///
    /// A child that asks the system for a signal at its parent's death (`setpriv --pdeathsig`) gets it when the thread ends
    /// that calls this.
    ///
    /// - Parameters:
    ///   - program: a path, relative to this process's working folder, or the name of a program in one of the folders of
    ///     this process's PATH.
    ///   - arguments: without the program's own name.
    ///   - folder: its working folder; `nil`: this process's.
    ///   - environment: all of its variables; `nil`: this process's.
    ///   - input: what it reads from its standard input before the end of that. A child that closes it early loses the rest.
    ///   - limit: it and its process group are killed (SIGKILL) after this time; `nil`: never.
    package init(
        _ program: String, _ arguments: [String] = [], in folder: String? = nil, environment: [String: String]? = nil, input: [UInt8] = [],
        output: Output = .collected(), errors: Output = .collected(), limit: Duration? = nil
    ) throws(ProgramFailure) {
        let command = try Command(program, arguments, folder, environment)
        let source = input.isEmpty ? nil : try Pipe(for: program)
        let (out, err) = (try output.pipe(for: program), try errors.pipe(for: program))
        record = try ChildRecord(
            command.start(
                input: source.map { .descriptor($0.reading) } ?? .null, output: output.destination(out), errors: errors.destination(err)),
            program: program, limits: (output.limit, errors.limit))
        Attendant.start(
            Attendant(record, input: source?.writing, bytes: input, output: out?.reading, errors: err?.reading, limit: limit))
    }

    /// Starts a program that speaks: its standard input and output are one descriptor, such as one end of a pair of sockets.
    ///
    /// - Parameters:
    ///   - descriptor: stays the caller's, who can close it afterwards.
    ///   - errors: where its standard error goes.
    package init(
        _ program: String, _ arguments: [String] = [], in folder: String? = nil, environment: [String: String]? = nil, speakingThrough descriptor: Int32,
        errors: Output = .inherited
    ) throws(ProgramFailure) {
        let command = try Command(program, arguments, folder, environment)
        let err = try errors.pipe(for: program)
        // Above the standard streams, as the child's own copies of it are not closed on exec.
        let ends = Descriptor(adopting: fcntl(descriptor, F_DUPFD_CLOEXEC, 3))
        guard ends.number >= 0 else { throw ProgramFailure(program, code: errno) }
        record = try ChildRecord(
            command.start(input: .descriptor(ends), output: .descriptor(ends), errors: errors.destination(err)), program: program,
            limits: (0, errors.limit))
        Attendant.start(Attendant(record, input: nil, bytes: [], output: nil, errors: err?.reading, limit: nil))
    }

    deinit { terminate() }

    /// The number by which the system knows it, also after its end; another process can have it then.
    package var identifier: Int32 { record.process }

    /// Whether its outcome is still to come.
    package var isRunning: Bool { record.outcome == nil }

    /// Sends a signal to it; does nothing once it has ended.
    ///
    /// - Returns: whether it was there to get it.
    @discardableResult
    package func send(_ signal: Int32) -> Bool { record.send(signal) }

    /// Asks it to end (SIGTERM).
    package func terminate() { send(SIGTERM) }

    /// Asks it and everything that it has started in its process group to end (SIGTERM).
    package func terminateGroup() { if isRunning { _ = Glibc.kill(-record.process, SIGTERM) } }

    /// Asks it to stop what it does (SIGINT), as Ctrl-C would.
    package func interrupt() { send(SIGINT) }

    /// Ends it without a chance to say good-bye (SIGKILL).
    package func kill() { send(SIGKILL) }

    /// Blocks the calling thread until it has ended. What descendants that outlive it print afterwards is not waited for.
    @discardableResult
    package func wait() -> Outcome {
        // The child is ended with this object, which is therefore kept until the child has ended.
        defer { withExtendedLifetime(self) {} }
        while true {
            if let outcome = record.outcome { return outcome }
            waitForNews { $0.outcome != nil }
        }
    }

    /// Waits until it has ended; a cancelled task goes on waiting. See `wait()`.
    package func outcome() async -> Outcome {
        defer { withExtendedLifetime(self) {} }
        while true {
            if let outcome = record.outcome { return outcome }
            await withCheckedContinuation { continuation in record.onNews(unless: { $0.outcome != nil }) { continuation.resume() } }
        }
    }

    /// Blocks the calling thread until a condition holds for all that was collected of its standard output, or no more of it
    /// will come.
    ///
    /// - Returns: what was collected until then.
    package func output(until condition: (String) -> Bool) -> String {
        defer { withExtendedLifetime(self) {} }
        while true {
            let collected = record.output
            let text = String(decoding: collected.bytes, as: UTF8.self)
            if collected.hasEnded || condition(text) { return text }
            waitForNews { $0.output.count != collected.count || $0.output.hasEnded }
        }
    }

    private func waitForNews(unless isThere: (ChildRecord.State) -> Bool) {
        let news = DispatchSemaphore(value: 0)
        record.onNews(unless: isThere) { news.signal() }
        news.wait()
    }

    /// The folders of PATH.
    package static var searchPath: [String] { (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init) }

    /// Where a program is installed: in the first of the folders that has it; `nil` where none has.
    package static func path(of name: String, in folders: [String] = ChildProcess.searchPath) -> String? {
        folders.map { "\($0)/\(name)" }.first(where: isProgram)
    }

    private static func isProgram(_ path: String) -> Bool {
        var about = Glibc.stat()
        return unsafe stat(path, &about) == 0 && about.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}

extension ChildProcess.Output {
    fileprivate var limit: Int { if case .collected(let limit) = self { limit } else { 0 } }

    fileprivate func pipe(for program: String) throws(ProgramFailure) -> Pipe? {
        if case .collected = self { try Pipe(for: program) } else { nil }
    }

    fileprivate func destination(_ pipe: Pipe?) -> Command.Stream {
        if let pipe { .descriptor(pipe.writing) } else { self == .inherited ? .inherited : .null }
    }
}
