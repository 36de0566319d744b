import LabCore

/// Alipay's open gateway with RSA2: what the application asks.
extension PaymentService {
    typealias AlipayParameters = [(name: String, value: String)]

    /// - Returns: the answer with its signature, and the call's word for faults and events.
    mutating func serveAlipay(_ call: HTTPCall, at now: RunInstant, _ effects: inout [DeviceEffect]) -> (answer: HTTPAnswer, call: String) {
        let path = String(call.path.prefix { $0 != "?" })
        if call.method == "GET", path == "/bill/download" { return (alipayBillFile(call), "bill_download") }
        guard call.method == "POST", path == "/gateway.do", let parameters = alipayParameters(call) else {
            return (HTTPAnswer(status: 404), "unknown")
        }
        let method = parameters.first { $0.name == "method" }?.value ?? ""
        let word = Self.alipayWords.first { $0.method == method }?.word ?? "unknown"
        let node: Fields
        do throws(AlipayRefusal) {
            try checkAlipay(parameters, at: now)
            guard let content = try? JSONReader.read(parameters.first { $0.name == "biz_content" }?.value ?? "", maximumDepth: 8).record
            else {
                throw AlipayRefusal("40002", "Invalid Arguments", "isv.invalid-parameter")
            }
            node = (["code": "10000", "msg": "Success"] as Fields).merging(try alipay(word, content, parameters, at: now, &effects))
        } catch {
            effects.append(refusal(.alipay, word, error.subCode))
            node = [
                "code": .text(error.code), "msg": .text(error.message), "sub_code": .text(error.subCode), "sub_msg": .text(error.subCode),
            ]
        }
        return (alipayAnswer(method, node), word)
    }

    private static let alipayWords: [(method: String, word: String)] = [
        ("alipay.trade.precreate", "prepay"), ("alipay.trade.query", "query"), ("alipay.trade.close", "close"),
        ("alipay.trade.refund", "refund"), ("alipay.trade.fastpay.refund.query", "refund_query"),
        ("alipay.data.dataservice.bill.downloadurl.query", "bill"),
    ]

    /// Parameters stand in the query and in the body; a name in both is none.
    private func alipayParameters(_ call: HTTPCall) -> AlipayParameters? {
        var bytes = call.path.firstIndex(of: "?").map { Array(call.path[call.path.index(after: $0)...].utf8) } ?? []
        if !bytes.isEmpty, !call.body.isEmpty { bytes.append(UInt8(ascii: "&")) }
        return PaymentForm.read(bytes + call.body)
    }

    private func checkAlipay(_ parameters: AlipayParameters, at now: RunInstant) throws(AlipayRefusal) {
        func value(_ name: String) -> String { parameters.first { $0.name == name }?.value ?? "" }
        guard value("app_id") == settings.alipay.application else {
            throw AlipayRefusal("40002", "Invalid Arguments", "isv.invalid-app-id")
        }
        guard value("sign_type") == "RSA2" else { throw AlipayRefusal("40002", "Invalid Arguments", "isv.invalid-signature-type") }
        guard value("charset").lowercased() == "utf-8", value("version") == "1.0" else {
            throw AlipayRefusal("40002", "Invalid Arguments", "isv.invalid-parameter")
        }
        guard let time = PaymentTime.unix(value("timestamp")), (time - unix(now)).magnitude <= 600 else {
            throw AlipayRefusal("40002", "Invalid Arguments", "isv.invalid-timestamp")
        }
        guard seals.isOfApplication(value("sign"), PaymentForm.signedText(parameters, without: ["sign"])) else {
            throw AlipayRefusal("40002", "Invalid Arguments", "isv.invalid-signature")
        }
    }

    /// The signature is over the text of the node as it stands in the answer.
    private func alipayAnswer(_ method: String, _ node: Fields) -> HTTPAnswer {
        let known = Self.alipayWords.contains { $0.method == method }
        let name = known ? method.replacing(".", with: "_") + "_response" : "error_response"
        let bytes = JSONWriter.bytes(.record(node))
        let signature = seals.alipaySignature(bytes)
        let body = Array("{\"\(name)\":".utf8) + bytes + Array(",\"sign\":\"\(signature)\"}".utf8)
        return HTTPAnswer(status: 200, headers: [HTTPCall.Header("content-type", "text/html;charset=utf-8")], body: body)
    }

