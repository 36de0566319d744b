import Foundation
import Glibc
import Synchronization

/// A server of tests: each connection has a thread that does what the script says.
final class ScriptedServer: Sendable {
    /// One accepted connection.
    struct Client {
        let descriptor: Int32
        /// From 0, in the order in which they came.
        let number: Int

        /// Waits for one request without a body; `nil` when the other side has closed.
        func request() -> String? {
            var text: [UInt8] = []
            var byte: UInt8 = 0
            while unsafe recv(descriptor, &byte, 1, 0) == 1 {
                text.append(byte)
                if text.suffix(4) == Array("\r\n\r\n".utf8)[...] { return String(decoding: text, as: UTF8.self) }
            }
            return nil
        }

        func answer(_ text: String) {
            _ = unsafe Array(text.utf8).withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
    }

    static let good = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    let port: UInt16
    private let listener: Int32
    private let accepted = Atomic(0)
    private let open = Mutex<Set<Int32>>([])

    /// - Parameter script: on a thread of the connection, which is closed when it returns.
    init(_ script: @escaping @Sendable (Client) -> Void) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = unsafe bind(listener, generic, size)
                _ = listen(listener, 128)
                _ = unsafe getsockname(listener, generic, &size)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        Thread.detachNewThread { [self] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                let client = Client(descriptor: descriptor, number: accepted.wrappingAdd(1, ordering: .relaxed).oldValue)
                open.withLock { _ = $0.insert(descriptor) }
                Thread.detachNewThread { [self] in
                    script(client)
                    open.withLock { _ = $0.remove(descriptor) }
                    close(descriptor)
                }
            }
            close(listener)
        }
    }

    var connections: Int { accepted.load(ordering: .relaxed) }

    /// Ends listening and all connections; their scripts see that.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        open.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }
}

/// A port that nobody listens on.
func freePort() -> UInt16 {
    let server = ScriptedServer { _ in }
    server.stop()
    return server.port
}
