import Foundation
import Synchronization

/// Standard output and error: whether a person looks at them, and how wide they are.
enum Console {
    static func print(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    static func error(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    static func write(_ bytes: [UInt8]) { FileHandle.standardOutput.write(Data(bytes)) }

    /// Whether standard output is a terminal that understands cursor movements.
    static var isInteractive: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// Whether colour is wanted (no-color.org).
    static var hasColour: Bool {
        isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    }

    /// Columns; 100 where there is no terminal.
    static var width: Int {
        guard let text = ProcessInfo.processInfo.environment["COLUMNS"], let columns = Int(text), columns >= 40 else { return 100 }
        return columns
    }
}

/// Ctrl-C and SIGTERM: noted in the handler, looked at by whoever runs something long.
enum Interrupts {
    private static let received = Atomic<Int32>(0)

    static func watch() {
        for number in [SIGINT, SIGTERM] {
            _ = signal(number) { number in
                // The second one ends the process at once, for a person who cannot wait for the teardown.
                if Interrupts.received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
            }
        }
    }

    /// The signal that came, or `nil`.
    static var signalNumber: Int32? {
        let number = received.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }
}
