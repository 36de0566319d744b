import Cloud
import LabCore
import Testing

@Suite("Riders: register, scan, order, watch, stop, pay (charging-platform.md 1.1, 1.2)")
struct RiderTests {
    // MARK: The account

    @Test("a rider registers and logs in; the telephone number is shown masked and is in no event")
    func register() async throws {
        let bench = try await ChargingBench()
        let body: FieldValue = ["username": "ming", "phone": "13812345678", "password": "long enough word"]
        let made = try await bench.send("POST", "/riders", body: body)
        #expect((made.status, made.error) == (201, "ok"))
        #expect(made.data("phone") == "138****5678")
        let login = try await bench.send("POST", "/api/v1/auth/login", body: ["username": "ming", "password": "long enough word"])
        #expect(login.data("role") == "rider")
        let own = try await bench.send("GET", "/me", headers: [("authorization", "Bearer " + (login.data("token")?.text ?? ""))])
        #expect(own.data("username") == "ming" && own.data("phone") == "138****5678")
        for answer in [made, login, own] { #expect(!String(decoding: answer.body, as: UTF8.self).contains("12345678")) }
        #expect(!bench.clock.allEvents.contains("12345678"))
    }

    @Test("one number has one account, however it is spelt; one name too")
    func twice() async throws {
        let bench = try await ChargingBench()
        func register(_ name: String, _ phone: String) async throws -> HTTPAnswer {
            try await bench.send("POST", "/riders", body: ["username": .text(name), "phone": .text(phone), "password": "long enough word"])
        }
        #expect(try await register("ming", "13812345678").status == 201)
        #expect(try await register("hong", "+8613812345678").error == "USER_EXISTS")
        #expect(try await register("ming", "13812345679").error == "USER_EXISTS")
        #expect(try await register("hong", "13812345679").status == 201)
    }

    static let noRiders: [(String, FieldValue)] = [
        ("phone", ["username": "ming", "phone": "12", "password": "long enough word"]),
        ("phone", ["username": "ming", "phone": "+0123456789", "password": "long enough word"]),
        ("phone", ["username": "ming", "password": "long enough word"]),
        ("username", ["username": "m m", "phone": "13812345678", "password": "long enough word"]),
        ("password", ["username": "ming", "phone": "13812345678", "password": "short"]),
        ("role", ["username": "ming", "phone": "13812345678", "password": "long enough word", "role": "admin"]),
        ("tenant", ["username": "ming", "phone": "13812345678", "password": "long enough word", "tenant": "acme"]),
    ]

    @Test("what is no rider is refused with the field's name", arguments: noRiders)
    func refused(field: String, body: FieldValue) async throws {
        let bench = try await ChargingBench()
        let answer = try await bench.send("POST", "/riders", body: body)
        #expect(answer.status == 400)
        #expect(answer.data("field")?.text == field)
    }

    @Test("registrations of one address are limited as logins are")
    func farming() async throws {
        let bench = try await ChargingBench { $0.rateLimits.login = RateLimit(3, per: .seconds(60)) }
        for number in 1...3 {
            let body: FieldValue = ["username": .text("r\(number)"), "phone": .text("1381234567\(number)"), "password": "long enough word"]
            #expect(try await bench.send("POST", "/riders", body: body).status == 201)
        }
        let body: FieldValue = ["username": "r4", "phone": "13812345674", "password": "long enough word"]
        #expect(try await bench.send("POST", "/riders", body: body).error == "RATE_LIMITED")
    }

    @Test("telephone numbers are masked by their first three and last four signs")
    func masks() {
        #expect(Phone.masked("+8613812345678") == "138****5678")
        #expect(Phone.masked("+447911123456") == "+44****3456")
        #expect(Phone.masked("1234567") == "****")
    }

    // MARK: Scanning

    @Test("a code leads to the port with its price, and says what stands in the way")
    func scan() async throws {
        let poor = try await ChargingBench()
        poor.world.come(1)
        let priceless = try await poor.send("GET", "/scan?code=00000001:1", as: "rita")
        #expect(priceless.data("can_start") == false && priceless.data("obstacle") == "no_tariff" && priceless.data("tariff") == nil)
        let bench = try await ChargingBench()
        _ = try await bench.stations.setTariff(["name": "flat", "elec": ["flat": 60_000]], organisation: "acme", by: "t")
        let away = try await bench.send("GET", "/scan?code=00000001:1", as: "rita")
        #expect(away.data("can_start") == false && away.data("obstacle") == "pile_offline")
        bench.world.come(1)
        let free = try await bench.send("GET", "/scan?code=00000001:1", as: "rita")
        #expect(free.data("can_start") == true && free.data("obstacle") == nil)
        #expect(free.data("tariff") == "acme@1" && free.data("tariff_rules.elec.flat") == 60_000)
        #expect(free.data("site") == "acme.depot")
        bench.stations.received(.ports(pile: "00000001", [.charging, .fault]))
        #expect(try await bench.send("GET", "/scan?code=00000001:1", as: "rita").data("obstacle") == "port_busy")
        #expect(try await bench.send("GET", "/scan?code=00000001:2", as: "rita").data("obstacle") == "port_faulted")
        try await bench.stations.setPort(1, of: "00000001", isDisabled: true, by: "t")
        #expect(try await bench.send("GET", "/scan?code=00000001:1", as: "rita").data("obstacle") == "port_disabled")
    }

    @Test(
        "a code that is none, an unknown pile and an unknown port are told apart",
        arguments: [
            ("", 400), ("00000001", 400), ("00000001:0", 400), ("00000001:x", 400), ("00000001:1:1", 400), (":1", 400),
            ("00000001:99", 400),
            ("deadbeef:1", 404), ("00000001:3", 404),
        ])
    func codes(code: String, status: Int) async throws {
        let bench = try await ChargingBench()
        #expect(try await bench.send("GET", "/scan?code=\(code)", as: "rita").status == status)
    }

    // MARK: Orders

    @Test("an order needs a key, which the backend gets with the rider's own name")
    func create() async throws {
        let bench = try await ChargingBench()
        let body: FieldValue = ["pile": "00000001", "port": 1, "minutes": 120, "energy_dwh": 20_000]
        #expect(try await bench.send("POST", "/orders", as: "rita", body: body).error == "IDEMPOTENCY_KEY_REQUIRED")
        for key in ["short", String(repeating: "k", count: 65), "with space 1", "slash/slash"] {
            #expect(
                try await bench.send("POST", "/orders", as: "rita", body: body, headers: [("idempotency-key", key)]).error
                    == "IDEMPOTENCY_KEY_REQUIRED")
        }
        for _ in 1...3 {
            let answer = try await bench.send("POST", "/orders", as: "rita", body: body, headers: [("idempotency-key", "tap-00000001")])
            #expect((answer.status, answer.data("order")) == (201, "NEW0000000000001"))
            #expect(answer.data("limit_minutes") == 120 && answer.data("limit_energy_dwh") == 20_000)
        }
        let draft = OrderDraft(user: "rita", pile: "00000001", port: 1, clientKey: "tap-00000001", limitMinutes: 120, limitEnergy: 20_000)
        #expect(bench.backend.drafts == [draft, draft, draft])
    }

