import LabCore

/// The daily statements: what was paid and refunded on one day of Beijing's calendar.
extension PaymentService {
    struct StatementRow: Sendable {
        var payment: Int
        /// Its place in the payment; `nil` for the payment itself.
        var refund: Int?
        var at: Int64
    }

    /// In the order of time; a refund stands on the day on which it was done.
    func statementRows(day: String) -> [StatementRow] {
        guard let start = PaymentTime.unix(day + " 00:00:00") else { return [] }
        let range = start..<start + 86_400
        var rows: [StatementRow] = []
        for (index, payment) in book.payments.enumerated() where payment.hasArrived {
            if range.contains(payment.paidAt) { rows.append(StatementRow(payment: index, refund: nil, at: payment.paidAt)) }
            for (place, refund) in payment.refunds.enumerated() where refund.state == .success && range.contains(refund.doneAt) {
                rows.append(StatementRow(payment: index, refund: place, at: refund.doneAt))
            }
        }
        return rows.sorted { ($0.at, $0.payment, $0.refund ?? -1) < ($1.at, $1.payment, $1.refund ?? -1) }
    }

    /// WeChat Pay's trade bill, type ALL: fields begin with a backtick, amounts in yuan, two lines of sums at the end.
    func wechatStatement(day: String) -> [UInt8] {
        let head =
            "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
            + "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
        let rows = statementRows(day: day).filter { book[$0.payment].channel == .wechat }
        var lines = ["\u{feff}" + head]
        var (paid, refunded): (Int64, Int64) = (0, 0)
        for row in rows {
            let payment = book[row.payment]
            let refund = row.refund.map { payment.refunds[$0] }
            if let refund { refunded += refund.fen } else { paid += payment.paidFen }
            let isRefund = refund != nil
            let fields = [
                PaymentTime.plain(row.at), settings.wechat.application, settings.wechat.merchant, "0", "", payment.transaction,
                payment.attempt,
                "oLabTestPayer000000000000001", payment.way, isRefund ? "REFUND" : "SUCCESS", "OTHERS", "CNY",
                PaymentMoney.yuan(isRefund ? 0 : payment.paidFen), "0.00", refund?.id ?? "0", refund?.number ?? "0",
                PaymentMoney.yuan(refund?.fen ?? 0),
                "0.00", isRefund ? "ORIGINAL" : "", isRefund ? "SUCCESS" : "", payment.title.replacing(",", with: " "), "", "0.00000",
                "0.00%",
                PaymentMoney.yuan(isRefund ? 0 : payment.paidFen), PaymentMoney.yuan(refund?.fen ?? 0), "",
            ]
            lines.append(fields.map { "`" + $0 }.joined(separator: ","))
        }
        lines.append("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额")
        lines.append(
            [
                "\(rows.count)", PaymentMoney.yuan(paid), PaymentMoney.yuan(refunded), "0.00", "0.00000", PaymentMoney.yuan(paid),
                PaymentMoney.yuan(refunded),
            ]
            .map { "`" + $0 }.joined(separator: ","))
        return Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
    }

    /// Alipay's detail file. The real one is in GBK; what a program reads of it, numbers and amounts, is ASCII in both, and the words
    /// for payment and refund are written as their GBK bytes.
    func alipayStatement(day: String) -> [UInt8] {
        let (trade, back): ([UInt8], [UInt8]) = ([0xbd, 0xbb, 0xd2, 0xd7], [0xcd, 0xcb, 0xbf, 0xee])
        var file = Array(
            "#lab\r\n#[\(settings.alipay.seller)0156]\r\n#[\(day)]\r\n#trade_no,out_trade_no,type,subject,created,finished\r\n".utf8)
        for row in statementRows(day: day) where book[row.payment].channel == .alipay {
            let payment = book[row.payment]
            let refund = row.refund.map { payment.refunds[$0] }
            let fen = refund.map { -$0.fen } ?? payment.paidFen
            file += Array("\(payment.transaction)\t,\(payment.attempt)\t,".utf8) + (refund == nil ? trade : back)
            let fields = [
                "", payment.title.replacing(",", with: " "), PaymentTime.plain(payment.createdAt), PaymentTime.plain(row.at), "", "", "",
                "", "lab***@example.com",
                PaymentMoney.yuan(fen), PaymentMoney.yuan(fen), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00",
                refund?.number ?? "", "0.00", "0.00", "",
            ]
            file += Array((fields.joined(separator: "\t,") + "\r\n").utf8)
        }
        return file
    }
}

/// A zip file with one entry that is not compressed (PKWARE APPNOTE 4.3).
enum StatementArchive {
    static func zip(name: String, _ content: [UInt8]) -> [UInt8] {
        func number(_ value: UInt32, _ width: Int) -> [UInt8] { (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) } }
        let (sum, size, label) = (CRC32.of(content), UInt32(content.count), Array(name.utf8))
        // 1 January 2026; the time of day is none.
        let common =
            number(20, 2) + number(0, 2) + number(0, 2) + number(0, 2) + number(0x5c21, 2) + number(sum, 4) + number(size, 4)
            + number(size, 4)
            + number(UInt32(label.count), 2) + number(0, 2)
        let local = number(0x0403_4b50, 4) + common + label + content
        let central =
            number(0x0201_4b50, 4) + number(20, 2) + common + number(0, 2) + number(0, 2) + number(0, 2) + number(0, 4) + number(0, 4)
            + label
        let end =
            number(0x0605_4b50, 4) + number(0, 2) + number(0, 2) + number(1, 2) + number(1, 2) + number(UInt32(central.count), 4)
            + number(UInt32(local.count), 4) + number(0, 2)
        return local + central + end
    }
}
