import Emulators
import LabCore
import Simulation
import Testing

@testable import Cloud

@Suite("Notices from anybody: refused, counted, and without effect (security.md, API10)")
struct PaymentNoticeFuzzTests {
    /// A notice as the service sent it, and the world whose clock still takes it.
    private func captured(_ channel: String, seed: UInt64) throws -> (PaymentWorld, HTTPCall) {
        let world = try PaymentWorld(seed: seed)
        let started = try world.begin(channel: channel)
        try world.userPays(started)
        world.advance(.seconds(2))
        let call = try #require(world.notices.first?.call)
        return (world, call)
    }

    private func mutated(_ call: HTTPCall, _ chance: inout SeededGenerator) -> HTTPCall {
        var call = call
        func damage(_ bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0...chance.integer(below: 3) {
                let place = bytes.isEmpty ? 0 : Int(chance.integer(below: UInt64(bytes.count)))
                switch chance.integer(below: 6) {
                case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(chance.integer(below: 8))
                case 1 where !bytes.isEmpty: bytes.removeSubrange(place..<min(bytes.count, place + 1 + Int(chance.integer(below: 40))))
                case 2: bytes.insert(contentsOf: chance.bytes(1 + Int(chance.integer(below: 20))), at: place)
                case 3: bytes = Array(bytes.prefix(place))
                case 4: bytes += bytes.suffix(from: place)
                default: bytes = chance.bytes(Int(chance.integer(below: 600)))
                }
            }
            return bytes
        }
        let part = chance.integer(below: 4)
        if part < 2 || call.headers.isEmpty {
            call.body = damage(call.body)
        } else {
            let index = Int(chance.integer(below: UInt64(call.headers.count)))
            switch part {
            case 2: call.headers[index].value = String(decoding: damage(Array(call.headers[index].value.utf8)), as: UTF8.self)
            default: if chance.chance(0.5) { call.headers.remove(at: index) } else { call.headers.append(call.headers[index]) }
            }
        }
        return call
    }

    @Test("no changed notice is taken, none changes a row, and the unchanged one still is", arguments: ["wechat", "alipay"])
    func fuzz(_ channel: String) throws {
        let seed: UInt64 = 20_260_101
        let (world, call) = try captured(channel, seed: seed)
        var chance = SeededGenerator(seed: seed, purpose: "fuzz of notices")
        // The payment is booked already, so an accepted copy would be seen as an answer of success.
        try #require(world.orders.bookings.count == 1)
        let before = try world.rows()
        let endpointHeaders: Set<String> = ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial"]
        for round in 0..<3_000 {
            let changed = mutated(call, &chance)
            let says = { (call: HTTPCall) in channel == "wechat" ? call.headers.filter { endpointHeaders.contains($0.name) } : [] }
            // Some damage is none: a header that nobody reads, a form in another spelling with the same content.
            let isSame =
                says(changed) == says(call) && (changed.body == call.body || (channel == "alipay" && sameForm(changed.body, call.body)))
            let result = try world.run { await world.notice(changed) }
            guard case .success(let answer) = result else {
                Issue.record("seed \(seed), round \(round): no answer")
                continue
            }
            #expect(isSame ? answer.status < 300 : answer.status == 400, "seed \(seed), round \(round): \(answer.status)")
        }
        #expect(try world.rows() == before, "seed \(seed)")
        #expect(world.orders.bookings.count == 1)
        let unchanged = try world.run { await world.notice(call) }
        #expect(try unchanged.get().status < 300)
    }

    private func sameForm(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard let left = PaymentForm.read(left), let right = PaymentForm.read(right) else { return false }
        let signature = { (form: PaymentForm.Pairs) in form.first { $0.name == "sign" }?.value }
        return PaymentForm.signedText(left, without: ["sign", "sign_type"])
            == PaymentForm.signedText(right, without: ["sign", "sign_type"])
            && signature(left) == signature(right) && left.first { $0.name == "sign_type" }?.value == "RSA2"
    }