    private mutating func alipay(
        _ word: String, _ content: Fields, _ parameters: AlipayParameters, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(AlipayRefusal) -> Fields {
        switch word {
        case "prepay": return try precreate(content, parameters, at: now, &effects)
        case "query":
            let index = try trade(content)
            let payment = book[index]
            return [
                "out_trade_no": .text(payment.attempt), "trade_no": .text(payment.transaction),
                "trade_status": .text(Self.tradeStatus(payment)),
                "total_amount": .text(PaymentMoney.yuan(payment.paidFen)), "buyer_logon_id": "lab***@example.com",
                "send_pay_date": .text(PaymentTime.plain(payment.paidAt)),
            ]
        case "close":
            let index = try trade(content)
            // Only what the user has seen is a trade, and what he has seen here he has paid.
            throw AlipayRefusal(
                "40004", "Business Failed", book[index].hasArrived ? "ACQ.REASON_TRADE_STATUS_INVALID" : "ACQ.TRADE_NOT_EXIST")
        case "refund": return try alipayRefund(content, at: now, &effects)
        case "refund_query":
            _ = try trade(content)
            guard let place = book.place(refund: content["out_request_no"]?.text ?? "", of: .alipay) else { return [:] }
            let (payment, refund) = (book[place.payment], book[place.payment].refunds[place.refund])
            var fields: Fields = [
                "out_trade_no": .text(payment.attempt), "trade_no": .text(payment.transaction), "out_request_no": .text(refund.number),
                "refund_amount": .text(PaymentMoney.yuan(refund.fen)), "total_amount": .text(PaymentMoney.yuan(payment.paidFen)),
            ]
            if refund.state == .success {
                fields["refund_status"] = "REFUND_SUCCESS"
                fields["gmt_refund_pay"] = .text(PaymentTime.plain(refund.doneAt))
            }
            return fields
        case "bill":
            guard content["bill_type"]?.text == "trade", let day = content["bill_date"]?.text,
                let start = PaymentTime.unix(day + " 00:00:00")
            else {
                throw AlipayRefusal("40004", "Business Failed", "INVALID_ARGUMENT")
            }
            let rows = statementRows(day: day).filter { book[$0.payment].channel == .alipay }
            guard unix(now) >= start + 86_400 + 36_000, !rows.isEmpty else {
                throw AlipayRefusal("40004", "Business Failed", "isp.bill_not_exist")
            }
            effects.append(.note("statement.served", ["channel": "alipay", "day": .text(day), "rows": .integer(Int64(rows.count))]))
            return ["bill_download_url": .text("http://dwbillcenter.alipay.com/bill/download?bill=\(day)")]
        default: throw AlipayRefusal("40004", "Business Failed", "isv.invalid-method")
        }
    }

    // MARK: Trades

    private mutating func precreate(
        _ content: Fields, _ parameters: AlipayParameters, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(AlipayRefusal) -> Fields {
        guard let attempt = content["out_trade_no"]?.text, (1...64).contains(attempt.utf8.count), let title = content["subject"]?.text,
            !title.isEmpty,
            let fen = content["total_amount"]?.text.flatMap(PaymentMoney.fen)
        else { throw AlipayRefusal("40004", "Business Failed", "ACQ.INVALID_PARAMETER") }
        var expires = unix(now) + 7_200
        if let text = content["time_expire"]?.text {
            guard let time = PaymentTime.unix(text), time > unix(now) else {
                throw AlipayRefusal("40004", "Business Failed", "ACQ.INVALID_PARAMETER")
            }
            expires = time
        }
        let isNew = book.index(attempt: attempt) == nil
        do throws(PaymentBook.Refusal) {
            _ = try book.open(
                PaymentBook.Payment(
                    channel: .alipay, attempt: attempt, fen: fen, title: title,
                    noticeAddress: parameters.first { $0.name == "notify_url" }?.value ?? "",
                    way: "QR", payer: "", createdAt: unix(now), expiresAt: expires))
        } catch { throw AlipayRefusal(error) }
        if isNew { effects.append(.note("prepay.accepted", ["channel": "alipay", "attempt": .text(attempt), "cents": .integer(fen)])) }
        return ["out_trade_no": .text(attempt), "qr_code": .text("https://qr.alipay.com/" + nonce(22).lowercased())]
    }

    /// A code that nobody has scanned is no trade yet: the gateway knows it only once the user pays.
    private func trade(_ content: Fields) throws(AlipayRefusal) -> Int {
        let found =
            content["trade_no"]?.text.flatMap { book.index(transaction: $0) }
            ?? content["out_trade_no"]?.text.flatMap { book.index(attempt: $0) }
        guard let index = found, book[index].channel == .alipay, book[index].hasArrived else {
            throw AlipayRefusal("40004", "Business Failed", "ACQ.TRADE_NOT_EXIST")
        }
        return index
    }

    static func tradeStatus(_ payment: PaymentBook.Payment) -> String {
        if payment.state == .finished { return "TRADE_FINISHED" }
        return payment.refunded == payment.paidFen ? "TRADE_CLOSED" : "TRADE_SUCCESS"
    }

    // MARK: Refunds

    private mutating func alipayRefund(_ content: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(AlipayRefusal)
        -> Fields
    {
        let index = try trade(content)
        guard let number = content["out_request_no"]?.text, (1...64).contains(number.utf8.count),
            let fen = content["refund_amount"]?.text.flatMap(PaymentMoney.fen)
        else { throw AlipayRefusal("40004", "Business Failed", "ACQ.INVALID_PARAMETER") }
        let known = book.place(refund: number, of: .alipay)
        // Nothing is written down of what fails here, so that the number can be used again.
        if known == nil, strike("refund.fail", .alipay) != nil {
            throw AlipayRefusal("40004", "Business Failed", "ACQ.SELLER_BALANCE_NOT_ENOUGH")
        }
        let refund = PaymentBook.Refund(
            number: number, id: "", fen: fen, reason: content["refund_reason"]?.text ?? "", noticeAddress: book[index].noticeAddress,
            createdAt: unix(now))
        let place: (place: Int, isNew: Bool)
        do throws(PaymentBook.Refusal) { place = try book.refund(index, refund, total: nil, at: unix(now)) } catch {
            throw AlipayRefusal(error)
        }
        if place.isNew {
            effects.append(
                .note(
                    "refund.accepted",
                    ["channel": "alipay", "attempt": .text(book[index].attempt), "refund": .text(number), "cents": .integer(fen)]))
            if let time = refundTime(.alipay) {
                agenda.add(.refundEnd(index, place.place), at: now.advanced(by: time))
            } else {
                endRefund(index, place.place, at: now, &effects)
            }
        }
        let payment = book[index]
        return [
            "out_trade_no": .text(payment.attempt), "trade_no": .text(payment.transaction), "buyer_logon_id": "lab***@example.com",
            "fund_change": .text(place.isNew && payment.refunds[place.place].state == .success ? "Y" : "N"),
            "refund_fee": .text(PaymentMoney.yuan(payment.refunded)),
        ]
    }

    // MARK: Statements

    private func alipayBillFile(_ call: HTTPCall) -> HTTPAnswer {
        let query = call.path.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        guard let day = PaymentForm.read(Array(query.utf8))?.first(where: { $0.name == "bill" })?.value,
            PaymentTime.unix(day + " 00:00:00") != nil
        else {
            return HTTPAnswer(status: 404)
        }
        return HTTPAnswer(
            status: 200, headers: [HTTPCall.Header("content-type", "application/zip")],
            body: StatementArchive.zip(name: "\(settings.alipay.seller)_\(day).csv", alipayStatement(day: day)))
    }

    // MARK: Notices

    mutating func alipayNotice(_ notice: PaymentNoticeState, _ flaws: NoticeFlaws, at now: RunInstant) -> HTTPCall {
        let payment = book[notice.payment]
        var fields: AlipayParameters = [
            ("notify_time", PaymentTime.plain(unix(now) - flaws.age)), ("notify_type", "trade_status_sync"), ("notify_id", notice.id),
            ("app_id", settings.alipay.application), ("charset", "utf-8"), ("version", "1.0"), ("sign_type", "RSA2"),
            ("trade_no", payment.transaction),
            ("out_trade_no", payment.attempt), ("buyer_id", "2088000000009999"), ("seller_id", settings.alipay.seller),
            ("subject", payment.title), ("gmt_create", PaymentTime.plain(payment.createdAt)),
            ("gmt_payment", PaymentTime.plain(payment.paidAt)),
            ("receipt_amount", PaymentMoney.yuan(payment.paidFen)),
        ]
        switch notice.kind {
        case .paid: fields.append(("trade_status", "TRADE_SUCCESS"))
        case .finished: fields.append(("trade_status", "TRADE_FINISHED"))
        case .refunded(let place):
            fields += [
                ("trade_status", Self.tradeStatus(payment)), ("out_biz_no", payment.refunds[place].number),
                ("refund_fee", PaymentMoney.yuan(payment.refunded)), ("gmt_refund", PaymentTime.plain(payment.refunds[place].doneAt)),
            ]
        }
        let total = fields + [("total_amount", PaymentMoney.yuan(payment.paidFen))]
        let signature = seals.alipaySignature(flaws.signed(PaymentForm.signedText(total, without: ["sign", "sign_type"])))
        let sent = flaws.tamperedFen.map { fields + [("total_amount", PaymentMoney.yuan($0))] } ?? total
        return HTTPCall(
            "POST", Self.path(payment.noticeAddress),
            headers: [HTTPCall.Header("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: PaymentForm.write(sent + [("sign", signature)]))
    }
}

/// An error of the gateway: code, sentence, and the code below it that says what it is.
struct AlipayRefusal: Error, Sendable, Equatable {
    var code: String
    var message: String
    var subCode: String

    init(_ code: String, _ message: String, _ subCode: String) {
        self.code = code
        self.message = message
        self.subCode = subCode
    }

    init(_ refusal: PaymentBook.Refusal) {
        let subCode =
            switch refusal {
            case .unknownPayment, .unknownRefund: "ACQ.TRADE_NOT_EXIST"
            case .numberUsed: "ACQ.CONTEXT_INCONSISTENT"
            case .alreadyPaid: "ACQ.TRADE_HAS_SUCCESS"
            case .closed, .expired: "ACQ.TRADE_HAS_CLOSE"
            case .notPaid, .tooLate: "ACQ.TRADE_HAS_FINISHED"
            case .otherTotal, .tooMuch, .badAmount: "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
            case .tooMany: "ACQ.REASON_TRADE_REFUND_FEE_ERR"
            }
        self.init("40004", "Business Failed", subCode)
    }
}
