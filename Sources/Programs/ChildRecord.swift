import CLinux
import Glibc
import Synchronization

/// What is known of one child; its owner reads it, its attendant writes it.
final class ChildRecord: Sendable {
    /// What came on one stream.
    struct Collected {
        var bytes: [UInt8] = []
        var limit: Int
        var omitted = 0
        /// No more will come.
        var hasEnded = false

        var count: Int { bytes.count + omitted }

        mutating func append(_ more: ArraySlice<UInt8>) {
            let kept = more.prefix(limit - bytes.count)
            bytes += kept
            omitted += more.count - kept.count
        }
    }

    struct State {
        var output: Collected
        var errors: Collected
        var outcome: ChildProcess.Outcome?
        fileprivate var listeners: [@Sendable () -> Void] = []
    }

    let process: pid_t
    /// Stands for this process alone, also where its identifier has been given to another (pidfd_open(2)).
    let handle: Descriptor
    private let state: Mutex<State>

    /// - Parameter limits: the number of bytes to keep of the standard output and of the standard error.
    init(_ process: pid_t, program: String, limits: (output: Int, errors: Int)) throws(ProgramFailure) {
        let number = clinux_process_open(process)
        guard number >= 0 else {
            let code = errno
            // Nobody can have it, and so it is still this child: it has not been waited for.
            kill(process, SIGKILL)
            Self.reap(process)
            throw ProgramFailure(program, code: code)
        }
        self.process = process
        handle = Descriptor(adopting: number)
        state = Mutex(State(output: Collected(limit: limits.output), errors: Collected(limit: limits.errors)))
    }

    var outcome: ChildProcess.Outcome? { state.withLock { $0.outcome } }

    /// What was collected of the standard output.
    var output: Collected { state.withLock { $0.output } }

    func send(_ signal: Int32) -> Bool { clinux_process_signal(handle.number, signal) == 0 }

    /// Calls `listener` once, when the state changes; at once where `isThere` says that what it waits for is there already.
    func onNews(unless isThere: (State) -> Bool, call listener: @escaping @Sendable () -> Void) {
        let isNow = state.withLock { state in
            if isThere(state) { return true }
            state.listeners.append(listener)
            return false
        }
        if isNow { listener() }
    }

    func change(_ change: (inout State) -> Void) {
        let listeners = state.withLock { state in
            change(&state)
            let listeners = state.listeners
            state.listeners = []
            return listeners
        }
        for listener in listeners { listener() }
    }

    /// Takes its ending from the system, for which the child must have ended; then its outcome is there.
    func finish() {
        let ending = Self.reap(process)
        change { state in
            state.output.hasEnded = true
            state.errors.hasEnded = true
            state.outcome = ChildProcess.Outcome(
                ending: ending, outputBytes: state.output.bytes, errorBytes: state.errors.bytes,
                omittedBytes: state.output.omitted + state.errors.omitted)
        }
    }

    @discardableResult
    private static func reap(_ process: pid_t) -> ChildProcess.Ending {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 { if errno != EINTR { return .unknown } }
        // wait(2): the low seven bits are the signal, the eight bits above the low byte the exit status.
        let signal = status & 0x7f
        return signal == 0 ? .exited(status: status >> 8 & 0xff) : .signalled(number: signal)
    }
}