    @Test("answers of a service that says nonsense neither crash nor count", arguments: ["wechat", "alipay"])
    func answers(_ channel: String) throws {
        let seed: UInt64 = 77
        let settings = PaymentWorld.settings
        let client: any PaymentClient =
            channel == "wechat"
            ? try WeChatPayClient(try #require(settings.wechat), maximumSkew: .seconds(300))
            : try AlipayClient(try #require(settings.alipay), maximumSkew: .seconds(300))
        var chance = SeededGenerator(seed: seed, purpose: "fuzz of answers")
        let requests: [ChannelRequest] = [
            .query(attempt: "ORDER1P01"), .close(attempt: "ORDER1P01"), .refundQuery(number: "rf-1", attempt: "ORDER1P01"),
            .statement(day: "2026-01-01"),
            .certificates, .statementFile(path: "/v3/billdownload/file?token=x", hash: "00"),
            .refund(RefundOrder(number: "rf-1", attempt: "ORDER1P01", fen: 1, total: 2, noticeAddress: "")),
        ]
        let words = [
            "{", "}", "\"code\"", ":", "\"10000\"", ",", "[", "]", "alipay_trade_query_response", "\"trade_state\":\"SUCCESS\"",
            "\"sign\":\"AAAA\"", "null", "1e999",
        ]
        for round in 0..<3_000 {
            var body: [UInt8] = []
            for _ in 0..<chance.integer(below: 20) {
                body += chance.chance(0.8) ? Array(words[Int(chance.integer(below: UInt64(words.count)))].utf8) : chance.bytes(3)
            }
            let status = [200, 204, 400, 404, 500][Int(chance.integer(below: 5))]
            let request = requests[Int(chance.integer(below: UInt64(requests.count)))]
            let headers =
                chance.chance(0.5)
                ? [
                    HTTPCall.Header("wechatpay-timestamp", "1767225600"), HTTPCall.Header("wechatpay-nonce", "x"),
                    HTTPCall.Header("wechatpay-signature", "AAAA"), HTTPCall.Header("wechatpay-serial", "00"),
                ] : []
            do throws(ChannelFailure) {
                let answer = try client.read(HTTPAnswer(status: status, headers: headers, body: body), to: request, at: PaymentWorld.epoch)
                // Alipay's files are the only thing without signature or hash.
                let isFile = if case .file = answer { channel == "alipay" } else { false }
                #expect(isFile, "seed \(seed), round \(round): \(answer)")
            } catch { #expect(!error.word.isEmpty) }
            _ = try? client.rows(body)
        }
    }

    @Test("a statement's archive with damage is refused or says what was meant, and never crashes")
    func archives() throws {
        let world = try PaymentWorld()
        try world.userPays(try world.begin(channel: "alipay"))
        world.advance(.seconds(27 * 3_600))
        world.tell(.served(Token(rawValue: 77_777), HTTPCall("GET", "/bill/download?bill=2026-01-01")))
        let client = try AlipayClient(try #require(PaymentWorld.settings.alipay), maximumSkew: .seconds(300))
        let file = try #require(world.served.last).body
        let right = try client.rows(file)
        #expect(right.map(\.fen) == [1_235])
        let seed: UInt64 = 99
        var chance = SeededGenerator(seed: seed, purpose: "fuzz of archives")
        for round in 0..<3_000 {
            var damaged = file
            for _ in 0...chance.integer(below: 4) {
                damaged[Int(chance.integer(below: UInt64(damaged.count)))] = UInt8(truncatingIfNeeded: chance.next())
            }
            if chance.chance(0.2) { damaged = Array(damaged.prefix(Int(chance.integer(below: UInt64(damaged.count))))) }
            if let rows = try? client.rows(damaged) { #expect(rows == right, "seed \(seed), round \(round)") }
        }
    }
}
