import Foundation
import LabCore
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import X509

enum CertificateText {
    /// The subject as RFC 4514 writes it; nil for a certificate that cannot be read.
    static func subject(_ certificate: NIOSSLCertificate) -> String? { (try? parsed(certificate)).map { $0.subject.description } }

    static func parsed(_ certificate: NIOSSLCertificate) throws -> Certificate { try Certificate(derEncoded: certificate.toDERBytes()) }
}

/// Verifies a server's certificate and says what is wrong with it: too old, of a stranger, for another name.
struct CertificateVerification: Sendable {
    let roots: CertificateStore
    /// The name or the address that the certificate must be for.
    let host: String
    let medium: String

    /// - Throws: `StreamFailure` where the roots cannot be read.
    init(_ roots: ClientSecurity.Roots, host: String, medium: String) throws(StreamFailure) {
        self.host = host
        self.medium = medium
        switch roots {
        case .system: self.roots = CertificateStore(try PEMFile.systemRoots())
        case .file(let path): self.roots = CertificateStore(try PEMFile.certificates(at: path))
        case .pinned(let text): self.roots = CertificateStore(try PEMFile.certificates(in: text, from: "pinned certificate"))
        }
    }

    /// Nil when it is to be trusted.
    func failure(of chain: [NIOSSLCertificate]) async -> StreamFailure? {
        guard let certificates = try? chain.map({ try CertificateText.parsed($0) }), let leaf = certificates.first else {
            return StreamFailure(.certificate, medium, "the server's certificate cannot be read")
        }
        return await failure(of: leaf, CertificateStore(certificates.dropFirst()))
    }

    private func failure(of leaf: Certificate, _ intermediates: CertificateStore) async -> StreamFailure? {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        var whole = Verifier(rootCertificates: roots) {
            RFC5280Policy()
            ServerIdentityPolicy(serverHostname: isAddress ? nil : host, serverIP: isAddress ? host : nil)
        }
        if case .validCertificate = await whole.validate(leaf: leaf, intermediates: intermediates) { return nil }
        // The verifier above has judged by the machine's clock; this only finds words for its verdict.
        let now = Date()
        if leaf.notValidAfter < now {
            return StreamFailure(
                .certificate, medium, "the server's certificate expired on \(day(leaf.notValidAfter))",
                remedy: "renew it, or check the clock of this machine")
        }
        if leaf.notValidBefore > now {
            return StreamFailure(
                .certificate, medium, "the server's certificate is not valid before \(day(leaf.notValidBefore))",
                remedy: "check the clocks of both machines")
        }
        var chainOnly = Verifier(rootCertificates: roots) { RFC5280Policy() }
        guard case .validCertificate = await chainOnly.validate(leaf: leaf, intermediates: intermediates) else {
            return StreamFailure(
                .certificate, medium, "no authority that is trusted signed the server's certificate (\(leaf.subject), issued by \(leaf.issuer))",
                remedy: "name the file of the authority that did")
        }
        return StreamFailure(
            .certificate, medium, "the server's certificate is for \(names(of: leaf)), not for \(host)",
            remedy: "connect by one of its names, or set the server name")
    }

    private func day(_ date: Date) -> String { String(date.ISO8601Format().prefix(10)) }

    private func names(of certificate: Certificate) -> String {
        let names = (try? certificate.extensions.subjectAlternativeNames)?.map { name in
            switch name {
            case .dnsName(let name): name
            case .ipAddress(let bytes): Self.text(of: Array(bytes.bytes))
            default: "\(name)"
            }
        }
        guard let names, !names.isEmpty else { return "no name" }
        return names.joined(separator: ", ")
    }

    private static func text(of address: [UInt8]) -> String {
        let packed = ByteBuffer(bytes: address)
        return (try? SocketAddress(packedIPAddress: packed, port: 0))?.ipAddress ?? "\(address)"
    }

    /// The handler of one connection; what is wrong is left in `finding`.
    func handler(_ context: NIOSSLContext, _ finding: VerificationFinding) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host) { chain, promise in
            promise.completeWithTask {
                guard let failure = await failure(of: chain) else { return .certificateVerified }
                finding.value.withLock { $0 = failure }
                return .failed
            }
        }
    }
}
