import CLinux
import Glibc

/// A descriptor that is closed with its last owner.
final class Descriptor: Sendable {
    let number: Int32

    init(adopting number: Int32) { self.number = number }

    deinit { close(number) }
}

/// A pipe whose two ends no other program inherits.
struct Pipe {
    let reading: Descriptor
    let writing: Descriptor

    init(for program: String) throws(ProgramFailure) {
        var ends: [Int32] = [-1, -1]
        guard unsafe clinux_pipe(&ends) == 0 else { throw ProgramFailure(program, code: errno) }
        (reading, writing) = (Descriptor(adopting: ends[0]), Descriptor(adopting: ends[1]))
    }
}
