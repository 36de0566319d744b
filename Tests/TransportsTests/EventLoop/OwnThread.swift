import Testing

/// Runs each test on a thread of its own: tests that wait in a loop must not hold the threads on which asynchronous code runs,
/// such as the verification of certificates.
struct OwnThread: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void) async throws
    {
        try await withTaskExecutorPreference(ThreadExecutor()) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    static var ownThread: OwnThread { OwnThread() }
}

/// Gives each piece of asynchronous code a thread; a test that does not wait for other tasks is one piece.
final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedTaskExecutor()
        Errands.detach { unsafe job.runSynchronously(on: executor) }
    }
}
