import LabCore
import Testing

@testable import Cloud

@Suite("Users who listen (badge-protocol.md, MQTT)")
struct ListenerTests {
    @Test("a token of a user who may read is the password, until it ends", arguments: [UserRole.guest, .user, .admin])
    func accepted(role: UserRole) async throws {
        let bench = try ScenarioCloud()
        let token = try bench.cloud.operatorToken(role: role)
        let listener = bench.cloud.listener(clientID: "anybody", username: "lab-\(role.rawValue)", password: Array(token.utf8))
        // Tokens of users last an hour.
        #expect(listener == MQTTListener(username: "lab-\(role.rawValue)", validUntil: .start.advanced(by: .seconds(3600))))
        bench.world.advance(.seconds(3_700))
        #expect(bench.cloud.listener(clientID: "anybody", username: "lab-\(role.rawValue)", password: Array(token.utf8)) == nil)
    }

    @Test("nobody else is: another name, no name, a changed token, a device's client id or token, a user who is switched off")
    func refused() async throws {
        let bench = try ScenarioCloud()
        try await bench.bringOnline()
        let token = try bench.cloud.operatorToken(role: .guest)
        func listener(_ password: String?, client: String = "anybody", name: String? = "lab-guest") -> MQTTListener? {
            bench.cloud.listener(clientID: client, username: name, password: password.map { Array($0.utf8) })
        }
        #expect(listener(token) != nil)
        #expect(listener(token, name: "lab-admin") == nil)
        #expect(listener(token, name: nil) == nil)
        #expect(listener(nil) == nil)
        #expect(listener(token, client: "luna_badge_0007") == nil)
        for wrong in [
            "", "a.b.c", String(token.dropLast()), token + "A", token.replacing(".", with: ".."),
            "v1:1767225600:0123456789abcdef:" + String(repeating: "0", count: 64),
        ] {
            #expect(listener(wrong) == nil, "\(wrong)")
        }
        var parts = token.split(separator: ".").map(String.init)
        parts[1] = Base64URL.text(Array(#"{"role":"admin"}"#.utf8))
        #expect(listener(parts.joined(separator: ".")) == nil)
        let device = try bench.cloud.tokens.issue(device: "luna_badge_0007", epoch: 1, tenant: "default").token
        #expect(listener(device, name: "luna_badge_0007") == nil)
        _ = try await bench.perform("request", ["method": "DELETE", "path": "/api/v1/users/lab-guest", "as": "admin"])
        #expect(listener(token) == nil)
    }

    @Test("a token that jwt-kit has signed is verified by hand")
    func inPlace() async throws {
        let bench = try ScenarioCloud()
        let token = try bench.cloud.operatorToken(role: .user)
        #expect(try bench.cloud.tokens.verify(token, for: [.user]).sub == "lab-user")
        #expect(throws: TokenRefusal.claim("typ")) { try bench.cloud.tokens.verify(token, for: [.device]) }
        // The 43rd character of a signature of 32 bytes holds four bits only; its first one changes all of them.
        guard let dot = token.lastIndex(of: ".") else { return }
        let first = token[token.index(after: dot)]
        let other = token[...dot] + (first == "A" ? "B" : "A") + token[token.index(dot, offsetBy: 2)...]
        #expect(throws: TokenRefusal.signature) { try bench.cloud.tokens.verify(String(other), for: [.user]) }
    }
}
