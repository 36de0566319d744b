import Cloud
import LabCore
import Testing

/// The expected digests were made with OpenSSL 3.0:
/// `printf 'v1\nPOST\n…' | openssl dgst -sha256 -mac HMAC -macopt hexkey:1111… -r`
@Suite("Signed requests (badge-protocol.md; security.md 4.2)")
struct RequestSignatureTests {
    static let registration = HTTPCall(
        "POST", "/api/v1/devices/register",
        headers: [
            HTTPCall.Header("host", "cloud.lab"), HTTPCall.Header("content-type", "application/json"),
            HTTPCall.Header("x-device-id", "BDG-0007"), HTTPCall.Header("x-timestamp", "1767225600"),
            HTTPCall.Header("x-nonce", "AAAAAAAAAAAAAAAAAAAAAA"),
            HTTPCall.Header("x-signature", "v1:sha256:288d2208606888e5b7606075c24e500e1b69de8b0f5b129e52acde64d24076ac"),
        ], body: Array(#"{"device_id":"luna_badge_0007"}"#.utf8))

    @Test("a registration signed by another program with the factory key is accepted")
    func registration() async throws {
        let answer = await (try GatewayBench()).send(Self.registration)
        #expect(answer.status == 200)
        #expect(answer.data("caller") == "factory BDG-0007")
    }

    @Test("a GET with an empty body and a query in another order, signed by another program, is accepted")
    func get() async throws {
        // printf 'v1\nGET\n/api/v1/devices/luna_badge_0007\nlimit=10&page=2\ncloud.lab\n1767225600\nAAAAAAAAAAAAAAAAAAAAAA\n
        // luna_badge_0007\ndefault\n<sha256 of nothing>' | openssl dgst -sha256 -mac HMAC -macopt hexkey:2222… -r
        let bench = try GatewayBench()
        let answer = await bench.send(
            "GET", "/api/v1/devices/luna_badge_0007?page=2&limit=10",
            [
                ("authorization", "Bearer " + TokenTests.fromOpenSSL), ("host", "cloud.lab"), ("x-device-id", "luna_badge_0007"),
                ("x-timestamp", "1767225600"), ("x-nonce", "AAAAAAAAAAAAAAAAAAAAAA"),
                ("x-signature", "v1:sha256:49e9bbe319f04af6afd0bdc0cd2c3ec1792643744e6678e58f636278f0711dc9"),
            ])
        #expect(answer.error == "ok")
        #expect(answer.data("caller") == "device luna_badge_0007")
        #expect(answer.data("query") == ["page": 2, "limit": 10])
    }

    static let seedHeaders = [
        ("authorization", "Bearer " + TokenTests.fromOpenSSL), ("host", "cloud.lab"), ("x-timestamp", "1767225600"),
        ("x-signature", "sha256:08964730bd25041a1bd5dabc04792fa688aef8bc9bd17b8d84f0d66eb6070fc5"),
    ]

    @Test("the seed's form (version 0) is accepted once, without nonce and device header")
    func seedForm() async throws {
        // printf 'POST/api/v1/devices/luna_badge_0007/reports?page=2{"level":"info"}1767225600' | openssl dgst …
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007/reports?page=2"
        let first = await bench.send("POST", path, Self.seedHeaders, body: #"{"level":"info"}"#)
        #expect(first.error == "ok")
        #expect(await bench.send("POST", path, Self.seedHeaders, body: #"{"level":"info"}"#).error == "REPLAYED")
    }

    @Test("digits in capitals make no second signature of version 0")
    func seedFormInCapitals() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007/reports?page=2"
        _ = await bench.send("POST", path, Self.seedHeaders, body: #"{"level":"info"}"#)
        var headers = Self.seedHeaders
        headers[3].1 = "sha256:" + headers[3].1.dropFirst(7).uppercased()
        #expect(await bench.send("POST", path, headers, body: #"{"level":"info"}"#).error == "REPLAYED")
    }

    @Test("version 0 can be switched off, and is never taken for registration")
    func seedFormOff() async throws {
        let bench = try GatewayBench { $0.acceptsVersion0 = false }
        let path = "/api/v1/devices/luna_badge_0007/reports?page=2"
        #expect(await bench.send("POST", path, Self.seedHeaders, body: #"{"level":"info"}"#).error == "SIGNATURE_INVALID")
        var call = Self.registration
        call.headers[5].value = "sha256:" + GatewayBench.hmac(#"POST/api/v1/devices/register{"device_id":"luna_badge_0007"}1767225600"#, GatewayBench.factoryKey)
        #expect(await bench.send(call).error == "SIGNATURE_INVALID")
    }

    struct Tampering: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout HTTPCall) -> Void
        init(_ name: String, _ change: @escaping @Sendable (inout HTTPCall) -> Void) {
            testDescription = name
            self.change = change
        }
    }

    @Test(
        "a signature for one request opens no other",
        arguments: [
            Tampering("the body") { $0.body[15] ^= 1 }, Tampering("the host") { $0.headers[0].value = "other.lab" },
            Tampering("the timestamp") { $0.headers[3].value = "1767225601" },
            Tampering("the nonce") { $0.headers[4].value = "AAAAAAAAAAAAAAAAAAAAAB" },
            Tampering("the query") { $0.path += "?a=1" },
            Tampering("the tenant") { $0.headers.append(HTTPCall.Header("x-tenant", "acme")) },
            Tampering("one digit") { $0.headers[5].value = $0.headers[5].value.dropLast() + "d" },
        ])
    func tampered(_ tampering: Tampering) async throws {
        let bench = try GatewayBench()
        var call = Self.registration
        tampering.change(&call)
        let answer = await bench.send(call)
        #expect(answer.status == 401)
        #expect(answer.error == "SIGNATURE_INVALID")
        #expect(await bench.send(Self.registration).error == "ok", "what was refused has used up nothing")
    }

    @Test("a signature for GET does not serve for DELETE, nor one path for another")
    func otherMethodAndPath() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007"
        let headers = try await bench.asDevice("GET", path)
        #expect(await bench.send("HEAD", path, headers).status == 401)
        #expect(await bench.send("DELETE", path, headers).error == "SIGNATURE_INVALID")
        #expect(await bench.send("GET", "/api/v1/devices/luna%5fbadge_0007", headers).error == "SIGNATURE_INVALID")
        #expect(await bench.send("GET", path, headers).error == "ok")
    }

    @Test(
        "a malformed signature is refused before any key is used",
        arguments: [
            ("x-signature", "v1:sha256:00"), ("x-signature", "v1:sha256:" + String(repeating: "g", count: 64)),
            ("x-signature", "v1:sha256:0x" + String(repeating: "0", count: 62)), ("x-signature", "v2:sha256:00"), ("x-signature", ""),
            ("x-timestamp", "soon"), ("x-timestamp", "-1"), ("x-timestamp", "01767225600"), ("x-timestamp", "17672256000"),
            ("x-timestamp", "1767225600.0"), ("x-nonce", "short"), ("x-nonce", String(repeating: "a", count: 65)),
            ("x-nonce", "AAAAAAAAAAAAAAAAAAAA A"), ("x-device-id", ""), ("x-device-id", "BDG 0007"),
        ])
    func malformed(header: String, value: String) async throws {
        var call = Self.registration
        for index in call.headers.indices where call.headers[index].name == header { call.headers[index].value = value }
        let answer = await (try GatewayBench()).send(call)
        #expect(answer.status == 401)
        #expect(["SIGNATURE_REQUIRED", "SIGNATURE_INVALID"].contains(answer.error))
    }

    @Test("a missing or doubled header is refused", arguments: ["x-device-id", "x-timestamp", "x-nonce", "x-signature"])
    func missingOrDoubled(name: String) async throws {
        let bench = try GatewayBench()
        var without = Self.registration
        without.headers.removeAll { $0.name == name }
        #expect(await bench.send(without).error == "SIGNATURE_REQUIRED")
        var doubled = Self.registration
        doubled.headers.append(try #require(doubled.headers.first { $0.name == name }))
        let answer = await bench.send(doubled)
        #expect((answer.status, answer.error) == (400, "MALFORMED_REQUEST"))
    }

    @Test("a device that is not known gets the answer that a wrong signature gets")
    func unknownDevice() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/auth/device/token"
        let unknown = await bench.send("POST", path, bench.signed("POST", path, body: "{}", device: "luna_badge_9999"), body: "{}")
        let wrong = await bench.send("POST", path, bench.signed("POST", path, body: "{}", key: GatewayBench.factoryKey), body: "{}")
        #expect(unknown.status == 401)
        #expect((unknown.status, unknown.json?.record?["message"]) == (wrong.status, wrong.json?.record?["message"]))
        #expect(unknown.error == wrong.error)
        // Also where the clock is asked for: the shape is the same, only the key that signs differs.
        let early = GatewayBench.epoch - 301
        let unknownSkew = await bench.send("POST", path, bench.signed("POST", path, body: "{}", device: "luna_badge_9999", at: early), body: "{}")
        let knownSkew = await bench.send("POST", path, bench.signed("POST", path, body: "{}", at: early), body: "{}")
        #expect(unknownSkew.headers.map(\.name) == knownSkew.headers.map(\.name))
        #expect(unknownSkew.header("x-server-time") == knownSkew.header("x-server-time"))
    }

    @Test("another tenant's name finds no device")
    func otherTenant() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/auth/device/token"
        let headers = bench.signed("POST", path, body: "{}", tenant: "acme") + [("x-tenant", "acme")]
        #expect(await bench.send("POST", path, headers, body: "{}").error == "SIGNATURE_INVALID")
    }
}

