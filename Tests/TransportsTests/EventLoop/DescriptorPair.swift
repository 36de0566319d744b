import Glibc

/// A pipe, non-blocking.
final class DescriptorPair {
    let reading: Int32
    let writing: Int32
    private var open: Set<Int32>

    init?() {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        (reading, writing) = (ends[0], ends[1])
        open = Set(ends)
    }

    deinit { close() }

    func close() {
        close(reading)
        close(writing)
    }

    /// Closes one end, once: by the second time its number may belong to a test that runs beside this one.
    func close(_ end: Int32) {
        if open.remove(end) != nil { Glibc.close(end) }
    }

    func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(writing, bytes, bytes.count)
    }

    func read() -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe Glibc.read(reading, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