    static let noOrders: [(FieldValue, String)] = [
        (["pile": "deadbeef", "port": 1], "PILE_NOT_FOUND"), (["pile": "00000001", "port": 3], "PORT_NOT_FOUND"),
        (["pile": "00000001", "port": 0], "INVALID_FIELD"), (["pile": "00000001", "port": -1], "INVALID_FIELD"),
        (["pile": "00000001", "port": 1, "minutes": 0], "INVALID_FIELD"),
        (["pile": "00000001", "port": 1, "minutes": 1_441], "INVALID_FIELD"),
        (["pile": "00000001", "port": 1, "energy_dwh": -5], "INVALID_FIELD"),
        (["pile": "00000001", "port": 1, "hold_fen": 0], "INVALID_FIELD"),
        (["pile": "00000001", "port": 1.5], "INVALID_FIELD"), (["pile": "00000001"], "MISSING_FIELD"),
        (["pile": "00000001", "port": 1, "user": "rolf"], "UNKNOWN_FIELD"), (["pile": "00000001", "port": 1, "price": 0], "UNKNOWN_FIELD"),
    ]

    @Test("what is no order is refused before the backend hears of it", arguments: noOrders)
    func badOrders(body: FieldValue, error: String) async throws {
        let bench = try await ChargingBench()
        let answer = try await bench.send("POST", "/orders", as: "rita", body: body, headers: [("idempotency-key", "tap-00000001")])
        #expect(answer.error == error)
        #expect(bench.backend.calls.isEmpty)
    }

