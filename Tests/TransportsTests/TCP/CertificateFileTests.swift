import Foundation
import LabCore
import Programs
import Testing
import Transports

@Suite("Certificates from files")
struct CertificateFileTests {
    private let folder: URL
    private let authority: LabCertificates

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("certificates-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        authority = try LabCertificates(at: Date())
    }

    private func write(_ name: String, _ text: String) throws -> String {
        let file = folder.appendingPathComponent(name)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    private func failure(_ certificate: String, _ key: String, at now: Date = Date()) -> StreamFailure? {
        do throws(StreamFailure) {
            _ = try PEMFile.identity(certificate: certificate, key: key, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test("what was made is read again")
    func pair() throws {
        let made = try authority.server()
        let read = try PEMFile.identity(
            certificate: write("a.pem", made.certificateChain), key: write("a.key", made.privateKey), at: Date())
        #expect(read == made)
        #expect(try PEMFile.authorities(at: write("ca.pem", authority.authority)) == authority.authority)
    }

    @Test("the key of another certificate")
    func wrongKey() throws {
        let certificate = try write("a.pem", authority.server().certificateChain)
        let key = try write("b.key", authority.server().privateKey)
        #expect(failure(certificate, key)?.description == "\(key): the key is not the one of \(certificate); give the key that the certificate was made for")
    }

    @Test("a certificate outside of its time")
    func validity() throws {
        let made = try authority.server()
        let (certificate, key) = (try write("a.pem", made.certificateChain), try write("a.key", made.privateKey))
        // 2026-01-01 lies before the tests were written, 2126 after the ten years of the authority.
        #expect(failure(certificate, key, at: Date(timeIntervalSince1970: 4_922_000_000))?.detail.hasPrefix("the certificate expired on ") == true)
        #expect(failure(certificate, key, at: Date(timeIntervalSince1970: 0))?.detail.hasPrefix("the certificate is not valid before ") == true)
    }

    @Test("a file that is not there, and one that is a folder")
    func missing() throws {
        let path = folder.appendingPathComponent("none.pem").path
        #expect(failure(path, path) == StreamFailure(.notFound, path, "there is no such file", remedy: "check the path"))
        #expect(failure(folder.path, folder.path)?.reason == .failed)
    }

    @Test(
        "text that is no certificate", arguments: [
            "", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        ])
    func noCertificate(_ text: String) throws {
        let path = try write("x.pem", text)
        #expect(failure(path, path)?.reason == .certificate)
    }

    @Test("a key file without a key, and one with a password")
    func noKey() throws {
        let certificate = try write("a.pem", authority.server().certificateChain)
        #expect(failure(certificate, certificate)?.detail == "there is no private key in it that can be used")
        let locked = try write("l.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMA==\n-----END ENCRYPTED PRIVATE KEY-----\n")
        #expect(failure(certificate, locked)?.remedy == "remove its password: `openssl pkey -in \(locked)`")
    }

    @Test("another program accepts the certificates")
    func openssl() async throws {
        guard let openssl = ForeignClient("openssl", for: "another program accepts the certificates") else { return }
        let made = try authority.server(names: ["broker.example", "127.0.0.1"])
        let outcome = try await openssl.run([
            "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "broker.example", "-CAfile",
            try write("ca.pem", authority.authority), try write("s.pem", made.certificateChain),
        ])
        #expect(outcome.status == 0, "\(outcome)")
    }
}
