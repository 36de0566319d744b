import Foundation
import LabCore
import Programs
import Testing

@testable import Transports

@Suite("HTTPS with clients that we did not write (RFC 8446, RFC 5246)")
struct HTTPServerTLSTests {
    /// A server with a certificate of an authority that clients know by a file.
    private struct Bench {
        let echo: EchoServer
        let folder: TestFolder
        let authority: String

        init(_ change: (inout ServerSecurity) -> Void = { _ in }, limits: HTTPServerLimits = HTTPServerLimits()) throws {
            let certificates = try LabCertificates(at: Date())
            var security = ServerSecurity(try certificates.server())
            change(&security)
            echo = try EchoServer(limits: limits, security: security)
            folder = try TestFolder()
            authority = try folder.write("authority.pem", certificates.authority)
        }

        var url: String { "https://\(echo.address)/secret" }

        /// What `openssl s_client` says of a connection in one version of TLS.
        func openssl(_ version: String, for test: String) async throws -> ChildProcess.Outcome? {
            // Today's default of OpenSSL would not even ask for 1.1.
            let arguments = [
                "s_client", "-connect", "\(echo.address)", version, "-CAfile", authority, "-verify_return_error", "-cipher",
                "DEFAULT@SECLEVEL=0",
            ]
            return try await ForeignClient("openssl", for: test)?.run(
                arguments, input: "GET /s HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        }
    }

    @Test("curl that knows the authority is answered; curl that does not know it refuses")
    func curl() async throws {
        let bench = try Bench()
        guard let curl = ForeignClient("curl", for: "HTTPS") else { return }
        let known = try await curl.run(HTTPServerTests.curlOptions + ["--cacert", bench.authority, "--include", bench.url])
        #expect(known.output == "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nGET /secret ")
        // curl(1): 60, the certificate cannot be authenticated.
        #expect(try await curl.run(HTTPServerTests.curlOptions + [bench.url]).status == 60)
        #expect(bench.echo.taken.count == 1)
        #expect(bench.echo.server.addresses.map(\.scheme) == ["https"])
    }

    @Test("TLS 1.2 and 1.3 are spoken", arguments: [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
    func accepted(option: String, name: String) async throws {
        let bench = try Bench()
        guard let outcome = try await bench.openssl(option, for: "\(name)") else { return }
        #expect(outcome.output.contains("New, \(name), Cipher is ") || outcome.output.contains("Protocol  : \(name)"))
        #expect(outcome.output.contains("Verification: OK"))
    }

    @Test("TLS 1.1 and 1.0 are not", arguments: ["-tls1_1", "-tls1"])
    func refused(option: String) async throws {
        let bench = try Bench()
        guard let outcome = try await bench.openssl(option, for: "TLS 1.1") else { return }
        #expect(outcome.status != 0)
        // RFC 8446 §6.2: protocol_version(70).
        #expect(outcome.errors.contains("alert protocol version"))
        #expect(bench.echo.taken.isEmpty)
    }

    @Test("a client that speaks no TLS, or says nothing, loses its connection")
    func noTLS() async throws {
        let bench = try Bench(limits: HTTPServerLimits(idleTime: .milliseconds(200)))
        guard let client = RawClient(for: "no TLS") else { return }
        for text in ["", "GET / HTTP/1.1\r\nHost: lab\r\n\r\n"] {
            #expect(!(try await client.send([text], to: bench.echo.address)).contains("200"))
        }
        #expect(bench.echo.taken.isEmpty)
    }

    @Test("a client without the certificate that is required is not answered")
    func clientCertificate() async throws {
        let clients = try LabCertificates(named: "Clients", at: Date())
        let bench = try Bench { $0.clientCertificates = .required(authorities: clients.authority) }
        guard let curl = ForeignClient("curl", for: "client certificates") else { return }
        let options = HTTPServerTests.curlOptions + ["--cacert", bench.authority]
        #expect(try await curl.run(options + [bench.url]).status != 0)
        let identity = try clients.client("badge-1")
        let own = try [
            "--cert", bench.folder.write("c.pem", identity.certificateChain), "--key", bench.folder.write("k.pem", identity.privateKey),
        ]
        #expect(try await curl.run(options + own + [bench.url]).output == "GET /secret ")
        #expect(bench.echo.taken.count == 1)
    }

    @Test("a body at the limit is refused over TLS as well, and a crash ends connections")
    func limits() async throws {
        let bench = try Bench(limits: HTTPServerLimits(bodyBytes: 1_000))
        guard let curl = ForeignClient("curl", for: "limits of HTTPS") else { return }
        let options = HTTPServerTests.curlOptions + ["--cacert", bench.authority]
        let refused = try await curl.run(
            options + ["--include", "--data-binary", "@-", bench.url], input: String(repeating: "x", count: 300_000))
        #expect(refused.output.contains("HTTP/1.1 413 "))
        #expect(try await curl.run(options + ["https://\(bench.echo.address)/dead"]).status != 0)
        try bench.echo.server.setListening(false)
        let taken = bench.echo.taken.count
        // Who listens there meanwhile, if anybody does, is not this server.
        #expect(try await curl.run(options + [bench.url]).status != 0)
        #expect(bench.echo.taken.count == taken)
        try bench.echo.server.setListening(true)
        #expect(try await curl.run(options + [bench.url]).output == "GET /secret ")
    }

    @Test(
        "a certificate or a key that cannot be used is told before anybody can connect",
        arguments: ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func wrongCertificate(text: String) throws {
        let good = try LabCertificates(at: Date()).server()
        let server = HTTPServer.silent
        defer { server.stop() }
        for identity in [
            StreamIdentity(certificateChain: text, privateKey: good.privateKey),
            StreamIdentity(certificateChain: good.certificateChain, privateKey: text),
        ] {
            let listener = StreamListener(StreamAddress("127.0.0.1", 0), security: ServerSecurity(identity))
            let failure = #expect(throws: StreamFailure.self) { try server.listen(listener) }
            #expect(failure?.reason == .certificate)
            #expect(failure?.remedy.isEmpty == false)
        }
        let other = try LabCertificates(at: Date()).server()
        let mixed = StreamIdentity(certificateChain: good.certificateChain, privateKey: other.privateKey)
        let failure = #expect(throws: StreamFailure.self) {
            try server.listen(StreamListener(StreamAddress("127.0.0.1", 0), security: ServerSecurity(mixed)))
        }
        #expect(failure?.reason == .certificate)
    }
}
