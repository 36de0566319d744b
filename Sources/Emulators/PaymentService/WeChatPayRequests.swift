import LabCore

/// WeChat Pay API v3: what the merchant asks.
extension PaymentService {
    /// Requests and answers may differ by so many seconds from the service's clock.
    private static let maximumSkew: Int64 = 300

    /// - Returns: the answer, signed as the service signs, and the call's word for faults and events.
    mutating func serveWeChat(_ call: HTTPCall, at now: RunInstant, _ effects: inout [DeviceEffect]) -> (answer: HTTPAnswer, call: String) {
        let path = String(call.path.prefix { $0 != "?" })
        let parts = path.split(separator: "/").map(String.init)
        let word = Self.word(call.method, parts)
        if let flaw = authorizationFlaw(call, at: now) {
            effects.append(refusal(.wechat, word, "SIGN_ERROR"))
            return (wechatAnswer(401, ["code": "SIGN_ERROR", "message": .text(flaw)], at: now), word)
        }
        do throws(WeChatRefusal) {
            return (try route(call, word, parts, at: now, &effects), word)
        } catch {
            effects.append(refusal(.wechat, word, error.code))
            return (wechatAnswer(error.status, ["code": .text(error.code), "message": .text(error.message)], at: now), word)
        }
    }

    private static func word(_ method: String, _ parts: [String]) -> String {
        switch (method, parts.dropFirst().first ?? "", parts.count) {
        case ("POST", "pay", 4): "prepay"
        case ("GET", "pay", 5): "query"
        case ("POST", "pay", 6): "close"
        case ("POST", "refund", 4): "refund"
        case ("GET", "refund", 5): "refund_query"
        case ("GET", "bill", 3): "bill"
        case ("GET", "billdownload", 3): "bill_download"
        case ("GET", "certificates", 2): "certificates"
        default: "unknown"
        }
    }

    private mutating func route(
        _ call: HTTPCall, _ word: String, _ parts: [String], at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(WeChatRefusal) -> HTTPAnswer {
        switch (word, parts.dropFirst(2).joined(separator: "/")) {
        case ("prepay", "transactions/native"): return try prepay(try body(call), isNative: true, at: now, &effects)
        case ("prepay", "transactions/jsapi"): return try prepay(try body(call), isNative: false, at: now, &effects)
        case ("query", _):
            try checkMerchant(query(call, "mchid"))
            guard parts[2] == "transactions" else { throw .noRoute }
            let index =
                parts[3] == "id" ? book.index(transaction: parts[4]) : parts[3] == "out-trade-no" ? book.index(attempt: parts[4]) : nil
            guard let index, book[index].channel == .wechat else { throw .orderNotExist }
            return wechatAnswer(200, .record(transaction(index)), at: now)
        case ("close", _):
            guard parts[2] == "transactions", parts[3] == "out-trade-no", parts[5] == "close" else { throw .noRoute }
            try checkMerchant(try body(call)["mchid"]?.text)
            return try close(parts[4], at: now, &effects)
        case ("refund", "domestic/refunds"): return try refund(try body(call), at: now, &effects)
        case ("refund_query", _):
            guard parts[2] == "domestic", parts[3] == "refunds", let place = book.place(refund: parts[4], of: .wechat) else {
                throw .refundNotExist
            }
            return wechatAnswer(200, .record(refundFields(place.payment, place.refund)), at: now)
        case ("bill", "tradebill"): return try bill(call, at: now, &effects)
        case ("bill_download", "file"): return try billFile(call)
        case ("certificates", _): return certificates(at: now)
        default: throw .noRoute
        }
    }

    // MARK: Signatures

    /// - Returns: what is wrong with the header `authorization`, `nil` where it is the merchant's over this request.
    private func authorizationFlaw(_ call: HTTPCall, at now: RunInstant) -> String? {
        let scheme = "WECHATPAY2-SHA256-RSA2048 "
        guard let header = call.header("authorization"), header.hasPrefix(scheme) else {
            return "no authorization of the scheme WECHATPAY2-SHA256-RSA2048"
        }
        var values: [String: String] = [:]
        for part in header.dropFirst(scheme.count).split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[1].count >= 2, pair[1].hasPrefix("\""), pair[1].hasSuffix("\"") else {
                return "malformed authorization"
            }
            guard values.updateValue(String(pair[1].dropFirst().dropLast()), forKey: pair[0].trimmingSpaces) == nil else {
                return "doubled value in authorization"
            }
        }
        guard values["mchid"] == settings.wechat.merchant, values["serial_no"] == settings.wechat.merchantSerial else {
            return "unknown merchant or serial number"
        }
        guard let time = values["timestamp"], let unix = Int64(time), let nonce = values["nonce_str"], (1...32).contains(nonce.utf8.count),
            let signature = values["signature"]
        else { return "authorization without timestamp, nonce_str or signature" }
        guard (unix - self.unix(now)).magnitude <= UInt64(Self.maximumSkew) else { return "timestamp more than five minutes away" }
        let message = Array("\(call.method)\n\(call.path)\n\(time)\n\(nonce)\n".utf8) + call.body + [0x0a]
        return seals.isOfMerchant(signature, message) ? nil : "wrong signature"
    }

