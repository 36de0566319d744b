import Cloud
import LabCore
import Testing

@Suite("Roles and ownership (seed \"权限控制\"; OWASP API1, API3, API5)")
struct AuthorisationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var method: String
        var path: String
        var body = ""
        var allowed: [UserRole]
        var testDescription: String { "\(method) \(path)" }
    }

    /// The seed's table: admin read, write, delete, manage; user read, write; guest read.
    static let cases = [
        Case(method: "GET", path: "/api/v1/devices", allowed: [.admin, .user, .guest]),
        Case(method: "GET", path: "/api/v1/devices/luna_badge_0007", allowed: [.admin, .user, .guest]),
        Case(method: "PUT", path: "/api/v1/devices/luna_badge_0007/config", body: "{}", allowed: [.admin, .user]),
        Case(method: "DELETE", path: "/api/v1/devices/luna_badge_0007", allowed: [.admin]),
        Case(method: "POST", path: "/api/v1/factory/devices", body: "{}", allowed: [.admin]),
        Case(method: "POST", path: "/api/v1/devices/luna_badge_0007/reports", body: #"{"level":"info"}"#, allowed: []),
        Case(method: "GET", path: "/api/v1/users", allowed: [.admin]), Case(method: "GET", path: "/api/v1/audit", allowed: [.admin]),
    ]

    @Test("each role may what the seed's table says and no more", arguments: cases)
    func roles(_ test: Case) async throws {
        let bench = try GatewayBench()
        for role in [UserRole.admin, .user, .guest] {
            let answer = await bench.send(test.method, test.path, try await bench.asUser(role), body: test.body)
            #expect(answer.error == (test.allowed.contains(role) ? "ok" : "PERMISSION_DENIED"), "\(role)")
            #expect(answer.status == (test.allowed.contains(role) ? 200 : 403), "\(role)")
        }
        let nobody = await bench.send(test.method, test.path, body: test.body)
        #expect((nobody.status, nobody.error) == (401, "AUTHENTICATION_REQUIRED"))
    }

    @Test("a device reaches its own data, and on every other route and for every other device it is refused")
    func devices() async throws {
        let bench = try GatewayBench { $0.rateLimits.device = RateLimit(1_000, per: .seconds(1)) }
        let own: [(String, String, String)] = [
            ("GET", "/api/v1/devices/luna_badge_0007", ""), ("POST", "/api/v1/devices/luna_badge_0007/reports", #"{"level":"info"}"#),
        ]
        for (method, path, body) in own {
            #expect(await bench.send(method, path, try await bench.asDevice(method, path, body: body), body: body).error == "ok")
            let other = path.replacing("0007", with: "0008")
            let answer = await bench.send(method, other, try await bench.asDevice(method, other, body: body), body: body)
            #expect((answer.status, answer.error) == (403, "NOT_OWNER"))
            // Whether the other device exists makes no difference.
            let unknown = path.replacing("0007", with: "4711")
            #expect(await bench.send(method, unknown, try await bench.asDevice(method, unknown, body: body), body: body).error == "NOT_OWNER")
        }
        for endpoint in bench.gateway.endpoints {
            guard case .permission(_, let owner) = endpoint.access, owner == nil else { continue }
            let path = endpoint.path.replacing("{device_id}", with: "luna_badge_0007").replacing("{username}", with: "root")
            let body = endpoint.body == nil ? "" : "{}"
            let answer = await bench.send(endpoint.method, path, try await bench.asDevice(endpoint.method, path, body: body), body: body)
            #expect((answer.status, answer.error) == (403, "PERMISSION_DENIED"), "\(endpoint.method) \(endpoint.path)")
        }
        #expect(bench.clock.events("request.refused").contains { $0["reason"] == "not_owner" && $0["device"] == "luna_badge_0007" })
    }

    @Test("an id in the body makes no other owner")
    func idInBody() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007/reports"
        let body = #"{"level":"info","device_id":"luna_badge_0008"}"#
        #expect(await bench.send("POST", path, try await bench.asDevice("POST", path, body: body), body: body).error == "UNKNOWN_FIELD")
    }

    @Test("every route but the open ones refuses who shows nothing, and every refusal has the envelope")
    func nothingShown() async throws {
        let bench = try GatewayBench { $0.rateLimits.failures = RateLimit(1_000, per: .seconds(1)) }
        for endpoint in bench.gateway.endpoints {
            let path = endpoint.path.replacing("{device_id}", with: "x").replacing("{username}", with: "x").replacing("{code}", with: "x")
            let answer = await bench.send(endpoint.method, path, body: endpoint.body == nil ? "" : "{}")
            if endpoint.access == .open {
                #expect(answer.status != 401 || endpoint.path == "/api/v1/auth/login", "\(endpoint.path)")
            } else {
                #expect(answer.status == 401, "\(endpoint.method) \(endpoint.path)")
                #expect(["AUTHENTICATION_REQUIRED", "SIGNATURE_REQUIRED"].contains(answer.error))
            }
        }
    }

    @Test("with open registration an unsigned device may register; a wrong signature is still wrong")
    func openRegistration() async throws {
        let (path, body) = ("/api/v1/devices/register", #"{"device_id":"luna_badge_001"}"#)
        #expect(await (try GatewayBench()).send("POST", path, body: body).error == "SIGNATURE_REQUIRED")
        let bench = try GatewayBench { $0.devices.allowsOpenRegistration = true }
        #expect(await bench.send("POST", path, body: body).data("caller") == "anonymous")
        #expect(await bench.send("POST", path, [("x-tenant", "acme")], body: body).error == "TENANT_MISMATCH")
        let forged = bench.signed("POST", path, body: body, device: GatewayBench.serial, key: GatewayBench.badgeSecret)
        #expect(await bench.send("POST", path, forged, body: body).error == "SIGNATURE_INVALID")
    }

    @Test("the factory key serves for registration only, the device secret for everything but")
    func keysApart() async throws {
        let bench = try GatewayBench()
        let (register, body) = ("/api/v1/devices/register", #"{"device_id":"luna_badge_0007"}"#)
        let withSecret = bench.signed("POST", register, body: body, device: GatewayBench.serial, key: GatewayBench.badgeSecret)
        #expect(await bench.send("POST", register, withSecret, body: body).error == "SIGNATURE_INVALID")
        let path = "/api/v1/auth/device/token"
        let withFactoryKey = bench.signed("POST", path, body: "{}", key: GatewayBench.factoryKey)
        #expect(await bench.send("POST", path, withFactoryKey, body: "{}").error == "SIGNATURE_INVALID")
    }

    @Test("a device's new token is for that device, for 15 minutes, and serves at once")
    func tokenRenewal() async throws {
        let bench = try GatewayBench()
        bench.clock.advance(.seconds(100))
        let path = "/api/v1/auth/device/token"
        let answer = await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}")
        #expect(answer.data("token_expires_at") == .integer(GatewayBench.epoch + 1_000))
        let own = "/api/v1/devices/luna_badge_0007"
        let headers = [("authorization", "Bearer " + (answer.data("token")?.text ?? ""))] + bench.signed("GET", own)
        #expect(await bench.send("GET", own, headers).data("caller") == "device luna_badge_0007")
    }
}
