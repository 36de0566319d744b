import Glibc

/// A terminal that hands over every key as it is pressed, until it is restored.
final class RawTerminal {
    private let descriptor: Int32
    private let before: termios?
    private var isRaw = false

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        before = Self.settings(of: descriptor)
        guard var raw = before else { return }
        unsafe cfmakeraw(&raw)
        isRaw = unsafe tcsetattr(descriptor, TCSADRAIN, &raw) == 0
    }

    deinit { restore() }

    func restore() {
        guard isRaw, var before else { return }
        isRaw = false
        _ = unsafe tcsetattr(descriptor, TCSADRAIN, &before)
    }

    /// Without the type's own initializer, which belongs to another module where that is part of the program.
    private static func settings(of descriptor: Int32) -> termios? {
        unsafe withUnsafeTemporaryAllocation(of: termios.self, capacity: 1) { buffer in
            guard let settings = buffer.baseAddress, unsafe tcgetattr(descriptor, settings) == 0 else { return nil }
            return unsafe settings.pointee
        }
    }
}
