package import LabCore
package import WireProtocols

/// Users, their rights and filters that nobody may use, given as data: for a broker without a cloud.
package struct StaticAuthorizer: MQTTAuthorizer, Equatable {
    package struct User: Sendable, Equatable {
        package var name: String
        /// Nil for a user who is known by a certificate only.
        package var password: [UInt8]?
        /// The subject of the certificate that says as much as the password does.
        package var certificateSubject: String?
        /// May read `$SYS`.
        package var isAdmin: Bool
        /// `%c` stands for the client identifier and `%u` for the user's name.
        package var rights: [TopicRightPattern]

        package init(
            _ name: String, password: String? = nil, certificateSubject: String? = nil, isAdmin: Bool = false,
            rights: [TopicRightPattern] = StaticAuthorizer.everything
        ) {
            self.name = name
            self.password = password.map { [UInt8]($0.utf8) }
            self.certificateSubject = certificateSubject
            self.isAdmin = isAdmin
            self.rights = rights
        }
    }

    /// All topics that do not begin with `$`, both ways.
    package static let everything = [TopicRightPattern(.both, "#")]

    package var users: [User]
    /// Whether clients without user name and certificate are let in.
    package var allowsAnonymous: Bool
    /// What they may do.
    package var anonymousRights: [TopicRightPattern]
    /// Nobody may subscribe to these filters, or to what lies within them, or hear topics that they match.
    package var deniedFilters: [MQTTTopicFilter]

    package init(
        users: [User] = [], allowsAnonymous: Bool = true, anonymousRights: [TopicRightPattern] = StaticAuthorizer.everything,
        deniedFilters: [MQTTTopicFilter] = []
    ) {
        self.users = users
        self.allowsAnonymous = allowsAnonymous
        self.anonymousRights = anonymousRights
        self.deniedFilters = deniedFilters
    }

    /// The session belongs to the user; that of an anonymous client to its client identifier.
    package func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        if let name = credentials.username { return byPassword(name, credentials) }
        if let subject = credentials.certificateSubject {
            guard let user = users.first(where: { $0.certificateSubject.map { ExactText($0) == ExactText(subject) } ?? false }) else {
                return .refused(.notAuthorized, reason: "no user has the certificate \(subject)")
            }
            return .accepted(identity(of: user, credentials))
        }
        guard allowsAnonymous else { return .refused(.notAuthorized, reason: "no user name") }
        return .accepted(
            MQTTIdentity(
                subject: "anonymous/" + credentials.clientID, clientID: credentials.clientID,
                rights: TopicRights(anonymousRights, clientID: credentials.clientID, username: nil)))
    }

    /// An unknown user and a wrong password take the same way and give the same answer.
    private func byPassword(_ name: String, _ credentials: MQTTCredentials) -> MQTTAuthentication {
        let user = users.first { ExactText($0.name) == ExactText(name) }
        let isRight = Self.areEqual(credentials.password ?? [], user?.password ?? [])
        guard let user, user.password != nil, isRight else {
            return .refused(.badUserNameOrPassword, reason: "unknown user \(name) or wrong password")
        }
        return .accepted(identity(of: user, credentials))
    }

    private func identity(of user: User, _ credentials: MQTTCredentials) -> MQTTIdentity {
        MQTTIdentity(
            subject: "user/" + user.name, clientID: credentials.clientID, username: user.name, isAdmin: user.isAdmin,
            rights: TopicRights(user.rights, clientID: credentials.clientID, username: user.name))
    }

    /// Takes as long for a nearly right password as for a wrong one: the time depends on what was given, not on what is
    /// expected.
    static func areEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
        var difference = UInt8(given.count == expected.count ? 0 : 1)
        for index in given.indices { difference |= given[index] ^ (expected.isEmpty ? 0xFF : expected[index % expected.count]) }
        return difference == 0
    }

    package func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool {
        identity.rights.maySubscribe(filter) && !deniedFilters.contains { $0.covers(filter) }
    }

    package func mayReceive(_ identity: MQTTIdentity, from topic: MQTTTopic) -> Bool {
        identity.rights.mayReceive(topic) && !deniedFilters.contains { $0.matches(topic) }
    }
}
