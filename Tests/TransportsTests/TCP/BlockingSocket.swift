import Glibc

/// A client's socket without a library between it and the kernel, for what libraries hide.
final class BlockingSocket {
    private let descriptor: Int32

    struct ConnectError: Error { var number: Int32 }

    /// Connects to a port of this machine. Reads give up after ten seconds.
    init(port: Int) throws(ConnectError) {
        descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                unsafe Glibc.connect(descriptor, rebound, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // The descriptor is closed by `deinit`, which runs also where this throws: once, or another test loses its own.
        guard result == 0 else { throw ConnectError(number: errno) }
    }

    deinit { Glibc.close(descriptor) }

    /// Whether the kernel took the bytes.
    func write(_ bytes: [UInt8]) -> Bool { unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count }

    /// The next bytes, at most 100; none at the end of the stream, nil on an error.
    func read() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = unsafe Glibc.recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : [UInt8](buffer.prefix(count))
    }

    /// Ends the connection with a reset as soon as this is forgotten.
    func resetsAtEnd() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }
}
