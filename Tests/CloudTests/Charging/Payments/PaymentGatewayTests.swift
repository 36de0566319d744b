import Emulators
import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Notices of payment services come through the gateway")
struct PaymentGatewayTests {
    /// The gateway over the payments, and a notice for each channel that it should take.
    private final class Bench {
        let gateway: Gateway
        let clock = ManualClock()
        let payments: Payments
        let orders = BookedOrders(bugs: [])
        private let keys: GatewayBench

        init(_ settings: PaymentSettings) throws {
            keys = try GatewayBench(clock: clock)
            let session = try Storage(path: nil).session(clock.environment)
            payments = try Payments(settings: settings, environment: clock.environment, storage: session)
            orders.payments = payments
            payments.connect(orders: orders, debts: orders)
            let parts = try GatewayParts(configuration: GatewayBench.configuration, environment: clock.environment, storage: session)
            gateway = try parts.gateway(services: [payments], keys: keys)
        }

        func send(_ call: HTTPCall) async throws -> HTTPAnswer { try await gateway.respond(to: call, from: "10.0.0.9") }

        /// An order that is due, its attempt, and the notice that the service sends once it is paid.
        func notice(_ channel: String) throws -> HTTPCall {
            let number = "ORDER00000000001P01"
            orders.owe("ORDER00000000001", 1_235)
            try payments.storage.write { db in
                try PaymentStore.insert(
                    number: number, subject: "order:ORDER00000000001", order: "ORDER00000000001", user: "anna", tenant: "acme",
                    channel: channel, fen: 1_235,
                    createdAt: 0, expiresAt: .max / 2, dueAt: .max / 2, in: db)
            }
            let client = try #require(payments.client(channel))
            let now = clock.environment.now()
            var service = try PaymentService(epoch: clock.environment.epoch, generator: SeededGenerator(seed: 1, purpose: "payments"))
            var effects: [DeviceEffect] = []
            let order = PrepayOrder(
                attempt: number, fen: 1_235, title: "Charging", expiresAt: clock.environment.unixSeconds + 900, openid: nil,
                noticeAddress: payments.noticeAddress(channel))
            service.handle(.served(Token(rawValue: 1), client.call(.prepay(order), payments.stamp())), at: now, &effects)
            service.handle(.action(Token(rawValue: 2), "pay", ["attempt": .text(number)]), at: now, &effects)
            service.handle(.timerFired(TimerName(rawValue: 1)), at: now.advanced(by: .seconds(1)), &effects)
            for case .request(_, let call) in effects { return call }
            throw ActionFailure("no_notice", "The service has sent no notice.")
        }
    }

    private static var settings: PaymentSettings {
        var settings = PaymentWorld.settings
        settings.wechat?.platformKeys = [
            .init(serial: PaymentTestKeys.wechatPlatformSerial, pem: PaymentTestKeys.wechatPlatformCertificate)
        ]
        return settings
    }

    @Test(
        "a signed notice is taken: 204 without a body, or the word that Alipay waits for",
        arguments: [("wechat", 204, ""), ("alipay", 200, "success")])
    func taken(_ channel: (name: String, status: Int, body: String)) async throws {
        let bench = try Bench(Self.settings)
        let answer = try await bench.send(try bench.notice(channel.name))
        #expect(answer.status == channel.status)
        #expect(String(decoding: answer.body, as: UTF8.self) == channel.body)
        #expect(bench.orders.bookings.map(\.fen) == [1_235])
    }

    @Test("a refusal is 400 with its code and nothing of the reason", arguments: ["wechat", "alipay"])
    func refused(_ channel: String) async throws {
        let bench = try Bench(Self.settings)
        var call = try bench.notice(channel)
        call.body[call.body.count / 2] ^= 1
        let answer = try await bench.send(call)
        #expect((answer.status, answer.error) == (400, "PAYMENT_NOTICE_REFUSED"))
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("signature"))
        #expect(bench.orders.bookings.isEmpty)
    }

    @Test("another content type, a body that is too large, another method and a channel without a contract are refused as everywhere")
    func form() async throws {
        let bench = try Bench(Self.settings)
        let path = "/api/v1/payments/notices/alipay"
        let form = HTTPCall.Header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        let json = HTTPCall.Header("content-type", "application/json")
        #expect(try await bench.send(HTTPCall("POST", path, headers: [json], body: [0x7b, 0x7d])).status == 415)
        #expect(try await bench.send(HTTPCall("POST", path, headers: [form], body: [UInt8](repeating: 0x61, count: 65_537))).status == 413)
        #expect(try await bench.send(HTTPCall("GET", path)).status == 405)
        #expect(try await bench.send(HTTPCall("POST", path, headers: [form])).status == 400)
        #expect(try await bench.send(HTTPCall("POST", "/api/v1/payments/notices/paypal", headers: [form], body: [0x61])).status == 404)
        let without = try Bench(PaymentSettings())
        let answer = try await without.send(HTTPCall("POST", path, headers: [form], body: [0x61]))
        #expect((answer.status, answer.error) == (404, "PAYMENT_CHANNEL_UNKNOWN"))
    }
}
