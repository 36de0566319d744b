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

    private static let known = ["luna_badge_0007", "root", "2007"]

    /// Percent-encoded in most cases, so that the word arrives where it is looked at.
    private static func encoded(_ text: String, _ chance: inout SeededGenerator) -> String {
        if chance.chance(0.05) { return text }
        return text.utf8.map { byte in
            let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.text([byte])
        }.joined()
    }

    /// A value that fits the type in two of three cases.
    private static func value(_ type: FieldType, _ chance: inout SeededGenerator) -> FieldValue {
        let strange: [FieldValue] = [.null, true, -1, 1.5, .text(word(&chance)), [], [["a": 1]], ["a": [1, nil]]]
        if chance.chance(0.33) { return strange[Int(chance.integer(below: UInt64(strange.count)))] }
        switch type {
        case .text, .bytes, .duration, .file: return .text(chance.chance(0.3) ? known[0] : word(&chance))
        case .integer: return .integer(Int64(bitPattern: chance.next()))
        case .number, .ratio: return .number(chance.unitInterval())
        case .bool: return .bool(chance.chance(0.5))
        case .choice(let words): return .text(words[Int(chance.integer(below: UInt64(words.count)))])
        case .list(let element): return .list([value(element, &chance)])
        case .record(let kinds):
            var fields: Fields = [:]
            for kind in kinds { fields[kind.name] = value(kind.type, &chance) }
            return .record(fields)
        case .any: return .text(word(&chance))
        }
    }

    private static func call(_ endpoints: [Endpoint], _ headers: [(String, String)], _ chance: inout SeededGenerator) -> HTTPCall {
        let endpoint = endpoints[Int(chance.integer(below: UInt64(endpoints.count)))]
        var path = endpoint.path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("{") ? chance.chance(0.3) ? known[Int(chance.integer(below: 3))] : encoded(word(&chance), &chance) : String($0) }
            .joined(separator: "/")
        if chance.chance(0.3) {
            let name = endpoint.query.isEmpty || chance.chance(0.3) ? word(&chance) : endpoint.query[Int(chance.integer(below: UInt64(endpoint.query.count)))].name
            path += "?" + encoded(name, &chance) + "=" + encoded(word(&chance), &chance)
        }
        if chance.chance(0.03) { path = word(&chance) }
        var call = HTTPCall(chance.chance(0.97) ? endpoint.method : word(&chance), path)
        if chance.chance(0.9) { call.headers = headers.map { HTTPCall.Header($0.0, $0.1) } }
        let names = [
            "authorization", "x-device-id", "x-timestamp", "x-nonce", "x-signature", "x-tenant", "host", "content-type", "content-encoding",
            "x-any", "Content-Length", "", "a b", "a:b",
        ]
        while chance.chance(0.2) {
            call.headers.append(HTTPCall.Header(names[Int(chance.integer(below: UInt64(names.count)))], word(&chance)))
        }
        if let kinds = endpoint.body, chance.chance(0.95) {
            var fields: Fields = [:]
            for kind in kinds where kind.isRequired || chance.chance(0.5) { fields[kind.name] = value(kind.type, &chance) }
            if chance.chance(0.1) { fields[word(&chance)] = .text(word(&chance)) }
            call.body = chance.chance(0.95) ? JSONWriter.bytes(.record(fields)) : Array(word(&chance).utf8)
            call.headers.append(HTTPCall.Header("content-type", "application/json"))
        }
        if endpoint.takesBytes, chance.chance(0.9) {
            call.body = chance.chance(0.5) ? chance.bytes(200) : Array(#"{"signed":{"_type":"root","version":1},"signatures":[]}"#.utf8)
            call.headers.append(HTTPCall.Header("content-type", endpoint.bytesType))
        }
        return call
    }

    @Test("every call gets an answer of the one form, never 500, and nothing falls over")
    func everyCallIsAnswered() async throws {
        let clock = ManualClock()
        var configuration = GatewayBench.configuration
        configuration.passwordCost = PasswordCost(rounds: 2, blockSize: 1, parallelism: 1)
        configuration.devices.allowsOpenRegistration = true
        let many = RateLimit(1_000_000, per: .seconds(1))
        configuration.rateLimits = RateLimits(login: many, registration: many, device: many, user: many, open: many, failures: many)
        let cloud = try Cloud(configuration: configuration, environment: clock.environment, storage: try Storage(path: nil))
        let admin = [("authorization", "Bearer " + (try cloud.operatorToken(role: .admin))), ("host", "cloud.lab")]
        let device = #"{"device_id":"luna_badge_0007","device_name":"Badge","hardware_version":"v1.0","mac_address":"00:11:22:33:44:55"}"#
        let json = HTTPCall.Header("content-type", "application/json")
        let registered = try await cloud.respond(
            to: HTTPCall("POST", "/api/v1/devices/register", headers: [json], body: Array(device.utf8))).get()
        #expect(registered.status == 201)
        var chance = SeededGenerator(seed: Self.seed, purpose: "gateway fuzz")
        // One is held until there is an event, which nobody here would make.
        let endpoints = cloud.gateway.endpoints.filter { $0.path != "/api/v1/events/next" }
        for number in 0..<4_000 {
            let call = Self.call(endpoints, admin, &chance)
            let answer = try await cloud.respond(to: call).get()
            let hint: Comment = "seed \(Self.seed), call \(number): \(call.method) \(call.path) \(String(decoding: call.body, as: UTF8.self))"
            #expect(answer.status < 500, hint)
            #expect((200...431).contains(answer.status), hint)
            // Files go out as they are.
            if answer.status == 200, ["/roots/", "/manifest", "/download", "/export"].contains(where: call.path.contains) { continue }
            if answer.status != 204, call.method != "HEAD", !["/metrics", "/openapi.json"].contains(call.path.prefix { $0 != "?" }) {
                #expect(answer.error != "no envelope", hint)
            }
            if number % 100 == 0 { clock.advance(.seconds(1)) }
        }
    }
}
