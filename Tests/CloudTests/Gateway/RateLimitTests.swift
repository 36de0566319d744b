import Cloud
import LabCore
import Testing

@Suite("Rate limits (security.md 4.4)")
struct RateLimitTests {
    @Test("request n passes and n + 1 is refused, at one instant", arguments: [1, 2, 10, 60])
    func exactly(count: Int) {
        let limiter = RateLimiter(maximumCallers: 10)
        let limit = RateLimit(count, per: .seconds(60))
        for number in 1...count {
            let decision = limiter.take(key: "a", limit: limit, at: .start)
            #expect(decision.isAllowed)
            #expect(decision.remaining == count - number)
        }
        let refused = limiter.take(key: "a", limit: limit, at: .start)
        #expect(!refused.isAllowed)
        // One token comes back after the period's n-th part: 60 s / n.
        #expect(refused.wait == 60_000_000_000 / Int64(count))
        #expect(limiter.take(key: "b", limit: limit, at: .start).isAllowed, "another caller has another bucket")
    }

    @Test("one token comes back after its time, not a nanosecond before")
    func refill() {
        let limiter = RateLimiter(maximumCallers: 10)
        let limit = RateLimit(6, per: .seconds(60))
        for _ in 1...6 { #expect(limiter.take(key: "a", limit: limit, at: .start).isAllowed) }
        #expect(!limiter.take(key: "a", limit: limit, at: RunInstant(nanoseconds: 9_999_999_999)).isAllowed)
        #expect(limiter.take(key: "a", limit: limit, at: RunInstant(nanoseconds: 10_000_000_000)).isAllowed)
        #expect(!limiter.take(key: "a", limit: limit, at: RunInstant(nanoseconds: 10_000_000_000)).isAllowed)
        // After a long rest the bucket holds six, not more.
        let later = RunInstant(nanoseconds: 3_600_000_000_000)
        #expect((1...7).count { _ in limiter.take(key: "a", limit: limit, at: later).isAllowed } == 6)
    }

    @Test("callers are forgotten when their buckets are full again; a flood of new ones shares one bucket")
    func bounded() {
        let limiter = RateLimiter(maximumCallers: 100)
        let limit = RateLimit(5, per: .seconds(60))
        for number in 0..<10_000 { _ = limiter.take(key: "flood \(number)", limit: limit, at: .start) }
        #expect(limiter.callers <= 101)
        #expect(!limiter.take(key: "one more", limit: limit, at: .start).isAllowed)
        #expect(limiter.take(key: "one more", limit: limit, at: RunInstant(nanoseconds: 60_000_000_000)).isAllowed)
        #expect(limiter.callers == 1)
    }

    @Test("a refusal is 429 with retry-after; every answer tells limit, rest and reset")
    func headers() async throws {
        let bench = try GatewayBench { $0.rateLimits.user = RateLimit(2, per: .seconds(60)) }
        let headers = try await bench.asUser(.guest)
        let first = await bench.send("GET", "/api/v1/devices", headers)
        #expect(first.status == 200)
        #expect(first.header("ratelimit-limit") == "2")
        #expect(first.header("ratelimit-remaining") == "1")
        #expect(first.header("ratelimit-reset") == "30")
        _ = await bench.send("GET", "/api/v1/devices", headers)
        let third = await bench.send("GET", "/api/v1/devices", headers)
        #expect((third.status, third.error) == (429, "RATE_LIMITED"))
        #expect(third.header("retry-after") == "30")
        #expect(third.headers.count { $0.name == "ratelimit-limit" } == 1)
        bench.clock.advance(.seconds(30))
        #expect(await bench.send("GET", "/api/v1/devices", headers).status == 200)
    }

    @Test("users have their own budgets, also behind one address")
    func byUser() async throws {
        let bench = try GatewayBench { $0.rateLimits.user = RateLimit(1, per: .seconds(60)) }
        let (guest, user) = (try await bench.asUser(.guest), try await bench.asUser(.user))
        #expect(await bench.send("GET", "/api/v1/devices", guest).status == 200)
        #expect(await bench.send("GET", "/api/v1/devices", guest).status == 429)
        #expect(await bench.send("GET", "/api/v1/devices", user).status == 200)
    }

    @Test("a device is limited by its id: the n-th signed request passes, the next does not, another device's does")
    func byDevice() async throws {
        let bench = try GatewayBench { $0.rateLimits.device = RateLimit(3, per: .seconds(60)) }
        let path = "/api/v1/auth/device/token"
        for _ in 1...3 { #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}").status == 200) }
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}").status == 429)
        let other = bench.signed("POST", path, body: "{}", device: "luna_badge_0008", key: [UInt8](repeating: 0x33, count: 32))
        #expect(await bench.send("POST", path, other, body: "{}").status == 200)
    }

    @Test("registration has a budget for each serial number")
    func registration() async throws {
        let bench = try GatewayBench { $0.rateLimits.registration = RateLimit(2, per: .seconds(60)) }
        let (path, body) = ("/api/v1/devices/register", #"{"device_id":"luna_badge_0007"}"#)
        let headers = { bench.signed("POST", path, body: body, device: GatewayBench.serial, key: GatewayBench.factoryKey) }
        for _ in 1...2 { #expect(await bench.send("POST", path, headers(), body: body).error == "ok") }
        #expect(await bench.send("POST", path, headers(), body: body).status == 429)
    }

    @Test("who has not proven anything is counted by address")
    func byAddress() async throws {
        let bench = try GatewayBench { $0.rateLimits.open = RateLimit(2, per: .seconds(60)) }
        for _ in 1...2 { #expect(await bench.send("GET", "/health", from: "10.0.0.1").status == 200) }
        #expect(await bench.send("GET", "/health", from: "10.0.0.1").status == 429)
        #expect(await bench.send("GET", "/health", from: "10.0.0.2").status == 200)
    }

    @Test("failed authentications of one address end in 429; those who can prove themselves there are not hit")
    func failures() async throws {
        let bench = try GatewayBench { $0.rateLimits.failures = RateLimit(3, per: .seconds(60)) }
        for _ in 1...3 { #expect(await bench.send("GET", "/api/v1/devices").status == 401) }
        #expect(await bench.send("GET", "/api/v1/devices").status == 429)
        #expect(await bench.send("GET", "/api/v1/devices", try await bench.asUser(.guest)).status == 200)
    }

    @Test("names that strangers invent do not take the place of known callers")
    func strangers() async throws {
        let bench = try GatewayBench { configuration in
            configuration.rateLimits.maximumCallers = 5
            configuration.rateLimits.failures = RateLimit(1_000, per: .seconds(60))
        }
        let path = "/api/v1/auth/device/token"
        for number in 0..<50 {
            let headers = bench.signed("POST", path, body: "{}", device: "invented-\(number)", at: 0)
            _ = await bench.send("POST", path, headers, body: "{}", from: "10.0.1.\(number)")
        }
        let answer = await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}")
        #expect(answer.error == "ok")
        #expect(answer.header("ratelimit-remaining") == "59")
    }
}
