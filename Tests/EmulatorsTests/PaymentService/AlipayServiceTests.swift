import Foundation
import LabCore
import Testing

@testable import Emulators

@Suite("Emulated Alipay (RSA2: precreate, query, refund, bill, notices)")
struct AlipayServiceTests {
    private let content = #"{"out_trade_no":"ORDER1P01","total_amount":"12.35","subject":"Charging & more"}"#

    private func bench(paid: Bool = true) throws -> PaymentBench {
        var bench = try PaymentBench()
        #expect(try bench.askAlipay("alipay.trade.precreate", content)["code"] == "10000")
        if paid { try bench.act("pay", ["attempt": "ORDER1P01"]) }
        return bench
    }

    @Test("a code that nobody has scanned is no trade; paid, it is one with its amount in yuan")
    func query() throws {
        var bench = try bench(paid: false)
        #expect(try bench.askAlipay("alipay.trade.query", #"{"out_trade_no":"ORDER1P01"}"#)["sub_code"] == "ACQ.TRADE_NOT_EXIST")
        #expect(try bench.askAlipay("alipay.trade.close", #"{"out_trade_no":"ORDER1P01"}"#)["sub_code"] == "ACQ.TRADE_NOT_EXIST")
        try bench.act("pay", ["attempt": "ORDER1P01"])
        let trade = try bench.askAlipay("alipay.trade.query", #"{"out_trade_no":"ORDER1P01"}"#)
        #expect(trade["trade_status"] == "TRADE_SUCCESS")
        #expect(trade["total_amount"] == "12.35")
        #expect(trade["send_pay_date"] == "2026-01-01 08:00:00")
        #expect(
            try bench.askAlipay("alipay.trade.close", #"{"out_trade_no":"ORDER1P01"}"#)["sub_code"] == "ACQ.REASON_TRADE_STATUS_INVALID")
    }

    @Test("requests that the application has not signed are refused; the answer says why, and is signed")
    func unsigned() throws {
        var bench = try PaymentBench()
        let call = try bench.alipay("alipay.trade.precreate", content, key: PaymentTestKeys.wechatMerchantPrivate)
        let answer = try bench.serve(call).get()
        #expect(String(decoding: answer.body, as: UTF8.self).contains("isv.invalid-signature"))
        var changed = try bench.alipay("alipay.trade.precreate", content)
        changed.body = Array(String(decoding: changed.body, as: UTF8.self).replacingOccurrences(of: "12", with: "13").utf8)
        #expect(String(decoding: try bench.serve(changed).get().body, as: UTF8.self).contains("isv.invalid-"))
        #expect(bench.events("prepay.accepted").isEmpty)
    }

    @Test("a notice is a signed form; TRADE_FINISHED comes once more when the time for refunds is over")
    func notices() throws {
        var bench = try bench()
        bench.advance(.seconds(1))
        bench.answerNotices(200, body: "success")
        bench.advance(.seconds(364 * 86_400))
        #expect(bench.notices.count == 1)
        bench.advance(.seconds(86_400 + 30))
        #expect(bench.notices.count == 2)
        for (notice, state) in zip(bench.notices, ["TRADE_SUCCESS", "TRADE_FINISHED"]) {
            let form = try #require(PaymentForm.read(notice.call.body))
            let signed = form.filter { $0.name != "sign" && $0.name != "sign_type" && !$0.value.isEmpty }.sorted { $0.name < $1.name }
                .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
            #expect(try PaymentBench.verifies(form.first { $0.name == "sign" }?.value ?? "", signed, certificate: false))
            #expect(form.first { $0.name == "trade_status" }?.value == state)
            #expect(form.first { $0.name == "total_amount" }?.value == "12.35")
            #expect(form.first { $0.name == "subject" }?.value == "Charging & more")
        }
        // Refunds are over now.
        #expect(
            try bench.askAlipay("alipay.trade.refund", #"{"out_trade_no":"ORDER1P01","refund_amount":"1.00","out_request_no":"rf-1"}"#)[
                "sub_code"] == "ACQ.TRADE_HAS_FINISHED")
    }

    @Test(
        "only the word success ends a notice; others come again after 4m 10m 10m 1h 2h 6h 15h",
        arguments: [("success", true), ("SUCCESS", false), ("success\n", false), ("", false)])
    func success(_ answer: (body: String, ends: Bool)) throws {
        var bench = try bench()
        var seen = 0
        for _ in 0..<(26 * 60) {
            bench.advance(.seconds(60))
            bench.answerNotices(200, body: answer.body, from: seen)
            seen = bench.notices.count
        }
        #expect(bench.notices.count == (answer.ends ? 1 : 8))
    }

    @Test("a refund is done in the answer; the same number again moves nothing, another amount under it is refused")
    func refunds() throws {
        var bench = try bench()
        func ask(_ number: String, _ yuan: String) throws -> Fields {
            try bench.askAlipay(
                "alipay.trade.refund", #"{"out_trade_no":"ORDER1P01","refund_amount":"\#(yuan)","out_request_no":"\#(number)"}"#)
        }
        #expect(try ask("rf-1", "2.35")["fund_change"] == "Y")
        #expect(try ask("rf-1", "2.35")["fund_change"] == "N")
        #expect(try ask("rf-1", "2.36")["code"] == "40004")
        #expect(try ask("rf-2", "10.01")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        for wrong in ["-1.00", "0.00", "1e2", "1.001", ""] { #expect(try ask("rf-3", wrong)["code"] == "40004", "\(wrong)") }
        let state = try bench.askAlipay("alipay.trade.fastpay.refund.query", #"{"out_trade_no":"ORDER1P01","out_request_no":"rf-1"}"#)
        #expect(state["refund_status"] == "REFUND_SUCCESS")
        #expect(state["refund_amount"] == "2.35")
        #expect(try ask("rf-4", "10.00")["fund_change"] == "Y")
        #expect(try bench.askAlipay("alipay.trade.query", #"{"out_trade_no":"ORDER1P01"}"#)["trade_status"] == "TRADE_CLOSED")
        #expect(try bench.service.answer("balance", ["channel": "alipay"], at: bench.now).get()["cents"] == 0)
    }
}

@Suite("Faults of the emulated payment services")
struct PaymentServiceFaultTests {
    @Test(
        "down: no answer, 500 or 429, and nothing takes effect",
        arguments: [("unreachable", nil), ("error", 500), ("busy", 429)] as [(String, Int?)])
    func down(_ mode: (word: String, status: Int?)) throws {
        var bench = try PaymentBench()
        bench.tell(.fault("down", ["mode": .text(mode.word)], isActive: true))
        let result = try bench.serve(try bench.wechat("POST", "/v3/pay/transactions/native", bench.prepayBody("ORDER1P01", 100)))
        switch result {
        case .failure(let failure): #expect(failure == .unreachable && mode.status == nil)
        case .success(let answer): #expect(answer.status == mode.status)
        }
        #expect(bench.service.book.payments.isEmpty)
        bench.tell(.fault("down", ["mode": .text(mode.word)], isActive: false))
        #expect(try bench.ask("POST", "/v3/pay/transactions/native", bench.prepayBody("ORDER1P01", 100)).status == 200)
    }

    @Test("a lost answer took effect; it strikes as often as it was told to, at the call that it was told")
    func answerLost() throws {
        var bench = try PaymentBench()
        bench.tell(.fault("answer.lose", ["call": "prepay", "times": 1], isActive: true))
        let call = try bench.wechat("POST", "/v3/pay/transactions/native", bench.prepayBody("ORDER1P01", 100))
        #expect(try bench.serve(call) == .failure(.interrupted))
        #expect(bench.service.book.payments.count == 1)
        #expect(try bench.serve(call).get().status == 200)
        #expect(bench.service.book.payments.count == 1)
    }

    @Test("every fault and every action of the vocabulary is understood")
    func vocabulary() throws {
        var bench = try PaymentBench()
        try bench.paid()
        for fault in PaymentService.kind.faults {
            bench.tell(.fault(fault.name, ["times": 3], isActive: true))
            bench.advance(.seconds(60))
            bench.tell(.fault(fault.name, ["times": 3], isActive: false))
        }
        #expect(bench.service.faults.isEmpty)
        for query in PaymentService.kind.queries {
            if case .failure(let failure) = bench.service.answer(query.name, [:], at: bench.now) {
                #expect(failure.reason != "unknown_query")
            }
        }
        for action in PaymentService.kind.actions { #expect(throws: ActionFailure.self) { try bench.act(action.name, [:]) } }
        for case .note(let name, let fields) in bench.effects {
            let kind = try #require(PaymentService.kind.event(name), "\(name)")
            for field in fields { #expect(kind.fields.contains { $0.name == field.name }, "\(name) \(field.name)") }
        }
    }
}