@Suite("The window and the nonces (security.md 4.2: |now - ts| <= 300 s, nonces for 600 s)")
struct WindowTests {
    let path = "/api/v1/auth/device/token"

    @Test("the window holds 300 s to either side, inclusive", arguments: [(-301, false), (-300, true), (0, true), (300, true), (301, false)])
    func window(offset: Int64, isAccepted: Bool) async throws {
        let bench = try GatewayBench()
        bench.clock.advance(.seconds(1_000))
        let headers = bench.signed("POST", path, body: "{}", at: GatewayBench.epoch + 1_000 + offset)
        let answer = await bench.send("POST", path, headers, body: "{}")
        #expect(answer.error == (isAccepted ? "ok" : "CLOCK_SKEW"))
        #expect(answer.status == (isAccepted ? 200 : 401))
    }

    @Test("a signature that is replayed within the window is refused")
    func replay() async throws {
        let bench = try GatewayBench()
        let headers = bench.signed("POST", path, body: "{}")
        #expect(await bench.send("POST", path, headers, body: "{}").error == "ok")
        let second = await bench.send("POST", path, headers, body: "{}")
        #expect((second.status, second.error) == (401, "REPLAYED"))
        #expect(bench.clock.events("request.refused").last?["reason"] == "replayed")
        #expect(bench.clock.events("request.refused").last?["device"] == "luna_badge_0007")
    }

