import Cloud
import Foundation
import LabCore
import Testing

/// Another seed: `LAB_FUZZ_SEED=17 swift test --filter GatewayFuzzTests`.
@Suite("The gateway under random input")
struct GatewayFuzzTests {
    static let seed = ProcessInfo.processInfo.environment["LAB_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_260_101

    private static let words = [
        "", "a", "0", "-1", "9223372036854775808", "1e999", "null", "true", "{}", "[]", "\"", "\\", "%", "%00", "%2e%2e", "..", "'", "' OR 1=1 --",
        "\u{0}", "\r\n", "\t", "é", "😀", "\u{202e}", "Bearer ", "Bearer x.y.z", "v1:sha256:", "sha256:", "eyJhbGciOiJub25lIn0.e30.", "{\"a\":",
        "[[[[[[[[", "luna_badge_0007", "default", "application/json", "gzip", "1767225600", "AAAAAAAAAAAAAAAAAAAAAA", "page=1", "&&==", "?", "#", "/",
    ]

    private static func word(_ chance: inout SeededGenerator) -> String {
        let count = Int(chance.integer(below: 3)) + 1
        return (0..<count).map { _ in
            chance.chance(0.1)
                ? String(decoding: chance.bytes(Int(chance.integer(below: 40))), as: UTF8.self) : words[Int(chance.integer(below: UInt64(words.count)))]
        }.joined()
    }

    private static func call(_ endpoints: [Endpoint], _ headers: [(String, String)], _ chance: inout SeededGenerator) -> HTTPCall {
        let endpoint = endpoints[Int(chance.integer(below: UInt64(endpoints.count)))]
        var path = endpoint.path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("{") ? word(&chance) : String($0) }.joined(separator: "/")
        if chance.chance(0.3) { path += "?" + word(&chance) + "=" + word(&chance) }
        if chance.chance(0.1) { path = word(&chance) }
        var call = HTTPCall(chance.chance(0.9) ? endpoint.method : word(&chance), path)
        if chance.chance(0.7) { call.headers = headers.map { HTTPCall.Header($0.0, $0.1) } }
        let names = [
            "authorization", "x-device-id", "x-timestamp", "x-nonce", "x-signature", "x-tenant", "host", "content-type", "content-encoding",
            "x-any", "Content-Length", "", "a b", "a:b",
        ]
        for _ in 0..<chance.integer(below: 4) {
            call.headers.append(HTTPCall.Header(names[Int(chance.integer(below: UInt64(names.count)))], word(&chance)))
        }
        if chance.chance(0.6) {
            let fields = (endpoint.body ?? []).map { "\"\($0.name)\":\(chance.chance(0.5) ? "\"\(word(&chance))\"" : word(&chance))" }
            call.body = Array((chance.chance(0.8) ? "{" + fields.joined(separator: ",") + "}" : word(&chance)).utf8)
            if chance.chance(0.8) { call.headers.append(HTTPCall.Header("content-type", "application/json")) }
        }
        return call
    }

    @Test("every call gets an answer of the one form, never 500, and nothing falls over")
    func everyCallIsAnswered() async throws {
        let clock = ManualClock()
        var configuration = GatewayBench.configuration
        configuration.passwordCost = PasswordCost(rounds: 2, blockSize: 1, parallelism: 1)
        let many = RateLimit(1_000_000, per: .seconds(1))
        configuration.rateLimits = RateLimits(login: many, registration: many, device: many, user: many, open: many, failures: many)
        let cloud = try Cloud(configuration: configuration, environment: clock.environment, storage: try Storage(path: nil))
        let admin = [("authorization", "Bearer " + (try await cloud.operatorToken(role: .admin))), ("host", "cloud.lab")]
        var chance = SeededGenerator(seed: Self.seed, purpose: "gateway fuzz")
        for number in 0..<4_000 {
            let call = Self.call(cloud.gateway.endpoints, admin, &chance)
            let answer = try await cloud.respond(to: call).get()
            let hint: Comment = "seed \(Self.seed), call \(number): \(call.method) \(call.path) \(String(decoding: call.body, as: UTF8.self))"
            #expect(answer.status < 500, hint)
            #expect((200...431).contains(answer.status), hint)
            if answer.status != 204, call.method != "HEAD", !["/metrics", "/openapi.json"].contains(call.path.prefix { $0 != "?" }) {
                #expect(answer.error != "no envelope", hint)
            }
            if number % 100 == 0 { clock.advance(.seconds(1)) }
        }
    }
}
