import Cloud
import LabCore
import Testing

@Suite("Operators: piles, batches, tariffs, orders and reports by REST (charging-platform.md 1.3)")
struct OperatorTests {
    @Test("piles are entered by hundreds, listed by pages, shown with their ports")
    func piles() async throws {
        let bench = try await ChargingBench()
        let list = (1...60).map { FieldValue.record(["id": .text(StationBench.pile(1_000 + $0)), "protocol": "dny", "ports": 10]) }
        let made = try await bench.send("POST", "/piles", as: "acme-technician", body: ["site": "acme.mall", "piles": .list(list)])
        #expect(made.data("entered") == 60)
        let page = try await bench.send("GET", "/piles?organisation=acme.mall&limit=50&offset=50", as: "acme-viewer")
        #expect(page.data("items")?.list?.count == 10 && page.data("total") == 60)
        let one = try await bench.send("GET", "/piles/\(StationBench.pile(1_001))", as: "acme-viewer")
        #expect(one.data("ports")?.list?.count == 10 && one.data("is_online") == false)
        #expect(
            try await bench.send("POST", "/piles", as: "acme-technician", body: ["site": "acme.mall", "piles": .list([list[0]])]).error
                == "PILE_EXISTS")
    }

    static let noPiles: [FieldValue] = [
        [], [["id": "04CEAA40", "protocol": "dny", "ports": 2]], [["id": "04ceaa40", "protocol": "dny", "ports": 0]],
        [["id": "04ceaa40", "protocol": "ocpp", "ports": 2]], [["id": "04ceaa40", "protocol": "dny"]],
        [["id": "04ceaa40", "protocol": "dny", "ports": 2, "operator": "bolt"]],
        [["id": "04ceaa40", "protocol": "dny", "ports": 2, "rated_power_dw": -1]],
    ]

    @Test("what is no pile is refused with its place in the list", arguments: noPiles)
    func badPiles(list: FieldValue) async throws {
        let bench = try await ChargingBench()
        let answer = try await bench.send("POST", "/piles", as: "acme-technician", body: ["site": "acme.mall", "piles": list])
        #expect(answer.status == 400)
        #expect(bench.stations.pile("04ceaa40") == nil)
    }

    @Test("a batch answers at once, and tells later what became of each pile")
    func batch() async throws {
        let bench = try await ChargingBench()
        bench.world.come(1, 2)
        let begun = try await bench.send("POST", "/batches", as: "acme-technician", body: ["kind": "restart", "organisation": "acme.east"])
        #expect((begun.status, begun.data("total"), begun.data("waiting"), begun.data("failed")) == (202, 3, 2, 1))
        let id = try #require(begun.data("batch")?.integer)
        bench.stations.received(.serviced(pile: "00000001", .restart, .done))
        bench.stations.received(.serviced(pile: "00000002", .restart, .refused("busy charging")))
        let end = try await bench.send("GET", "/batches/\(id)", as: "acme-technician")
        #expect((end.data("done"), end.data("failed"), end.data("waiting")) == (1, 2, 0))
        #expect(end.data("finished_at") != nil)
        let items = try await bench.send("GET", "/batches/\(id)/items", as: "acme-technician").data("items")?.list ?? []
        #expect(items.compactMap { $0.record?["state"]?.text } == ["done", "failed", "failed"])
        #expect(items.compactMap { $0.record?["reason"]?.text } == ["busy charging", "pile_offline"])
    }

    static let noBatches: [FieldValue] = [
        ["kind": "restart"], ["kind": "restart", "piles": []], ["kind": "restart", "piles": ["00000001"], "organisation": "acme"],
        ["kind": "restart", "piles": ["00000001"], "version": "7"], ["kind": "upgrade", "piles": ["00000001"]],
        ["kind": "set_parameters", "piles": ["00000001"]], ["kind": "set_parameters", "piles": ["00000001"], "parameters": ["A": 1]],
        ["kind": "disable_ports", "piles": ["00000001"], "ports": [0]], ["kind": "restart", "piles": ["00000001", "deadbeef"]],
        ["kind": "restart", "piles": ["00000001", "000000c1"]], ["kind": "explode", "piles": ["00000001"]],
    ]

    @Test("a batch that means two things, or nothing, is refused and does nothing", arguments: noBatches)
    func badBatches(body: FieldValue) async throws {
        let bench = try await ChargingBench()
        bench.world.come(1)
        let answer = try await bench.send("POST", "/batches", as: "acme-manager", body: body)
        #expect([400, 404, 422].contains(answer.status))
        #expect(bench.world.piles.count == 0)
        #expect(try await bench.send("GET", "/batches", as: "acme-manager").data("total") == 0)
    }

    @Test("an image is uploaded as a file, within its size, and never changes")
    func image() async throws {
        let bench = try await ChargingBench()
        let put = try await bench.send("PUT", "/images/7.0", as: "acme-technician", bytes: [1, 2, 3])
        #expect(put.data("checksum") == "sha256:039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81")
        #expect(try await bench.send("PUT", "/images/7.0", as: "acme-technician", bytes: [4]).error == "PILE_IMAGE_EXISTS")
        #expect(try await bench.send("PUT", "/images/7.1", as: "acme-technician", bytes: []).status == 400)
        #expect(
            try await bench.send("PUT", "/images/7.1", as: "acme-technician", bytes: [UInt8](repeating: 0, count: 4_194_305)).status == 413)
        bench.world.come(1)
        let begun = try await bench.send(
            "POST", "/batches", as: "acme-technician", body: ["kind": "upgrade", "piles": ["00000001"], "version": "7.0"])
        #expect(begun.status == 202)
        #expect(bench.world.piles.sent(to: "00000001") == [.upgrade(image: [1, 2, 3], version: "7.0")])
    }

    @Test("parameters: set, sent, shown with wish and report")
    func parameters() async throws {
        let bench = try await ChargingBench()
        bench.world.come(1)
        let set = try await bench.send(
            "PUT", "/piles/00000001/parameters", as: "acme-technician", body: ["parameters": ["heartbeat_interval": 120]])
        #expect(set.status == 202)
        bench.stations.received(.serviced(pile: "00000001", .setParameters, .done))
        let shown = try await bench.send("GET", "/piles/00000001/parameters", as: "acme-viewer")
        #expect((shown.data("version"), shown.data("reported_version")) == (1, 1))
        let item = shown.data("items")?.list?.first?.record
        #expect(item?["desired"] == 120 && item?["reported"] == 120 && item?["state"] == "applied")
    }

    @Test("a tariff is checked as the price calculation reads it; versions are listed, the newest first")
    func tariffs() async throws {
        let bench = try await ChargingBench()
        let path = "/organisations/acme/tariffs"
        let wrong = try await bench.send("POST", path, as: "acme-finance", body: ["rules": ["elec": ["peak": -1]]])
        #expect((wrong.status, wrong.error) == (422, "TARIFF_INVALID"))
        let typo = try await bench.send("POST", path, as: "acme-finance", body: ["rules": ["elc": ["flat": 1]]])
        #expect(typo.error == "TARIFF_INVALID")
        #expect(
            try await bench.send("POST", path, as: "acme-finance", body: ["rules": ["elec": ["flat": 60_000]]]).data("tariff") == "acme@1")
        let later: FieldValue = ["rules": ["elec": ["flat": 80_000]], "effective_at": "2026-02-01T00:00:00Z"]
        let second = try await bench.send("POST", path, as: "acme-finance", body: later)
        #expect(second.data("version") == 2 && second.data("is_in_force") == false)
        let past: FieldValue = ["rules": ["elec": ["flat": 1]], "effective_at": "2025-12-31T23:59:59Z"]
        #expect(try await bench.send("POST", path, as: "acme-finance", body: past).error == "TARIFF_RETROACTIVE")
        let list = try await bench.send("GET", path, as: "acme-viewer")
        #expect(list.data("items")?.list?.compactMap { $0.record?["version"]?.integer } == [2, 1])
        #expect(list.data("items")?.list?.compactMap { $0.record?["is_in_force"]?.bool } == [false, true])
        #expect(try await bench.send("GET", path + "/3", as: "acme-viewer").error == "TARIFF_NOT_FOUND")
        for method in ["PUT", "PATCH", "DELETE"] { #expect(try await bench.send(method, path + "/1", as: "acme-finance").status == 405) }
    }

    @Test("an alarm is acknowledged with a name, and cleared by hand where the pile does not")
    func alarms() async throws {
        let bench = try await ChargingBench()
        bench.world.come(1)
        for _ in 1...3 { bench.stations.received(.alarm(pile: "00000001", port: 1, .overCurrent, isOn: true)) }
        let open = try await bench.send("GET", "/alarms?is_open=true", as: "acme-viewer")
        let id = try #require(open.data("items")?.list?.first?.record?["alarm"]?.integer)
        let seen = try await bench.send("POST", "/alarms/\(id)/acknowledge", as: "acme-technician", body: [:])
        #expect(seen.data("acknowledged_by") == "user acme-technician" && seen.data("cleared_at") == nil)
        #expect(bench.stations.condition(pile: "00000001", port: 1)?.fault == "over_current")
        let over = try await bench.send("POST", "/alarms/\(id)/acknowledge", as: "acme-manager", body: ["clear": true])
        #expect(over.data("acknowledged_by") == "user acme-technician", "the first one stays")
        #expect(over.data("cleared_at") != nil && over.data("count") == 3)
        #expect(bench.stations.condition(pile: "00000001", port: 1)?.fault == nil)
        #expect(try await bench.send("POST", "/alarms/999/acknowledge", as: "acme-manager", body: [:]).error == "ALARM_NOT_FOUND")
        #expect(try await bench.send("POST", "/alarms/01/acknowledge", as: "acme-manager", body: [:]).error == "ALARM_NOT_FOUND")
    }

    @Test("reviews are decided and refunds made in the name of whoever did it; a refund with a decision needs that permission too")
    func ordersAndMoney() async throws {
        let bench = try await ChargingBench()
        let path = "/operator/orders/\(ChargingBench.acmeOrder)"
        let decision: FieldValue = ["reason": "meter checked", "refund_fen": 100]
        #expect(try await bench.send("POST", path + "/resolve", as: "acme-support", body: decision).error == "PERMISSION_DENIED")
        #expect(try await bench.send("POST", path + "/resolve", as: "acme-support", body: ["reason": "meter checked"]).status == 200)
        #expect(try await bench.send("POST", path + "/resolve", as: "acme-manager", body: decision).status == 200)
        #expect(try await bench.send("POST", path + "/resolve", as: "acme-manager", body: [:]).error == "MISSING_FIELD")
        let refund: FieldValue = ["amount_fen": 333, "reason": "kindness"]
        #expect(try await bench.send("POST", path + "/refunds", as: "acme-finance", body: refund).error == "IDEMPOTENCY_KEY_REQUIRED")
        let made = try await bench.send(
            "POST", path + "/refunds", as: "acme-finance", body: refund, headers: [("idempotency-key", "refund-0001")])
        #expect((made.status, made.data("state"), made.data("amount_text")) == (201, "pending", "3.33"))
        for fen in [0, -333] as [Int64] {
            let body: FieldValue = ["amount_fen": .integer(fen), "reason": "x"]
            #expect(
                try await bench.send(
                    "POST", path + "/refunds", as: "acme-finance", body: body, headers: [("idempotency-key", "refund-0002")]
                ).error == "INVALID_FIELD")
        }
        #expect(
            bench.backend.calls == [
                "resolve \(ChargingBench.acmeOrder) meter checked 0 by user acme-support",
                "resolve \(ChargingBench.acmeOrder) meter checked 100 by user acme-manager",
                "refund \(ChargingBench.acmeOrder) 333 refund-0001 by user acme-finance",
            ])
    }

    @Test("orders are found by their filters")
    func filters() async throws {
        let bench = try await ChargingBench()
        func total(_ query: String) async throws -> FieldValue? {
            try await bench.send("GET", "/operator/orders?\(query)", as: "admin").data("total")
        }
        #expect(try await total("has_review=true") == 1)
        #expect(try await total("state=charging") == 1)
        #expect(try await total("organisation=bolt") == 1)
        #expect(try await total("pile=00000001&user=rita") == 1)
        #expect(try await total("user=rolf&organisation=acme") == 0)
        let shown = try await bench.send("GET", "/operator/orders/\(ChargingBench.boltOrder)", as: "admin")
        #expect(shown.data("reviews") == ["estimated"] && shown.data("user") == "rolf" && shown.data("operator") == "bolt")
    }

    @Test("reports are the operator's own; what is not made yet is not there")
    func reports() async throws {
        let bench = try await ChargingBench()
        #expect(try await bench.send("GET", "/reports/reconciliations/2026-01-01", as: "acme-finance").data("report.operator") == "acme")
        #expect(try await bench.send("GET", "/reports/reconciliations/2026-01-02", as: "acme-finance").error == "REPORT_NOT_FOUND")
        #expect(try await bench.send("GET", "/reports/shares/2026-01", as: "bolt-manager").data("report.operator") == "bolt")
        #expect(try await bench.send("GET", "/reports/shares/2026-01", as: "admin").error == "MISSING_FIELD")
        for day in ["2026-13-01", "x", "2026-1-1"] {
            #expect(try await bench.send("GET", "/reports/reconciliations/\(day)", as: "acme-finance").error == "INVALID_FIELD")
        }
        #expect(try await bench.send("GET", "/reports/shares/2026-13", as: "acme-finance").error == "INVALID_FIELD")
    }

    @Test("the figures of a day are sums over the sites within reach")
    func statistics() async throws {
        let bench = try await ChargingBench()
        try bench.world.disk.write { db in
            for (pile, fen) in [("00000001", 100), ("00000002", 50), ("000000c1", 7)] as [(String, Int64)] {
                guard let registered = bench.stations.pile(pile) else { continue }
                let at = StationClock.epoch
                try StationStatistics.add(
                    SettledCharge(settledAt: at * 1000, fen: fen, seconds: 60, energy: [(at, 10_000)]), pile: registered, in: db)
            }
        }
        let query = "first=2026-01-01&last=2026-01-01"
        let acme = try await bench.send("GET", "/statistics/daily?\(query)", as: "acme-viewer").data("items")?.list
        #expect(
            acme?.first?.record?["revenue_fen"] == 150 && acme?.first?.record?["energy_text"] == "2.0000"
                && acme?.first?.record?["sessions_count"] == 2)
        let one = try await bench.send("GET", "/statistics/daily?\(query)&pile=00000002", as: "acme-viewer").data("items")?.list
        #expect(one?.first?.record?["revenue_text"] == "0.50")
        #expect(try await bench.send("GET", "/statistics/daily?\(query)&pile=000000c1", as: "acme-viewer").error == "PILE_NOT_FOUND")
        #expect(
            try await bench.send("GET", "/statistics/daily?first=2026-01-01&last=2025-01-01", as: "acme-viewer").error == "INVALID_FIELD")
        #expect(
            try await bench.send("GET", "/statistics/daily?first=2020-01-01&last=2026-01-01", as: "acme-viewer").error == "INVALID_FIELD")
    }
}

