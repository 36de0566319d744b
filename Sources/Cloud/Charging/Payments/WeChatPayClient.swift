import LabCore
import Synchronization

/// WeChat Pay API v3 from the merchant's side (pay.weixin.qq.com/doc/v3).
final class WeChatPayClient: PaymentClient {
    let channel = "wechat"
    private let settings: WeChatPaySettings
    private let maximumSkew: Int64
    private let signer: PaymentSigner
    private let cipher: PaymentCipher

    private struct Keys {
        var verifiers: [(serial: String, verifier: PaymentVerifier, until: Int64)] = []
        /// Unix seconds of the last download.
        var fetchedAt: Int64?
    }
    private let keys = Mutex(Keys())
    /// Downloads of certificates are for those without configured keys.
    private let downloads: Bool

    static let scheme = "WECHATPAY2-SHA256-RSA2048"
    static let probePrefix = "WECHATPAY/SIGNTEST/"
    /// The service's advice for downloads of certificates: at least twice a day.
    private static let certificateLife: Int64 = 43_200

    init(_ settings: WeChatPaySettings, maximumSkew: Duration) throws(ConfigurationError) {
        self.settings = settings
        self.maximumSkew = maximumSkew.components.seconds
        signer = try PaymentSigner(settings.merchantKey, setting: "payments.wechat.merchantKey")
        cipher = try PaymentCipher(settings.secret, setting: "payments.wechat.secret")
        downloads = settings.platformKeys.isEmpty
        var known = Keys()
        for key in settings.platformKeys {
            known.verifiers.append((key.serial, try PaymentVerifier(pem: key.pem, setting: "payments.wechat.platformKeys"), .max))
        }
        keys.withLock { $0 = known }
    }

    func service(for request: ChannelRequest) -> String { settings.service }
    var noticeAddress: String? { settings.noticeAddress }

    /// Whether the certificates should be fetched before anything else is asked.
    func needsCertificates(at unix: Int64) -> Bool {
        downloads && keys.withLock { $0.fetchedAt.map { unix - $0 >= Self.certificateLife } ?? true }
    }

    // MARK: Requests

    func call(_ request: ChannelRequest, _ stamp: CallStamp) -> HTTPCall {
        let merchant = settings.merchant
        switch request {
        case .prepay(let order):
            var body: Fields = [
                "appid": .text(settings.application), "mchid": .text(merchant), "description": .text(order.title),
                "out_trade_no": .text(order.attempt),
                "time_expire": .text(BeijingTime.stamp(order.expiresAt)), "notify_url": .text(order.noticeAddress),
                "amount": ["total": .integer(order.fen), "currency": "CNY"],
            ]
            if let openid = order.openid { body["payer"] = ["openid": .text(openid)] }
            return signed("POST", "/v3/pay/transactions/" + (order.openid == nil ? "native" : "jsapi"), body, stamp)
        case .query(let attempt): return signed("GET", "/v3/pay/transactions/out-trade-no/\(attempt)?mchid=\(merchant)", nil, stamp)
        case .close(let attempt):
            return signed("POST", "/v3/pay/transactions/out-trade-no/\(attempt)/close", ["mchid": .text(merchant)], stamp)
        case .refund(let refund):
            return signed(
                "POST", "/v3/refund/domestic/refunds",
                [
                    "out_trade_no": .text(refund.attempt), "out_refund_no": .text(refund.number), "notify_url": .text(refund.noticeAddress),
                    "amount": ["refund": .integer(refund.fen), "total": .integer(refund.total), "currency": "CNY"],
                ], stamp)
        case .refundQuery(let number, _): return signed("GET", "/v3/refund/domestic/refunds/\(number)", nil, stamp)
        case .statement(let day): return signed("GET", "/v3/bill/tradebill?bill_date=\(day)&bill_type=ALL", nil, stamp)
        case .statementFile(let path, _): return signed("GET", path, nil, stamp)
        case .certificates: return signed("GET", "/v3/certificates", nil, stamp)
        }
    }

