import LabCore
import Testing

@testable import Cloud

@Suite("The action 'request' of scenarios (scenario-language.md, semantics 9)")
struct RequestActionTests {
    private func send(
        _ cloud: ChargingCloud, _ method: String, _ path: String, as caller: String? = nil, body: FieldValue? = nil, headers: FieldValue? = nil
    ) async throws -> Fields {
        var arguments: Fields = ["method": .text(method), "path": .text(path)]
        if let caller { arguments["as"] = .text(caller) }
        if let body { arguments["body"] = body }
        if let headers { arguments["headers"] = headers }
        return try await cloud.perform("request", arguments)
    }

    @Test("a rider sees the own wallet and nobody else's orders; who never registered but has a wallet counts as a rider")
    func riders() async throws {
        let cloud = try ChargingCloud()
        let body: FieldValue = ["username": "ming", "phone": "13812345678", "password": "long enough word"]
        #expect(try await send(cloud, "POST", "/api/v1/charging/riders", as: "nobody", body: body)["status"] == 201)
        _ = try await cloud.perform("wallet.top_up", ["user": "ming", "cents": 700])
        _ = try await cloud.perform("wallet.top_up", ["user": "u1", "cents": 300])
        #expect(try await send(cloud, "GET", "/api/v1/charging/wallet", as: "ming").value(at: "data.balance_fen") == 700)
        #expect(try await send(cloud, "GET", "/api/v1/charging/wallet", as: "u1").value(at: "data.balance_fen") == 300)
        #expect(try await send(cloud, "GET", "/api/v1/charging/alarms", as: "ming")["error"] == "PERMISSION_DENIED")
    }

    @Test("a name goes before a word: a rider called 'viewer' is that rider")
    func names() async throws {
        let cloud = try ChargingCloud()
        _ = try await cloud.perform("wallet.top_up", ["user": "viewer", "cents": 5])
        #expect(try await send(cloud, "GET", "/api/v1/charging/wallet", as: "viewer").value(at: "data.balance_fen") == 5)
    }

    @Test("staff of the lab's own has the roles of the operator, and no more")
    func staff() async throws {
        let cloud = try ChargingCloud()
        #expect(try await cloud.refusal("request", ["method": "GET", "path": "/api/v1/charging/piles", "as": "operator"]) == "unknown_caller")
        try await cloud.online()
        let wish: FieldValue = ["is_disabled": true, "reason": "loose plug"]
        #expect(try await send(cloud, "GET", "/api/v1/charging/piles/04ceaa40", as: "viewer")["status"] == 200)
        #expect(try await send(cloud, "PUT", "/api/v1/charging/piles/04ceaa40/ports/1", as: "viewer", body: wish)["status"] == 403)
        #expect(try await send(cloud, "PUT", "/api/v1/charging/piles/04ceaa40/ports/1", as: "operator", body: wish)["status"] == 200)
        _ = try await cloud.perform("pile.provision", ["pile": "04ceaa41", "operator": "acme", "site": "yard"])
        #expect(try await cloud.refusal("request", ["method": "GET", "path": "/health", "as": "operator"]) == "unknown_caller")
        #expect(try await send(cloud, "GET", "/api/v1/charging/piles/04ceaa41", as: "viewer@acme.yard")["status"] == 200)
        #expect(try await send(cloud, "GET", "/api/v1/charging/piles/04ceaa40", as: "viewer@acme.yard")["status"] == 404)
        #expect(try await cloud.refusal("request", ["method": "GET", "path": "/health", "as": "viewer@nowhere"]) == "unknown_caller")
    }

    @Test("a partner and a device prove who they are by signatures")
    func signatures() async throws {
        let cloud = try ChargingCloud()
        try await cloud.online()
        let key = try await send(cloud, "POST", "/api/v1/charging/partner-keys", as: "operator", body: ["name": "maps"])
        let id = try #require(key.value(at: "data.id")?.text ?? key.value(at: "data.key")?.text)
        #expect(try await send(cloud, "GET", "/api/v1/charging/partner/piles?limit=5&offset=0", as: id)["status"] == 200)
        #expect(try await send(cloud, "GET", "/api/v1/charging/partner/piles", as: "admin")["status"] == 401)

        try await cloud.scenario.bringOnline()
        #expect(try await send(cloud, "GET", "/api/v1/devices/luna_badge_0007/config", as: "luna_badge_0007")["status"] == 200)
        #expect(try await send(cloud, "GET", "/api/v1/devices/luna_badge_0008/config", as: "luna_badge_0007")["status"] == 403)
        // A signature over something else is refused, so it is really looked at.
        let other = try await send(
            cloud, "GET", "/api/v1/devices/luna_badge_0007/config", as: "luna_badge_0007", headers: ["x-nonce": "0123456789abcdef"])
        #expect(other["error"] == "SIGNATURE_INVALID")
    }

