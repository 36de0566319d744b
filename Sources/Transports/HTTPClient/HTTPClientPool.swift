import AsyncHTTPClient
import Glibc
package import LabCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The HTTP client that all devices of a run share: AsyncHTTPClient on the thread of the sockets.
package final class HTTPClientPool: Sendable {
    private let client: HTTPClient
    private let sockets: StreamLoop
    private let loop: any Loop

    /// - Parameters:
    ///   - sockets: the thread that carries the connections.
    ///   - loop: whose thread sends requests and is told the answers.
    ///   - security: how `https` addresses are verified; the machine's roots where it is `nil`. Its server name has no effect:
    ///     the certificate must be for the address.
    /// - Throws: `.notFound`, `.permissionDenied` or `.certificate` for what `security` names.
    package init(on sockets: StreamLoop, reportingTo loop: any Loop, security: ClientSecurity? = nil) throws(StreamFailure) {
        self.sockets = sockets
        self.loop = loop
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // One deadline for the whole request is set for each; a connection alone must not take it all.
        configuration.timeout.connect = .seconds(10)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.decompression = .disabled
        configuration.httpVersion = .http1Only
        if let security {
            do { configuration.tlsConfiguration = try Self.tls(security) } catch { throw StreamFailure(error, .connect, "https") }
        }
        client = HTTPClient(eventLoopGroupProvider: .shared(sockets.eventLoop), configuration: configuration)
    }

    /// The client verifies by itself, so it gets the roots; other streams have their own verification.
    private static func tls(_ security: ClientSecurity) throws -> TLSConfiguration {
        var configuration = try security.configuration()
        configuration.certificateVerification = .fullVerification
        switch security.roots {
        case .system: configuration.trustRoots = .default
        case .file(let path): configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(PEMFile.authorities(at: path).utf8)))
        case .pinned(let text): configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(text.utf8)))
        }
        return configuration
    }

    // The client must not go without having been ended, and needs its thread for that. Does nothing after `close`.
    deinit { client.shutdown { [sockets] _ in withExtendedLifetime(sockets) {} } }

    /// A requester for one server.
    ///
    /// - Parameters:
    ///   - isFresh: every request has a connection of its own, as behind a link whose faults must hit each.
    ///   - limit: real time in which an answer must be complete. Source: DeviceHost gives devices 30 s of the run.
    package func requester(
        to address: StreamAddress, secure: Bool = false, isFresh: Bool = false, limit: Duration = .seconds(30)
    ) -> HTTPClientRequester {
        HTTPClientRequester(client, loop, address, secure: secure, isFresh: isFresh, limit: limit)
    }

    /// Ends all connections; requests under way fail. Must not be called on the sockets' thread.
    package func close() { try? client.syncShutdown() }
}

/// Sends requests to one server through AsyncHTTPClient.
package final class HTTPClientRequester: HTTPRequester {
    private static let largestAnswer = 64 << 20

    private let client: HTTPClient
    private let loop: any Loop
    /// nil where there can be no such server.
    private let base: String?
    private let isFresh: Bool
    private let limit: TimeAmount
    /// Told, on the loop's thread and before the request's caller, why there is no answer.
    package var onFailure: ((StreamFailure) -> Void)?

    init(_ client: HTTPClient, _ loop: any Loop, _ address: StreamAddress, secure: Bool, isFresh: Bool, limit: Duration) {
        self.client = client
        self.loop = loop
        // A port that cannot be would stop the program in the client.
        base = (1...65_535).contains(address.port) ? "\(secure ? "https" : "http")://\(address)" : nil
        self.isFresh = isFresh
        self.limit = .nanoseconds(max(1, limit.nanoseconds))
    }

    package func send(_ call: HTTPCall, _ done: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        let answer = Answer(loop: loop, done: done, onFailure: onFailure)
        guard let base else { return answer.give(.failure(.unreachable)) }
        var headers = HTTPHeaders()
        // A host that the call names is signed and must go out as it is; the client adds its own only where none is given.
        for header in call.headers where header.name != "content-length" { headers.add(name: header.name, value: header.value) }
        if isFresh { headers.replaceOrAdd(name: "connection", value: "close") }
        let request: HTTPClient.Request
        do {
            request = try HTTPClient.Request(
                url: base + call.path, method: HTTPMethod(rawValue: call.method), headers: headers,
                body: call.body.isEmpty ? nil : .bytes(call.body))
        } catch {
            return answer.give(.failure(.unreachable))
        }
        let collector = ResponseAccumulator(request: request, maxBodySize: Self.largestAnswer)
        client.execute(request: request, delegate: collector, deadline: .now() + limit).futureResult.whenComplete { result in
            switch result {
            case .success(let response):
                answer.give(
                    .success(
                        HTTPAnswer(
                            status: Int(response.status.code),
                            headers: response.headers.map { HTTPCall.Header($0.name.lowercased(), $0.value) },
                            body: response.body.map { [UInt8]($0.readableBytesView) } ?? [])))
            case .failure(let error): answer.give(.failure(HTTPFailure(error)), because: StreamFailure(error, .connect, base))
            }
        }
    }
}

/// Carries an answer to the loop's thread. `@unchecked Sendable`: the closure is called, and let go, there only.
private final class Answer: @unchecked Sendable {
    private let loop: any Loop
    private var done: ((Result<HTTPAnswer, HTTPFailure>) -> Void)?
    private var onFailure: ((StreamFailure) -> Void)?

    init(loop: any Loop, done: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void, onFailure: ((StreamFailure) -> Void)?) {
        self.loop = loop
        self.done = done
        self.onFailure = onFailure
    }

    func give(_ result: Result<HTTPAnswer, HTTPFailure>, because failure: StreamFailure? = nil) {
        loop.post { [self] in
            if let failure { onFailure?(failure) }
            // What the closures hold must not end on the client's thread.
            done?(result)
            (done, onFailure) = (nil, nil)
        }
    }
}

extension HTTPFailure {
    /// Maps what the client throws: nothing was sent, the time is over, or the connection broke on the way.
    init(_ error: any Error) {
        switch error {
        case let error as HTTPClientError:
            self =
                switch error {
                case .deadlineExceeded, .readTimeout: .timedOut
                case .connectTimeout, .tlsHandshakeTimeout: .unreachable
                default: .interrupted
                }
        // Without a connection that is secure nothing has been sent.
        case NIOSSLError.handshakeFailed, is NIOSSLExtraError: self = .unreachable
        case is NIOConnectionError, is ChannelError: self = .unreachable
        case let error as IOError: self = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode) ? .unreachable : .interrupted
        default: self = .interrupted
        }
    }
}
