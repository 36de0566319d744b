import Glibc
package import NIOCore

/// Where a socket is: a host name or an address of IPv4 or IPv6, and a port.
package struct StreamAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    /// 0 asks for any free port where a server is to be opened.
    package var port: Int

    package init(_ host: String, _ port: Int) {
        self.host = host
        self.port = port
    }

    package init?(_ address: SocketAddress?) {
        guard let host = address?.ipAddress, let port = address?.port else { return nil }
        self.init(host, port)
    }

    /// `127.0.0.1:1883`, `[::1]:1883`.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The address as the kernel takes it, if the host is one and not a name.
    var numeric: SocketAddress? { try? SocketAddress(ipAddress: host, port: port) }

    /// The 4 or 16 bytes of the address; nil for a name.
    var addressBytes: [UInt8]? {
        let isV6 = host.contains(":")
        var bytes = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
        return unsafe inet_pton(isV6 ? AF_INET6 : AF_INET, host, &bytes) == 1 ? bytes : nil
    }
}
