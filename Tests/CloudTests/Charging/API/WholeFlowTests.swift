import Cloud
import LabCore
import Synchronization
import Testing

@Suite("From the registration to the refund, by REST, over the real orders and ledger (charging-platform.md 1.2)")
struct WholeFlowTests {
    /// A cloud whose piles say what the test says.
    final class World: Sendable {
        let clock = StationClock()
        let cloud: Cloud

        init() throws {
            var configuration = GatewayBench.configuration
            configuration.rateLimits.user = RateLimit(100_000, per: .seconds(1))
            configuration.userTokenLife = .seconds(86_400)
            var environment = clock.environment
            let schedule = environment.schedule
            let now = environment.now
            // What is due at once runs at once, beside whoever waits for it; the rest when the clock is moved.
            environment.schedule = { at, body in if at <= now() { Task { body() } } else { schedule(at, body) } }
            cloud = try Cloud(configuration: configuration, environment: environment, storage: try Storage(path: nil))
        }

        func send(_ method: String, _ path: String, _ token: String? = nil, body: FieldValue? = nil, key: String? = nil) async throws
            -> HTTPAnswer
        {
            var headers = [HTTPCall.Header("host", "cloud.lab")]
            if let token { headers.append(HTTPCall.Header("authorization", "Bearer " + token)) }
            if body != nil { headers.append(HTTPCall.Header("content-type", "application/json")) }
            if let key { headers.append(HTTPCall.Header("idempotency-key", key)) }
            let target = path.hasPrefix("/api") ? path : "/api/v1/charging" + path
            return try await cloud.respond(
                to: HTTPCall(method, target, headers: headers, body: body.map { JSONWriter.bytes($0) } ?? []), from: "10.0.0.1"
            ).get()
        }

        func login(_ name: String) async throws -> String {
            let answer = try await send("POST", "/api/v1/auth/login", body: ["username": .text(name), "password": "long enough word"])
            return try #require(answer.data("token")?.text, "\(answer.error)")
        }

        func hear(_ event: PileEvent) {
            cloud.charging.stations.received(event)
            cloud.charging.orders.received(event)
            cloud.charging.orders.settle()
        }

        func bill(_ order: String, energy: Int64, seconds: Int64) async -> BillOutcome {
            await withCheckedContinuation { continuation in
                cloud.charging.orders.received(
                    PileBill(
                        pile: "04ceaa40", port: 1, order: order, receivedAt: clock.milliseconds, energy: energy, seconds: seconds,
                        reason: .remote,
                        contentHash: Array(order.utf8))
                ) { continuation.resume(returning: $0) }
            }
        }
    }

    @Test(
        "the platform makes an operator, he his site, pile and tariff; a rider scans, charges, stops, pays by wallet, and gets something back"
    )
    func whole() async throws {
        let world = try World()
        let admin = try world.cloud.operatorToken(role: .admin)
        #expect(try await world.send("POST", "/organisations", admin, body: ["type": "operator", "code": "acme"]).status == 201)
        let boss: FieldValue = ["username": "boss", "password": "long enough word", "role": "manager", "organisation": "acme"]
        #expect(try await world.send("POST", "/staff", admin, body: boss).status == 201)
        let staff = try await world.login("boss")
        #expect(
            try await world.send("POST", "/organisations", staff, body: ["type": "site", "code": "depot", "parent_id": "acme"]).status
                == 201)
        let pile: FieldValue = ["site": "acme.depot", "piles": [["id": "04ceaa40", "protocol": "dny", "ports": 2]]]
        #expect(try await world.send("POST", "/piles", staff, body: pile).status == 201)
        let rules: FieldValue = ["rules": ["name": "flat", "elec": ["flat": 60_000], "service": ["flat": 40_000]]]
        #expect(try await world.send("POST", "/organisations/acme/tariffs", staff, body: rules).data("tariff") == "acme@1")