    @Test("the backend's refusals reach the rider with their code")
    func busy() async throws {
        let bench = try await ChargingBench()
        let answer = try await bench.send(
            "POST", "/orders", as: "rita", body: ["pile": "00000001", "port": 2], headers: [("idempotency-key", "tap-00000002")])
        #expect((answer.status, answer.error) == (409, "PORT_BUSY"))
    }

    @Test("money is whole fen and energy whole dWh, each with a text beside it")
    func units() async throws {
        let bench = try await ChargingBench()
        let answer = try await bench.send("GET", "/orders/\(ChargingBench.acmeOrder)", as: "rita")
        #expect(answer.data("amount_fen") == 1_235 && answer.data("amount_text") == "12.35")
        #expect(answer.data("energy_dwh") == 12_345 && answer.data("energy_text") == "1.2345")
        #expect(answer.data("hold_fen") == 2_000)
        let wallet = try await bench.send("GET", "/wallet", as: "rita")
        #expect(wallet.data("balance_fen") == 5_005 && wallet.data("balance_text") == "50.05" && wallet.data("held_fen") == 2_000)
        for text in [String(decoding: answer.body, as: UTF8.self), String(decoding: wallet.body, as: UTF8.self)] {
            #expect(!text.contains(#/:-?[0-9]+\.[0-9]/#), "no number with a fraction")
        }
    }

    static let ownCalls: [(String, String, FieldValue?)] = [
        ("GET", "", nil), ("POST", "/stop", .record([:])), ("POST", "/payments", .record(["channel": "wechat"])),
    ]

