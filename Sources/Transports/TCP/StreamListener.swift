package import LabCore

/// One address on which a server listens, and what it speaks there.
package struct StreamListener: Sendable, Hashable {
    package enum Framing: Sendable, Hashable {
        /// The bytes as they are.
        case plain
        /// WebSocket (RFC 6455): the bytes are the content of binary frames.
        case webSocket(WebSocketSettings)
    }

    package var address: StreamAddress
    package var security: ServerSecurity?
    package var framing: Framing

    package init(_ address: StreamAddress, security: ServerSecurity? = nil, framing: Framing = .plain) {
        self.address = address
        self.security = security
        self.framing = framing
    }

    /// `tcp`, `tls`, `ws` or `wss`, for names and addresses.
    package var scheme: String {
        switch framing {
        case .plain: security == nil ? "tcp" : "tls"
        case .webSocket: security == nil ? "ws" : "wss"
        }
    }
}

package struct WebSocketSettings: Sendable, Hashable {
    /// Clients must offer it (RFC 6455 §4.1); what they are told is this spelling.
    package var subprotocol: String
    /// The path that clients ask for; nil for any.
    package var path: String?
    /// Bytes of one frame that a client may send.
    package var maximumFrameSize: Int

    /// MQTT's sub-protocol is `mqtt` [MQTT-6.0.0-3].
    package init(subprotocol: String = "mqtt", path: String? = nil, maximumFrameSize: Int = 2 << 20) {
        self.subprotocol = subprotocol
        self.path = path
        self.maximumFrameSize = maximumFrameSize
    }
}

/// Who is at the other end of an accepted connection.
package struct StreamPeer: Sendable, Hashable {
    package var address: StreamAddress
    /// Index of the listener in the order in which they were opened.
    package var listener: Int
    /// Subject of the verified client certificate as RFC 4514 writes it: `CN=badge-1,O=Lab`. Nil where none was shown.
    package var certificateSubject: String?
}

/// The server's number for one connection. Never used again by the same server.
package struct StreamID: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What a server tells about its connections, on the event loop's thread.
///
/// For one connection: `opened`, then any number of `received` and `writabilityChanged`, then `closed`.
package protocol StreamServerHandler: AnyObject, Sendable {
    /// The connection is ready for bytes: the TLS handshake and the WebSocket upgrade are done.
    func opened(_ connection: StreamID, _ peer: StreamPeer)
    func received(_ connection: StreamID, _ bytes: [UInt8])
    /// Whether the connection takes more; what is sent regardless waits in memory.
    func writabilityChanged(_ connection: StreamID, _ isWritable: Bool)
    /// The other side closed, or the connection broke. Not called after `close` from this side.
    func closed(_ connection: StreamID, _ failure: StreamFailure)
    /// A connection ended before it was open: no TLS, a wrong certificate, no WebSocket.
    func refused(_ peer: StreamAddress, _ failure: StreamFailure)
}

extension StreamServerHandler {
    package func writabilityChanged(_ connection: StreamID, _ isWritable: Bool) {}
    package func refused(_ peer: StreamAddress, _ failure: StreamFailure) {}
}