@Suite("Partners: signed requests of other companies' systems (security.md 4.2)")
struct PartnerTests {
    @Test("a signed request gets the operator's piles and orders, without users; a copy of it is refused")
    func signed() async throws {
        let bench = try await ChargingBench()
        let made = try await bench.send("POST", "/partner-keys", as: "acme-manager", body: ["name": "map"])
        let (key, secret) = (
            try #require(made.data("key")?.text), try #require(made.data("secret")?.text.flatMap { Hexadecimal.bytes($0) })
        )
        #expect(secret.count == 32)
        let path = "/api/v1/charging/partner/orders?limit=5&offset=0"
        let headers = bench.signed("GET", path, key: key, secret: secret, nonce: "nonce-0000000001")
        let answer = try await bench.send("GET", path, headers: headers)
        #expect(answer.data("total") == 1)
        let text = String(decoding: answer.body, as: UTF8.self)
        #expect(text.contains(ChargingBench.acmeOrder) && !text.contains("rita") && !text.contains("BOLT"))
        #expect(try await bench.send("GET", path, headers: headers).error == "REPLAYED")
        let piles = "/api/v1/charging/partner/piles"
        let list = try await bench.send(
            "GET", piles, headers: bench.signed("GET", piles, key: key, secret: secret, nonce: "nonce-0000000002"))
        #expect(list.data("total") == 3)
        let again = try await bench.send("GET", "/partner-keys", as: "acme-manager")
        #expect(!String(decoding: again.body, as: UTF8.self).contains("secret"), "shown once")
    }

