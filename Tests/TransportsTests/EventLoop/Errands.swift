import Glibc

/// A thread that does one thing.
@safe final class Errands {
    private var thread = pthread_t()
    private var isJoined = false

    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        let context = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                if let context = unsafe context { unsafe Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, context)
        precondition(code == 0, "no thread")
    }

    deinit { join() }

    /// A thread that nobody waits for.
    static func detach(_ body: @escaping @Sendable () -> Void) {
        let errand = Errands(body)
        pthread_detach(errand.thread)
        errand.isJoined = true
    }

    func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(thread, nil)
    }
}
