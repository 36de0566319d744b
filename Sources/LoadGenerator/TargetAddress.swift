import CLinux
import Glibc

/// Where a target listens, ready for `connect`.
struct TargetAddress: Sendable {
    private let bytes: [UInt8]
    let family: Int32

    /// Looks the host up; blocks.
    ///
    /// - Throws: `.notFound`.
    init(host: String, port: UInt16) throws(LoadFailure) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0, let first = unsafe found,
            let address = unsafe first.pointee.ai_addr
        else {
            throw LoadFailure(.notFound, "there is no host \(host)", remedy: "check its spelling, or name it by its address")
        }
        defer { unsafe freeaddrinfo(found) }
        family = unsafe first.pointee.ai_family
        bytes = unsafe Array(UnsafeRawBufferPointer(start: address, count: Int(first.pointee.ai_addrlen)))
    }

    /// Begins to connect a new non-blocking socket.
    ///
    /// - Returns: -1 with `errno` where the system gives no socket or refuses at once.
    func connect() -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -1 }
        Sockets.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // Where the system does not know it, the moment of reading counts.
        _ = clinux_stamp_arrivals(descriptor)
        let result = unsafe bytes.withUnsafeBytes { buffer in
            unsafe Glibc.connect(descriptor, buffer.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
        }
        if result == 0 || errno == EINPROGRESS { return descriptor }
        let reason = errno
        close(descriptor)
        errno = reason
        return -1
    }
}

enum Sockets {
    static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Why a connection that was being made is writable: 0 when it stands.
    static func error(of descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code
    }

    /// Closes without a farewell, so that the port can be used again at once.
    static func abort(_ descriptor: Int32) {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        close(descriptor)
    }
}
