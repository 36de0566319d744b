import Glibc
import Transports

/// A port of 127.0.0.1 that is taken, so that nobody else gets it, and on which nobody listens.
final class UnusedPort {
    let address: StreamAddress
    private let descriptor: Int32

    init?() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Lets a server that wants the port have it all the same.
        var one: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                unsafe bind(descriptor, general, size) == 0 && getsockname(descriptor, general, &size) == 0
            }
        }
        self.descriptor = descriptor
        address = StreamAddress("127.0.0.1", Int(UInt16(bigEndian: name.sin_port)))
        guard isBound else { return nil }
    }

    deinit { close(descriptor) }
}