    private func signed(_ method: String, _ path: String, _ body: Fields?, _ stamp: CallStamp) -> HTTPCall {
        let bytes = body.map { JSONWriter.bytes(.record($0)) } ?? []
        let signature = signer.signature(Array("\(method)\n\(path)\n\(stamp.unix)\n\(stamp.nonce)\n".utf8) + bytes + [0x0a])
        var headers = [
            HTTPCall.Header(
                "authorization",
                "\(Self.scheme) mchid=\"\(settings.merchant)\",nonce_str=\"\(stamp.nonce)\",signature=\"\(signature)\","
                    + "timestamp=\"\(stamp.unix)\",serial_no=\"\(settings.merchantSerial)\""),
            HTTPCall.Header("accept", "application/json"), HTTPCall.Header("user-agent", "lab-cloud"),
        ]
        if body != nil { headers.append(HTTPCall.Header("content-type", "application/json")) }
        return HTTPCall(method, path, headers: headers, body: bytes)
    }

    // MARK: Answers

    func read(_ answer: HTTPAnswer, to request: ChannelRequest, at unix: Int64) throws(ChannelFailure) -> ChannelAnswer {
        // What is not signed by the service is not its word: a proxy's error page decides nothing.
        if answer.status == 429 || answer.status >= 500 { throw .busy(String(answer.status)) }
        if case .statementFile(_, let hash) = request { return try file(answer, hash: hash) }
        if case .certificates = request { return try certificates(answer, at: unix) }
        if let flaw = signatureFlaw(answer.headers, answer.body, at: unix) { throw .untrusted(flaw.rawValue) }
        if case .close = request, answer.status == 204 { return .closed }
        guard let body = try? JSONReader.read(answer.body, maximumDepth: 8).record else { throw .malformed("no JSON record") }
        if answer.status == 200 { return try success(body, request) }
        let code = body["code"]?.text ?? String(answer.status)
        switch (request, code) {
        case (_, "SYSTEM_ERROR"), (_, "FREQUENCY_LIMITED"), (_, "BANK_ERROR"): throw .busy(code)
        case (.prepay, "ORDERPAID"), (.close, "ORDERPAID"): return .alreadyPaid
        case (.prepay, "ORDER_CLOSED"), (.prepay, "ORDERCLOSED"): return .alreadyClosed
        case (.close, "ORDER_CLOSED"), (.close, "ORDERCLOSED"): return .closed
        case (.query, "ORDER_NOT_EXIST"): return .payment(.unknown)
        // What the service has never seen cannot be paid; there is nothing to close.
        case (.close, "ORDER_NOT_EXIST"): return .closed
        case (.refundQuery, "RESOURCE_NOT_EXISTS"): return .refund(.unknown)
        case (.statement, "NO_STATEMENT_EXIST"): return .noStatement
        case (.statement, "STATEMENT_CREATING"): throw .busy(code)
        default: return .refused(code: code)
        }
    }

    private func success(_ body: Fields, _ request: ChannelRequest) throws(ChannelFailure) -> ChannelAnswer {
        switch request {
        case .prepay:
            for name in ["code_url", "prepay_id"] { if let text = body[name]?.text { return .prepared([name: .text(text)]) } }
            throw .malformed("no code_url and no prepay_id")
        case .query(let attempt):
            guard body["out_trade_no"]?.text == attempt, isOurs(body) else { throw .untrusted("it is about another payment") }
            return .payment(try payment(body))
        case .refund(let order):
            guard body["out_refund_no"]?.text == order.number, body["out_trade_no"]?.text == order.attempt,
                body.value(at: "amount.refund")?.integer == order.fen
            else { throw .untrusted("it is about another refund") }
            return .refund(try refund(body, status: "status"))
        case .refundQuery(let number, let attempt):
            guard body["out_refund_no"]?.text == number, body["out_trade_no"]?.text == attempt else {
                throw .untrusted("it is about another refund")
            }
            return .refund(try refund(body, status: "status"))
        case .statement:
            guard body["hash_type"]?.text == "SHA1", let hash = body["hash_value"]?.text, hash.utf8.count == 40,
                let address = body["download_url"]?.text,
                let path = PaymentPath.path(address), path.hasPrefix("/v3/billdownload/")
            else { throw .malformed("no address of a statement") }
            return .statement(path: path, hash: hash.lowercased())
        case .close: return .closed
        case .certificates, .statementFile: throw .malformed("unexpected")
        }
    }

