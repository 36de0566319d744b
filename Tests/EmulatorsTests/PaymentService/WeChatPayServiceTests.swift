import Crypto
import Foundation
import LabCore
import Testing

@testable import Emulators

@Suite("Emulated WeChat Pay (API v3: signatures, native payments, refunds, bills)")
struct WeChatPayServiceTests {
    @Test("answers are signed over timestamp, nonce and body; the same seed gives the same bytes, another one others")
    func answers() throws {
        func answer(_ seed: UInt64) throws -> HTTPAnswer {
            var bench = try PaymentBench(seed: seed)
            return try bench.serve(try bench.wechat("POST", "/v3/pay/transactions/native", bench.prepayBody("ORDER1P01", 100))).get()
        }
        let first = try answer(1)
        #expect(first.status == 200)
        let (time, nonce, signature) = (
            first.header("wechatpay-timestamp") ?? "", first.header("wechatpay-nonce") ?? "", first.header("wechatpay-signature") ?? ""
        )
        #expect(time == "1767225600")
        #expect(first.header("wechatpay-serial") == PaymentTestKeys.wechatPlatformSerial)
        #expect(
            try PaymentBench.verifies(signature, "\(time)\n\(nonce)\n\(String(decoding: first.body, as: UTF8.self))\n", certificate: true))
        #expect(try answer(1) == first)
        #expect(try answer(2) != first)
    }

    @Test("requests that the merchant has not signed are refused with 401 and do nothing; its own is taken")
    func unsigned() throws {
        var bench = try PaymentBench()
        let (path, body) = ("/v3/pay/transactions/native", bench.prepayBody("ORDER1P01", 100))
        var bare = try bench.wechat("POST", path, body)
        bare.headers = []
        var changed = try bench.wechat("POST", path, body)
        changed.body = Array(bench.prepayBody("ORDER1P01", 101).utf8)
        let wrong = [
            bare, changed, try bench.wechat("POST", path, body, key: PaymentTestKeys.alipayApplicationPrivate),
            try bench.wechat("POST", path, body, age: 301),
            try bench.wechat("POST", path, body, age: -301), try bench.wechat("POST", "/v3/pay/transactions/jsapi", body).with(path: path),
        ]
        for call in wrong { #expect(try bench.serve(call).get().status == 401) }
        #expect(
            bench.service.answer("transaction", ["attempt": "ORDER1P01"], at: bench.now)
                == .failure(
                    ActionFailure(
                        "unknown_attempt",
                        "The service has no payment with the number 'ORDER1P01'; it is made by the merchant's prepay request.")))
        #expect(try bench.serve(try bench.wechat("POST", path, body, age: 300)).get().status == 200)
    }

    @Test("one number is one payment: the same request again is taken, another amount is not")
    func samePayment() throws {
        var bench = try PaymentBench()
        let path = "/v3/pay/transactions/native"
        #expect(try bench.ask("POST", path, bench.prepayBody("ORDER1P01", 100)).status == 200)
        #expect(try bench.ask("POST", path, bench.prepayBody("ORDER1P01", 100)).status == 200)
        let other = try bench.ask("POST", path, bench.prepayBody("ORDER1P01", 200))
        #expect(other.status == 403)
        #expect(other.body["code"] == "OUT_TRADE_NO_USED")
        #expect(bench.events("prepay.accepted").count == 1)
        try bench.act("pay", ["attempt": "ORDER1P01"])
        #expect(throws: ActionFailure.self) { try bench.act("pay", ["attempt": "ORDER1P01"]) }
        #expect(try bench.ask("POST", path, bench.prepayBody("ORDER1P01", 100)).body["code"] == "ORDERPAID")
        #expect(
            try bench.ask("POST", "/v3/pay/transactions/out-trade-no/ORDER1P01/close", #"{"mchid":"1900000001"}"#).body["code"]
                == "ORDERPAID")
        let found = try bench.ask("GET", "/v3/pay/transactions/out-trade-no/ORDER1P01?mchid=1900000001")
        #expect(found.body["trade_state"] == "SUCCESS")
        #expect(found.body.value(at: "amount.total") == 100)
        #expect(found.body["success_time"] == "2026-01-01T08:00:00+08:00")
        let transaction = try #require(found.body["transaction_id"]?.text)
        #expect(transaction.utf8.count == 28)
        #expect(try bench.ask("GET", "/v3/pay/transactions/id/\(transaction)?mchid=1900000001").body == found.body)
    }

    @Test("a closed payment cannot be paid, a payment whose time is over neither; money under way comes all the same")
    func closed() throws {
        var bench = try PaymentBench()
        #expect(try bench.ask("GET", "/v3/pay/transactions/out-trade-no/ORDER1P01?mchid=1900000001").body["code"] == "ORDER_NOT_EXIST")
        for number in 1...3 { _ = try bench.ask("POST", "/v3/pay/transactions/native", bench.prepayBody("ORDER\(number)P01", 100)) }
        #expect(try bench.ask("POST", "/v3/pay/transactions/out-trade-no/ORDER1P01/close", #"{"mchid":"1900000001"}"#).status == 204)
        #expect(throws: ActionFailure.self) { try bench.act("pay", ["attempt": "ORDER1P01"]) }
        try bench.act("pay", ["attempt": "ORDER1P01", "force": true])
        bench.advance(.seconds(7_199))
        try bench.act("pay", ["attempt": "ORDER2P01"])
        bench.advance(.seconds(1))
        #expect(throws: ActionFailure.self) { try bench.act("pay", ["attempt": "ORDER3P01"]) }
    }

    @Test("a notice that nobody takes comes again after 15s 15s 30s 3m 10m 20m 30m 30m 30m 60m 3h 3h 3h 6h 6h, and then no more")
    func retries() throws {
        var bench = try PaymentBench()
        try bench.paid()
        var times: [Int64] = []
        var seen = 0
        for _ in 0..<(30 * 3_600 / 5) {
            bench.advance(.seconds(5))
            for _ in seen..<bench.notices.count { times.append(bench.now.nanoseconds / 1_000_000_000 / 5 * 5) }
            bench.answerNotices(500, from: seen)
            seen = bench.notices.count
        }
        let pauses = zip(times, times.dropFirst()).map { $1 - $0 }
        #expect(pauses == [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600])
        #expect(bench.events("notice.given_up").count == 1)
        #expect(bench.service.notices.isEmpty)
    }

    @Test(
        "200 and 204 end it; everything else does not",
        arguments: [(200, true), (204, true), (201, false), (302, false), (400, false), (500, false)])
    func taken(_ answer: (status: Int, ends: Bool)) throws {
        var bench = try PaymentBench()
        try bench.paid()
        bench.advance(.seconds(1))
        bench.answerNotices(answer.status)
        bench.advance(.seconds(86_400))
        #expect((bench.notices.count == 1) == answer.ends)
    }

    @Test("a notice is signed, and its content opens with the APIv3 key")
    func notice() throws {
        var bench = try PaymentBench()
        try bench.paid()
        bench.advance(.seconds(1))
        let call = try #require(bench.notices.first?.call)
        #expect(call.path == "/notices/wechat")
        let message =
            "\(call.header("wechatpay-timestamp") ?? "")\n\(call.header("wechatpay-nonce") ?? "")\n\(String(decoding: call.body, as: UTF8.self))\n"
        #expect(try PaymentBench.verifies(call.header("wechatpay-signature") ?? "", message, certificate: true))
        let body = try #require(try JSONReader.read(call.body).record)
        #expect(body["event_type"] == "TRANSACTION.SUCCESS")
        let resource = try #require(body["resource"]?.record)
        let sealed = try #require(Data(base64Encoded: resource["ciphertext"]?.text ?? ""))
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: Data((resource["nonce"]?.text ?? "").utf8)), ciphertext: sealed.dropLast(16), tag: sealed.suffix(16))
        let plain = try AES.GCM.open(
            box, using: SymmetricKey(data: Data(PaymentTestKeys.wechatSecret.utf8)), authenticating: Data("transaction".utf8))
        let content = try #require(try JSONReader.read(Array(plain)).record)
        #expect(content["out_trade_no"] == "ORDER00000000001P01")
        #expect(content.value(at: "amount.total") == 1_000)
        #expect(content["trade_state"] == "SUCCESS")
    }

    @Test("50 partial refunds and not one more; never more than was paid; one number is one refund")
    func refunds() throws {
        var bench = try PaymentBench()
        try bench.paid(fen: 1_000)
        let path = "/v3/refund/domestic/refunds"
        #expect(try bench.ask("POST", path, bench.refundBody("too-much", 1_001)).body["code"] == "NOT_ENOUGH")
        #expect(try bench.ask("POST", path, bench.refundBody("total", 1, total: 999)).status == 400)
        for number in 1...50 { #expect(try bench.ask("POST", path, bench.refundBody("rf-\(number)", 10)).body["status"] == "PROCESSING") }
        #expect(try bench.ask("POST", path, bench.refundBody("rf-51", 10)).status == 400)
        #expect(try bench.ask("POST", path, bench.refundBody("rf-7", 10)).status == 200)
        #expect(try bench.ask("POST", path, bench.refundBody("rf-7", 11)).status == 403)
        bench.advance(.seconds(10))
        #expect(try bench.ask("GET", path + "/rf-7").body["status"] == "SUCCESS")
        #expect(try bench.ask("GET", path + "/rf-51").body["code"] == "RESOURCE_NOT_EXISTS")
        #expect(try bench.service.answer("balance", [:], at: bench.now).get() == ["cents": 500, "paid": 1_000, "refunded": 500])
        #expect(bench.events("refund.accepted").count == 50)
    }

    @Test("a refund is possible for a year")
    func year() throws {
        var bench = try PaymentBench()
        try bench.paid()
        bench.advance(.seconds(365 * 86_400))
        #expect(try bench.ask("POST", "/v3/refund/domestic/refunds", bench.refundBody("rf-1", 1)).status == 200)
        bench.advance(.seconds(1))
        #expect(try bench.ask("POST", "/v3/refund/domestic/refunds", bench.refundBody("rf-2", 1)).status == 400)
    }

    @Test("the bill of a day is there at ten the next morning, with the hash that was announced")
    func bill() throws {
        var bench = try PaymentBench()
        try bench.paid(fen: 1_235)
        let path = "/v3/bill/tradebill?bill_date=2026-01-01&bill_type=ALL"
        #expect(try bench.ask("GET", path).body["code"] == "STATEMENT_CREATING")
        // 08:00 in Beijing is the start.
        bench.advance(.seconds(26 * 3_600))
        let answer = try bench.ask("GET", path)
        #expect(answer.status == 200)
        let file = try bench.serve(try bench.wechat("GET", "/v3/billdownload/file?token=2026-01-01")).get().body
        #expect(
            answer.body["hash_value"]?.text == Insecure.SHA1.hash(data: file).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        let lines = String(decoding: file, as: UTF8.self).split(whereSeparator: \.isNewline)
        #expect(lines.count == 4)
        #expect(lines[1].hasPrefix("`2026-01-01 08:00:00,`wx1ab0000000000001,`1900000001,"))
        #expect(lines[3] == "`1,`12.35,`0.00,`0.00,`0.00000,`12.35,`0.00")
        #expect(try bench.ask("GET", "/v3/bill/tradebill?bill_date=2025-12-31&bill_type=ALL").body["code"] == "NO_STATEMENT_EXIST")
    }

    @Test("garbage gets an answer, too")
    func garbage() throws {
        let seed: UInt64 = 5
        var bench = try PaymentBench()
        try bench.paid()
        var chance = SeededGenerator(seed: seed, purpose: "garbage")
        let paths = [
            "/v3/pay/transactions/native", "/v3/refund/domestic/refunds", "/v3/pay/transactions/out-trade-no/ORDER00000000001P01/close",
            "/v3/x", "/v3/", "/gateway.do", "/", "/bill/download?bill=%zz",
        ]
        for round in 0..<500 {
            let body = String(decoding: chance.bytes(Int(chance.integer(below: 80))), as: UTF8.self)
            let path = paths[Int(chance.integer(below: UInt64(paths.count)))]
            let call =
                path.hasPrefix("/v3/")
                ? try bench.wechat(chance.chance(0.5) ? "POST" : "GET", path, body) : HTTPCall("POST", path, body: Array(body.utf8))
            let answer = try bench.serve(call).get()
            #expect(
                (400..<500).contains(answer.status) || answer.status == 200 && path == "/gateway.do",
                "seed \(seed), round \(round): \(answer.status)")
        }
        #expect(try bench.service.answer("balance", [:], at: bench.now).get()["cents"] == 1_000)
    }
}

extension HTTPCall {
    fileprivate func with(path: String) -> HTTPCall {
        var call = self
        call.path = path
        return call
    }
}
