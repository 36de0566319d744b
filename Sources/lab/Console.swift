import Foundation
import Synchronization

/// Standard output and error: whether a person looks at them, and how wide they are.
enum Console {
    /// The errno of the first write to standard output that failed; nothing is written there any more.
    private static let broken = Atomic<Int32>(0)

    static func print(_ text: String) { write(Array((text + "\n").utf8)) }

    /// A line that the next one replaces, where a person looks on.
    static func progress(_ text: String) {
        if isInteractive { write(Array("\r\u{1b}[K\(text)".utf8)) }
    }

    static func error(_ text: String) { _ = Descriptor.write(Array((text + "\n").utf8), to: STDERR_FILENO) }

    /// A reader that has gone (`lab plan | head`) or a full disk does not stop a run: its reports are still written.
    static func write(_ bytes: [UInt8]) {
        guard broken.load(ordering: .relaxed) == 0 else { return }
        let failure = Descriptor.write(bytes, to: STDOUT_FILENO)
        if failure != 0 { broken.store(failure, ordering: .relaxed) }
    }

    /// Why standard output is not whole; `nil` also for a reader that had enough.
    static var failure: String? {
        let number = broken.load(ordering: .relaxed)
        return number == 0 || number == EPIPE ? nil : "Could not write to standard output: \(Descriptor.reason(number))."
    }

    /// Whether standard output is a terminal that understands cursor movements.
    static var isInteractive: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// Whether colour is wanted (no-color.org).
    static var hasColour: Bool {
        isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    }

    /// Columns of the terminal; 100 where it does not say.
    static var width: Int {
        var size = winsize()
        if unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 { return Int(size.ws_col) }
        guard let text = ProcessInfo.processInfo.environment["COLUMNS"], let columns = Int(text), columns >= 20 else { return 100 }
        return columns
    }
}

/// Ctrl-C and SIGTERM: noted in the handler, looked at by whoever runs something long.
enum Interrupts {
    private static let received = Atomic<Int32>(0)
    private static let notice: StaticString = "\nstopping: the teardown runs; once more ends the lab at once\n"

    static func watch() {
        // Who starts the lab may have blocked them, as thread pools do.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        for number in [SIGINT, SIGTERM] {
            _ = signal(number) { number in
                // The second one ends the process at once, for a person who cannot wait for the teardown.
                if Interrupts.received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
                // Only calls that are allowed in a signal handler.
                _ = unsafe write(STDERR_FILENO, Interrupts.notice.utf8Start, Interrupts.notice.utf8CodeUnitCount)
            }
        }
    }

    /// The signal that came, or `nil`.
    static var signalNumber: Int32? {
        let number = received.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }
}
