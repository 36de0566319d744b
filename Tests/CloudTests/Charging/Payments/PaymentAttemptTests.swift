import Emulators
import LabCore
import Simulation
import Testing

@testable import Cloud

@Suite("Attempts to pay: durable before they are sent, believed only when signed")
struct PaymentAttemptTests {
    private func refusal<T>(_ body: () throws -> T) -> String? {
        do {
            _ = try body()
            return nil
        } catch { return (error as? APIError)?.code.name }
    }

    @Test("who owes nothing, an unknown order and an unknown channel are refused; the order that is due is not")
    func refused() throws {
        let world = try PaymentWorld { $0.alipay = nil }
        #expect(refusal { try world.pay("ORDER00000000404", "wechat") } == "ORDER_NOT_FOUND")
        world.orders.owe("ORDER00000000001", 0)
        #expect(refusal { try world.pay("ORDER00000000001", "wechat") } == "NOTHING_TO_PAY")
        world.orders.owe("ORDER00000000001", 100)
        #expect(refusal { try world.pay("ORDER00000000001", "alipay") } == "PAYMENT_CHANNEL_UNKNOWN")
        #expect(try world.pay("ORDER00000000001", "wechat").fen == 100)
    }

    @Test("a service that is away: refused now, one and the same number later, paid once", arguments: ["unreachable", "error", "busy"])
    func down(_ mode: String) throws {
        let world = try PaymentWorld()
        world.orders.owe("ORDER00000000001", 100)
        world.fault("down", ["mode": .text(mode)])
        #expect(refusal { try world.pay("ORDER00000000001", "wechat") } == "PAYMENT_SERVICE_UNAVAILABLE")
        #expect(try world.state("ORDER00000000001P01") == "created")
        world.fault("down", ["mode": .text(mode)], on: false)
        let started = try world.pay("ORDER00000000001", "wechat")
        #expect(started.attempt == "ORDER00000000001P01")
        try world.userPays(started)
        world.advance(.seconds(10))
        #expect(world.orders.bookings.count == 1)
    }

