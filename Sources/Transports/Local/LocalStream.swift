import Foundation
import Glibc
package import LabCore

/// A local socket that is open already, such as one end of a pair or what a `LocalListener` has accepted. It cannot be opened again.
package final class LocalStream: ByteStream {
    package let name: String
    package var onEvent: ((ByteStreamEvent) -> Void)?
    package var isOpen: Bool { stream != nil }
    private var stream: DescriptorStream?

    /// - Parameter descriptor: of a stream; it belongs to this object from now on.
    /// - Throws: `StreamFailure` where it cannot be watched; it is closed then.
    package init(adopting descriptor: Int32, name: String, on reactor: Reactor) throws(StreamFailure) {
        self.name = name
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        do throws(StreamFailure) {
            stream = try DescriptorStream(descriptor, on: reactor) { [weak self] bytes, time in
                self?.onEvent?(.bytes(bytes, at: time))
            } onEnd: { [weak self] _ in
                guard let self else { return }
                close()
                onEvent?(.closed(StreamFailure(.ended, name, "the other side has closed it")))
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { close() }

    package func open() {}
    package func send(_ bytes: [UInt8]) { stream?.send(bytes) }

    package func close() {
        guard let stream else { return }
        self.stream = nil
        stream.end()
        Glibc.close(stream.descriptor)
    }

    /// Two sockets that are joined: one to adopt, one for a child. Both are closed on exec.
    ///
    /// - Throws: `StreamFailure` where the system gives no more descriptors.
    package static func pair(for name: String) throws(StreamFailure) -> (ours: Int32, theirs: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw StreamFailure(.failed, name, "the system gives no more descriptors (error \(errno))", remedy: "raise the limit with `ulimit -n`")
        }
        return (ends[0], ends[1])
    }
}

/// Listens at a path for programs of this machine.
package final class LocalListener {
    private let path: String
    private let reactor: Reactor
    private let descriptor: Int32
    private var watch: Reactor.WatchID?

    /// - Parameters:
    ///   - path: of the socket; one that nobody listens at any more is replaced. At most 107 bytes.
    ///   - onClient: called on the reactor's thread.
    /// - Throws: `StreamFailure` where that is not possible.
    package init(at path: String, on reactor: Reactor, onClient: @escaping (LocalStream) -> Void) throws(StreamFailure) {
        self.path = path
        self.reactor = reactor
        descriptor = try LocalSocket.make(path)
        do throws(StreamFailure) {
            try LocalSocket.listen(descriptor, path)
            watch = try reactor.watch(descriptor, .reading) { [descriptor] _ in
                let client = accept(descriptor, nil, nil)
                guard client >= 0, fcntl(client, F_SETFD, FD_CLOEXEC) == 0, let stream = try? LocalStream(adopting: client, name: path, on: reactor) else { return }
                onClient(stream)
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { close() }

    /// Stops listening and takes the path away. Does nothing the second time.
    package func close() {
        guard let watch else { return }
        self.watch = nil
        reactor.unwatch(watch)
        Glibc.close(descriptor)
        unsafe unlink(path)
    }
}

/// Sockets with a path.
package enum LocalSocket {
    /// Connects to a program that listens at the path.
    ///
    /// - Returns: a descriptor that belongs to the caller.
    /// - Throws: `StreamFailure` where nobody listens there.
    package static func connect(to path: String) throws(StreamFailure) -> Int32 {
        let descriptor = try make(path)
        guard try unsafe withAddress(path, { unsafe Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw StreamFailure(code == ENOENT ? .notFound : .refused, path, "nobody listens there (error \(code))", remedy: "start the program that does")
        }
        return descriptor
    }

    fileprivate static func make(_ path: String) throws(StreamFailure) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw StreamFailure(.failed, path, "the system gives no more descriptors (error \(errno))") }
        return descriptor
    }

    fileprivate static func listen(_ descriptor: Int32, _ path: String) throws(StreamFailure) {
        // A socket file that nobody listens at is left over from a program that was killed.
        if let other = try? connect(to: path) {
            Glibc.close(other)
            throw StreamFailure(.busy, path, "another program listens there", remedy: "choose another path, or end that program")
        }
        if let attributes = try? FileManager.default.attributesOfItem(atPath: path) {
            guard attributes[.type] as? FileAttributeType == .typeSocket else { throw StreamFailure(.busy, path, "there is a file with that name, and it is no socket") }
            unsafe unlink(path)
        }
        guard try unsafe withAddress(path, { unsafe bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 8) == 0 else {
            throw StreamFailure(.failed, path, "the socket cannot be made (error \(errno))", remedy: "choose a folder that can be written")
        }
        // Whoever may speak to it may do everything to the devices behind it.
        unsafe chmod(path, 0o600)
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) throws(StreamFailure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else {
            throw StreamFailure(.unsupported, path, "the path of a socket has 1 to \(room) bytes", remedy: "choose a shorter one")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
