import LabCore
import NIOCore
import NIOSSL

extension TLSVersion {
    fileprivate var nio: NIOSSL.TLSVersion {
        switch self {
        case .v1_1: .tlsv11
        case .v1_2: .tlsv12
        case .v1_3: .tlsv13
        }
    }
}

extension StreamIdentity {
    fileprivate func parsed() throws -> (chain: [NIOSSLCertificateSource], key: NIOSSLPrivateKeySource) {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificateChain.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(privateKey.utf8), format: .pem)
        return (chain.map { .certificate($0) }, .privateKey(key))
    }
}

/// How long the other side is waited for when TLS is closed.
private let shutdownTimeout = TimeAmount.seconds(1)

extension ServerSecurity {
    /// - Throws: `StreamFailure` where the certificate or its key cannot be used.
    func configuration() throws -> TLSConfiguration {
        let own: (chain: [NIOSSLCertificateSource], key: NIOSSLPrivateKeySource)
        do { own = try identity.parsed() } catch {
            throw StreamFailure(
                .certificate, "TLS", "the server's certificate or key cannot be read", remedy: "both must be PEM, and the key without a password")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: own.chain, privateKey: own.key)
        configuration.minimumTLSVersion = minimumVersion.nio
        configuration.maximumTLSVersion = maximumVersion.nio
        configuration.shutdownTimeout = shutdownTimeout
        switch clientCertificates {
        case .notAsked: configuration.certificateVerification = .none
        case .optional(let authorities):
            configuration.certificateVerification = .optionalVerification
            configuration.trustRoots = try Self.roots(authorities)
        case .required(let authorities):
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = try Self.roots(authorities)
        }
        return configuration
    }

    private static func roots(_ authorities: String) throws -> NIOSSLTrustRoots {
        do { return .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorities.utf8))) } catch {
            throw StreamFailure(.certificate, "TLS", "the authorities of the clients cannot be read", remedy: "they must be certificates in PEM")
        }
    }
}

extension ClientSecurity {
    /// The lab verifies the certificate of the server itself, so that it can say what is wrong with it.
    func configuration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = minimumVersion.nio
        configuration.maximumTLSVersion = maximumVersion.nio
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.shutdownTimeout = shutdownTimeout
        if let identity {
            do {
                let own = try identity.parsed()
                configuration.certificateChain = own.chain
                configuration.privateKey = own.key
            } catch {
                throw StreamFailure(
                    .certificate, "TLS", "the client's certificate or key cannot be read", remedy: "both must be PEM, and the key without a password")
            }
        }
        return configuration
    }
}
