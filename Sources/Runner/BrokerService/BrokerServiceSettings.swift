package import MQTTBroker
package import Transports
import WireProtocols

/// What a broker of its own is asked for: on which addresses, for whom, with which limits.
package struct BrokerServiceSettings: Sendable {
    /// What is spoken on an address.
    package enum Medium: String, Sendable, Hashable, CaseIterable {
        case tcp, tls, webSocket, secureWebSocket

        package var isSecure: Bool { self == .tls || self == .secureWebSocket }
        package var isWebSocket: Bool { self == .webSocket || self == .secureWebSocket }

        /// The scheme by which clients name it.
        package var scheme: String {
            switch self {
            case .tcp: "mqtt"
            case .tls: "mqtts"
            case .webSocket: "ws"
            case .secureWebSocket: "wss"
            }
        }
    }

    package struct Listener: Sendable, Hashable {
        package var medium: Medium
        /// Port 0 for any free one.
        package var address: StreamAddress

        package init(_ medium: Medium, _ address: StreamAddress) {
            self.medium = medium
            self.address = address
        }

        /// `mqtt://127.0.0.1:1883`, `ws://127.0.0.1:8080/mqtt`. WebSockets are taken at any path; `/mqtt` is what clients ask for.
        package var url: String { "\(medium.scheme)://\(address)\(medium.isWebSocket ? "/mqtt" : "")" }
    }

    package var listeners: [Listener]
    /// Needed for the media that are secure.
    package var security: ServerSecurity?

    package var users: [StaticAuthorizer.User] = []
    /// Whether clients without user name and certificate are let in.
    package var allowsAnonymous = true
    package var anonymousRights = StaticAuthorizer.everything
    /// Topic filters that nobody may subscribe to.
    package var deniedFilters: [String] = []
    /// What SUBACK says of a denied filter to clients of MQTT 5.0: 0x87 (not authorized) is the right one; some test suites
    /// want 0x80 (unspecified error).
    package var deniedFilterCode: UInt8 = 0x87

    /// Seconds that clients of MQTT 5.0 are told to use as their keep-alive time; nil: as they ask.
    package var serverKeepAlive: UInt16?
    /// QoS 1 and 2 messages that a client of MQTT 5.0 may have unacknowledged; nil for the broker's own limit.
    package var receiveMaximum: UInt16?
    /// Highest topic alias that a client may use; nil for the broker's own limit.
    package var topicAliasMaximum: UInt16?
    /// Everything else.
    package var limits = BrokerConfiguration()
    /// Bytes that wait for one connection before messages wait in its session instead.
    package var congestion = 1 << 20

    package init(listeners: [Listener] = [Listener(.tcp, StreamAddress("127.0.0.1", 0))], security: ServerSecurity? = nil) {
        self.listeners = listeners
        self.security = security
    }
}

/// A setting that the broker cannot have.
package struct BrokerSettingsError: Error, Sendable, Hashable, CustomStringConvertible {
    package var description: String
}

extension BrokerServiceSettings {
    func configuration() throws(BrokerSettingsError) -> BrokerConfiguration {
        guard let code = MQTTReasonCode(rawValue: deniedFilterCode), code.isFailure, code.mayAppear(in: .suback) else {
            throw BrokerSettingsError(
                description: "0x\(String(deniedFilterCode, radix: 16)) is no reason code that SUBACK can carry for a failure; use 0x87 or 0x80")
        }
        var configuration = limits
        configuration.deniedFilterCode = code
        configuration.serverKeepAlive = serverKeepAlive ?? limits.serverKeepAlive
        configuration.receiveMaximum = receiveMaximum ?? limits.receiveMaximum
        configuration.topicAliasMaximum = topicAliasMaximum ?? limits.topicAliasMaximum
        guard configuration.receiveMaximum > 0 else {
            throw BrokerSettingsError(description: "A receive maximum of 0 is not allowed (MQTT 5.0 §3.2.2.3.3); use 1 to 65535")
        }
        return configuration
    }

    func authorizer() throws(BrokerSettingsError) -> StaticAuthorizer {
        var denied: [MQTTTopicFilter] = []
        for text in deniedFilters {
            guard let filter = try? MQTTTopicFilter(text) else {
                throw BrokerSettingsError(description: "\"\(text)\" is no topic filter; write it as subscribers do: a/b, a/+, a/#")
            }
            denied.append(filter)
        }
        return StaticAuthorizer(users: users, allowsAnonymous: allowsAnonymous, anonymousRights: anonymousRights, deniedFilters: denied)
    }

    func streamListener(_ listener: Listener) throws(BrokerSettingsError) -> StreamListener {
        if listener.medium.isSecure, security == nil {
            throw BrokerSettingsError(description: "\(listener.url) needs a certificate and its key")
        }
        let frame = limits.maximumPacketSize + 14
        return StreamListener(
            listener.address, security: listener.medium.isSecure ? security : nil,
            framing: listener.medium.isWebSocket ? .webSocket(WebSocketSettings(maximumFrameSize: max(frame, 2 << 20))) : .plain)
    }
}
