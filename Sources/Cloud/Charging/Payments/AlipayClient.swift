import LabCore

/// Alipay's open gateway with RSA2 from the application's side (opendocs.alipay.com).
struct AlipayClient: PaymentClient {
    let channel = "alipay"
    private let settings: AlipaySettings
    private let maximumSkew: Int64
    private let signer: PaymentSigner
    private let verifier: PaymentVerifier

    init(_ settings: AlipaySettings, maximumSkew: Duration) throws(ConfigurationError) {
        self.settings = settings
        self.maximumSkew = maximumSkew.components.seconds
        signer = try PaymentSigner(settings.applicationKey, setting: "payments.alipay.applicationKey")
        verifier = try PaymentVerifier(pem: settings.platformKey, setting: "payments.alipay.platformKey")
    }

    func service(for request: ChannelRequest) -> String {
        if case .statementFile = request { settings.fileService } else { settings.service }
    }

    var noticeAddress: String? { settings.noticeAddress }

    // MARK: Requests

    func call(_ request: ChannelRequest, _ stamp: CallStamp) -> HTTPCall {
        switch request {
        case .prepay(let order):
            return signed(
                "alipay.trade.precreate",
                [
                    "out_trade_no": .text(order.attempt), "total_amount": .text(YuanText.text(order.fen)), "subject": .text(order.title),
                    "time_expire": .text(BeijingTime.plain(order.expiresAt)),
                ], stamp, noticeAddress: order.noticeAddress)
        case .query(let attempt): return signed("alipay.trade.query", ["out_trade_no": .text(attempt)], stamp)
        case .close(let attempt): return signed("alipay.trade.close", ["out_trade_no": .text(attempt)], stamp)
        case .refund(let refund):
            return signed(
                "alipay.trade.refund",
                [
                    "out_trade_no": .text(refund.attempt), "refund_amount": .text(YuanText.text(refund.fen)),
                    "out_request_no": .text(refund.number),
                ], stamp)
        case .refundQuery(let number, let attempt):
            return signed("alipay.trade.fastpay.refund.query", ["out_trade_no": .text(attempt), "out_request_no": .text(number)], stamp)
        case .statement(let day):
            return signed("alipay.data.dataservice.bill.downloadurl.query", ["bill_type": "trade", "bill_date": .text(day)], stamp)
        case .statementFile(let path, _): return HTTPCall("GET", path)
        // Alipay's key is configured.
        case .certificates: return HTTPCall("GET", "/")
        }
    }