    @Test("headers take the place of those that would be sent; null leaves one out; the answer's are given")
    func headers() async throws {
        let cloud = try ChargingCloud()
        let answer = try await send(cloud, "GET", "/api/v1/devices", headers: ["Authorization": .null])
        #expect(answer["status"] == 401 && answer.value(at: "headers.content-type")?.text?.hasPrefix("application/json") == true)
        #expect(try await send(cloud, "GET", "/api/v1/devices", headers: ["authorization": "Bearer x"])["error"] == "TOKEN_INVALID")
        #expect(try await send(cloud, "GET", "/api/v1/devices", headers: ["x-tenant": "other"])["error"] == "TENANT_MISMATCH")
        let plain = try await send(cloud, "POST", "/api/v1/auth/login", as: "nobody", body: "hello", headers: ["content-type": "text/plain"])
        #expect(plain["status"] == 415)
        #expect(try await cloud.refusal("request", ["method": "GET", "path": "/health", "headers": "x"]) == "invalid_field")
        #expect(try await cloud.refusal("request", ["method": "GET", "path": "/health", "as": "amdin"]) == "unknown_caller")
    }

    @Test("riders find sites on the map: the nearest first, with the ports that are free (charging-platform.md 3.2)")
    func nearby() async throws {
        let cloud = try ChargingCloud()
        try await cloud.online()
        _ = try await cloud.perform("pile.provision", ["pile": "04ceaa41", "site": "yard"])
        _ = try await cloud.perform("wallet.top_up", ["user": "u1", "cents": 1])
        let near = "/api/v1/charging/sites/nearby?latitude=39.9042&longitude=116.4074"
        #expect(try await send(cloud, "GET", near, as: "u1").value(at: "data.items") == .list([]), "nobody has said where they are")
        // A minute of latitude is a nautical mile, 1,853 m on this sphere; 0.01 degrees of longitude are 853 m at 39.9 degrees.
        for (site, latitude, longitude) in [("depot", 39.9042 + 1.0 / 60, 116.4074), ("yard", 39.9042, 116.4174)] {
            let place: FieldValue = ["latitude": .number(latitude), "longitude": .number(longitude)]
            #expect(try await send(cloud, "PATCH", "/api/v1/charging/organisations/lab.\(site)", as: "operator", body: place)["status"] == 200)
        }
        let found = try await send(cloud, "GET", near, as: "u1").value(at: "data.items")?.list?.compactMap(\.record) ?? []
        #expect(found.map { $0["site"] } == ["lab.yard", "lab.depot"])
        #expect(found.map { $0["distance"] } == [853, 1853])
        #expect(found.map { $0["free_ports"] } == [0, 2], "the pile in the yard has never come")
        #expect(try await send(cloud, "GET", near + "&radius=1000", as: "u1").value(at: "data.items")?.list?.count == 1)
        #expect(try await send(cloud, "GET", "/api/v1/charging/sites/nearby?latitude=91&longitude=0", as: "u1")["status"] == 400)
        #expect(try await send(cloud, "PATCH", "/api/v1/charging/organisations/lab", as: "operator", body: ["latitude": 1, "longitude": 1])["status"] == 400)
    }

    @Test("with an idempotency key, the same order comes back")
    func idempotency() async throws {
        let cloud = try ChargingCloud()
        try await cloud.online()
        _ = try await cloud.perform("wallet.top_up", ["user": "u1", "cents": 5_000])
        _ = try await cloud.perform("tariff.set", ["tariff": ["name": "flat", "elec": ["flat": 60_000]]])
        let wish: FieldValue = ["pile": "04ceaa40", "port": 1, "minutes": 60]
        let first = try await send(cloud, "POST", "/api/v1/charging/orders", as: "u1", body: wish, headers: ["idempotency-key": "tap-0001"])
        let second = try await send(cloud, "POST", "/api/v1/charging/orders", as: "u1", body: wish, headers: ["idempotency-key": "tap-0001"])
        #expect(first["code"] == 0)
        #expect(first.value(at: "data.order") != nil && first.value(at: "data.order") == second.value(at: "data.order"))
        let bare = try await send(cloud, "POST", "/api/v1/charging/orders", as: "u1", body: wish)
        #expect(bare["status"] == 400)
    }
}
