package import LabCore
package import WireProtocols

/// Who a client is, as the authorizer found.
package struct MQTTIdentity: Sendable, Equatable {
    /// The device, user or service: what a session belongs to. A client with the same client identifier but
    /// another subject does not inherit the session.
    package var subject: String
    package var clientID: String
    package var username: String?
    /// May read `$SYS`.
    package var isAdmin: Bool
    /// Rights that the authorizer resolved for this client, if it works with them.
    package var rights: TopicRights
    /// When the credentials end; the connection is closed then.
    package var validUntil: RunInstant?

    package init(
        subject: String, clientID: String, username: String? = nil, isAdmin: Bool = false, rights: TopicRights = TopicRights(),
        validUntil: RunInstant? = nil
    ) {
        self.subject = subject
        self.clientID = clientID
        self.username = username
        self.isAdmin = isAdmin
        self.rights = rights
        self.validUntil = validUntil
    }
}

package struct MQTTCredentials: Sendable, Equatable {
    /// The identifier that the client sent, or the one that it was assigned.
    package var clientID: String
    package var isAssignedID: Bool
    package var username: String?
    package var password: [UInt8]?
    package var peer: String
    /// The subject of the certificate that the client showed and the transport checked, such as `CN=badge-7`.
    package var certificateSubject: String?
}

package enum MQTTAuthentication: Sendable, Equatable {
    case accepted(MQTTIdentity)
    /// The code goes into CONNACK; the reason into the event log only.
    case refused(MQTTConnectReturnCode, reason: String)
}

/// Where an extended authentication stands (5.0 §4.12).
package struct MQTTAuthenticationExchange: Sendable, Equatable {
    /// As the client named it in CONNECT.
    package var method: String
    package var data: [UInt8]?
    /// What the authorizer gave with its last challenge; nil at the beginning of an exchange.
    package var state: [UInt8]?
    /// The client is connected already and authenticates again.
    package var isReauthentication: Bool
}

package enum MQTTAuthenticationStep: Sendable, Equatable {
    /// AUTH 0x18 to the client; the state comes back with its answer.
    case challenge([UInt8], state: [UInt8])
    /// CONNACK, or AUTH 0x00 after a re-authentication, with the data.
    case accepted(MQTTIdentity, [UInt8]?)
    /// The code goes into CONNACK or DISCONNECT; the reason into the event log only.
    case refused(MQTTReasonCode, reason: String)
}

/// Decides who may connect and what they may say and hear. Synchronous, and asked only when the answer is not cached.
package protocol MQTTAuthorizer: Sendable {
    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication
    /// One step of an extended authentication, for a client of 5.0 that names a method.
    func authenticate(_ credentials: MQTTCredentials, _ exchange: MQTTAuthenticationExchange, at now: RunInstant) -> MQTTAuthenticationStep
    func mayPublish(_ identity: MQTTIdentity, to topic: MQTTTopic) -> Bool
    /// Whether all that the filter matches may be asked for.
    func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool
    func mayReceive(_ identity: MQTTIdentity, from topic: MQTTTopic) -> Bool
}

/// The usual rights: patterns that the identity carries. And the usual methods: none.
extension MQTTAuthorizer {
    package func authenticate(
        _ credentials: MQTTCredentials, _ exchange: MQTTAuthenticationExchange, at now: RunInstant
    ) -> MQTTAuthenticationStep {
        .refused(.badAuthenticationMethod, reason: "no authentication method \(exchange.method)")
    }
    package func mayPublish(_ identity: MQTTIdentity, to topic: MQTTTopic) -> Bool { identity.rights.mayPublish(topic) }
    package func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool { identity.rights.maySubscribe(filter) }
    package func mayReceive(_ identity: MQTTIdentity, from topic: MQTTTopic) -> Bool { identity.rights.mayReceive(topic) }
}

/// Lets everybody do everything, for tests and for a bench without rights.
package struct OpenAuthorizer: MQTTAuthorizer {
    package init() {}
    package func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        .accepted(
            MQTTIdentity(
                subject: credentials.clientID, clientID: credentials.clientID, username: credentials.username, isAdmin: true,
                rights: .everything))
    }
}

/// What an identity may publish and hear, as topic filters without placeholders.
package struct TopicRights: Sendable, Equatable {
    package var publish: [MQTTTopicFilter]
    package var receive: [MQTTTopicFilter]

    package init(publish: [MQTTTopicFilter] = [], receive: [MQTTTopicFilter] = []) {
        self.publish = publish
        self.receive = receive
    }

    /// All topics that do not begin with `$`.
    package static let everything: TopicRights = {
        let all = (try? MQTTTopicFilter("#")).map { [$0] } ?? []
        return TopicRights(publish: all, receive: all)
    }()

    package func mayPublish(_ topic: MQTTTopic) -> Bool { publish.contains { $0.matches(topic) } }
    package func mayReceive(_ topic: MQTTTopic) -> Bool { receive.contains { $0.matches(topic) } }
    /// A filter is allowed when one right is at least as wide.
    package func maySubscribe(_ filter: MQTTTopicFilter) -> Bool { receive.contains { $0.covers(filter) } }
}

/// A right for many clients: `luna/device/%c/#`, where `%c` stands for the client identifier, `%u` for the user
/// name and `%t` for the tenant.
package struct TopicRightPattern: Sendable, Equatable {
    package enum Access: Sendable { case publish, receive, both }

    package var access: Access
    package var pattern: String

    package init(_ access: Access, _ pattern: String) {
        self.access = access
        self.pattern = pattern
    }

    /// The pattern with its placeholders filled in.
    ///
    /// Nil where a placeholder has no value, or one that would widen the right: a client that calls itself `+`,
    /// `#` or `a/b` gets nothing from a pattern with `%c`.
    package func filter(clientID: String, username: String?, tenant: String? = nil) -> MQTTTopicFilter? {
        var text = ""
        var rest = Substring(pattern).unicodeScalars
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                text.unicodeScalars.append(scalar)
                continue
            }
            let value: String?
            switch rest.popFirst() {
            case "c": value = clientID
            case "u": value = username
            case "t": value = tenant
            default: value = nil
            }
            guard let value, !value.isEmpty, !value.utf8.contains(where: { "/+#\0".utf8.contains($0) }) else { return nil }
            text += value
        }
        return try? MQTTTopicFilter(text)
    }
}

extension TopicRights {
    /// The rights that the patterns give to one client.
    package init(_ patterns: [TopicRightPattern], clientID: String, username: String?, tenant: String? = nil) {
        self.init()
        for pattern in patterns {
            guard let filter = pattern.filter(clientID: clientID, username: username, tenant: tenant) else { continue }
            if pattern.access != .receive { publish.append(filter) }
            if pattern.access != .publish { receive.append(filter) }
        }
    }
}
