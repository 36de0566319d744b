import Glibc
import LabCore
import NIOCore
import NIOPosix
import NIOSSL

extension StreamFailure {
    /// What was being done when the error came up; the same error number asks for different remedies.
    enum Attempt { case listen, connect, transfer }

    /// Maps what the socket library throws.
    init(_ error: any Error, _ attempt: Attempt, _ medium: String) {
        switch error {
        case let failure as StreamFailure: self = failure
        case let error as IOError: self.init(errno: error.errnoCode, attempt, medium)
        case let error as NIOConnectionError: self.init(error, medium)
        case ChannelError.connectTimeout:
            self.init(.timedOut, medium, "nothing answered in time", remedy: "check the address, the cable and the firewall")
        case ChannelError.eof, ChannelError.inputClosed, ChannelError.alreadyClosed, ChannelError.ioOnClosedChannel:
            self.init(.ended, medium, "the other side closed the connection")
        default: self = Self.security(error, medium) ?? StreamFailure(.failed, medium, "\(error)")
        }
    }

    private init(_ error: NIOConnectionError, _ medium: String) {
        if let attempt = error.connectionErrors.last {
            self.init(attempt.error, .connect, medium)
        } else {
            self.init(
                .notFound, medium, "there is no host \(error.host)", remedy: "check its spelling, or name it by its address")
        }
    }

    private init(errno code: CInt, _ attempt: Attempt, _ medium: String) {
        switch (code, attempt) {
        case (ECONNREFUSED, _):
            self.init(.refused, medium, "nobody listens there", remedy: "start the server, or check the port")
        case (EHOSTUNREACH, _), (ENETUNREACH, _), (ENETDOWN, _), (EHOSTDOWN, _):
            self.init(.unreachable, medium, "there is no way to the host", remedy: "check the network and the address")
        case (ETIMEDOUT, _):
            self.init(.timedOut, medium, "the other side does not answer any more", remedy: "check the network")
        case (EADDRINUSE, .listen):
            self.init(.busy, medium, "the port is in use", remedy: "choose another port, or 0 for any free one")
        case (EADDRNOTAVAIL, .listen):
            self.init(.notFound, medium, "this machine does not have that address", remedy: "`ip address` lists those it has")
        case (EADDRNOTAVAIL, _):
            self.init(.busy, medium, "no local port is free", remedy: "wait until old connections have timed out, or use fewer")
        case (EACCES, _), (EPERM, _):
            self.init(
                .permissionDenied, medium, "not permitted",
                remedy: attempt == .listen ? "ports below 1024 need privileges; choose a higher one" : "check the firewall's rules")
        case (ECONNRESET, _), (EPIPE, _), (ECONNABORTED, _): self.init(.vanished, medium, "the other side reset the connection")
        case (EMFILE, _), (ENFILE, _):
            self.init(.failed, medium, "too many open files", remedy: "raise the limit with `ulimit -n`")
        default:
            self.init(.failed, medium, "error \(code) of the operating system")
        }
    }
}

// MARK: TLS

extension StreamFailure {
    /// Nil for what has nothing to do with TLS.
    private static func security(_ error: any Error, _ medium: String) -> StreamFailure? {
        switch error {
        case NIOSSLError.handshakeFailed(let cause), NIOSSLError.shutdownFailed(let cause): security(cause, medium)
        case NIOSSLError.uncleanShutdown: StreamFailure(.ended, medium, "the other side closed the connection")
        case NIOSSLError.noCertificateToValidate, NIOSSLError.unableToValidateCertificate:
            StreamFailure(.certificate, medium, "the certificate cannot be verified", remedy: "name the authority that signed it")
        case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack):
            security(stack.map(\.description).joined(separator: " "), medium)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: StreamFailure(.failed, medium, "TLS failed: \(error)")
        default: nil
        }
    }

    /// The TLS library names its errors by words only. Those that end in `ALERT_…` came from the other side (RFC 8446 §6).
    private static let securityWords: [(words: [String], failure: @Sendable (String) -> StreamFailure)] = [
        (
            ["ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_SUPPORTED_VERSIONS_ENABLED", "WRONG_SSL_VERSION"],
            { StreamFailure(.certificate, $0, "the two sides have no version of TLS in common", remedy: "allow TLS 1.2 or 1.3 on both sides") }
        ),
        (
            ["PEER_DID_NOT_RETURN_A_CERTIFICATE"],
            { StreamFailure(.certificate, $0, "the client showed no certificate", remedy: "give it one, or do not require it") }
        ),
        (
            ["ALERT_CERTIFICATE_REQUIRED"],
            { StreamFailure(.certificate, $0, "the server wants a client certificate", remedy: "give the client a certificate and its key") }
        ),
        (
            ["ALERT_CERTIFICATE_EXPIRED"],
            { StreamFailure(.certificate, $0, "the other side says that our certificate is expired", remedy: "renew it, or set the clock") }
        ),
        (
            ["ALERT_UNKNOWN_CA"],
            {
                StreamFailure(
                    .certificate, $0, "the other side does not know the authority that signed our certificate",
                    remedy: "give the other side that authority")
            }
        ),
        (
            ["ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED"],
            { StreamFailure(.certificate, $0, "the other side refused our certificate", remedy: "check the certificate and who signed it") }
        ),
        (
            ["CERTIFICATE_VERIFY_FAILED"],
            {
                StreamFailure(
                    .certificate, $0, "the other side's certificate cannot be trusted", remedy: "name the authority that signed it")
            }
        ),
        (
            ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "UNEXPECTED_RECORD", "EOF during handshake"],
            { StreamFailure(.malformed, $0, "the other side does not speak TLS", remedy: "check whether the port is the one for TLS") }
        ),
        (
            ["HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "NO_COMMON_SIGNATURE"],
            { StreamFailure(.certificate, $0, "the two sides have no cipher in common", remedy: "allow the ciphers of TLS 1.2 or 1.3") }
        ),
    ]

    private static func security(_ text: String, _ medium: String) -> StreamFailure {
        for entry in securityWords where entry.words.contains(where: { text.contains($0) }) { return entry.failure(medium) }
        return StreamFailure(.malformed, medium, "TLS failed: \(text)")
    }
}