    @Test("a timestamp 300 s in the future stays refused for the 600 s that it is valid", arguments: [1, 300, 301, 600])
    func futureTimestamp(later: Int64) async throws {
        let bench = try GatewayBench()
        let headers = bench.signed("POST", path, body: "{}", at: GatewayBench.epoch + 300)
        #expect(await bench.send("POST", path, headers, body: "{}").error == "ok")
        bench.clock.advance(.seconds(later))
        #expect(await bench.send("POST", path, headers, body: "{}").error == "REPLAYED")
    }

    @Test("the same nonce serves again after its 600 s, under a new timestamp", arguments: [(599, false), (600, false), (601, true)])
    func nonceAgain(later: Int64, isAccepted: Bool) async throws {
        let bench = try GatewayBench()
        let nonce = "BBBBBBBBBBBBBBBBBBBBBB"
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}", nonce: nonce), body: "{}").error == "ok")
        bench.clock.advance(.seconds(later))
        let again = await bench.send("POST", path, bench.signed("POST", path, body: "{}", nonce: nonce), body: "{}")
        #expect(again.error == (isAccepted ? "ok" : "REPLAYED"))
    }

    @Test("two devices may use the same nonce")
    func nonceOfAnother() async throws {
        let bench = try GatewayBench()
        let nonce = "CCCCCCCCCCCCCCCCCCCCCC"
        let other = bench.signed("POST", path, body: "{}", device: "luna_badge_0008", key: [UInt8](repeating: 0x33, count: 32), nonce: nonce)
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}", nonce: nonce), body: "{}").error == "ok")
        #expect(await bench.send("POST", path, other, body: "{}").error == "ok")
    }

    @Test("a nonce is used up by a right signature only")
    func nonceOfWrongSignature() async throws {
        let bench = try GatewayBench()
        let nonce = "DDDDDDDDDDDDDDDDDDDDDD"
        let forged = bench.signed("POST", path, body: "{}", key: GatewayBench.factoryKey, nonce: nonce)
        #expect(await bench.send("POST", path, forged, body: "{}").error == "SIGNATURE_INVALID")
        #expect(bench.parts.nonces.count == 0)
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}", nonce: nonce), body: "{}").error == "ok")
    }

    @Test("a replay after a restart is refused: the nonces are in the database")
    func restart() async throws {
        let before = try GatewayBench()
        let headers = before.signed("POST", path, body: "{}")
        #expect(await before.send("POST", path, headers, body: "{}").error == "ok")
        let after = try GatewayBench(disk: before.disk, clock: before.clock)
        #expect(after.parts.nonces.count == 1)
        #expect(await after.send("POST", path, headers, body: "{}").error == "REPLAYED")
    }

    @Test("a full store refuses with 429 and drops no live nonce; sweeping makes room again")
    func overflow() async throws {
        let bench = try GatewayBench { $0.limits.nonces = 3 }
        let first = bench.signed("POST", path, body: "{}")
        for headers in [first, bench.signed("POST", path, body: "{}"), bench.signed("POST", path, body: "{}")] {
            #expect(await bench.send("POST", path, headers, body: "{}").error == "ok")
        }
        let fourth = await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}")
        #expect((fourth.status, fourth.error) == (429, "NONCE_STORE_FULL"))
        #expect(fourth.header("retry-after") == "600")
        #expect(await bench.send("POST", path, first, body: "{}").status != 200)
        bench.clock.advance(.seconds(601))
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}").error == "ok")
        #expect(bench.parts.nonces.count == 1)
    }

    @Test("one device cannot fill the store for the others")
    func overflowOfOne() async throws {
        let bench = try GatewayBench { $0.limits.noncesPerDevice = 2 }
        for _ in 0..<2 { #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}").error == "ok") }
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}").error == "NONCE_STORE_FULL")
        let other = bench.signed("POST", path, body: "{}", device: "luna_badge_0008", key: [UInt8](repeating: 0x33, count: 32))
        #expect(await bench.send("POST", path, other, body: "{}").error == "ok")
    }

    @Test("a device with a dead clock is told the time, signed with its own key, a few times a minute")
    func clockHelp() async throws {
        let bench = try GatewayBench()
        let headers = bench.signed("POST", path, body: "{}", nonce: "AAAAAAAAAAAAAAAAAAAAAA", at: 12)
        let answer = await bench.send("POST", path, headers, body: "{}")
        #expect((answer.status, answer.error) == (401, "CLOCK_SKEW"))
        #expect(answer.header("x-server-time") == "1767225600")
        // printf 'time\n1767225600\nAAAAAAAAAAAAAAAAAAAAAA' | openssl dgst -sha256 -mac HMAC -macopt hexkey:2222… -r
        #expect(answer.header("x-server-time-signature") == "943d88c7110df6c79b1a729246cc5bc8281269bad5640ec850a28e7613add1fa")
        for _ in 2...3 { #expect(await bench.send("POST", path, headers, body: "{}").error == "CLOCK_SKEW") }
        let fourth = await bench.send("POST", path, headers, body: "{}")
        #expect((fourth.status, fourth.error) == (429, "RATE_LIMITED"))
        #expect(fourth.header("x-server-time") == nil)
    }

    @Test("the corrected device is let in: help costs it no nonce")
    func clockCorrected() async throws {
        let bench = try GatewayBench()
        let nonce = "EEEEEEEEEEEEEEEEEEEEEE"
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}", nonce: nonce, at: 0), body: "{}").error == "CLOCK_SKEW")
        #expect(await bench.send("POST", path, bench.signed("POST", path, body: "{}", nonce: nonce), body: "{}").error == "ok")
    }
}
