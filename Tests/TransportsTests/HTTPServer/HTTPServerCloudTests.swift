import Cloud
import Foundation
import LabCore
import Programs
import Synchronization
import Testing

@testable import Transports

@Suite("The cloud on a socket")
struct HTTPServerCloudTests {
    /// A cloud whose clock stands still and whose chance is seeded: two of them answer the same calls with the same bytes.
    private static func cloud() throws -> Cloud {
        let generator = Mutex(SeededGenerator(seed: 3, purpose: "cloud on a socket"))
        let environment = CloudEnvironment(
            now: { .start }, epoch: 1_767_225_600, randomBytes: { count in generator.withLock { $0.bytes(count) } }, sleep: { _ in },
            schedule: { _, _ in }, note: { _, _ in }, publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in })
        let configuration = CloudConfiguration(
            acceptedHosts: ["127.0.0.1"],
            devices: DeviceSettings(
                factoryMasterKey: Array(repeating: 1, count: 32), deviceMasterKey: Array(repeating: 2, count: 32), tenantSalt: "salt"),
            tokenKeys: [TokenKey(keyID: "k", secret: Array(repeating: 9, count: 32))],
            firstAdministrator: FirstAdministrator(name: "root", email: "root@lab.test", password: "correct horse battery"),
            passwordCost: PasswordCost(rounds: 2, blockSize: 1, parallelism: 1))
        return try Cloud(configuration: configuration, environment: environment, storage: Storage(path: nil))
    }

    private struct Call: Sendable, CustomTestStringConvertible {
        var method: String
        var path: String
        var headers: [String] = []
        var body: String?
        var testDescription: String { "\(method) \(path.prefix(40)) \(body?.prefix(20) ?? "")" }
    }

    private static let login = #"{"username":"root","password":"correct horse battery"}"#
    private static let json = "content-type: application/json"
    private static let calls = [
        Call(method: "GET", path: "/health"), Call(method: "GET", path: "/openapi.json"), Call(method: "HEAD", path: "/health"),
        Call(method: "GET", path: "/api/v1/errors"), Call(method: "GET", path: "/api/v1/errors/TOKEN_EXPIRED"),
        Call(method: "GET", path: "/api/v1/devices"), Call(method: "GET", path: "/nowhere"), Call(method: "DELETE", path: "/health"),
        Call(method: "OPTIONS", path: "/api/v1/devices"), Call(method: "GET", path: "/api/v1/devices?page=x%ff"),
        Call(method: "POST", path: "/api/v1/auth/login", headers: [json], body: login),
        Call(method: "POST", path: "/api/v1/auth/login", headers: [json], body: login.replacing("correct", with: "wrong")),
        Call(method: "POST", path: "/api/v1/auth/login", headers: [json], body: "{"),
        Call(method: "POST", path: "/api/v1/auth/login", headers: ["content-type: text/plain"], body: login),
        Call(
            method: "POST", path: "/api/v1/auth/login", headers: [json],
            body: "{\"username\":\"" + String(repeating: "x", count: 70_000) + "\"}"),
        Call(method: "GET", path: "/health", headers: ["x-long: " + String(repeating: "h", count: 20_000)]),
        Call(method: "GET", path: "/health", headers: ["authorization: a", "authorization: b"]),
        Call(method: "GET", path: "/" + String(repeating: "p", count: 5_000)),
        Call(method: "GET", path: "/api/v1/devices", headers: ["authorization: Bearer nonsense"]),
        Call(method: "GET", path: "/metrics"),
    ]

    @Test("every answer is that of the cloud in memory, byte for byte, with its headers")
    func sameAnswers() async throws {
        guard let curl = ForeignClient("curl", for: "the cloud on a socket") else { return }
        let served = try Self.cloud()
        let server = HTTPServer { call, peer in await served.respond(to: call, from: peer) }
        defer { server.stop() }
        let address = try server.listen(StreamAddress("127.0.0.1", 0))
        let local = try Self.cloud()
        for call in Self.calls {
            var arguments =
                HTTPServerTests.curlOptions + ["--include", "--path-as-is", "-H", "Host: cloud.lab", "-H", "Accept:", "-H", "User-Agent:"]
            arguments += call.method == "HEAD" ? ["--head"] : ["-X", call.method]
            for header in call.headers { arguments += ["-H", header] }
            if call.body != nil { arguments += ["-H", "Expect:", "--data-binary", "@-"] }
            let outcome = try await curl.run(arguments + ["http://\(address)\(call.path)"], input: call.body ?? "")

            var headers = [HTTPCall.Header("host", "cloud.lab")]
            headers += call.headers.map { $0.split(separator: ":", maxSplits: 1) }
                .map { HTTPCall.Header(String($0[0]), $0[1].trimmingCharacters(in: .whitespaces)) }
            if let body = call.body { headers.append(HTTPCall.Header("content-length", String(body.utf8.count))) }
            let expected = try await local.respond(
                to: HTTPCall(call.method, call.path, headers: headers, body: Array((call.body ?? "").utf8)), from: "127.0.0.1"
            ).get()
            let lines = expected.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
            let head = outcome.output.range(of: "\r\n").map { String(outcome.output[..<$0.lowerBound]) } ?? ""
            #expect(head.hasPrefix("HTTP/1.1 \(expected.status) "), "\(call.testDescription): \(head) \(outcome.errors)")
            let rest = outcome.output.dropFirst(head.count + 1)
            #expect(String(rest) == lines + "\r\n" + String(decoding: expected.body, as: UTF8.self), "\(call.testDescription)")
        }
    }

    @Test("a cloud that has crashed gives no answer")
    func crashed() async throws {
        guard let curl = ForeignClient("curl", for: "a crashed cloud") else { return }
        let cloud = try Self.cloud()
        let server = HTTPServer { call, peer in await cloud.respond(to: call, from: peer) }
        defer { server.stop() }
        let address = try server.listen(StreamAddress("127.0.0.1", 0))
        #expect(try await curl.run(HTTPServerTests.curlOptions + ["http://\(address)/health"]).status == 0)
        cloud.crash()
        #expect(try await curl.run(HTTPServerTests.curlOptions + ["http://\(address)/health"]).status == 52)
    }
}
