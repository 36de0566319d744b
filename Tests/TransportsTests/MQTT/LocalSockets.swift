import Glibc

enum LocalSockets {
    /// The system's memory for what was written to a local socket and not read at its other end; 0 for any other descriptor.
    static func unreadBytes(writtenTo descriptor: Int32) -> Int {
        var domain: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0, domain == AF_UNIX else { return 0 }
        var count: Int32 = 0
        return unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
    }
}