    /// An answer with the service's signature over `timestamp\nnonce\nbody\n`.
    mutating func wechatAnswer(_ status: Int, _ body: FieldValue?, at now: RunInstant) -> HTTPAnswer {
        let bytes = body.map(JSONWriter.bytes) ?? []
        var headers = wechatHeaders(over: bytes, time: unix(now), flaws: NoticeFlaws())
        if body != nil { headers.append(HTTPCall.Header("content-type", "application/json; charset=utf-8")) }
        return HTTPAnswer(status: status, headers: headers, body: bytes)
    }

    mutating func wechatHeaders(over body: [UInt8], time: Int64, flaws: NoticeFlaws) -> [HTTPCall.Header] {
        let nonce = nonce()
        let signature = seals.wechatSignature(flaws.signed(Array("\(time)\n\(nonce)\n".utf8) + body + [0x0a]))
        return [
            HTTPCall.Header("wechatpay-timestamp", String(time)), HTTPCall.Header("wechatpay-nonce", nonce),
            HTTPCall.Header("wechatpay-signature", flaws.isProbe ? "WECHATPAY/SIGNTEST/" + signature : signature),
            HTTPCall.Header("wechatpay-serial", settings.wechat.platformSerial),
            HTTPCall.Header("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"),
        ]
    }

    // MARK: Payments

