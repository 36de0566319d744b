import Emulators
import Foundation
import LabCore
import Testing
import Transports

@Suite("Real payment services (lab.yaml, payments)", .serialized, .timeLimit(.minutes(5)))
struct RealPaymentTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let secret = "TEST_API_V3_KEY"
    private static let environment = [secret: PaymentTestKeys.wechatSecret]

    /// A lab whose payment services are at that address, with the contracts that the emulated ones know.
    private func prepare(at address: StreamAddress, authority: String, changing: (String) -> String = { $0 }) throws {
        let keys = PaymentTestKeys.self
        for (name, text) in [
            ("authority", authority), ("merchant", keys.wechatMerchantPrivate), ("platform", keys.wechatPlatformCertificate),
            ("application", keys.alipayApplicationPrivate), ("alipay", keys.alipayPlatformPublic),
        ] { try folder.write(text + "\n", to: "keys/\(name).pem") }
        let notices = "https://pay.example.com/api/v1/payments/notices"
        let lab = """
            lab: 1
            about: A cloud with payment services that are not the lab's.
            payments:
              authorities: keys/authority.pem
              wechat:
                url: "https://\(address)"
                notices: \(notices)/wechat
                merchant: "1900000001"
                application: wx1ab0000000000001
                merchant_serial: "\(keys.wechatMerchantSerial)"
                merchant_key: {file: keys/merchant.pem}
                secret: {env: \(Self.secret)}
                platform_keys: {"\(keys.wechatPlatformSerial)": keys/platform.pem}
              alipay:
                url: "https://\(address)"
                files: "https://\(address)"
                notices: \(notices)/alipay
                application: "2021000000000001"
                seller: "2088000000000001"
                application_key: {file: keys/application.pem}
                platform_key: keys/alipay.pem

            """
        try folder.write(changing(lab), to: "lab.yaml")
    }

    private func serve() throws -> ServeProcess {
        try ServeProcess(["--ports", "http=0,mqtt=0", "--token", "user", "--events"], in: folder.path, environment: Self.environment)
    }

    /// A rider's request to the served cloud.
    private func request(_ serve: ServeProcess, _ method: String, _ path: String, body: String? = nil, key: String = "once-for-all") throws -> String {
        let address = try #require(serve.entry("http"))
        let token = try #require(serve.entry("user")?.firstMatch(of: /Bearer ([^']+)'/)?.1)
        var arguments = ["-s", "-X", method, "-H", "authorization: Bearer \(token)", "-H", "idempotency-key: \(key)"]
        if let body { arguments += ["-H", "content-type: application/json", "-d", body] }
        return try LabProcess.run("/usr/bin/curl", arguments + ["\(address)\(path)"], in: folder.path).output
    }

    private func fill(_ serve: ServeProcess, _ channel: String, key: String = "once-for-all") throws -> String {
        try request(serve, "POST", "/api/v1/charging/wallet/top-ups", body: #"{"amount_fen": 500, "channel": "\#(channel)"}"#, key: key)
    }

    /// What the test must never read anywhere: keys, without the words around them.
    private static let secrets = [PaymentTestKeys.wechatSecret] + [PaymentTestKeys.wechatMerchantPrivate, PaymentTestKeys.alipayApplicationPrivate].flatMap { pem in
        pem.split(separator: "\n").dropFirst().dropLast().map(String.init)
    }

    @Test("a wallet is filled over TLS: opened, paid, noticed and booked; no key is told anywhere", arguments: ["wechat", "alipay"])
    func paid(channel: String) throws {
        let server = try PaymentServer()
        defer { server.stop() }
        try prepare(at: server.address, authority: server.authority)
        let serve = try serve()
        #expect(serve.entry(channel) == "https://\(server.address) (real)")
        server.sendNotices(to: StreamAddress("127.0.0.1", try #require(Int(serve.port("http")))))
        let answer = try fill(serve, channel)
        try #require(answer.contains(channel == "wechat" ? "code_url" : "qr_code"), "\(answer)")
        let printed = serve.output { $0.contains("cloud.payment.booked") }
        #expect(printed.contains("cloud.payment.booked"))
        #expect(try request(serve, "GET", "/api/v1/charging/wallet").contains(#""balance_fen":500"#))
        _ = serve.stop()
        for secret in Self.secrets { #expect(!(serve.output { _ in true } + serve.errors).contains(secret)) }
    }

    @Test("what a charge costs beyond the hold is paid over TLS, and a part of it goes back the same way; no notice comes, so the cloud asks")
    func outstanding() throws {
        let server = try PaymentServer()
        defer { server.stop() }
        try prepare(at: server.address, authority: server.authority)
        // Two yuan at least, of which the wallet had ten fen.
        try folder.write(
            """
            lab: 1
            about: A rider pays what the hold did not cover.
            fidelity: [emu]
            needs: {pile: {kind: pile, where: {ports: 2}}, cloud: {kind: cloud, where: {payments: real}}}
            steps:
              - do: pile.power_on
              - expect: cloud.pile.online
                within: 30s
                save: {pile_id: pile}
              - do: cloud.wallet.top_up
                with: {user: rider, cents: 10}
              - do: pile.plug
                with: {port: 1, watts: 180}
              - do: cloud.order.create
                with: {user: rider, pile: "${pile_id}", port: 1, minutes: 20, hold: 10, tariff: {name: two yuan at least, minimum: 200, elec: {flat: 60000}}}
                save: {order: order}
              - expect: cloud.order.started
                within: 30s
              - wait: 2s
              - do: pile.unplug
                with: {port: 1}
              - expect: cloud.order.settled
                where: {order: "${order}", cents: 200}
                within: 2m
              - check: cloud.wallet
                with: {user: rider}
                is: {cents: 0, held: 0, due: 190}
              - do: cloud.payment.start
                with: {order: "${order}", channel: alipay}
              - expect: cloud.payment.booked
                within: 2m
              - check: cloud.order
                with: {order: "${order}"}
                is: {state: closed, open: 0, paid: 190, returned: 0}
                within: 1m
              - do: cloud.refund.create
                with: {order: "${order}", key: kindness, cents: 50}
              - expect: cloud.refund.done
                where: {order: "${order}", cents: 50}
                within: 5m
              - check: cloud.order
                with: {order: "${order}"}
                is: {state: closed, refunded: 50, open: 0}
              - check: cloud.wallet
                with: {user: rider}
                is: {cents: 0, held: 0, due: 0}
              - check: cloud.invariants
                is: {violations: 0}
            """, to: "scenarios/owes.yaml")
        let run = try LabProcess.run(["run", "--on", "emu", "--plain"], in: folder.path, environment: Self.environment)
        #expect(run.status == 0 && run.output.hasSuffix("1 passed, 0 failed, 0 skipped\n"), "\(run.all)")
        for secret in Self.secrets { #expect(!run.all.contains(secret)) }
    }

    @Test("a host that is not there is no answer: the payment waits, and is the same one when the host is back")
    func unreachable() throws {
        let server = try PaymentServer()
        defer { server.stop() }
        try prepare(at: server.address, authority: server.authority)
        let serve = try serve()
        server.sendNotices(to: StreamAddress("127.0.0.1", try #require(Int(serve.port("http")))))
        try server.setListening(false)
        let refusal = try fill(serve, "wechat")
        try #require(refusal.contains("PAYMENT_SERVICE_UNAVAILABLE"), "\(refusal)")
        #expect(serve.output { $0.contains("payment.unanswered") }.contains("unreachable"))
        #expect(try request(serve, "GET", "/api/v1/charging/wallet").contains(#""balance_fen":0"#))
        try server.setListening(true)
        try #require(try fill(serve, "wechat").contains("code_url"))
        let printed = serve.output { $0.contains("cloud.payment.booked") }
        #expect(printed.components(separatedBy: "cloud.payment.started").count == 2)
        #expect(try request(serve, "GET", "/api/v1/charging/wallet").contains(#""balance_fen":500"#))
    }

    @Test("a host with the certificate of another authority is not spoken with")
    func foreignCertificate() throws {
        let server = try PaymentServer()
        defer { server.stop() }
        try prepare(at: server.address, authority: try LabCertificates(at: Date()).authority)
        let serve = try serve()
        let refusal = try fill(serve, "wechat")
        try #require(refusal.contains("PAYMENT_SERVICE_UNAVAILABLE"), "\(refusal)")
        #expect(serve.output { $0.contains("payment.unanswered") }.contains("unreachable"))
    }

    @Test("signed with another key than the merchant's, requests are refused by the service, and nothing is opened")
    func wrongKey() throws {
        let server = try PaymentServer()
        defer { server.stop() }
        try prepare(at: server.address, authority: server.authority)
        try folder.write(PaymentTestKeys.alipayApplicationPrivate, to: "keys/merchant.pem")
        let serve = try serve()
        let answer = try fill(serve, "wechat")
        #expect(answer.contains("PAYMENT_REFUSED") && answer.contains("SIGN_ERROR"), "\(answer)")
        #expect(try request(serve, "GET", "/api/v1/charging/wallet").contains(#""balance_fen":0"#))
    }

    // MARK: What is refused before anything runs

    private func refusal(_ arguments: [String] = ["serve", "--ports", "http=0,mqtt=0"], environment: [String: String] = environment) throws -> String {
        let result = try LabProcess.run(arguments, in: folder.path, environment: environment)
        #expect(result.status == 2, "\(result.all)")
        for secret in Self.secrets { #expect(!result.all.contains(secret)) }
        return result.error
    }

    @Test(
        "what is wrong is told at its place",
        arguments: [
            ("{file: keys/merchant.pem}", "{file: keys/none.pem}", "lab.yaml:11:26: error: the key cannot be read from 'keys/none.pem': no such file"),
            ("{file: keys/merchant.pem}", "{file: keys/alipay.pem}", "lab.yaml:11:26: error: it must be an RSA private key of 2048 bits or more in PEM"),
            ("{env: TEST_API_V3_KEY}", "{env: NOT_SET_ANYWHERE}", "lab.yaml:12:19: error: the environment variable NOT_SET_ANYWHERE is not set"),
            ("{env: TEST_API_V3_KEY}", "{env: PATH}", "lab.yaml:12:19: error: the APIv3 key has 32 bytes"),
            ("{env: TEST_API_V3_KEY}", PaymentTestKeys.wechatSecret, "lab.yaml:12:13: error: a secret does not stand here itself: write where it is, by file or env"),
            ("keys/platform.pem}", "keys/merchant.pem}", "lab.yaml:13:67: error: it must be an RSA public key of 2048 bits or more, or a certificate, in PEM"),
            ("keys/authority.pem", "keys/alipay.pem", "lab.yaml:4:16: error: the authorities cannot be read from 'keys/alipay.pem': there is no certificate in it"),
            ("notices: https://pay", "notices: http://pay", "lab.yaml:7:14: error: value http://pay"),
            ("merchant: \"1900000001\"", "merchant: none", "lab.yaml:8:15: error: value none for 'merchant' must be digits in quotes"),
            ("application_key: {file: keys/application.pem}", "application_key: {}", "lab.yaml:20:22: error: a secret needs one of file, env"),
        ])
    func refused(text: String, other: String, message: String) throws {
        try prepare(at: StreamAddress("127.0.0.1", 1), authority: PaymentTestKeys.wechatPlatformCertificate) { $0.replacingOccurrences(of: text, with: other) }
        let error = try refusal()
        #expect(error.hasPrefix(message), "\(error)")
    }

    @Test("plain HTTP is for this machine alone", arguments: [("http://10.0.0.1", false), ("http://127.0.0.1:1", true)])
    func plain(address: String, isTaken: Bool) throws {
        try prepare(at: StreamAddress("127.0.0.1", 1), authority: "") { lab in
            lab.replacingOccurrences(of: "url: \"https://127.0.0.1:1\"", with: "url: \"\(address)\"").replacingOccurrences(of: "  authorities: keys/authority.pem\n", with: "")
        }
        try folder.write("lab: 1\nabout: Nothing.\nsteps: [wait: 1s]\n", to: "scenarios/none.yaml")
        let result = try LabProcess.run(["check"], in: folder.path)
        #expect((result.status == 0) == isTaken, "\(result.all)")
    }

    @Test("real money has the time of day, and one payment service")
    func otherWays() throws {
        try prepare(at: StreamAddress("127.0.0.1", 1), authority: PaymentTestKeys.wechatPlatformCertificate)
        #expect(try refusal(["serve", "--ports", "http=0,mqtt=0", "--speed", "10x"]).hasPrefix("--speed: real payment services have the time of day"))
        try prepare(at: StreamAddress("127.0.0.1", 1), authority: PaymentTestKeys.wechatPlatformCertificate) { $0 + "nodes: {pay: {kind: payments}}\n" }
        #expect(try refusal().contains("the node 'pay' is an emulated one: `lab serve` needs one of the two"))
    }

    @Test("a scenario has real payment services in real time only, and is skipped where lab.yaml names none")
    func scenarios() throws {
        let scenario = """
            lab: 1
            about: A rider fills his wallet.
            fidelity: [emu]
            needs: {cloud: {kind: cloud, where: {payments: real}}}
            steps:
              - do: cloud.payment.start
                with: {user: rider, cents: 500, channel: wechat}
              - expect: cloud.payment.booked
                within: 60s
            """
        try folder.write("lab: 1\nabout: A lab without payment services.\n", to: "lab.yaml")
        try folder.write(scenario, to: "scenarios/fill.yaml")
        let skipped = try LabProcess.run(["run", "--on", "emu", "--plain"], in: folder.path)
        #expect(skipped.output.contains("needs real payment services (payments in lab.yaml)"), "\(skipped.all)")
        try folder.write(scenario.replacingOccurrences(of: "[emu]", with: "[sim, emu]"), to: "scenarios/fill.yaml")
        let refused = try LabProcess.run(["check"], in: folder.path)
        #expect(refused.status == 2)
        #expect(refused.output.contains("role 'cloud': real payment services need real time: write fidelity: [emu, hw]"), "\(refused.all)")
    }
}