    @Test("another path, another query, another secret, an unknown key and a withdrawn one are refused with one answer")
    func refused() async throws {
        let bench = try await ChargingBench()
        let (key, secret) = try await bench.stations.addPartnerKey(operatorID: "acme", name: "map")
        let path = "/api/v1/charging/partner/orders"
        func error(_ sent: String, _ headers: [(String, String)]) async throws -> String {
            try await bench.send("GET", sent, headers: headers).error
        }
        let good = bench.signed("GET", path, key: key.id, secret: secret, nonce: "nonce-0000000003")
        #expect(try await error("/api/v1/charging/partner/piles", good) == "SIGNATURE_INVALID")
        #expect(try await error(path + "?limit=1", good) == "SIGNATURE_INVALID")
        #expect(
            try await error(
                path, bench.signed("GET", path, key: key.id, secret: [UInt8](repeating: 0, count: 32), nonce: "nonce-0000000004"))
                == "SIGNATURE_INVALID")
        #expect(
            try await error(path, bench.signed("GET", path, key: "pk-0000000000000000", secret: secret, nonce: "nonce-0000000005"))
                == "SIGNATURE_INVALID")
        #expect(try await error(path, good) == "ok")
        _ = try await bench.send("DELETE", "/partner-keys/\(key.id)", as: "acme-manager")
        #expect(
            try await error(path, bench.signed("GET", path, key: key.id, secret: secret, nonce: "nonce-0000000006")) == "SIGNATURE_INVALID")
    }

    @Test("a partner's key opens nothing else")
    func elsewhere() async throws {
        let bench = try await ChargingBench()
        let (key, secret) = try await bench.stations.addPartnerKey(operatorID: "acme", name: "map")
        for path in ["/api/v1/charging/piles", "/api/v1/charging/orders", "/api/v1/users"] {
            let answer = try await bench.send(
                "GET", path, headers: bench.signed("GET", path, key: key.id, secret: secret, nonce: "nonce-0000000007"))
            #expect((answer.status, answer.error) == (401, "AUTHENTICATION_REQUIRED"))
        }
    }
}