    private func signed(_ method: String, _ content: Fields, _ stamp: CallStamp, noticeAddress: String? = nil) -> HTTPCall {
        var pairs: PaymentForm.Pairs = [
            ("app_id", settings.application), ("method", method), ("format", "JSON"), ("charset", "utf-8"), ("sign_type", "RSA2"),
            ("timestamp", BeijingTime.plain(stamp.unix)), ("version", "1.0"), ("biz_content", JSONWriter.text(.record(content))),
        ]
        if let noticeAddress { pairs.append(("notify_url", noticeAddress)) }
        pairs.append(("sign", signer.signature(PaymentForm.signedText(pairs, without: ["sign"]))))
        return HTTPCall(
            "POST", "/gateway.do", headers: [HTTPCall.Header("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: PaymentForm.write(pairs))
    }

    // MARK: Answers

    private static func method(_ request: ChannelRequest) -> String {
        switch request {
        case .prepay: "alipay_trade_precreate_response"
        case .query: "alipay_trade_query_response"
        case .close: "alipay_trade_close_response"
        case .refund: "alipay_trade_refund_response"
        case .refundQuery: "alipay_trade_fastpay_refund_query_response"
        case .statement: "alipay_data_dataservice_bill_downloadurl_query_response"
        case .statementFile, .certificates: ""
        }
    }

    func read(_ answer: HTTPAnswer, to request: ChannelRequest, at unix: Int64) throws(ChannelFailure) -> ChannelAnswer {
        guard answer.status == 200 else { throw .busy(String(answer.status)) }
        // The address of the file came in a signed answer; the file itself has neither signature nor hash.
        if case .statementFile = request { return .file(answer.body) }
        let node = try node(answer.body, Self.method(request))
        if node["code"]?.text == "10000" { return try success(node, request) }
        let code = node["sub_code"]?.text ?? node["code"]?.text ?? ""
        if node["code"]?.text == "20000" || node["code"]?.text == "10003" || code == "ACQ.SYSTEM_ERROR" || code == "aop.ACQ.SYSTEM_ERROR" {
            throw .busy(code)
        }
        switch (request, code) {
        case (.prepay, "ACQ.TRADE_HAS_SUCCESS"): return .alreadyPaid
        case (.prepay, "ACQ.TRADE_HAS_CLOSE"): return .alreadyClosed
        case (.query, "ACQ.TRADE_NOT_EXIST"): return .payment(.unknown)
        // A code that nobody has scanned is no trade; its time is over when it is closed.
        case (.close, "ACQ.TRADE_NOT_EXIST"): return .closed
        case (.close, "ACQ.REASON_TRADE_STATUS_INVALID"), (.close, "ACQ.TRADE_STATUS_ERROR"): return .alreadyPaid
        case (.refundQuery, "ACQ.TRADE_NOT_EXIST"): return .refund(.unknown)
        case (.statement, "isp.bill_not_exist"): return .noStatement
        default: return .refused(code: code)
        }
    }

    /// The answer's node, after its signature over the very bytes that stand there was found right.
    private func node(_ body: [UInt8], _ name: String) throws(ChannelFailure) -> Fields {
        guard (try? JSONReader.read(body, maximumDepth: 8).record) != nil else { throw .malformed("no JSON record") }
        let members = JSONMembers.ranges(body)
        guard let range = (members.first { $0.name == name } ?? members.first { $0.name == "error_response" })?.range else {
            throw .malformed("no \(name)")
        }
        guard let sign = members.first(where: { $0.name == "sign" })?.range, let signature = try? JSONReader.read(Array(body[sign])).text
        else {
            throw .untrusted("no signature")
        }
        let bytes = Array(body[range])
        guard verifier.accepts(signature, for: bytes) else { throw .untrusted("wrong signature") }
        guard let node = try? JSONReader.read(bytes, maximumDepth: 8).record else { throw .malformed("no JSON record") }
        return node
    }

    private func success(_ node: Fields, _ request: ChannelRequest) throws(ChannelFailure) -> ChannelAnswer {
        switch request {
        case .prepay(let order):
            guard node["out_trade_no"]?.text == order.attempt else { throw .untrusted("it is about another payment") }
            guard let code = node["qr_code"]?.text else { throw .malformed("no qr_code") }
            return .prepared(["qr_code": .text(code)])
        case .query(let attempt):
            guard node["out_trade_no"]?.text == attempt else { throw .untrusted("it is about another payment") }
            return .payment(try payment(node))
        case .close: return .closed
        case .refund(let order):
            guard node["out_trade_no"]?.text == order.attempt else { throw .untrusted("it is about another refund") }
            // N: nothing moved by this request; it may have moved before, so the service is asked.
            let id = node["trade_no"]?.text ?? ""
            return .refund(node["fund_change"]?.text == "Y" ? .done(id: id, at: nil) : .pending(id: id))
        case .refundQuery(let number, let attempt):
            guard let found = node["out_request_no"]?.text else { return .refund(.unknown) }
            guard found == number, node["out_trade_no"]?.text == attempt else { throw .untrusted("it is about another refund") }
            let id = node["trade_no"]?.text ?? ""
            return .refund(
                node["refund_status"]?.text == "REFUND_SUCCESS"
                    ? .done(id: id, at: node["gmt_refund_pay"]?.text.flatMap(BeijingTime.unix)) : .pending(id: id))
        case .statement:
            guard let path = node["bill_download_url"]?.text.flatMap(PaymentPath.path) else {
                throw .malformed("no address of a statement")
            }
            return .statement(path: path, hash: nil)
        case .statementFile, .certificates: throw .malformed("unexpected")
        }
    }

    private func payment(_ node: Fields) throws(ChannelFailure) -> ChannelPayment {
        switch node["trade_status"]?.text {
        case "TRADE_SUCCESS", "TRADE_FINISHED":
            guard let transaction = node["trade_no"]?.text, (1...64).contains(transaction.utf8.count),
                let fen = node["total_amount"]?.text.flatMap({ YuanText.fen($0) }),
                let time = node["send_pay_date"]?.text.flatMap(BeijingTime.unix)
            else { throw .malformed("a payment without its number, amount or time") }
            return .paid(transaction: transaction, fen: fen, paidAt: time)
        case "WAIT_BUYER_PAY": return .waiting
        case "TRADE_CLOSED": return .closed
        default: throw .malformed("unknown trade_status")
        }
    }

    // MARK: Notices

    func notice(_ headers: [HTTPCall.Header], _ body: [UInt8], at unix: Int64) throws(NoticeRefusal) -> ChannelNotice {
        guard let pairs = PaymentForm.read(body) else { throw .malformed }
        func value(_ name: String) -> String? { pairs.first { $0.name == name }?.value }
        guard let signature = value("sign"), value("sign_type") == "RSA2" else { throw .missingHeader }
        guard verifier.accepts(signature, for: PaymentForm.signedText(pairs, without: ["sign", "sign_type"])) else { throw .signature }
        guard PaymentComparison.isEqual(value("app_id") ?? "", settings.application),
            value("seller_id").map({ $0 == settings.seller }) ?? true
        else { throw .foreign }
        if settings.checksNoticeTime {
            guard let time = value("notify_time").flatMap(BeijingTime.unix) else { throw .malformed }
            guard (unix - time).magnitude <= UInt64(maximumSkew) else { throw .expired }
        }
        guard let attempt = value("out_trade_no"), (1...64).contains(attempt.utf8.count), let transaction = value("trade_no"),
            (1...64).contains(transaction.utf8.count)
        else { throw .malformed }
        // The same state comes again with each refund; what it says of the sum is of all refunds, so the service is asked about this one.
        if let number = value("out_biz_no"), !number.isEmpty, value("refund_fee") != nil {
            guard number.utf8.count <= 64 else { throw .malformed }
            return .refund(number: number, attempt: attempt, fen: nil, state: nil)
        }
        switch value("trade_status") {
        case "TRADE_SUCCESS", "TRADE_FINISHED":
            guard let fen = value("total_amount").flatMap({ YuanText.fen($0) }), let time = value("gmt_payment").flatMap(BeijingTime.unix)
            else { throw .malformed }
            return .paid(PaymentNotice(channel: channel, transaction: transaction, attempt: attempt, fen: fen, paidAt: time))
        case let state?: return .other(String(state.prefix(64)))
        case nil: throw .malformed
        }
    }

    // MARK: Statements

    func rows(_ file: [UInt8]) throws(ChannelFailure) -> [StatementRow] {
        var rows: [StatementRow] = []
        for entry in try StatementArchive.entries(file) { rows += try AlipayStatement.rows(entry) }
        return rows
    }
}

/// Where the members of a JSON record stand in its bytes: signatures are over bytes, not over values.
enum JSONMembers {
    /// - Parameter bytes: a record that a strict reader has accepted.
    static func ranges(_ bytes: [UInt8]) -> [(name: String, range: Range<Int>)] {
        var found: [(name: String, range: Range<Int>)] = []
        var (depth, start, isInText, isEscaped): (Int, Int, Bool, Bool) = (0, 0, false, false)
        var name: String?
        for (index, byte) in bytes.enumerated() {
            if isInText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth == 1 { start = index + 1 }
            case UInt8(ascii: ":") where depth == 1 && name == nil:
                name = try? JSONReader.read(Array(bytes[start..<index])).text
                start = index + 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","):
                if depth == 1, let key = name {
                    found.append((key, trimmed(bytes, start..<index)))
                    name = nil
                }
                if byte != UInt8(ascii: ",") { depth -= 1 } else if depth == 1 { start = index + 1 }
            default: break
            }
        }
        return found
    }

    private static func trimmed(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        guard let first = range.first(where: { !isSpace(bytes[$0]) }), let last = range.last(where: { !isSpace(bytes[$0]) }) else {
            return range
        }
        return first..<last + 1
    }
}