    private func isOurs(_ body: Fields) -> Bool {
        PaymentComparison.isEqual(body["mchid"]?.text ?? "", settings.merchant)
            && body["appid"].map { $0.text == settings.application } ?? true
    }

    private func payment(_ body: Fields) throws(ChannelFailure) -> ChannelPayment {
        switch body["trade_state"]?.text {
        // REFUND: it was paid, and some of it has gone back.
        case "SUCCESS", "REFUND":
            guard let transaction = body["transaction_id"]?.text, (1...32).contains(transaction.utf8.count),
                let fen = body.value(at: "amount.total")?.integer, body.value(at: "amount.currency")?.text == "CNY",
                let time = body["success_time"]?.text.flatMap(BeijingTime.unix)
            else { throw .malformed("a payment without its number, amount or time") }
            return .paid(transaction: transaction, fen: fen, paidAt: time)
        case "NOTPAY", "USERPAYING", "ACCEPT": return .waiting
        case "CLOSED", "REVOKED", "PAYERROR": return .closed
        default: throw .malformed("unknown trade_state")
        }
    }

    private func refund(_ body: Fields, status name: String) throws(ChannelFailure) -> ChannelRefund {
        let id = body["refund_id"]?.text ?? ""
        switch body[name]?.text {
        case "SUCCESS": return .done(id: id, at: body["success_time"]?.text.flatMap(BeijingTime.unix))
        case "PROCESSING": return .pending(id: id)
        case "ABNORMAL": return .failed(code: "ABNORMAL")
        case "CLOSED": return .failed(code: "CLOSED")
        default: throw .malformed("unknown refund status")
        }
    }

    /// The file itself carries no signature; its hash came in the signed answer before.
    private func file(_ answer: HTTPAnswer, hash: String?) throws(ChannelFailure) -> ChannelAnswer {
        guard answer.status == 200 else { throw .busy(String(answer.status)) }
        guard let hash, PaymentComparison.isEqual(Hexadecimal.text(PaymentComparison.sha1(answer.body)), hash) else {
            throw .untrusted("the hash is another one")
        }
        return .file(answer.body)
    }

    // MARK: Signatures of the service

    /// - Returns: what is wrong with the headers or their signature over `timestamp\nnonce\nbody\n`; `nil` where all is right.
    private func signatureFlaw(_ headers: [HTTPCall.Header], _ body: [UInt8], at unix: Int64) -> NoticeRefusal? {
        guard let seal = WeChatSeal(headers) else { return .missingHeader }
        if seal.signature.hasPrefix(Self.probePrefix) { return .probe }
        guard (unix - seal.unix).magnitude <= UInt64(maximumSkew) else { return .expired }
        guard
            let key = keys.withLock({
                $0.verifiers.first { PaymentComparison.isEqual($0.serial, seal.serial) && $0.until >= unix }?.verifier
            })
        else { return .unknownKey }
        return key.accepts(seal.signature, for: seal.message(body)) ? nil : .signature
    }

    /// The list of certificates is encrypted with the APIv3 key and signed with one of those that it holds.
    private func certificates(_ answer: HTTPAnswer, at unix: Int64) throws(ChannelFailure) -> ChannelAnswer {
        guard answer.status == 200, let seal = WeChatSeal(answer.headers), (unix - seal.unix).magnitude <= UInt64(maximumSkew) else {
            throw .untrusted("no fresh signature")
        }
        guard let items = try? JSONReader.read(answer.body, maximumDepth: 8).record?["data"]?.list, (1...20).contains(items.count) else {
            throw .malformed("no list of certificates")
        }
        var found: [(serial: String, verifier: PaymentVerifier, until: Int64)] = []
        for item in items {
            guard let entry = item.record, let serial = entry["serial_no"]?.text, let sealed = entry["encrypt_certificate"]?.record,
                let pem = opened(sealed).flatMap({ String(validating: $0, as: UTF8.self) }),
                let certificate = PaymentVerifier.PlatformCertificate(pem: pem),
                certificate.serial == serial.uppercased()
            else { throw .untrusted("a certificate cannot be opened") }
            if certificate.validity.contains(unix) { found.append((serial, certificate.verifier, certificate.validity.upperBound)) }
        }
        guard let key = found.first(where: { $0.serial == seal.serial })?.verifier,
            key.accepts(seal.signature, for: seal.message(answer.body))
        else {
            throw .untrusted("none of the certificates has signed the list")
        }
        let installed = found
        keys.withLock {
            $0.verifiers = installed
            $0.fetchedAt = unix
        }
        return .certificates(found.count)
    }

