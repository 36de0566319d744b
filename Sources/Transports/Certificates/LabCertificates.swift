import Crypto
package import Foundation
import SwiftASN1
import X509

/// A certificate authority of the lab's own, for listeners and tests: made when it is needed, known to nobody else.
///
/// Keys are P-256. The private key of the authority stays in memory.
package struct LabCertificates: Sendable {
    private let key: Certificate.PrivateKey
    private let name: DistinguishedName
    private let validFrom: Date
    private let validUntil: Date
    /// The certificate of the authority as PEM, for those who are to trust it.
    package let authority: String

    /// - Parameters:
    ///   - now: the authority is valid from a day before it, since clocks differ.
    ///   - days: how long it is valid.
    /// - Throws: only what the cryptography library throws for names that it cannot write.
    package init(named commonName: String = "Lab authority", at now: Date, days: Int = 3_650) throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        self.key = key
        name = try Self.distinguishedName(commonName)
        validFrom = now.addingTimeInterval(-86_400)
        validUntil = now.addingTimeInterval(Double(days) * 86_400)
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey, notValidBefore: validFrom,
            notValidAfter: validUntil, issuer: name, subject: name,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }, issuerPrivateKey: key)
        authority = try certificate.serializeAsPEM().pemString
    }

    /// A certificate for a server.
    ///
    /// - Parameters:
    ///   - names: host names and addresses that clients connect to; the first one is the common name.
    ///   - validity: nil for as long as the authority is valid.
    package func server(names: [String] = ["localhost", "127.0.0.1", "::1"], validity: ClosedRange<Date>? = nil) throws -> StreamIdentity {
        let alternatives = names.map { name in
            Self.addressBytes(name).map { GeneralName.ipAddress(ASN1OctetString(contentBytes: $0[...])) } ?? .dnsName(name)
        }
        return try issue(names.first ?? "localhost", validity) { extensions in
            try extensions.append(Certificate.Extension(ExtendedKeyUsage([.serverAuth]), critical: false))
            try extensions.append(Certificate.Extension(SubjectAlternativeNames(alternatives), critical: false))
        }
    }

    /// A certificate for a client, whose subject is `CN=<name>,O=Lab`.
    package func client(_ commonName: String, validity: ClosedRange<Date>? = nil) throws -> StreamIdentity {
        try issue(commonName, validity) { extensions in
            try extensions.append(Certificate.Extension(ExtendedKeyUsage([.clientAuth]), critical: false))
        }
    }

    private func issue(
        _ commonName: String, _ validity: ClosedRange<Date>?, _ extend: (inout Certificate.Extensions) throws -> Void
    ) throws -> StreamIdentity {
        let own = P256.Signing.PrivateKey()
        let publicKey = Certificate.PrivateKey(own).publicKey
        var extensions = try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            SubjectKeyIdentifier(hash: publicKey)
            AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier)
        }
        try extend(&extensions)
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey, notValidBefore: validity?.lowerBound ?? validFrom,
            notValidAfter: validity?.upperBound ?? validUntil, issuer: name, subject: Self.distinguishedName(commonName), extensions: extensions,
            issuerPrivateKey: key)
        return StreamIdentity(certificateChain: try certificate.serializeAsPEM().pemString, privateKey: own.pemRepresentation)
    }

    private static func distinguishedName(_ commonName: String) throws -> DistinguishedName {
        try DistinguishedName {
            OrganizationName("Lab")
            CommonName(commonName)
        }
    }

    /// The bytes of an IPv4 or IPv6 address; nil for a name.
    private static func addressBytes(_ text: String) -> [UInt8]? { StreamAddress(text, 0).addressBytes }
}
