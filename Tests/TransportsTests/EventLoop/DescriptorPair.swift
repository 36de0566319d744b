import Glibc

/// A pipe, non-blocking.
final class DescriptorPair {
    let reading: Int32
    let writing: Int32
    private var isClosed = false

    init?() {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit { close() }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(reading)
        Glibc.close(writing)
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
