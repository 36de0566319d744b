import Cloud
import GRDB
import LabCore
import Testing

@Suite("Who may do what (OWASP API1, API3, API5; charging-orders.md I13)")
struct ChargingPermissionTests {
    enum Need: Sendable, Equatable { case open, ride, staff(StaffPermission), partner }

    /// A route with a call that succeeds for whoever may make it: about objects of the operator acme.
    struct Route: Sendable, CustomTestStringConvertible {
        var method: String
        var template: String
        var path: String
        var need: Need
        var body: FieldValue?
        var bytes: [UInt8]?
        /// What another operator's manager is told: the code of something that is not there, or `ok` with nothing of acme in it.
        var foreign = "ok"

        init(
            _ method: String, _ template: String, _ need: Need, _ path: String? = nil, body: FieldValue? = nil, bytes: [UInt8]? = nil,
            foreign: String = "ok"
        ) {
            self.method = method
            self.template = template
            self.path = path ?? template
            self.need = need
            self.body = body
            self.bytes = bytes
            self.foreign = foreign
        }
        var testDescription: String { "\(method) \(template)" }
    }

    static let acme = ChargingBench.acmeOrder
    static let routes: [Route] = [
        Route("POST", "/riders", .open, body: ["username": "new", "phone": "13812345678", "password": "long enough word"]),
        Route("GET", "/me", .ride), Route("GET", "/scan", .ride, "/scan?code=00000001:1"),
        Route("GET", "/sites/nearby", .ride, "/sites/nearby?latitude=39.9&longitude=116.4"),
        Route("POST", "/orders", .ride, body: ["pile": "00000001", "port": 1]), Route("GET", "/orders", .ride),
        Route("GET", "/orders/export", .ride),
        Route("GET", "/orders/{order}", .ride, "/orders/\(acme)"),
        Route("POST", "/orders/{order}/stop", .ride, "/orders/\(acme)/stop", body: [:]),
        Route("POST", "/orders/{order}/payments", .ride, "/orders/\(acme)/payments", body: ["channel": "wechat"]),
        Route("GET", "/wallet", .ride),
        Route("GET", "/wallet/entries", .ride), Route("POST", "/wallet/top-ups", .ride, body: ["amount_fen": 1_000, "channel": "alipay"]),
        Route("GET", "/organisations", .staff(.readStations)),
        Route(
            "POST", "/organisations", .staff(.writeStations), body: ["type": "site", "code": "new", "parent_id": "acme"],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route(
            "GET", "/organisations/{organisation}", .staff(.readStations), "/organisations/acme.depot", foreign: "ORGANISATION_NOT_FOUND"),
        Route(
            "PATCH", "/organisations/{organisation}", .staff(.writeStations), "/organisations/acme.depot", body: ["name": "Depot"],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route("GET", "/piles", .staff(.readStations)),
        Route(
            "POST", "/piles", .staff(.writeStations),
            body: ["site": "acme.depot", "piles": [["id": "000000f1", "protocol": "dny", "ports": 2]]],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route("GET", "/piles/{pile}", .staff(.readStations), "/piles/00000001", foreign: "PILE_NOT_FOUND"),
        Route("PATCH", "/piles/{pile}", .staff(.writeStations), "/piles/00000001", body: ["name": "One"], foreign: "PILE_NOT_FOUND"),
        Route("GET", "/piles/{pile}/health", .staff(.readStations), "/piles/00000001/health", foreign: "PILE_NOT_FOUND"),
        Route("GET", "/piles/{pile}/parameters", .staff(.readStations), "/piles/00000001/parameters", foreign: "PILE_NOT_FOUND"),
        Route(
            "PUT", "/piles/{pile}/parameters", .staff(.controlStations), "/piles/00000001/parameters", body: ["parameters": ["a": 1]],
            foreign: "PILE_NOT_FOUND"),
        Route("POST", "/piles/{pile}/restart", .staff(.controlStations), "/piles/00000001/restart", body: [:], foreign: "PILE_NOT_FOUND"),
        Route(
            "PUT", "/piles/{pile}/ports/{port}", .staff(.writeStations), "/piles/00000001/ports/1", body: ["is_disabled": true],
            foreign: "PILE_NOT_FOUND"),
        Route("GET", "/statistics/daily", .staff(.readStations), "/statistics/daily?first=2026-01-01&last=2026-01-31"),
        Route(
            "GET", "/organisations/{organisation}/tariffs", .staff(.readStations), "/organisations/acme/tariffs",
            foreign: "ORGANISATION_NOT_FOUND"),
        Route(
            "POST", "/organisations/{organisation}/tariffs", .staff(.writeTariffs), "/organisations/acme/tariffs",
            body: ["rules": ["elec": ["flat": 60_000]]],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route(
            "GET", "/organisations/{organisation}/tariffs/{version}", .staff(.readStations), "/organisations/acme/tariffs/1",
            foreign: "ORGANISATION_NOT_FOUND"),
        Route("GET", "/batches", .staff(.controlStations)),
        Route("POST", "/batches", .staff(.controlStations), body: ["kind": "restart", "piles": ["00000001"]], foreign: "PILE_NOT_FOUND"),
        Route("GET", "/batches/{batch}", .staff(.controlStations), "/batches/1", foreign: "BATCH_NOT_FOUND"),
        Route("GET", "/batches/{batch}/items", .staff(.controlStations), "/batches/1/items", foreign: "BATCH_NOT_FOUND"),
        Route(
            "PUT", "/images/{version}", .staff(.controlStations), "/images/7.0?operator=acme", bytes: [1, 2, 3],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route("GET", "/alarms", .staff(.readStations)),
        Route(
            "POST", "/alarms/{alarm}/acknowledge", .staff(.handleAlarms), "/alarms/1/acknowledge", body: ["clear": true],
            foreign: "ALARM_NOT_FOUND"),
        Route("GET", "/operator/orders", .staff(.readOrders)), Route("GET", "/operator/orders/export", .staff(.readOrders)),
        Route("GET", "/operator/orders/{order}", .staff(.readOrders), "/operator/orders/\(acme)", foreign: "ORDER_NOT_FOUND"),
        Route(
            "POST", "/operator/orders/{order}/resolve", .staff(.resolveOrders), "/operator/orders/\(acme)/resolve",
            body: ["reason": "looked at"],
            foreign: "ORDER_NOT_FOUND"),
        Route(
            "GET", "/operator/orders/{order}/refunds", .staff(.readOrders), "/operator/orders/\(acme)/refunds", foreign: "ORDER_NOT_FOUND"),
        Route(
            "POST", "/operator/orders/{order}/refunds", .staff(.refund), "/operator/orders/\(acme)/refunds",
            body: ["amount_fen": 100, "reason": "kindness"],
            foreign: "ORDER_NOT_FOUND"),
        Route(
            "GET", "/reports/reconciliations/{day}", .staff(.readReports), "/reports/reconciliations/2026-01-01?operator=acme",
            foreign: "ORGANISATION_NOT_FOUND"),
        Route(
            "GET", "/reports/shares/{month}", .staff(.readReports), "/reports/shares/2026-01?operator=acme",
            foreign: "ORGANISATION_NOT_FOUND"),
        Route("GET", "/roles", .staff(.manageStaff)),
        Route(
            "POST", "/roles", .staff(.manageStaff), body: ["name": "night", "permissions": ["stations.read"], "operator": "acme"],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route("GET", "/staff", .staff(.manageStaff)),
        Route(
            "POST", "/staff", .staff(.manageStaff),
            body: ["username": "nina", "password": "long enough word", "role": "viewer", "organisation": "acme"],
            foreign: "ORGANISATION_NOT_FOUND"),
        Route(
            "POST", "/staff/{username}/roles", .staff(.manageStaff), "/staff/acme-viewer/roles",
            body: ["role": "support", "organisation": "acme.depot"],
            foreign: "STAFF_NOT_FOUND"),
        Route("DELETE", "/staff/{username}", .staff(.manageStaff), "/staff/acme-viewer", foreign: "STAFF_NOT_FOUND"),
        Route("GET", "/partner-keys", .staff(.managePartners)),
        Route(
            "POST", "/partner-keys", .staff(.managePartners), body: ["name": "map", "operator": "acme"], foreign: "ORGANISATION_NOT_FOUND"),
        Route("DELETE", "/partner-keys/{key}", .staff(.managePartners), "/partner-keys/{acme's}", foreign: "PARTNER_KEY_NOT_FOUND"),
        Route("GET", "/partner/piles", .partner), Route("GET", "/partner/orders", .partner),
    ]

    /// Acme with a tariff, an open alarm, a batch, and a key.
    static func bench() async throws -> (bench: ChargingBench, key: String) {
        let bench = try await ChargingBench()
        bench.world.come(1, 2)
        _ = try await bench.stations.setTariff(["elec": ["flat": 60_000]], organisation: "acme", by: "t")
        bench.stations.received(.alarm(pile: "00000001", port: 2, .overCurrent, isOn: true))
        _ = try await bench.stations.begin(.restart, piles: ["00000002"], operatorID: "acme", by: "t")
        return (bench, try await bench.stations.addPartnerKey(operatorID: "acme", name: "map").key.id)
    }

    static func call(_ route: Route, _ bench: ChargingBench, key: String, as user: String?) async throws -> HTTPAnswer {
        try await bench.send(
            route.method, route.path.replacing("{acme's}", with: key), as: user, body: route.body,
            headers: [("idempotency-key", "key-12345678")],
            bytes: route.bytes)
    }

    @Test("the table names every route there is, and no other")
    func complete() async throws {
        let bench = try await ChargingBench()
        let routed = bench.gateway.endpoints.filter { $0.path.hasPrefix("/api/v1/charging") }.map {
            "\($0.method) \($0.path.dropFirst(16))"
        }
        #expect(Set(routed) == Set(Self.routes.map { "\($0.method) \($0.template)" }))
        #expect(routed.count == Self.routes.count)
    }

    @Test("each role may call what its permissions say and nothing else", arguments: routes)
    func roles(_ route: Route) async throws {
        let callers = ["guest", "user", "rita", "admin"] + StaffRole.builtIn.map { "acme-\($0.name)" }
        // Those who are refused change nothing: they share one world.
        let refusing = try await Self.bench()
        for caller in callers {
            let builtIn = StaffRole.builtIn.first { "acme-\($0.name)" == caller }
            let isAllowed =
                switch route.need {
                case .open: true
                case .ride: caller == "rita" || caller == "user"
                case .staff(let permission): caller == "admin" || builtIn?.permissions.contains(permission) == true
                case .partner: false
                }
            let (bench, key) = isAllowed ? try await Self.bench() : refusing
            let answer = try await Self.call(route, bench, key: key, as: caller)
            if route.need == .partner {
                #expect((answer.status, answer.error) == (401, "SIGNATURE_REQUIRED"), "\(caller)")
            } else if isAllowed, caller != "user" {
                #expect((200...202).contains(answer.status), "\(caller): \(answer.status) \(answer.error)")
            } else if !isAllowed {
                #expect((answer.status, answer.error) == (403, "PERMISSION_DENIED"), "\(caller)")
                #expect(bench.backend.calls.isEmpty)
            }
        }
    }

    @Test("who shows nothing reaches no route but the registration", arguments: routes)
    func nobody(_ route: Route) async throws {
        let (bench, key) = try await Self.bench()
        let answer = try await Self.call(route, bench, key: key, as: nil)
        #expect(answer.status == (route.need == .open ? 201 : 401))
        #expect(bench.backend.calls.isEmpty)
    }

    @Test(
        "another operator's manager finds nothing of acme's, changes nothing, and is written down (I13)",
        arguments: routes.filter { if case .staff = $0.need { true } else { false } })
    func foreign(_ route: Route) async throws {
        let (bench, key) = try await Self.bench()
        let before = try Self.content(bench)
        let sent = bench.world.piles.count
        let answer = try await Self.call(route, bench, key: key, as: "bolt-manager")
        if answer.header("content-type") == "application/json" { #expect(answer.error == route.foreign) }
        #expect(answer.status == (route.foreign == "ok" ? 200 : 404))
        let text = String(decoding: answer.body, as: UTF8.self)
        if route.foreign == "ok" {
            #expect(!text.contains("acme") && !text.contains("ACME") && !text.contains("00000001"), "\(text)")
        } else {
            #expect(bench.clock.events("security.foreign_tenant").map { $0["caller"] } == ["user bolt-manager"])
            #expect(bench.clock.events("security.foreign_tenant").first?["owner"] == "acme")
            let audit = try bench.parts.audit.entries(tenant: "default", page: 1, limit: 10).items
            #expect(audit.contains { $0.error == "FOREIGN_TENANT" && $0.caller == "user bolt-manager" })
        }
        #expect(try Self.content(bench) == before, "no row of acme's is another one")
        #expect(bench.world.piles.count == sent && bench.backend.calls.isEmpty)
    }

    /// Every row that is acme's.
    private static func content(_ bench: ChargingBench) throws -> [String] {
        let tables = [
            "organizations", "piles", "disabled_ports", "pile_parameters", "pile_images", "pricing_strategies", "alarms", "batches",
            "roles", "user_roles",
            "partner_keys",
        ]
        return try bench.world.disk.read { db in
            try tables.flatMap { table in
                try Row.fetchAll(db, sql: "SELECT * FROM \(table) WHERE operator = 'acme'").map { "\(table) \($0)" }
            }.sorted()
        }
    }

    @Test(
        "staff of one site sees that site only: not its neighbours, nor what is above",
        arguments: [
            ("GET", "/piles/00000001", "PILE_NOT_FOUND"), ("GET", "/organisations/acme.depot", "ORGANISATION_NOT_FOUND"),
            ("GET", "/organisations/acme", "ORGANISATION_NOT_FOUND"), ("GET", "/operator/orders/\(acme)", "ORDER_NOT_FOUND"),
            ("GET", "/piles?organisation=acme.depot", "ORGANISATION_NOT_FOUND"),
            ("GET", "/reports/shares/2026-01?operator=acme", "ORGANISATION_NOT_FOUND"),
            ("GET", "/alarms?pile=00000001", "PILE_NOT_FOUND"),
        ])
    func subtree(method: String, path: String, error: String) async throws {
        let (bench, _) = try await Self.bench()
        let answer = try await bench.send(method, path, as: "mall-manager")
        #expect((answer.status, answer.error) == (404, error))
        #expect(try await bench.send("GET", "/organisations/acme.mall", as: "mall-manager").error == "ok")
    }

    @Test("lists of a site's staff hold the site's rows only")
    func lists() async throws {
        let (bench, _) = try await Self.bench()
        try await bench.stations.enter([PileEntry(id: "000000e1", wire: .dny, ports: 1)], site: "acme.mall")
        #expect(try await bench.send("GET", "/piles", as: "mall-manager").data("total") == 1)
        #expect(try await bench.send("GET", "/piles", as: "acme-manager").data("total") == 4)
        #expect(try await bench.send("GET", "/piles", as: "admin").data("total") == 5)
        #expect(try await bench.send("GET", "/piles?organisation=acme", as: "mall-manager").data("total") == 1)
        #expect(try await bench.send("GET", "/organisations", as: "mall-manager").data("total") == 1)
        #expect(try await bench.send("GET", "/alarms", as: "mall-manager").data("total") == 0)
        #expect(try await bench.send("GET", "/alarms", as: "acme-viewer").data("total") == 1)
        #expect(try await bench.send("GET", "/operator/orders", as: "mall-manager").data("total") == 0)
        #expect(try await bench.send("GET", "/operator/orders", as: "acme-viewer").data("total") == 1)
        #expect(try await bench.send("GET", "/operator/orders", as: "admin").data("total") == 2)
        #expect(try await bench.send("GET", "/staff", as: "mall-manager").data("total") == 2)
        #expect(try await bench.send("GET", "/staff", as: "acme-manager").data("total") == 7)
    }

    @Test("a role for a site does not reach a batch over the operator")
    func batches() async throws {
        let (bench, _) = try await Self.bench()
        let answer = try await bench.send("POST", "/batches", as: "mall-technician", body: ["kind": "restart", "organisation": "acme"])
        #expect(answer.error == "ORGANISATION_NOT_FOUND")
        #expect(try await bench.send("GET", "/batches/1/items", as: "mall-technician").data("total") == 0)
        #expect(try await bench.send("GET", "/batches/1/items", as: "acme-technician").data("total") == 1)
    }

    // MARK: Giving roles

    @Test("nobody gives more than they have, or beyond where they have it")
    func widening() async throws {
        let (bench, _) = try await Self.bench()
        let site: FieldValue = ["username": "nina", "password": "long enough word", "role": "manager", "organisation": "acme"]
        #expect(try await bench.send("POST", "/staff", as: "mall-manager", body: site).error == "ORGANISATION_NOT_FOUND")
        let hire: FieldValue = ["name": "hr", "permissions": ["staff.manage", "stations.read"], "operator": "acme"]
        #expect(try await bench.send("POST", "/roles", as: "acme-manager", body: hire).status == 201)
        let nina: FieldValue = ["username": "nina", "password": "long enough word", "role": "hr", "organisation": "acme"]
        #expect(try await bench.send("POST", "/staff", as: "acme-manager", body: nina).status == 201)
        let own: FieldValue = ["role": "manager", "organisation": "acme"]
        let wider = try await bench.send("POST", "/staff/nina/roles", as: "nina", body: own)
        #expect((wider.status, wider.error) == (403, "GRANT_TOO_WIDE"))
        let role: FieldValue = ["name": "boss", "permissions": ["refunds.write"], "operator": "acme"]
        #expect(try await bench.send("POST", "/roles", as: "nina", body: role).error == "GRANT_TOO_WIDE")
        #expect(try await bench.send("DELETE", "/staff/acme-finance", as: "nina").error == "GRANT_TOO_WIDE")
        let narrow: FieldValue = ["role": "hr", "organisation": "acme.mall"]
        #expect(try await bench.send("POST", "/staff/acme-viewer/roles", as: "nina", body: narrow).status == 200)
    }

    @Test("who loses the last role loses the account: the token ends at once; a role of another operator stays")
    func removal() async throws {
        let (bench, _) = try await Self.bench()
        let before = try await bench.token("acme-viewer")
        #expect(try await bench.send("DELETE", "/staff/acme-viewer", as: "acme-manager").data("is_active") == false)
        let answer = try await bench.send("GET", "/piles", headers: [("authorization", "Bearer " + before)])
        #expect(answer.error == "TOKEN_REVOKED")
        try await bench.stations.grant("viewer", at: "bolt", to: "acme-support", by: "test")
        #expect(try await bench.send("DELETE", "/staff/acme-support", as: "acme-manager").data("is_active") == true)
        #expect(try await bench.send("GET", "/piles", as: "acme-support").data("total") == 1, "bolt's")
        try bench.world.restart()
        #expect(bench.world.stations.grants(of: "acme-viewer").isEmpty)
        #expect(bench.world.stations.grants(of: "acme-support").map(\.organisation) == ["bolt"])
    }

    @Test("operators are made by the platform only; an operator's manager makes regions and sites")
    func operators() async throws {
        let (bench, _) = try await Self.bench()
        let company: FieldValue = ["type": "operator", "code": "newco"]
        #expect(try await bench.send("POST", "/organisations", as: "acme-manager", body: company).error == "PERMISSION_DENIED")
        #expect(try await bench.send("POST", "/organisations", as: "admin", body: company).status == 201)
        let site: FieldValue = ["type": "site", "code": "roof", "parent_id": "acme.east"]
        #expect(try await bench.send("POST", "/organisations", as: "acme-manager", body: site).data("id") == "acme.roof")
    }

    @Test("a rider's token opens nothing of the rest of the cloud")
    func elsewhere() async throws {
        let bench = try await ChargingBench()
        for path in ["/api/v1/users", "/api/v1/audit"] {
            #expect(try await bench.send("GET", path, as: "rita").error == "PERMISSION_DENIED")
            #expect(try await bench.send("GET", path, as: "acme-manager").error == "PERMISSION_DENIED")
        }
        for role in [UserRole.rider, .staff] {
            for permission in [Permission.read, .write, .delete, .manage, .writeOwnData] { #expect(!role.has(permission)) }
        }
    }
}
