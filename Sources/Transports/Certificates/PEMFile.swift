import Crypto
package import Foundation
package import LabCore
import SwiftASN1
package import X509

/// Reads certificates and keys from PEM files and says what is wrong with them.
package enum PEMFile {
    /// A certificate with its private key that a server or a client can show.
    ///
    /// - Parameters:
    ///   - certificate: path of the certificate, followed by those that lead to the authority.
    ///   - now: the date at which it has to be valid.
    /// - Throws: `.notFound`, `.permissionDenied` or `.failed` for the files; `.certificate` for text that is none, for a key
    ///   of another certificate, and for one that is not valid now.
    package static func identity(certificate: String, key: String, at now: Date) throws(StreamFailure) -> StreamIdentity {
        let chainText = try text(at: certificate)
        let chain = try certificates(in: chainText, from: certificate)
        let keyText = try text(at: key)
        let privateKey: Certificate.PrivateKey
        do { privateKey = try Certificate.PrivateKey(pemEncoded: keyText) } catch {
            throw StreamFailure(
                .certificate, key, "there is no private key in it that can be used",
                remedy: keyText.contains("ENCRYPTED") ? "remove its password: `openssl pkey -in \(key)`" : "it must be PEM with a private key")
        }
        guard let leaf = chain.first, leaf.publicKey == privateKey.publicKey else {
            throw StreamFailure(.certificate, key, "the key is not the one of \(certificate)", remedy: "give the key that the certificate was made for")
        }
        try check(leaf, certificate, at: now)
        return StreamIdentity(certificateChain: chainText, privateKey: keyText)
    }

    /// The PEM text of authorities, checked to be certificates.
    ///
    /// - Throws: as `identity` does.
    package static func authorities(at path: String) throws(StreamFailure) -> String {
        let content = try text(at: path)
        _ = try certificates(in: content, from: path)
        return content
    }

    package static func certificates(at path: String) throws(StreamFailure) -> [Certificate] {
        try certificates(in: text(at: path), from: path)
    }

    /// - Parameter source: what the text is called in errors.
    package static func certificates(in text: String, from source: String) throws(StreamFailure) -> [Certificate] {
        let documents: [PEMDocument]
        do { documents = try PEMDocument.parseMultiple(pemString: text) } catch {
            throw StreamFailure(.certificate, source, "it is not PEM", remedy: "a certificate begins with -----BEGIN CERTIFICATE-----")
        }
        var found: [Certificate] = []
        for document in documents where document.discriminator == Certificate.defaultPEMDiscriminator {
            do { found.append(try Certificate(pemDocument: document)) } catch {
                throw StreamFailure(
                    .certificate, source, "certificate number \(found.count + 1) in it cannot be read", remedy: "check it with `openssl x509 -text`")
            }
        }
        if found.isEmpty {
            throw StreamFailure(.certificate, source, "there is no certificate in it", remedy: "a certificate begins with -----BEGIN CERTIFICATE-----")
        }
        return found
    }

    private static func check(_ leaf: Certificate, _ path: String, at now: Date) throws(StreamFailure) {
        if leaf.notValidAfter < now {
            throw StreamFailure(.certificate, path, "the certificate expired on \(day(leaf.notValidAfter))", remedy: "renew it")
        }
        if leaf.notValidBefore > now {
            throw StreamFailure(
                .certificate, path, "the certificate is not valid before \(day(leaf.notValidBefore))", remedy: "check the clock of this machine")
        }
    }

    static func day(_ date: Date) -> String { String(date.ISO8601Format().prefix(10)) }

    // MARK: What the machine trusts

    private static let bundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]

    /// Certificates of strangers that cannot be read are left out: they are of no use to anybody.
    private static let systemCertificates: [Certificate]? = {
        for path in bundles {
            guard let text = try? text(at: path), let documents = try? PEMDocument.parseMultiple(pemString: text) else { continue }
            return documents.compactMap { try? Certificate(pemDocument: $0) }
        }
        return nil
    }()

    static func systemRoots() throws(StreamFailure) -> [Certificate] {
        guard let systemCertificates else {
            throw StreamFailure(
                .notFound, bundles[0], "the machine's list of authorities is not there", remedy: "install ca-certificates, or name a file")
        }
        return systemCertificates
    }

    // MARK: Files

    /// More than any chain or list of authorities has.
    private static let sizeLimit = 4 << 20

    private static func text(at path: String) throws(StreamFailure) -> String {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            data = try handle.read(upToCount: sizeLimit + 1) ?? Data()
        } catch {
            throw failure(error, path)
        }
        guard data.count <= sizeLimit else { throw StreamFailure(.certificate, path, "it has more than \(sizeLimit >> 20) MB", remedy: "name a PEM file") }
        guard let text = String(bytes: data, encoding: .utf8) else {
            throw StreamFailure(.certificate, path, "it is not PEM", remedy: "convert it: `openssl x509 -inform der -in \(path)`")
        }
        return text
    }

    private static func failure(_ error: any Error, _ path: String) -> StreamFailure {
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile?, .fileNoSuchFile?: StreamFailure(.notFound, path, "there is no such file", remedy: "check the path")
        case .fileReadNoPermission?:
            StreamFailure(.permissionDenied, path, "the file may not be read", remedy: "check its owner and its mode: `ls -l \(path)`")
        default: StreamFailure(.failed, path, "the file cannot be read", remedy: "check that it is a file")
        }
    }
}
