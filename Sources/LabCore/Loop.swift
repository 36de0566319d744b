/// A loop on one thread that others can hand work to: the kernel of a run, or the event loop of a transport.
package protocol Loop: AnyObject, Sendable {
    /// Calls the action on the loop's thread, after what it is doing now. May be called from any thread.
    func post(_ action: @escaping @Sendable () -> Void)
}

/// How a kernel waits where time is real; `sim` has none: it jumps.
///
/// The kernel's thread waits here, so what comes from outside is noticed here as well: descriptors that are readable,
/// ports that hang up. It is held back until the kernel has set its clock, and handed out by `dispatch`.
package protocol Pace: AnyObject, Sendable {
    /// Blocks until that moment, or until something came from outside or `wake` was called, and returns the time then.
    func wait(until deadline: RunInstant) -> RunInstant
    /// Hands out what came from outside; called on the kernel's thread after each wait, with the clock set.
    func dispatch()
    /// Ends a wait; may be called from any thread.
    func wake()
}
