import Foundation
import Glibc
package import LabCore
import Synchronization

/// What happens when a job comes from another thread.
package enum ForeignJobPolicy: Sendable {
    /// `sim`: prints what to look for and stops the program, because the run could not be repeated.
    case trap
    /// Tells it, and takes the job into the loop all the same. For tests.
    case observe(@Sendable (ForeignJob) -> Void)
    /// `emu` and `hw`: foreign threads are normal; their jobs are handled when the loop comes to it.
    case accept

    var acceptsMail: Bool { if case .trap = self { false } else { true } }
}

/// A job or a call that did not come from the kernel's thread.
package struct ForeignJob: Sendable, CustomStringConvertible {
    /// What was called: `resume` where the Swift runtime hands in a task that goes on.
    package var call: String

    package var description: String {
        """
        The simulation was reached from another thread (\(call)). Code that runs in sim must stay on the kernel's loop, \
        or the run cannot be repeated. Look for `Task {}`, `Task.detached`, `Task.sleep`, Dispatch, Foundation timers \
        and `await db.write` in what runs there; use kernel.start, a task group, kernel.sleep and the synchronous \
        database calls instead.
        """
    }
}

/// Something that another thread handed in.
enum Mail {
    case job(UnownedJob)
    case action(@Sendable () -> Void)
}

enum CurrentThread {
    static var id: UInt { UInt(pthread_self()) }
}

/// Carries a value that is not Sendable into a task of the kernel.
// @unchecked Sendable: the kernel's executor runs such tasks on the kernel's one thread, where the value came from.
struct Confined<Value>: @unchecked Sendable {
    let value: Value
}

extension Kernel: TaskExecutor {
    /// Jobs run at the current moment in the order in which they come; priorities are ignored.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnOwnerThread {
            _ = core.schedule(.job(job), at: core.now, cause: cause)
            return
        }
        report("resume")
        deposit(.job(job))
    }

    var isOnOwnerThread: Bool { owner.load(ordering: .relaxed) == CurrentThread.id }

    /// Makes the calling thread the owner. Only before the first run, by the thread that will run it.
    package func adopt() {
        precondition(!isRunning, "A running kernel cannot change its thread.")
        owner.store(CurrentThread.id, ordering: .relaxed)
    }

    /// Stops the program if the calling thread is not the owner.
    func confine(_ call: StaticString) {
        if isOnOwnerThread { return }
        report("\(call)")
        preconditionFailure("Kernel.\(call) was called from another thread.")
    }

    func report(_ call: String) {
        switch foreignJobs {
        case .accept: break
        case .observe(let observer): observer(ForeignJob(call: call))
        case .trap:
            FileHandle.standardError.write(Data("\(ForeignJob(call: call))\n".utf8))
            preconditionFailure("A foreign job reached the simulation.")
        }
    }

    func deposit(_ mail: Mail) {
        inbox.withLock { $0.append(mail) }
        hasMail.store(true, ordering: .releasing)
        pace?.wake()
    }

    /// Puts what other threads handed in into the order, at the current moment.
    func takeMail() {
        hasMail.store(false, ordering: .releasing)
        let mail = inbox.withLock { box in
            let content = box
            box.removeAll()
            return content
        }
        for item in mail {
            switch item {
            case .job(let job): _ = core.schedule(.job(job), at: core.now, cause: 0)
            case .action(let action): _ = core.schedule(.action(action), at: core.now, cause: 0)
            }
        }
    }
}

extension Kernel {
    /// Starts asynchronous code on the loop. It begins at the current moment, after what is scheduled already.
    ///
    /// The code and all that it awaits stay on the kernel's thread, so that it may share state that is not Sendable
    /// with other code of the kernel. It carries the current cause; after each wait it has the cause of what woke it.
    ///
    /// - Parameter name: names the task in the message about a run that came to a standstill.
    @discardableResult
    package func start<Success>(_ name: String, _ work: @escaping () async throws -> Success) -> KernelTask<Success> {
        confine("start")
        taskCount += 1
        let id = taskCount
        unfinished[id] = name
        let handle = KernelTask<Success>(name: name, kernel: self)
        let confined = Confined(value: work)
        handle.task = Task(executorPreference: self) {
            let result: Result<Success, any Error>
            do { result = .success(try await confined.value()) } catch { result = .failure(error) }
            self.unfinished[id] = nil
            handle.finish(result)
        }
        return handle
    }

    /// Drives the loop until the asynchronous code has ended, and gives its result.
    ///
    /// - Throws: what the code throws; `KernelFailure` if it cannot come to its end.
    package func runBlocking<Success>(
        _ name: String = "main", until limit: RunInstant = .distantFuture, _ work: @escaping () async throws -> Success
    ) throws -> Success {
        let task = start(name, work)
        let outcome = run(until: limit) { task.result != nil }
        if let result = task.result { return try result.get() }
        let waiting = unfinished.sorted { $0.key < $1.key }.map(\.value)
        task.cancel()
        run(until: now) { task.result != nil }
        switch outcome {
        case .idle: throw KernelFailure.stalled(waiting: waiting, at: now)
        case .spinning: throw KernelFailure.spinning(at: now)
        case .stopped: throw KernelFailure.stopped(at: now)
        case .reached, .satisfied: throw KernelFailure.timeIsOver(at: limit)
        }
    }
}

/// Asynchronous code that runs on a kernel.
// @unchecked Sendable: touched by the kernel's thread only.
package final class KernelTask<Success>: @unchecked Sendable {
    package let name: String
    /// `nil` until the code has ended.
    package private(set) var result: Result<Success, any Error>?
    var task: Task<Void, Never>?
    private let ended: Signal

    init(name: String, kernel: Kernel) {
        self.name = name
        ended = Signal(on: kernel)
    }

    package var isFinished: Bool { result != nil }

    /// Asks the code to end: its `sleep` and `wait` throw `CancellationError`.
    package func cancel() { task?.cancel() }

    /// Waits for the end and gives the result.
    ///
    /// - Throws: what the code threw; `CancellationError` if the waiting task is cancelled (the code goes on).
    package func value() async throws -> Success {
        while true {
            if let result { return try result.get() }
            try await ended.wait()
        }
    }

    /// Waits for the end even if the waiting task is cancelled.
    func outcome() async throws -> Success {
        await task?.value
        guard let result else { throw CancellationError() }
        return try result.get()
    }

    func finish(_ result: Result<Success, any Error>) {
        self.result = result
        ended.fire()
    }
}

/// Why asynchronous code did not come to its end.
package enum KernelFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing is scheduled, and the tasks wait for something that nobody will do.
    case stalled(waiting: [String], at: RunInstant)
    case spinning(at: RunInstant)
    case stopped(at: RunInstant)
    case timeIsOver(at: RunInstant)
    /// A waiting call came from another thread.
    case foreignThread(String)

    package var description: String {
        switch self {
        case .stalled(let waiting, let at):
            """
            The run stands still at \(at): nothing is scheduled, and \(waiting.joined(separator: ", ")) still \
            \(waiting.count == 1 ? "waits" : "wait"). Look for a `Task.sleep` or another wait outside of the kernel, \
            or for a signal that nobody fires.
            """
        case .spinning(let at): "The run does not get past \(at): something answers itself without any delay."
        case .stopped(let at): "The run was stopped at \(at)."
        case .timeIsOver(let at): "The run was not over at \(at)."
        case .foreignThread(let call): ForeignJob(call: call).description
        }
    }
}
