package import LabCore

extension Kernel {
    /// Waits until that moment; at least until what is scheduled for now has been handled.
    ///
    /// Waits that end at the same moment end in the order in which they began.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    package func sleep(until deadline: RunInstant) async throws {
        _ = try await suspend(until: deadline, on: nil)
    }

    package func sleep(for interval: Duration) async throws {
        try await sleep(until: RunInstant(nanoseconds: core.now).advanced(by: interval))
    }

    /// Lets everything run that is scheduled for this moment.
    package func yield() async throws { try await sleep(until: .start) }

    /// The kernel's time for code that takes a `Clock`.
    package var clock: KernelClock { KernelClock(kernel: self) }

    /// Runs `work`, and cancels it at the deadline.
    ///
    /// Comes back when the work has ended, which code that ignores its cancellation can delay.
    /// - Throws: `DeadlinePassed` if the work had not ended at the deadline; else what the work throws.
    package func withDeadline<Success>(
        _ deadline: RunInstant, _ work: @escaping () async throws -> Success
    ) async throws -> Success {
        let task = start("deadline", work)
        var isPassed = false
        let alarm = schedule(at: deadline) {
            isPassed = true
            task.cancel()
        }
        defer { cancel(alarm) }
        do {
            let confined = Confined(value: task)
            return try await withTaskCancellationHandler { try await confined.value.outcome() } onCancel: { confined.value.cancel() }
        } catch is CancellationError where isPassed {
            throw DeadlinePassed(deadline: deadline)
        }
    }

    /// The one way in which asynchronous code waits: for a moment, for a signal, or for whichever comes first.
    ///
    /// - Returns: whether the signal came; `false` when the moment did.
    func suspend(until deadline: RunInstant?, on signal: Signal?) async throws -> Bool {
        guard isOnOwnerThread else {
            report("wait")
            throw KernelFailure.foreignThread("wait")
        }
        try Task.checkCancellation()
        if isShutDown { throw CancellationError() }
        let task = WaitingTask()
        let item = core.park(.waiter(task))
        let isQueued = deadline != nil
        if let deadline { core.enqueue(item, at: deadline.nanoseconds, cause: cause) }
        signal?.enlist(Waiter(item: item, isQueued: isQueued))
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard core.isLive(item) else { return continuation.resume(throwing: CancellationError()) }
                task.continuation = continuation
            }
        } onCancel: {
            if isOnOwnerThread {
                end(Waiter(item: item, isQueued: isQueued), with: .failure(CancellationError()))
            } else {
                report("cancel")
                deposit(.action { self.end(Waiter(item: item, isQueued: isQueued), with: .failure(CancellationError())) })
            }
        }
    }

    /// Ends a wait before its moment; does nothing if it is over.
    func end(_ waiter: Waiter, with result: Result<Bool, any Error>) {
        guard case .waiter(let task)? = core.remove(waiter.item, isQueued: waiter.isQueued) else { return }
        task.continuation?.resume(with: result)
    }
}

/// A place where a task waits.
struct Waiter: Sendable {
    var item: ScheduledItem
    var isQueued: Bool
}

/// Work was cut off because its time was over.
package struct DeadlinePassed: Error, Sendable, Equatable, CustomStringConvertible {
    package var deadline: RunInstant
    package init(deadline: RunInstant) { self.deadline = deadline }
    package var description: String { "Not done by \(deadline)." }
}

/// The kernel's time as a `Clock`.
package struct KernelClock: Clock {
    let kernel: Kernel

    package var now: RunInstant { kernel.now }
    package var minimumResolution: Duration { .nanoseconds(1) }
    package func sleep(until deadline: RunInstant, tolerance: Duration?) async throws { try await kernel.sleep(until: deadline) }
}

/// Wakes tasks that wait for something to happen: they look again, and wait again if it was not what they wanted.
///
/// There is no memory: `fire` wakes those who wait at that moment, in the order in which they came.
// @unchecked Sendable: touched by the kernel's thread only, which `Kernel.suspend` and `fire` check.
package final class Signal: @unchecked Sendable {
    private let kernel: Kernel
    private var waiters: [Waiter] = []
    private var pruneAt = 16

    package init(on kernel: Kernel) { self.kernel = kernel }

    /// Waits for the next `fire`.
    package func wait() async throws { _ = try await kernel.suspend(until: nil, on: self) }

    /// Waits for the next `fire`, at most until the deadline.
    ///
    /// - Returns: `false` if the deadline came first.
    package func wait(until deadline: RunInstant) async throws -> Bool { try await kernel.suspend(until: deadline, on: self) }

    /// Wakes all who wait.
    package func fire() {
        kernel.confine("fire")
        let woken = waiters
        waiters.removeAll(keepingCapacity: true)
        for waiter in woken { kernel.end(waiter, with: .success(true)) }
    }

    /// Wakes the one who has waited longest.
    package func fireOne() {
        kernel.confine("fireOne")
        while !waiters.isEmpty {
            let waiter = waiters.removeFirst()
            if kernel.core.isLive(waiter.item) { return kernel.end(waiter, with: .success(true)) }
        }
    }

    func enlist(_ waiter: Waiter) {
        if waiters.count >= pruneAt {
            waiters.removeAll { !kernel.core.isLive($0.item) }
            pruneAt = max(16, waiters.count * 2)
        }
        waiters.append(waiter)
    }
}