        #expect(
            try await world.send("POST", "/riders", body: ["username": "ming", "phone": "13812345678", "password": "long enough word"])
                .status == 201)
        let rider = try await world.login("ming")
        let start: FieldValue = ["pile": "04ceaa40", "port": 1, "hold_fen": 2_000]
        #expect(try await world.send("POST", "/orders", rider, body: start, key: "tap-00000001").error == "PILE_OFFLINE")
        world.hear(.online(pile: "04ceaa40", PileFacts(wire: .dny, ports: 2)))
        #expect(try await world.send("GET", "/scan?code=04ceaa40:1", rider).data("can_start") == true)
        #expect(try await world.send("POST", "/orders", rider, body: start, key: "tap-00000002").error == "INSUFFICIENT_FUNDS")
        _ = try await world.cloud.charging.orders.topUp("ming", fen: 5_000, key: "cash-1")

        let made = try await world.send("POST", "/orders", rider, body: start, key: "tap-00000003")
        let order = try #require(made.data("order")?.text, "\(made.error)")
        #expect((made.status, made.data("state"), made.data("hold_fen")) == (201, "starting", 2_000))
        #expect(order.utf8.count == 16)
        #expect(
            try await world.send("POST", "/orders", rider, body: start, key: "tap-00000003").data("order")?.text == order, "a second tap")
        let other: FieldValue = ["pile": "04ceaa40", "port": 2, "hold_fen": 2_000]
        #expect(try await world.send("POST", "/orders", rider, body: other, key: "tap-00000003").error == "CLIENT_KEY_REUSED")
        #expect(try await world.send("GET", "/wallet", rider).data("held_fen") == 2_000)

        world.hear(.startAnswered(pile: "04ceaa40", port: 1, order: order, .started))
        for part in 1...12 as ClosedRange<Int64> {
            world.clock.advance(.seconds(360))
            world.hear(
                .sample(
                    PileSample(
                        pile: "04ceaa40", port: 1, order: order, receivedAt: world.clock.milliseconds, energy: 1_000 * part, power: 10_000,
                        seconds: 360 * part)))
        }
        let running = try await world.send("GET", "/orders/\(order)", rider)
        #expect(running.data("state") == "charging" && running.data("energy_text") == "1.2000")
        #expect(running.data("amount_fen") == 120, "1.2 kWh at 1.00 yuan")
        #expect(try await world.send("GET", "/scan?code=04ceaa40:1", rider).data("obstacle") == "port_busy")
        #expect(try await world.send("POST", "/orders/\(order)/stop", rider, body: [:]).data("state") == "stopping")

        // 1.2345 kWh cost 74.07 and 49.38 fen, which are 74 and 49.
        guard case .settled = await world.bill(order, energy: 12_345, seconds: 4_320) else {
            Issue.record("the bill was not settled")
            return
        }
        let closed = try await world.send("GET", "/orders/\(order)", rider)
        #expect(closed.data("state") == "closed" && closed.data("amount_fen") == 123 && closed.data("energy_dwh") == 12_345)
        let lines = closed.data("lines")?.list?.compactMap { $0.record }.map {
            "\($0["kind"]?.text ?? "") \($0["amount_fen"]?.integer ?? 0)"
        }
        #expect(lines == ["elec 74", "service 49"])
        #expect(try await world.send("GET", "/wallet", rider).data("balance_fen") == 4_877)
        #expect(try await world.send("GET", "/wallet/entries", rider).data("total")?.integer ?? 0 >= 2)

        let refund: FieldValue = ["amount_fen": 23, "reason": "kindness"]
        let path = "/operator/orders/\(order)/refunds"
        for _ in 1...2 { #expect(try await world.send("POST", path, staff, body: refund, key: "refund-0001").data("amount_fen") == 23) }
        #expect(
            try await world.send("POST", path, staff, body: ["amount_fen": 101, "reason": "x"], key: "refund-0002").error
                == "REFUND_TOO_LARGE")
        #expect(try await world.send("GET", "/wallet", rider).data("balance_fen") == 4_900, "the same key twice is one refund")

        let day = try await world.send("GET", "/statistics/daily?first=2026-01-01&last=2026-01-01", staff).data("items")?.list?.first?
            .record
        #expect(day?["sessions_count"] == 1 && day?["energy_dwh"] == 12_345 && day?["revenue_fen"] == 100)
        let list = try await world.send("GET", "/operator/orders?state=closed", staff)
        #expect(list.data("total") == 1)
        let table = try await world.send("GET", "/orders/export", rider)
        #expect(String(decoding: table.body, as: UTF8.self).split(separator: "\r\n").count == 2)
        #expect(!world.clock.allEvents.contains("13812345678"))
    }

    @Test("another operator's manager sees none of it, and his own filters do not change that")
    func tenants() async throws {
        let world = try World()
        let admin = try world.cloud.operatorToken(role: .admin)
        for code in ["acme", "bolt"] {
            #expect(try await world.send("POST", "/organisations", admin, body: ["type": "operator", "code": .text(code)]).status == 201)
            let site: FieldValue = ["type": "site", "code": "depot", "parent_id": .text(code)]
            #expect(try await world.send("POST", "/organisations", admin, body: site).status == 201)
            let boss: FieldValue = [
                "username": .text("\(code)-boss"), "password": "long enough word", "role": "manager", "organisation": .text(code),
            ]
            #expect(try await world.send("POST", "/staff", admin, body: boss).status == 201)
        }
        let pile: FieldValue = ["site": "acme.depot", "piles": [["id": "04ceaa40", "protocol": "dny", "ports": 2]]]
        #expect(try await world.send("POST", "/piles", admin, body: pile).status == 201)
        #expect(
            try await world.send("POST", "/organisations/acme/tariffs", admin, body: ["rules": ["elec": ["flat": 60_000]]]).status == 201)
        world.hear(.online(pile: "04ceaa40", PileFacts(wire: .dny, ports: 2)))
        _ = try await world.cloud.charging.orders.topUp("ming", fen: 5_000, key: "cash-1")
        try world.cloud.users.createOperator(name: "ming", role: .rider)
        let rider = try world.cloud.tokens.issue(user: "ming", role: .rider, epoch: 1, tenant: "default").token
        let made = try await world.send("POST", "/orders", rider, body: ["pile": "04ceaa40", "port": 1], key: "tap-00000001")
        let order = try #require(made.data("order")?.text, "\(made.error)")
        let (acme, bolt) = (try await world.login("acme-boss"), try await world.login("bolt-boss"))
        #expect(try await world.send("GET", "/operator/orders/\(order)", acme).status == 200)
        #expect(try await world.send("GET", "/operator/orders/\(order)", bolt).error == "ORDER_NOT_FOUND")
        #expect(try await world.send("GET", "/operator/orders", acme).data("total") == 1)
        #expect(try await world.send("GET", "/operator/orders", bolt).data("total") == 0)
        for query in ["user=ming", "state=starting", "organisation=bolt"] {
            #expect(try await world.send("GET", "/operator/orders?\(query)", bolt).data("total") == 0)
        }
        #expect(try await world.send("GET", "/operator/orders?organisation=acme", bolt).error == "ORGANISATION_NOT_FOUND")
        #expect(try await world.send("GET", "/operator/orders?pile=04ceaa40", bolt).error == "PILE_NOT_FOUND")
    }
}