    private mutating func prepay(_ body: Fields, isNative: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(WeChatRefusal)
        -> HTTPAnswer
    {
        try checkMerchant(body["mchid"]?.text)
        guard body["appid"]?.text == settings.wechat.application else { throw .parameter("appid") }
        let attempt = try number(body, "out_trade_no", 6...32)
        guard let title = body["description"]?.text, (1...127).contains(title.utf8.count) else { throw .parameter("description") }
        guard let address = body["notify_url"]?.text, address.hasPrefix("https://"), !address.contains("?") else {
            throw .parameter("notify_url")
        }
        guard let fen = body.value(at: "amount.total")?.integer, fen >= 1, body.value(at: "amount.currency")?.text ?? "CNY" == "CNY" else {
            throw .parameter("amount")
        }
        let payer = body.value(at: "payer.openid")?.text ?? ""
        if !isNative, payer.isEmpty { throw .parameter("payer.openid") }
        var expires = unix(now) + 7_200
        if let text = body["time_expire"]?.text {
            guard let time = PaymentTime.unix(text), time > unix(now) else { throw .parameter("time_expire") }
            expires = time
        }
        let isNew = book.index(attempt: attempt) == nil
        do throws(PaymentBook.Refusal) {
            _ = try book.open(
                PaymentBook.Payment(
                    channel: .wechat, attempt: attempt, fen: fen, title: title, noticeAddress: address, way: isNative ? "NATIVE" : "JSAPI",
                    payer: payer,
                    createdAt: unix(now), expiresAt: expires))
        } catch { throw WeChatRefusal(error) }
        if isNew { effects.append(.note("prepay.accepted", ["channel": "wechat", "attempt": .text(attempt), "cents": .integer(fen)])) }
        return isNative
            ? wechatAnswer(200, ["code_url": .text("weixin://wxpay/bizpayurl?pr=" + nonce(9))], at: now)
            : wechatAnswer(200, ["prepay_id": .text("wx" + digits(26) + nonce(8).lowercased())], at: now)
    }

    private mutating func close(_ attempt: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(WeChatRefusal) -> HTTPAnswer
    {
        guard let index = book.index(attempt: attempt), book[index].channel == .wechat else { throw .orderNotExist }
        let wasOpen = book[index].state == .waiting
        do throws(PaymentBook.Refusal) { try book.close(index, at: unix(now)) } catch { throw WeChatRefusal(error) }
        if wasOpen { effects.append(.note("payment.closed", ["channel": "wechat", "attempt": .text(attempt)])) }
        return wechatAnswer(204, nil, at: now)
    }

    /// A payment as queries and notices show it.
    func transaction(_ index: Int, fen: Int64? = nil) -> Fields {
        let payment = book[index]
        var fields: Fields = [
            "appid": .text(settings.wechat.application), "mchid": .text(settings.wechat.merchant), "out_trade_no": .text(payment.attempt),
        ]
        let state = payment.hasArrived ? (payment.refunding > 0 ? "REFUND" : "SUCCESS") : payment.state == .closed ? "CLOSED" : "NOTPAY"
        fields["trade_state"] = .text(state)
        fields["trade_state_desc"] = .text(state.lowercased())
        guard payment.hasArrived else { return fields }
        fields["transaction_id"] = .text(payment.transaction)
        fields["trade_type"] = .text(payment.way)
        fields["bank_type"] = "OTHERS"
        fields["success_time"] = .text(PaymentTime.stamp(payment.paidAt))
        fields["payer"] = ["openid": .text(payment.payer.isEmpty ? "oLabTestPayer000000000000001" : payment.payer)]
        let total = fen ?? payment.paidFen
        fields["amount"] = ["total": .integer(total), "payer_total": .integer(total), "currency": "CNY", "payer_currency": "CNY"]
        return fields
    }

    // MARK: Refunds

    private mutating func refund(_ body: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(WeChatRefusal) -> HTTPAnswer {
        let number = try number(body, "out_refund_no", 1...64)
        let found =
            body["transaction_id"]?.text.flatMap { book.index(transaction: $0) }
            ?? body["out_trade_no"]?.text.flatMap { book.index(attempt: $0) }
        guard let index = found, book[index].channel == .wechat else { throw .refundNotExist }
        guard let fen = body.value(at: "amount.refund")?.integer, let total = body.value(at: "amount.total")?.integer,
            body.value(at: "amount.currency")?.text == "CNY"
        else { throw .parameter("amount") }
        let end = refundEnd()
        let refund = PaymentBook.Refund(
            number: number, id: "503" + digits(25), fen: fen, reason: body["reason"]?.text ?? "",
            noticeAddress: body["notify_url"]?.text ?? "",
            createdAt: unix(now), end: end)
        let place: (place: Int, isNew: Bool)
        do throws(PaymentBook.Refusal) { place = try book.refund(index, refund, total: total, at: unix(now)) } catch {
            throw WeChatRefusal(error)
        }
        if place.isNew || book.retry(index, place.place, end: end) {
            effects.append(
                .note(
                    "refund.accepted",
                    ["channel": "wechat", "attempt": .text(book[index].attempt), "refund": .text(number), "cents": .integer(fen)]))
            agenda.add(.refundEnd(index, place.place), at: now.advanced(by: refundTime(.wechat) ?? settings.refundTime))
        }
        return wechatAnswer(200, .record(refundFields(index, place.place)), at: now)
    }

    private mutating func refundEnd() -> PaymentBook.Refund.State {
        guard let fault = strike("refund.fail", .wechat) else { return .success }
        return fault["state"]?.text == "closed" ? .closed : .abnormal
    }

    /// What a slow refund takes; `nil` for one that is not.
    mutating func refundTime(_ channel: PaymentBook.Channel) -> Duration? {
        strike("refund.slow", channel).map { .nanoseconds(max(0, $0["by"]?.durationNanoseconds ?? 3_600_000_000_000)) }
    }

    private func refundFields(_ index: Int, _ place: Int) -> Fields {
        let (payment, refund) = (book[index], book[index].refunds[place])
        var fields: Fields = [
            "refund_id": .text(refund.id), "out_refund_no": .text(refund.number), "transaction_id": .text(payment.transaction),
            "out_trade_no": .text(payment.attempt), "channel": "ORIGINAL", "user_received_account": "the way it came",
        ]
        if refund.state == .success { fields["success_time"] = .text(PaymentTime.stamp(refund.doneAt)) }
        fields["create_time"] = .text(PaymentTime.stamp(refund.createdAt))
        fields["status"] = .text(refund.state.rawValue.uppercased())
        fields["amount"] = [
            "total": .integer(payment.paidFen), "refund": .integer(refund.fen), "payer_total": .integer(payment.paidFen),
            "payer_refund": .integer(refund.fen), "currency": "CNY",
        ]
        return fields
    }

    // MARK: Statements and certificates

    private mutating func bill(_ call: HTTPCall, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(WeChatRefusal) -> HTTPAnswer {
        guard let day = query(call, "bill_date"), let start = PaymentTime.unix(day + " 00:00:00") else { throw .parameter("bill_date") }
        guard ["ALL", nil].contains(query(call, "bill_type")) else { throw .parameter("bill_type") }
        // The bill of a day is there from ten o'clock of the next day on.
        guard unix(now) >= start + 86_400 + 36_000 else { throw WeChatRefusal(400, "STATEMENT_CREATING", "the statement is being made") }
        let rows = statementRows(day: day).filter { book[$0.payment].channel == .wechat }
        guard !rows.isEmpty else { throw WeChatRefusal(400, "NO_STATEMENT_EXIST", "there is no statement of this day") }
        effects.append(.note("statement.served", ["channel": "wechat", "day": .text(day), "rows": .integer(Int64(rows.count))]))
        let file = wechatStatement(day: day)
        return wechatAnswer(
            200,
            [
                "hash_type": "SHA1", "hash_value": .text(Hexadecimal.text(PaymentSeals.sha1(file))),
                "download_url": .text("https://api.mch.weixin.qq.com/v3/billdownload/file?token=" + day),
            ], at: now)
    }

    /// The file comes without a signature; its hash is in the answer before.
    private func billFile(_ call: HTTPCall) throws(WeChatRefusal) -> HTTPAnswer {
        guard let day = query(call, "token"), PaymentTime.unix(day + " 00:00:00") != nil else { throw .parameter("token") }
        return HTTPAnswer(
            status: 200, headers: [HTTPCall.Header("content-type", "text/plain; charset=utf-8")], body: wechatStatement(day: day))
    }

    private mutating func certificates(at now: RunInstant) -> HTTPAnswer {
        let nonce = nonce(12).lowercased()
        let sealed = seals.sealed(Array(settings.wechat.platformCertificate.utf8), nonce: nonce, associated: "certificate")
        return wechatAnswer(
            200,
            [
                "data": [
                    [
                        "serial_no": .text(settings.wechat.platformSerial), "effective_time": "2025-01-01T08:00:00+08:00",
                        "expire_time": "2045-01-01T08:00:00+08:00",
                        "encrypt_certificate": [
                            "algorithm": "AEAD_AES_256_GCM", "nonce": .text(nonce), "associated_data": "certificate",
                            "ciphertext": .text(sealed),
                        ],
                    ]
                ]
            ], at: now)
    }

    // MARK: Notices

    mutating func wechatNotice(_ notice: PaymentNoticeState, _ flaws: NoticeFlaws, at now: RunInstant) -> HTTPCall {
        let (event, type, address): (String, String, String)
        if case .refunded(let place) = notice.kind {
            let refund = book[notice.payment].refunds[place]
            (event, type, address) = ("REFUND." + refund.state.rawValue.uppercased(), "refund", refund.noticeAddress)
        } else {
            (event, type, address) = ("TRANSACTION.SUCCESS", "transaction", book[notice.payment].noticeAddress)
        }
        func body(_ content: Fields, nonce: String) -> [UInt8] {
            JSONWriter.bytes([
                "id": .text(notice.id), "create_time": .text(PaymentTime.stamp(notice.createdAt)), "resource_type": "encrypt-resource",
                "event_type": .text(event), "summary": .text(type == "refund" ? "refund" : "paid"),
                "resource": [
                    "original_type": .text(type), "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": .text(seals.sealed(JSONWriter.bytes(.record(content)), nonce: nonce, associated: type)),
                    "associated_data": .text(type), "nonce": .text(nonce),
                ],
            ])
        }
        let nonce = nonce(12).lowercased()
        let signed = body(noticeContent(notice, fen: nil), nonce: nonce)
        let headers = wechatHeaders(over: signed, time: unix(now) - flaws.age, flaws: flaws)
        // Whoever has the APIv3 key can encrypt another amount; without the private key the signature is the old one.
        let sent = flaws.tamperedFen.map { body(noticeContent(notice, fen: $0), nonce: nonce) } ?? signed
        return HTTPCall("POST", Self.path(address), headers: headers + [HTTPCall.Header("content-type", "application/json")], body: sent)
    }

    private func noticeContent(_ notice: PaymentNoticeState, fen: Int64?) -> Fields {
        guard case .refunded(let place) = notice.kind else {
            return transaction(notice.payment, fen: fen).merging(["trade_state": "SUCCESS", "trade_state_desc": "success"])
        }
        let (payment, refund) = (book[notice.payment], book[notice.payment].refunds[place])
        var fields: Fields = [
            "mchid": .text(settings.wechat.merchant), "transaction_id": .text(payment.transaction), "out_trade_no": .text(payment.attempt),
            "refund_id": .text(refund.id), "out_refund_no": .text(refund.number),
            "refund_status": .text(refund.state.rawValue.uppercased()),
            "user_received_account": "the way it came",
        ]
        if refund.state == .success { fields["success_time"] = .text(PaymentTime.stamp(refund.doneAt)) }
        fields["amount"] = [
            "total": .integer(payment.paidFen), "refund": .integer(fen ?? refund.fen), "payer_total": .integer(payment.paidFen),
            "payer_refund": .integer(fen ?? refund.fen),
        ]
        return fields
    }

    /// The path of an address with its host: there is one merchant, and the world brings the request to it.
    static func path(_ address: String) -> String {
        guard let scheme = address.firstRange(of: "://") else { return address }
        let rest = address[scheme.upperBound...]
        return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
    }

    // MARK: Reading

    private func body(_ call: HTTPCall) throws(WeChatRefusal) -> Fields {
        guard let fields = try? JSONReader.read(call.body, maximumDepth: 8).record else { throw .parameter("body") }
        return fields
    }

    private func query(_ call: HTTPCall, _ name: String) -> String? {
        guard let question = call.path.firstIndex(of: "?") else { return nil }
        return PaymentForm.read(Array(call.path[call.path.index(after: question)...].utf8))?.first { $0.name == name }?.value
    }

    private func checkMerchant(_ merchant: String?) throws(WeChatRefusal) {
        guard merchant == settings.wechat.merchant else { throw .parameter("mchid") }
    }

    private func number(_ body: Fields, _ name: String, _ length: ClosedRange<Int>) throws(WeChatRefusal) -> String {
        guard let text = body[name]?.text, length.contains(text.utf8.count),
            text.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || "_-|*@".utf8.contains($0)
            })
        else { throw .parameter(name) }
        return text
    }
}

/// An error of API v3: HTTP status, code, sentence.
struct WeChatRefusal: Error, Sendable, Equatable {
    var status: Int
    var code: String
    var message: String

    init(_ status: Int, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    static func parameter(_ name: String) -> WeChatRefusal { WeChatRefusal(400, "PARAM_ERROR", "parameter \(name)") }
    static let noRoute = WeChatRefusal(404, "NOT_FOUND", "no such interface")
    static let orderNotExist = WeChatRefusal(404, "ORDER_NOT_EXIST", "the order does not exist")
    static let refundNotExist = WeChatRefusal(404, "RESOURCE_NOT_EXISTS", "it does not exist")

    init(_ refusal: PaymentBook.Refusal) {
        switch refusal {
        case .unknownPayment: self = .orderNotExist
        case .unknownRefund: self = .refundNotExist
        case .numberUsed: self.init(403, "OUT_TRADE_NO_USED", "the number was used for something else")
        case .alreadyPaid: self.init(400, "ORDERPAID", "the order is paid")
        case .closed, .expired: self.init(400, "ORDER_CLOSED", "the order is closed")
        case .notPaid: self.init(400, "INVALID_REQUEST", "the order is not paid")
        case .otherTotal: self.init(400, "INVALID_REQUEST", "the order has another amount")
        case .tooMuch: self.init(403, "NOT_ENOUGH", "more than is left of the payment")
        case .tooMany: self.init(400, "INVALID_REQUEST", "50 refunds of one payment are the limit")
        case .tooLate: self.init(400, "INVALID_REQUEST", "refunds are possible within a year")
        case .badAmount: self = .parameter("amount")
        }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String { String(drop { $0 == " " }) }
}