    private func opened(_ sealed: Fields) -> [UInt8]? {
        guard sealed["algorithm"]?.text == "AEAD_AES_256_GCM", let text = sealed["ciphertext"]?.text, let nonce = sealed["nonce"]?.text
        else { return nil }
        return cipher.opened(text, nonce: Array(nonce.utf8), associated: Array((sealed["associated_data"]?.text ?? "").utf8))
    }

    // MARK: Notices

    func notice(_ headers: [HTTPCall.Header], _ body: [UInt8], at unix: Int64) throws(NoticeRefusal) -> ChannelNotice {
        if let flaw = signatureFlaw(headers, body, at: unix) { throw flaw }
        guard let fields = try? JSONReader.read(body, maximumDepth: 8).record, let event = fields["event_type"]?.text,
            let resource = fields["resource"]?.record
        else { throw .malformed }
        guard let plain = opened(resource) else { throw .decryption }
        guard let content = try? JSONReader.read(plain, maximumDepth: 8).record else { throw .malformed }
        guard isOurs(content) else { throw .foreign }
        guard let attempt = content["out_trade_no"]?.text, (1...64).contains(attempt.utf8.count) else { throw .malformed }
        switch event {
        case "TRANSACTION.SUCCESS":
            guard content["trade_state"]?.text == "SUCCESS", let state = try? payment(content),
                case .paid(let transaction, let fen, let time) = state
            else {
                throw .malformed
            }
            return .paid(PaymentNotice(channel: channel, transaction: transaction, attempt: attempt, fen: fen, paidAt: time))
        case "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED":
            guard let number = content["out_refund_no"]?.text, (1...64).contains(number.utf8.count),
                let fen = content.value(at: "amount.refund")?.integer,
                let state = try? refund(content, status: "refund_status")
            else { throw .malformed }
            return .refund(number: number, attempt: attempt, fen: fen, state: state)
        default: return .other(String(event.prefix(64)))
        }
    }

    // MARK: Statements

    func rows(_ file: [UInt8]) throws(ChannelFailure) -> [StatementRow] { try WeChatStatement.rows(file, merchant: settings.merchant) }
}

/// The headers with which WeChat Pay signs.
struct WeChatSeal: Sendable, Equatable {
    var time: String
    var unix: Int64
    var nonce: String
    var signature: String
    var serial: String

    /// `nil` where one is missing, empty, too long or there twice.
    init?(_ headers: [HTTPCall.Header]) {
        func value(_ name: String, atMost limit: Int) -> String? {
            let found = headers.filter { $0.name.lowercased() == name }
            guard found.count == 1, (1...limit).contains(found[0].value.utf8.count) else { return nil }
            return found[0].value
        }
        guard let time = value("wechatpay-timestamp", atMost: 20), let unix = Int64(time), unix > 0, unix < 1 << 40,
            let nonce = value("wechatpay-nonce", atMost: 64),
            let signature = value("wechatpay-signature", atMost: 1_024), let serial = value("wechatpay-serial", atMost: 64)
        else { return nil }
        self.time = time
        self.unix = unix
        self.nonce = nonce
        self.signature = signature
        self.serial = serial
    }

    func message(_ body: [UInt8]) -> [UInt8] { Array("\(time)\n\(nonce)\n".utf8) + body + [0x0a] }
}

enum PaymentPath {
    /// The path with its query of an address that a service gave, of visible ASCII only.
    static func path(_ address: String) -> String? {
        guard address.utf8.count <= 2_048, address.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        guard let scheme = address.firstRange(of: "://") else { return nil }
        let rest = address[scheme.upperBound...]
        return rest.firstIndex(of: "/").map { String(rest[$0...]) }
    }
}