    @Test("the answer to the prepay request is lost: asked again under the same number, one payment at the service")
    func prepayAnswerLost() throws {
        let world = try PaymentWorld()
        world.fault("answer.lose", ["call": "prepay", "times": 1])
        let started = try world.begin(channel: "wechat")
        #expect(world.calls.filter { $0.call.path == "/v3/pay/transactions/native" }.count == 2)
        #expect(started.attempt == "ORDER00000000001P01")
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["state"] == "waiting")
    }

    @Test("an answer that was changed on its way is not believed, and raises an alarm", arguments: ["wechat", "alipay"])
    func tamperedAnswer(_ channel: String) throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: channel)
        world.fault("notice.lose")
        try world.userPays(started)
        world.fault("answer.tamper", ["call": "query", "times": 3])
        world.advance(.seconds(60))
        #expect(world.orders.bookings.isEmpty)
        #expect(world.events("payment.alarm").first?["kind"] == "payment_tampered")
        // The next answer is right.
        world.advance(.seconds(540))
        #expect(world.orders.bookings.map(\.fen) == [1_235])
    }

    @Test("two taps at the same time are one attempt")
    func twoTaps() throws {
        let world = try PaymentWorld()
        world.orders.owe("ORDER00000000001", 100)
        let cloud = try world.cloud
        let (first, second) = try world.run { [kernel = world.kernel] in
            let one = kernel.start("one") { try await cloud.start(order: "ORDER00000000001", channel: "wechat") }
            let two = kernel.start("two") { try await cloud.start(order: "ORDER00000000001", channel: "wechat") }
            return (try await one.value(), try await two.value())
        }
        #expect(first.attempt == second.attempt)
    }

    @Test("a top-up goes into the wallet, once for one key")
    func topUp() throws {
        let world = try PaymentWorld()
        let cloud = try world.cloud
        func start(_ fen: Int64, _ key: String) throws -> StartedPayment {
            try world.run { try await cloud.start(topUp: "anna", tenant: "acme", fen: fen, key: key, channel: "alipay") }
        }
        let started = try start(5_000, "tap-1")
        #expect(try start(5_000, "tap-1") == started)
        #expect(refusal { try start(6_000, "tap-1") } == "CLIENT_KEY_REUSED")
        #expect(refusal { try start(0, "tap-2") } == "INVALID_FIELD")
        #expect(refusal { try start(1_000_001, "tap-2") } == "INVALID_FIELD")
        try world.userPays(started)
        world.advance(.seconds(10))
        #expect(world.orders.wallets == ["anna": 5_000])
        #expect(refusal { try start(5_000, "tap-1") } == "NOTHING_TO_PAY")
        #expect(try start(5_000, "tap-2").attempt != started.attempt)
    }

    @Test(
        "a crash at any commit of a payment loses nothing and books nothing twice",
        arguments: ["commit.before", "commit.after"], ["payment.start", "payment.open", "payment.confirm"])
    func crash(_ event: String, _ what: String) throws {
        let world = try PaymentWorld()
        world.orders.owe("ORDER00000000001", 1_235)
        world.crashesAt = (event, what)
        let early = try? world.pay("ORDER00000000001", "wechat")
        if world.payments == nil { try world.start() }
        let started = try early ?? world.pay("ORDER00000000001", "wechat")
        try world.userPays(started)
        world.advance(.seconds(3))
        if world.payments == nil { try world.start() }
        world.advance(.seconds(600))
        #expect(world.orders.debts["ORDER00000000001"]?.paid == 1_235)
        #expect(world.orders.bookings.count == 1)
        #expect(try world.state(started.attempt) == "paid")
        #expect(try world.asked("transaction", ["attempt": .text(started.attempt)])["noticed"] == true)
        #expect(try world.balance() == 1_235)
    }

    @Test("what is due while the cloud is away is done when it is back")
    func dueAcrossRestart() throws {
        let world = try PaymentWorld()
        let started = try world.begin(channel: "wechat")
        world.fault("notice.lose")
        try world.userPays(started)
        world.crash()
        world.advance(.seconds(86_400))
        try world.start()
        world.advance(.seconds(60))
        #expect(world.orders.bookings.count == 1)
    }

    @Test("a thousand attempts at once are all found, with no more requests at a time than are allowed")
    func many() throws {
        let world = try PaymentWorld { $0.parallelRequests = 4 }
        world.fault("notice.lose")
        var started: [StartedPayment] = []
        for number in 0..<60 {
            started.append(
                try world.begin(
                    "ORDER\(String(number + 10_000_000_000))", fen: Int64(number + 1), channel: number % 2 == 0 ? "wechat" : "alipay"))
        }
        for payment in started { try world.userPays(payment) }
        world.advance(.seconds(600))
        #expect(world.orders.bookings.count == 60)
        #expect(world.orders.bookings.reduce(0) { $0 + $1.fen } == 60 * 61 / 2)
    }

    @Test("certificates are fetched once for all that follows, and again after twelve hours")
    func certificates() throws {
        let world = try PaymentWorld()
        _ = try world.begin("ORDER00000000001", channel: "wechat")
        _ = try world.begin("ORDER00000000002", channel: "wechat")
        func fetched() -> Int { world.calls.filter { $0.call.path == "/v3/certificates" }.count }
        #expect(fetched() == 1)
        world.advance(.seconds(43_200))
        _ = try world.begin("ORDER00000000003", channel: "wechat")
        #expect(fetched() == 2)
    }

    @Test("with the service's public key in the settings nothing is fetched")
    func configuredKey() throws {
        let world = try PaymentWorld {
            $0.wechat?.platformKeys = [.init(serial: PaymentTestKeys.wechatPlatformSerial, pem: PaymentTestKeys.wechatPlatformCertificate)]
        }
        let started = try world.begin(channel: "wechat")
        try world.userPays(started)
        world.advance(.seconds(5))
        #expect(world.orders.bookings.count == 1)
        #expect(!world.calls.contains { $0.call.path == "/v3/certificates" })
    }

    @Test("settings with wrong keys do not start, and neither they nor the right ones show a secret")
    func settings() throws {
        var settings = PaymentWorld.settings
        let shown = "\(settings) \(String(reflecting: settings)) \(String(describing: settings.wechat))"
        var dumped = ""
        dump(settings, to: &dumped)
        for text in [shown, dumped] {
            #expect(!text.contains("PRIVATE"))
            #expect(!text.contains(PaymentTestKeys.wechatSecret))
        }
        settings.wechat?.merchantKey = "no key"
        #expect(throws: ConfigurationError.self) { try WeChatPayClient(try #require(settings.wechat), maximumSkew: .seconds(300)) }
        settings = PaymentWorld.settings
        settings.wechat?.secret = "too short"
        #expect(throws: ConfigurationError.self) { try WeChatPayClient(try #require(settings.wechat), maximumSkew: .seconds(300)) }
        settings = PaymentWorld.settings
        settings.alipay?.platformKey = PaymentTestKeys.alipayPlatformPrivate
        #expect(throws: ConfigurationError.self) { try AlipayClient(try #require(settings.alipay), maximumSkew: .seconds(300)) }
    }
}
