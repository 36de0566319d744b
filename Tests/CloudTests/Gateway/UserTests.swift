import Cloud
import GRDB
import LabCore
import Testing

@Suite("Users and passwords (security.md 4.1, 4.4; API2)")
struct UserTests {
    let path = "/api/v1/auth/login"
    let right = #"{"username":"root","password":"correct horse battery"}"#
    let wrong = #"{"username":"root","password":"correct horse batterz"}"#

    @Test("the first administrator logs in and gets a token for an hour, whose role is in the answer")
    func login() async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("POST", path, body: right)
        #expect(answer.error == "ok")
        #expect(answer.data("role") == "admin")
        #expect(answer.data("token_expires_at") == .integer(GatewayBench.epoch + 3_600))
        let token = try #require(answer.data("token")?.text)
        let users = await bench.send("GET", "/api/v1/users", [("authorization", "Bearer " + token)])
        #expect(users.data("total") == 1)
        #expect(bench.clock.events("auth.login").last == ["user": "root", "role": "admin", "peer": "10.0.0.1"])
    }

    @Test("a wrong password and an unknown name give the same answer")
    func wrongAnswers() async throws {
        let bench = try GatewayBench()
        let password = await bench.send("POST", path, body: wrong)
        let name = await bench.send("POST", path, body: #"{"username":"nobody","password":"correct horse battery"}"#)
        let empty = await bench.send("POST", path, body: #"{"username":"","password":""}"#)
        for answer in [password, name, empty] {
            #expect((answer.status, answer.error) == (401, "LOGIN_FAILED"))
            #expect(answer.json?.record?["message"] == "User name or password is wrong.")
        }
        #expect(password.headers.map(\.name) == name.headers.map(\.name))
    }

    @Test("nobody is there by default: without a first administrator no name and password work")
    func noDefault() async throws {
        let bench = try GatewayBench { $0.firstAdministrator = nil }
        for (name, password) in [("admin", "admin"), ("root", "correct horse battery"), ("lab-admin", "disabled"), ("admin", "")] {
            let answer = await bench.send("POST", path, body: #"{"username":"\#(name)","password":"\#(password)"}"#)
            #expect(answer.error == "LOGIN_FAILED")
        }
    }

    @Test("the lab's own operators have no password that fits")
    func operators() async throws {
        let bench = try GatewayBench()
        try bench.parts.users.createOperator(name: "lab-admin", role: .admin)
        for password in ["disabled", "", "\\u0000"] {
            #expect(await bench.send("POST", path, body: #"{"username":"lab-admin","password":"\#(password)"}"#).error == "LOGIN_FAILED")
        }
    }

    @Test("a password is stored as scrypt with its own salt")
    func storedHash() async throws {
        let bench = try GatewayBench()
        try bench.parts.users.create(name: "twin", email: "twin@lab.test", password: "correct horse battery", role: .user)
        let hashes = try bench.disk.read { db in try String.fetchAll(db, sql: "SELECT password_hash FROM users ORDER BY username") }
        #expect(hashes.count == 2)
        #expect(hashes.allSatisfy { $0.hasPrefix("scrypt$16$8$1$") && $0.utf8.count == 14 + 32 + 1 + 64 })
        #expect(Set(hashes).count == 2, "the same password twice")
    }

    @Test("a hash that another program made is understood")
    func foreignHash() async throws {
        // python3 -c "import hashlib; print(hashlib.scrypt(b'correct horse battery', salt=bytes(range(16)), n=16, r=8, p=1, dklen=32).hex())"
        let bench = try GatewayBench()
        try bench.disk.write { db in
            try db.execute(
                sql: "UPDATE users SET password_hash = ?",
                arguments: [
                    "scrypt$16$8$1$000102030405060708090a0b0c0d0e0f$7281dbe8b97372439e3876c31d1e891adf1589a27fa782e04f84dc3091d64542"
                ])
        }
        #expect(await bench.send("POST", path, body: right).error == "ok")
        #expect(await bench.send("POST", path, body: wrong).error == "LOGIN_FAILED")
    }

    @Test("after five failures each further one doubles the wait, up to a quarter of an hour, for unknown names too", arguments: ["root", "nobody"])
    func backOff(name: String) async throws {
        let bench = try GatewayBench { $0.rateLimits.login = RateLimit(1_000, per: .seconds(60)) }
        let body = #"{"username":"\#(name)","password":"wrong wrong wrong"}"#
        for _ in 1...4 { #expect(await bench.send("POST", path, body: body).error == "LOGIN_FAILED") }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] as [Int64] {
            #expect(await bench.send("POST", path, body: body).error == "LOGIN_FAILED")
            let delayed = await bench.send("POST", path, body: body)
            #expect((delayed.status, delayed.error) == (429, "LOGIN_DELAYED"))
            #expect(delayed.header("retry-after") == String(wait))
            bench.clock.advance(.seconds(wait))
        }
    }

    @Test("while the wait lasts the right password is not looked at; after it, it is, and the count begins anew")
    func backOffEnds() async throws {
        let bench = try GatewayBench { $0.rateLimits.login = RateLimit(1_000, per: .seconds(60)) }
        for _ in 1...6 {
            _ = await bench.send("POST", path, body: wrong)
            bench.clock.advance(.seconds(1))
        }
        #expect(await bench.send("POST", path, body: right).error == "LOGIN_DELAYED")
        bench.clock.advance(.seconds(1))
        #expect(await bench.send("POST", path, body: right).error == "ok")
        #expect(await bench.send("POST", path, body: wrong).error == "LOGIN_FAILED")
        #expect(await bench.send("POST", path, body: right).error == "ok")
    }

    @Test("who fails at one address locks nobody out at another")
    func backOffByAddress() async throws {
        let bench = try GatewayBench()
        for _ in 1...6 { _ = await bench.send("POST", path, body: wrong, from: "10.6.6.6") }
        #expect(await bench.send("POST", path, body: right, from: "10.6.6.6").error == "LOGIN_DELAYED")
        #expect(await bench.send("POST", path, body: right, from: "10.0.0.1").error == "ok")
    }

    @Test("logins of one address are limited: ten a minute, the eleventh is 429")
    func loginRate() async throws {
        let bench = try GatewayBench()
        for _ in 1...10 { #expect(await bench.send("POST", path, body: right).status == 200) }
        #expect(await bench.send("POST", path, body: right).error == "RATE_LIMITED")
    }

    @Test("a tenant that is not served has no users, and no token of it comes from a login")
    func otherTenant() async throws {
        let answer = await (try GatewayBench()).send("POST", path, [("x-tenant", "acme")], body: right)
        #expect((answer.status, answer.error) == (401, "LOGIN_FAILED"))
    }

    // MARK: Keeping users

    @Test("an administrator adds a user, who can log in, and switches the user off, whose token ends at once")
    func keep() async throws {
        let bench = try GatewayBench()
        let admin = try await bench.asUser(.admin)
        let body = #"{"username":"anna","email":"anna@lab.test","password":"long enough word","role":"user"}"#
        let made = await bench.send("POST", "/api/v1/users", admin, body: body)
        #expect((made.status, made.error) == (201, "ok"))
        #expect(await bench.send("POST", "/api/v1/users", admin, body: body).error == "USER_EXISTS")
        let login = await bench.send("POST", path, body: #"{"username":"anna","password":"long enough word"}"#)
        let token = [("authorization", "Bearer " + (login.data("token")?.text ?? ""))]
        #expect(await bench.send("GET", "/api/v1/devices", token).status == 200)
        #expect(await bench.send("DELETE", "/api/v1/users/anna", admin).data("is_active") == false)
        #expect(await bench.send("GET", "/api/v1/devices", token).error == "TOKEN_REVOKED")
        #expect(await bench.send("POST", path, body: #"{"username":"anna","password":"long enough word"}"#).error == "LOGIN_FAILED")
        #expect(await bench.send("DELETE", "/api/v1/users/nobody", admin).error == "USER_NOT_FOUND")
    }

    @Test("neither passwords nor hashes are in any answer, in the audit or in the events")
    func noSecrets() async throws {
        let bench = try GatewayBench()
        let admin = try await bench.asUser(.admin)
        let password = "unmistakable secret"
        let made = await bench.send(
            "POST", "/api/v1/users", admin, body: #"{"username":"anna","email":"a@b.c","password":"\#(password)","role":"guest"}"#)
        let list = await bench.send("GET", "/api/v1/users", admin)
        let audit = await bench.send("GET", "/api/v1/audit", admin)
        _ = await bench.send("POST", path, body: #"{"username":"\#(password)","password":"\#(password)"}"#)
        for answer in [made, list, audit] {
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(!text.contains(password) && !text.contains("scrypt") && !text.contains("eyJ"))
        }
        for name in ["http.request", "request.refused", "auth.login.failed"] {
            for fields in bench.clock.events(name) { #expect(!JSONWriter.text(.record(fields)).contains(password)) }
        }
    }

    @Test(
        "what is no user is refused with the field's name",
        arguments: [
            (#"{"username":"a b","email":"a@b.c","password":"long enough word","role":"user"}"#, "username"),
            (#"{"username":"anna","email":"nonsense","password":"long enough word","role":"user"}"#, "email"),
            (#"{"username":"anna","email":"a@b.c","password":"short","role":"user"}"#, "password"),
            (#"{"username":"anna","email":"a@b.c","password":"long enough word","role":"device"}"#, "role"),
            (#"{"username":"anna","email":"a@b.c","password":"long enough word","role":"user","epoch":9}"#, "epoch"),
            (#"{"username":"anna","email":"a@b.c","password":"long enough word","role":"user","tenant":"acme"}"#, "tenant"),
        ])
    func refused(body: String, field: String) async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("POST", "/api/v1/users", try await bench.asUser(.admin), body: body)
        #expect(answer.status == 400)
        #expect(answer.data("field")?.text == field)
    }

    // MARK: Audit

    @Test("the audit says who did what, when and how it ended; reading is not in it")
    func audit() async throws {
        let bench = try GatewayBench()
        let (admin, guest) = (try await bench.asUser(.admin), try await bench.asUser(.guest))
        _ = await bench.send("GET", "/api/v1/devices", guest)
        let done = await bench.send("PUT", "/api/v1/devices/luna_badge_0007/config", admin, body: "{}")
        let denied = await bench.send("DELETE", "/api/v1/devices/luna_badge_0007", guest)
        let (entries, total) = try bench.parts.audit.entries(tenant: "default", page: 1, limit: 10)
        #expect(total == 2)
        #expect(
            entries == [
                AuditEntry(
                    at: GatewayBench.epoch, requestID: denied.header("x-request-id") ?? "", tenant: "default", caller: "user test-guest",
                    peer: "10.0.0.1", method: "DELETE", route: "/api/v1/devices/{device_id}", target: "/api/v1/devices/luna_badge_0007",
                    status: 403, error: "PERMISSION_DENIED"),
                AuditEntry(
                    at: GatewayBench.epoch, requestID: done.header("x-request-id") ?? "", tenant: "default", caller: "user test-admin",
                    peer: "10.0.0.1", method: "PUT", route: "/api/v1/devices/{device_id}/config",
                    target: "/api/v1/devices/luna_badge_0007/config", status: 200, error: nil),
            ])
        #expect(await bench.send("GET", "/api/v1/audit", guest).error == "PERMISSION_DENIED")
    }

    @Test("the audit keeps its newest rows")
    func auditBound() throws {
        let bench = try GatewayBench { $0.limits.auditRows = 50 }
        for number in 1...1_000 {
            try bench.parts.audit.record(
                AuditEntry(
                    at: 0, requestID: "\(number)", tenant: "default", caller: "c", peer: "p", method: "PUT", route: "/r", target: "/r", status: 200))
        }
        let (entries, total) = try bench.parts.audit.entries(tenant: "default", page: 1, limit: 1)
        #expect(total == 50)
        #expect(entries.first?.requestID == "1000")
    }
}

@Suite("Configuration of the cloud")
struct ConfigurationTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var setting: String
        var change: @Sendable (inout CloudConfiguration) -> Void
        init(_ setting: String, _ change: @escaping @Sendable (inout CloudConfiguration) -> Void) {
            self.setting = setting
            self.change = change
        }
        var testDescription: String { setting }
    }

    static let mistakes = [
        Mistake("tokenKeys") { $0.tokenKeys = [] }, Mistake("tokenKeys") { $0.tokenKeys[0].secret.removeLast() },
        Mistake("tokenKeys") { $0.tokenKeys[0].isRetired = true }, Mistake("tokenKeys") { $0.tokenKeys[0].keyID = "k 1" },
        Mistake("tokenKeys") { $0.tokenKeys.append($0.tokenKeys[0]) },
        Mistake("tokenKeys") { for id in ["a", "b"] { $0.tokenKeys.append(TokenKey(keyID: id, secret: $0.tokenKeys[0].secret)) } },
        Mistake("factoryMasterKey") { $0.devices.factoryMasterKey = [1, 2, 3] },
        Mistake("deviceMasterKey") { $0.devices.deviceMasterKey = $0.devices.factoryMasterKey },
        Mistake("passwordCost.rounds") { $0.passwordCost.rounds = 1_000 },
        Mistake("passwordCost.rounds") { $0.passwordCost.rounds = 1 << 30 },
        Mistake("firstAdministrator.password") { $0.firstAdministrator?.password = "admin" },
        Mistake("rateLimits.login") { $0.rateLimits.login = RateLimit(0, per: .seconds(1)) },
        Mistake("rateLimits.open") { $0.rateLimits.open = RateLimit(1, per: .zero) },
    ]

    @Test("what is unsafe or impossible is refused before the cloud starts, with the setting's name", arguments: mistakes)
    func refused(_ mistake: Mistake) throws {
        let error = #expect(throws: ConfigurationError.self) { _ = try GatewayBench(change: mistake.change) }
        #expect(error?.setting == mistake.setting)
    }
}
