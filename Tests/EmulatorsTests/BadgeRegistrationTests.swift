import LabCore
import Testing

@testable import Emulators

@Suite("Badge: registration that does not go well (badge protocol, \"REST\")")
struct BadgeRegistrationTests {
    private func bench(_ replies: [BadgeBench.Reply], clockError: Int64 = 0) -> BadgeBench {
        var bench = BadgeBench(clockError: clockError)
        bench.replies = replies
        bench.give(.poweredOn)
        return bench
    }

    @Test("without an answer it tries again, after times that double up to a minute and are half chance")
    func backoff() throws {
        var bench = bench(Array(repeating: .failure(.unreachable), count: 12))
        bench.run(for: .seconds(600))
        #expect(bench.count("registration.failed") == 12)
        #expect(bench.count("registered") == 1)
        let failures = bench.times("registration.failed").map(\.nanoseconds)
        let attempts = bench.requests.map(\.at.nanoseconds)
        for (index, longest) in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000].enumerated() {
            let waited = (attempts[index + 1] - failures[index]) / 1_000_000
            #expect((Int64(longest / 2)...Int64(longest)).contains(waited), "attempt \(index + 2)")
        }
        let first = try #require(bench.notes.first { $0.name == "registration.failed" }).fields
        #expect(first == ["status": 0, "error": "unreachable", "attempt": 1, "retry": "soon"])
    }

    @Test("every attempt has its own nonce")
    func nonces() {
        var bench = bench(Array(repeating: .failure(.timedOut), count: 20))
        bench.run(for: .seconds(1_200))
        let nonces = bench.requests.compactMap { $0.call.header("x-nonce") }
        #expect(nonces.count == 21)
        #expect(Set(nonces).count == 21)
    }

    @Test("what the cloud's trouble is, or a rate limit, is tried again soon", arguments: [500, 502, 503, 504, 408, 425, 429, 401])
    func soon(status: Int) {
        var bench = bench([.refusal(status, "SOMETHING")])
        bench.run(for: .seconds(2))
        #expect(bench.last("registration.failed") == ["status": .integer(Int64(status)), "error": "SOMETHING", "attempt": 1, "retry": "soon"])
        #expect(bench.state["online"] == true)
    }

    @Test("a refusal that will not change soon is tried again after 5 to 10 minutes", arguments: [400, 403, 404, 413, 422])
    func late(status: Int) {
        var bench = bench([.refusal(status, "DEVICE_NOT_PROVISIONED")])
        bench.run(for: .seconds(300))
        #expect(bench.last("registration.failed")?["retry"] == "late")
        #expect(bench.requests.count == 1)
        bench.run(for: .seconds(302))
        #expect(bench.requests.count == 2)
        #expect(bench.state["online"] == true)
    }

    @Test("a badge whose identity another has (409) stops; a single 409 is not believed yet")
    func clone() {
        var bench = bench([.refusal(409, "DEVICE_CLONED"), .refusal(409, "DEVICE_CLONED")])
        bench.run(for: .seconds(86_400))
        #expect(bench.requests.count == 2)
        #expect(bench.last("registration.failed") == ["status": 409, "error": "DEVICE_CLONED", "attempt": 2, "retry": "never"])
        #expect(bench.state["phase"] == "refused")
        #expect(bench.connections.isEmpty)
        bench.act("reboot")
        bench.run(for: .seconds(2))
        #expect(bench.state["online"] == true)
    }

    @Test("waits as long as retry-after says, an hour at most", arguments: [(30, 30), (100_000, 3_600), (-5, 0)])
    func retryAfter(asked: Int, waited: Int64) throws {
        var bench = BadgeBench()
        bench.replies = [.silence]
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        var answer = BadgeBench.answer(429, ["error": "RATE_LIMITED"], code: 1_003)
        answer.headers = [.init("retry-after", String(asked))]
        bench.give(.answered(Token(rawValue: 1), .success(answer)))
        let from = bench.now
        bench.run(for: .seconds(4_000))
        let second = try #require(bench.requests.dropFirst().first?.at)
        #expect(second >= from.advanced(by: .seconds(waited)))
        #expect(second <= from.advanced(by: .seconds(waited + 1)))
    }

    @Test("a clock that is wrong is set once by the signed time of the cloud", arguments: [-1_767_225_000, -3_600, 900, 86_400 * 365])
    func clockSkew(error: Int64) {
        var bench = bench([.clockSkew(BadgeBench.epoch, isSigned: true)], clockError: error)
        bench.run(for: .seconds(2))
        #expect(bench.requests.first?.call.header("x-timestamp") == String(BadgeBench.epoch + error))
        #expect(bench.requests.last?.call.header("x-timestamp") == String(BadgeBench.epoch))
        #expect(bench.count("clock.corrected") == 1)
        #expect(bench.count("registration.failed") == 0)
        #expect(bench.state["online"] == true)
        #expect(bench.messages("status").first?.json["timestamp"]?.text?.hasPrefix("2026-01-01T00:00:0") == true)
    }

    @Test("the correction outlives a power cut, as the clock has its own cell")
    func clockKept() {
        var bench = bench([.clockSkew(BadgeBench.epoch, isSigned: true)], clockError: -1_000_000)
        bench.run(for: .seconds(2))
        bench.give(.powerLost)
        bench.forget()
        bench.give(.poweredOn)
        bench.run(for: .seconds(2))
        #expect(bench.messages("status").first?.json["timestamp"]?.text?.hasPrefix("2026-01-01T00:00:") == true)
    }

    @Test("a time without the right signature is not believed, nor a second correction in a row")
    func forgedTime() {
        var forged = bench([.clockSkew(BadgeBench.epoch + 1_000_000, isSigned: false)])
        forged.run(for: .seconds(2))
        #expect(forged.count("clock.corrected") == 0)
        #expect(forged.last("registration.failed") == ["status": 401, "error": "CLOCK_SKEW", "attempt": 1, "retry": "soon"])

        var again = bench([.clockSkew(BadgeBench.epoch + 400, isSigned: true), .clockSkew(BadgeBench.epoch + 800, isSigned: true)])
        again.run(for: .seconds(2))
        #expect(again.count("clock.corrected") == 1)
        #expect(again.count("registration.failed") == 1)
    }

    private static let good = BadgeBench.grant("luna_badge_0007", expiry: 1_767_226_500)

    private static func changed(_ name: String, _ value: FieldValue?) -> BadgeBench.Reply {
        var fields = good
        fields[name] = value
        return .success(201, fields)
    }

    private static let malformed: [BadgeBench.Reply] = [
        changed("device_id", nil), changed("device_id", "luna_badge_0008"), changed("device_id", 7),
        changed("device_secret", nil), changed("device_secret", "short"), changed("device_secret", .text(String(repeating: "A", count: 44))),
        changed("device_secret", .text(String(repeating: "A", count: 42) + "B")), changed("key_epoch", nil), changed("key_epoch", 0),
        changed("key_epoch", "1"), changed("key_epoch", 4_294_967_296), changed("token", nil), changed("token", ""),
        changed("token", "a b"), changed("token", .text(String(repeating: "t", count: 5_000))), changed("token_expires_at", "soon"),
        .raw(201, []), .raw(201, Array("null".utf8)), .raw(201, Array("{\"code\":0".utf8)), .raw(200, Array("[]".utf8)),
        .raw(201, Array(#"{"code":"0","data":{}}"#.utf8)), .raw(201, Array(repeating: UInt8(ascii: "["), count: 10_000)),
        .raw(201, Array(repeating: 0x20, count: 1_000_000)),
    ]

    @Test("an answer that is not as the protocol says gives no credentials", arguments: malformed.indices)
    func malformedAnswer(index: Int) {
        var bench = bench([Self.malformed[index]])
        bench.run(for: .milliseconds(450))
        #expect(bench.last("registration.failed")?["error"] == "malformed_answer")
        #expect(bench.state["registered"] == false)
        bench.run(for: .seconds(1))
        #expect(bench.state["online"] == true)
    }

    @Test("an answer of 201 whose code is not 0 is a refusal")
    func codeNotZero() {
        var bench = bench([.raw(201, Array(#"{"code":3001,"data":{"error":"ODD"},"message":"no"}"#.utf8))])
        bench.run(for: .seconds(2))
        #expect(bench.count("registration.failed") == 1)
        #expect(bench.state["online"] == true)
    }

    @Test("credentials that the flash cannot keep are no credentials")
    func brokenFlash() {
        var bench = BadgeBench(badSectors: [1, 2, 3])
        bench.give(.poweredOn)
        bench.run(for: .seconds(2))
        #expect(bench.last("registration.failed")?["error"] == "flash_failed")
        #expect(bench.last("registration.failed")?["retry"] == "late")
        #expect(bench.count("flash.failed") == 2)  // the boot count, the credentials
        #expect(bench.state["registered"] == false)
    }
}

@Suite("Badge: token (badge protocol, \"REST\")")
struct BadgeTokenTests {
    @Test("is the one from registration while that is valid, and renewed when it is needed and ends within a minute")
    func renewal() {
        var bench = BadgeBench.online()
        bench.forget()
        let first = bench.act("reveal_token")
        #expect(bench.given(first)?["token"] == "token-1767226500")
        bench.run(for: .seconds(837))  // 838 s after the start; the token ends at 900 s.
        #expect(bench.requests.isEmpty)
        bench.act("reveal_token")
        #expect(bench.requests.isEmpty)
        bench.run(for: .seconds(5))
        let second = bench.act("reveal_token")
        bench.run(for: .seconds(1))
        #expect(bench.requests.map(\.call.path) == ["/api/v1/auth/device/token"])
        #expect(bench.requests[0].call.body == Array("{}".utf8))
        #expect(bench.requests[0].call.header("authorization") == nil)
        #expect(bench.requests[0].call.header("x-device-id") == "luna_badge_0007")
        #expect(bench.given(second)?["token"] == "token-1767227343")
        #expect(bench.count("token.renewed") == 1)
    }

    @Test("is fetched once for several that wait for it")
    func shared() {
        var bench = BadgeBench.online()
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        bench.forget()
        let actions = [bench.act("reveal_token"), bench.act("request", ["path": "/api/v1/x"]), bench.act("reveal_token")]
        bench.run(for: .seconds(1))
        #expect(bench.requests.map(\.call.path) == ["/api/v1/auth/device/token", "/api/v1/x"])
        #expect(actions.allSatisfy { bench.given($0) != nil })
    }

    @Test("that is refused fails what waited for it, and leaves the connection alone")
    func refused() {
        var bench = BadgeBench.online()
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        bench.replies = [.refusal(500, "INTERNAL")]
        let action = bench.act("request", ["path": "/api/v1/x"])
        bench.run(for: .seconds(1))
        #expect(bench.failure(action) == "no_token")
        #expect(bench.last("token.refused") == ["status": 500, "error": "INTERNAL"])
        #expect(bench.state["online"] == true)
    }
}
