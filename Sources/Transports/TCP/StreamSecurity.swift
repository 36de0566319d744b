/// The versions of TLS that the lab speaks. TLS 1.1 is there to be refused.
package enum TLSVersion: String, Sendable, Hashable, CaseIterable, Comparable {
    case v1_1 = "1.1"
    case v1_2 = "1.2"
    case v1_3 = "1.3"

    package static func < (left: TLSVersion, right: TLSVersion) -> Bool { left.rawValue < right.rawValue }
}

/// A certificate with its private key, as PEM text: the leaf first, then the certificates that lead to the authority.
package struct StreamIdentity: Sendable, Hashable {
    package var certificateChain: String
    package var privateKey: String

    package init(certificateChain: String, privateKey: String) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}

/// How a server does TLS.
package struct ServerSecurity: Sendable, Hashable {
    package enum ClientCertificates: Sendable, Hashable {
        case notAsked
        /// Asked for; a client without one is let in, a client with a wrong one is not. PEM of the authorities.
        case optional(authorities: String)
        case required(authorities: String)
    }

    package var identity: StreamIdentity
    package var clientCertificates: ClientCertificates
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion

    package init(
        _ identity: StreamIdentity, clientCertificates: ClientCertificates = .notAsked, minimumVersion: TLSVersion = .v1_2,
        maximumVersion: TLSVersion = .v1_3
    ) {
        self.identity = identity
        self.clientCertificates = clientCertificates
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
    }
}

/// How a client does TLS. The certificate of the server is always verified.
package struct ClientSecurity: Sendable, Hashable {
    package enum Roots: Sendable, Hashable {
        /// What the machine trusts.
        case system
        /// A file with certificates in PEM.
        case file(String)
        /// PEM text.
        case pinned(String)
    }

    package var roots: Roots
    /// The name that the server's certificate must have; nil for the host that is connected to.
    package var serverName: String?
    /// What the client shows if it is asked.
    package var identity: StreamIdentity?
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion

    package init(
        roots: Roots = .system, serverName: String? = nil, identity: StreamIdentity? = nil, minimumVersion: TLSVersion = .v1_2,
        maximumVersion: TLSVersion = .v1_3
    ) {
        self.roots = roots
        self.serverName = serverName
        self.identity = identity
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
    }
}