    @Test("another rider's order is not there, to look at, to stop or to pay", arguments: ownCalls)
    func foreignOrder(method: String, suffix: String, body: FieldValue?) async throws {
        let bench = try await ChargingBench()
        let other = try await bench.send(method, "/orders/\(ChargingBench.acmeOrder)\(suffix)", as: "rolf", body: body)
        let unknown = try await bench.send(method, "/orders/NOBODYS000000001\(suffix)", as: "rolf", body: body)
        #expect((other.status, other.error) == (404, "ORDER_NOT_FOUND"))
        #expect((unknown.status, unknown.error) == (404, "ORDER_NOT_FOUND"))
        #expect(bench.backend.calls.isEmpty)
        #expect(bench.clock.events("security.foreign_tenant").count == 1)
        #expect(
            (200...201).contains(try await bench.send(method, "/orders/\(ChargingBench.acmeOrder)\(suffix)", as: "rita", body: body).status)
        )
    }

    @Test("lists, tables and the wallet are the rider's own")
    func own() async throws {
        let bench = try await ChargingBench()
        #expect(
            try await bench.send("GET", "/orders", as: "rolf").data("items")?.list?.compactMap { $0.record?["order"] } == [
                .text(ChargingBench.boltOrder)
            ])
        #expect(try await bench.send("GET", "/orders?user=rita", as: "rolf").error == "UNKNOWN_FIELD")
        #expect(try await bench.send("GET", "/wallet", as: "rolf").data("balance_fen") == 0)
        #expect(try await bench.send("GET", "/wallet/entries", as: "rolf").data("total") == 0)
        #expect(try await bench.send("GET", "/wallet/entries?limit=1", as: "rita").data("total") == 2)
    }

    @Test("stopping and paying go to the backend in the rider's name")
    func stopAndPay() async throws {
        let bench = try await ChargingBench()
        _ = try await bench.send("POST", "/orders/\(ChargingBench.acmeOrder)/stop", as: "rita", body: [:])
        let payment = try await bench.send("POST", "/orders/\(ChargingBench.acmeOrder)/payments", as: "rita", body: ["channel": "wechat"])
        #expect(payment.data("amount_text") == "2.35" && payment.data("parameters.prepay_id") == "wx1")
        let topUp = try await bench.send(
            "POST", "/wallet/top-ups", as: "rita", body: ["amount_fen": 1_000, "channel": "alipay"],
            headers: [("idempotency-key", "top-00000001")])
        #expect(topUp.status == 201)
        #expect(
            bench.backend.calls == [
                "stop \(ChargingBench.acmeOrder) by rita", "pay \(ChargingBench.acmeOrder) wechat", "top-up rita 1000 top-00000001",
            ])
        let cash = try await bench.send("POST", "/orders/\(ChargingBench.acmeOrder)/payments", as: "rita", body: ["channel": "cash"])
        #expect(cash.error == "INVALID_FIELD")
        for fen in [0, -1, 1_000_001] as [Int64] {
            let body: FieldValue = ["amount_fen": .integer(fen), "channel": "alipay"]
            #expect(
                try await bench.send("POST", "/wallet/top-ups", as: "rita", body: body, headers: [("idempotency-key", "top-00000002")])
                    .error == "INVALID_FIELD")
        }
    }

    // MARK: Pages and tables

    @Test("pages by limit and offset with the total")
    func pages() async throws {
        let bench = try await ChargingBench()
        for number in 1...25 {
            bench.backend.put(
                OrderView(
                    number: "PAGE\(100_000_000_000 + number)", user: "rita", operatorID: "acme", site: "acme.depot", pile: "00000001",
                    port: 1, state: "closed",
                    createdAt: Int64(number) * 1000))
        }
        let first = try await bench.send("GET", "/orders", as: "rita")
        #expect(
            first.data("items")?.list?.count == 20 && first.data("total") == 26 && first.data("limit") == 20 && first.data("offset") == 0)
        let rest = try await bench.send("GET", "/orders?limit=20&offset=20", as: "rita")
        #expect(rest.data("items")?.list?.count == 6 && rest.data("total") == 26)
        #expect(try await bench.send("GET", "/orders?offset=26", as: "rita").data("items") == [])
        let window = try await bench.send("GET", "/orders?from=1970-01-01T00:00:02Z&to=1970-01-01T00:00:05Z", as: "rita")
        #expect(window.data("total") == 3)
        let table = try await bench.send("GET", "/orders/export?state=closed", as: "rita")
        #expect(table.header("content-type") == "text/csv")
        let lines = String(decoding: table.body, as: UTF8.self).split(separator: "\r\n")
        #expect(lines.count == 26)
        #expect(lines[1].hasPrefix("PAGE100000000025,closed,acme.depot,00000001,1,1970-01-01T00:00:25Z,,,0,0,0,0,0,"))
    }

    @Test(
        "pages and times that are none are refused",
        arguments: [
            "limit=0", "limit=101", "limit=1000000000", "limit=x", "limit=1.5", "offset=-1", "offset=99999999999999999999",
            "from=yesterday", "to=2026-02-30T00:00:00Z", "state=lost", "page=1", "limit=1&limit=2",
        ])
    func badPages(query: String) async throws {
        let bench = try await ChargingBench()
        #expect(try await bench.send("GET", "/orders?\(query)", as: "rita").status == 400)
    }

    @Test("a cell that a spreadsheet would calculate becomes text; numbers stay numbers (CSV injection)")
    func cells() async throws {
        let bench = try await ChargingBench()
        bench.backend.put(
            OrderView(
                number: "CELL000000000001", user: "=cmd()", operatorID: "acme", site: "acme.depot", pile: "00000001", port: 1,
                state: "closed",
                amount: -5, tariff: #"a "b", c"#, createdAt: 0))
        let table = try await bench.send("GET", "/operator/orders/export?state=closed", as: "acme-viewer")
        let line = String(decoding: table.body, as: UTF8.self).split(separator: "\r\n").last ?? ""
        #expect(line.hasSuffix(#",-5,0,0,"a ""b"", c",'=cmd()"#), "\(line)")
    }
}
