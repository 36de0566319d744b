import LabCore
import Synchronization
import Testing
import Transports

/// A loop that owns streams, and the loop of their sockets.
final class SocketBench: Sendable {
    let sockets = StreamLoop()
    let owner = StreamLoop()
    private let milliseconds = Mutex<Int64>(0)

    /// A clock that goes on by a millisecond whenever it is asked.
    var clock: @Sendable () -> RunInstant {
        { [self] in
            milliseconds.withLock { count in
                count += 1
                return RunInstant(nanoseconds: count * 1_000_000)
            }
        }
    }

    /// Runs something on the thread that owns the streams.
    func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in owner.post { continuation.resume(returning: body()) } }
    }

    func client(_ address: StreamAddress, security: ClientSecurity? = nil, timeout: Duration = .seconds(20)) -> StreamProbe {
        let target = TCPTarget(address, security: security, timeout: timeout)
        return StreamProbe(TCPStream(to: target, on: sockets, reportingTo: owner, clock: clock), self)
    }
}

/// A stream with the events that it told, in their order.
final class StreamProbe: Sendable {
    let stream: TCPStream
    let bench: SocketBench
    private let events: AsyncStream<ByteStreamEvent>
    private let received = Mutex<[UInt8]>([])

    init(_ stream: TCPStream, _ bench: SocketBench) {
        self.stream = stream
        self.bench = bench
        let (events, continuation) = AsyncStream<ByteStreamEvent>.makeStream()
        self.events = events
        stream.onEvent = { continuation.yield($0) }
    }

    func open() async -> ByteStreamEvent? {
        await bench.run { [stream] in stream.open() }
        return await next()
    }

    func send(_ bytes: [UInt8]) async { await bench.run { [stream] in stream.send(bytes) } }
    func send(_ text: String) async { await send(Array(text.utf8)) }
    func close() async { await bench.run { [stream] in stream.close() } }

    func next() async -> ByteStreamEvent? {
        for await event in events { return event }
        return nil
    }

    /// Exactly that many bytes, however they were cut; fewer if the stream ends before.
    func bytes(_ count: Int) async -> [UInt8] {
        var all = received.withLock { $0 }
        while all.count < count {
            guard case .bytes(let bytes, _)? = await next() else { break }
            all += bytes
        }
        let rest = Array(all.dropFirst(count))
        received.withLock { $0 = rest }
        return Array(all.prefix(count))
    }

    /// Everything until the other side ends it, and the reason.
    func rest() async -> (bytes: [UInt8], failure: StreamFailure?) {
        var all = received.withLock { $0 }
        while let event = await next() {
            switch event {
            case .bytes(let bytes, _): all += bytes
            case .closed(let failure): return (all, failure)
            case .opened: break
            }
        }
        return (all, nil)
    }
}

extension ByteStreamEvent {
    var failure: StreamFailure? { if case .closed(let failure) = self { failure } else { nil } }
}

/// What a server told.
enum ServerEvent: Sendable, Equatable {
    case opened(StreamID, StreamPeer)
    case received(StreamID, [UInt8])
    case writable(StreamID, Bool)
    case closed(StreamID, StreamFailure)
    case refused(StreamFailure)
}

final class ServerProbe: StreamServerHandler {
    private let events: AsyncStream<ServerEvent>
    private let continuation: AsyncStream<ServerEvent>.Continuation

    init() { (events, continuation) = AsyncStream<ServerEvent>.makeStream() }

    func opened(_ connection: StreamID, _ peer: StreamPeer) { continuation.yield(.opened(connection, peer)) }
    func received(_ connection: StreamID, _ bytes: [UInt8]) { continuation.yield(.received(connection, bytes)) }
    func writabilityChanged(_ connection: StreamID, _ isWritable: Bool) { continuation.yield(.writable(connection, isWritable)) }
    func closed(_ connection: StreamID, _ failure: StreamFailure) { continuation.yield(.closed(connection, failure)) }
    func refused(_ peer: StreamAddress, _ failure: StreamFailure) { continuation.yield(.refused(failure)) }

    func next() async -> ServerEvent? {
        for await event in events { return event }
        return nil
    }

    /// The next connection that is accepted. A port that was another test's a moment ago can get that test's late callers, too:
    /// they speak something else and are refused.
    func nextOpened() async -> (id: StreamID, peer: StreamPeer)? {
        while let event = await next() {
            switch event {
            case .opened(let id, let peer): return (id, peer)
            case .refused: continue
            default: return nil
            }
        }
        return nil
    }

    /// Why the connection closed, whatever came before.
    func closing() async -> StreamFailure.Reason? {
        while let event = await next() { if case .closed(_, let failure) = event { return failure.reason } }
        return nil
    }

    func bytes(_ count: Int) async -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            guard case .received(_, let bytes)? = await next() else { break }
            all += bytes
        }
        return all
    }
}

extension StreamAddress {
    static let loopback = StreamAddress("127.0.0.1", 0)
}
