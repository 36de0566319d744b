import Crypto
import CryptoExtras
import Foundation
import LabCore
import Testing

@testable import Emulators

/// The emulated service driven by hand, with a merchant that signs by the documents of the services and shares no code with either side.
struct PaymentBench {
    /// 2026-01-01T00:00:00Z
    static let epoch: Int64 = 1_767_225_600

    var service: PaymentService
    var now = RunInstant.start
    /// What the service did, in its order.
    var effects: [DeviceEffect] = []
    private var token: UInt32 = 0
    private var deadline: RunInstant?

    init(seed: UInt64 = 1) throws {
        service = try PaymentService(epoch: Self.epoch, generator: SeededGenerator(seed: seed, purpose: "payments"))
    }

    var unix: Int64 { Self.epoch + now.nanoseconds / 1_000_000_000 }

    mutating func tell(_ input: DeviceInput) {
        var fresh: [DeviceEffect] = []
        service.handle(input, at: now, &fresh)
        for case .startTimer(_, let delay) in fresh { deadline = now.advanced(by: delay) }
        effects += fresh
    }

    mutating func advance(_ time: Duration) {
        let target = now.advanced(by: time)
        while let due = deadline, due <= target {
            now = max(now, due)
            deadline = nil
            tell(.timerFired(TimerName(rawValue: 1)))
        }
        now = target
    }

    mutating func serve(_ call: HTTPCall) throws -> Result<HTTPAnswer, HTTPFailure> {
        token += 1
        let mine = Token(rawValue: token)
        tell(.served(mine, call))
        for case .serve(mine, let result) in effects.reversed() { return result }
        throw ActionFailure("no_answer", "A request got no answer.")
    }

    @discardableResult
    mutating func act(_ name: String, _ arguments: Fields) throws -> Fields {
        token += 1
        let mine = Token(rawValue: token)
        tell(.action(mine, name, arguments))
        for case .finish(mine, let result) in effects.reversed() { return try result.get() }
        throw ActionFailure("no_answer", "An action got no answer.")
    }

    func events(_ name: String) -> [Fields] {
        effects.compactMap { effect in if case .note(name, let fields) = effect { fields } else { nil } }
    }

    /// Notices that were sent, with the tokens to answer them by.
    var notices: [(token: Token, call: HTTPCall)] {
        effects.compactMap { effect in if case .request(let token, let call) = effect { (token, call) } else { nil } }
    }

    mutating func answerNotices(_ status: Int, body: String = "", from start: Int = 0) {
        for notice in notices[start...] { tell(.answered(notice.token, .success(HTTPAnswer(status: status, body: Array(body.utf8))))) }
    }

    // MARK: The merchant

    static func sign(_ message: String, _ pem: String) throws -> String {
        try _RSA.Signing.PrivateKey(pemRepresentation: pem).signature(for: Array(message.utf8), padding: .insecurePKCS1v1_5)
            .rawRepresentation.base64EncodedString()
    }

    static func verifies(_ signature: String, _ message: String, certificate: Bool) throws -> Bool {
        let pem = certificate ? PaymentTestKeys.wechatPlatformPrivate : PaymentTestKeys.alipayPlatformPublic
        let key =
            certificate ? try _RSA.Signing.PrivateKey(pemRepresentation: pem).publicKey : try _RSA.Signing.PublicKey(pemRepresentation: pem)
        let bytes = try #require(Data(base64Encoded: signature))
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: bytes), for: Array(message.utf8), padding: .insecurePKCS1v1_5)
    }

    func wechat(_ method: String, _ path: String, _ body: String = "", key: String = PaymentTestKeys.wechatMerchantPrivate, age: Int64 = 0)
        throws -> HTTPCall
    {
        let time = unix - age
        let signature = try Self.sign("\(method)\n\(path)\n\(time)\nNONCE\n\(body)\n", key)
        let header =
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\",nonce_str=\"NONCE\",signature=\"\(signature)\",timestamp=\"\(time)\",serial_no=\"\(PaymentTestKeys.wechatMerchantSerial)\""
        return HTTPCall(method, path, headers: [HTTPCall.Header("authorization", header)], body: Array(body.utf8))
    }

    func prepayBody(_ attempt: String, _ fen: Int) -> String {
        #"{"appid":"wx1ab0000000000001","mchid":"1900000001","description":"Charging","out_trade_no":"\#(attempt)","notify_url":"https://cloud.lab/notices/wechat","amount":{"total":\#(fen),"currency":"CNY"}}"#
    }

    mutating func ask(_ method: String, _ path: String, _ body: String = "") throws -> (status: Int, body: Fields) {
        let answer = try serve(try wechat(method, path, body)).get()
        return (answer.status, answer.body.isEmpty ? [:] : try #require(try JSONReader.read(answer.body).record))
    }

    /// A payment of WeChat Pay that the user has made.
    mutating func paid(_ attempt: String = "ORDER00000000001P01", fen: Int = 1_000) throws {
        #expect(try ask("POST", "/v3/pay/transactions/native", prepayBody(attempt, fen)).status == 200)
        try act("pay", ["attempt": .text(attempt)])
    }

    func refundBody(_ number: String, _ fen: Int, total: Int = 1_000, attempt: String = "ORDER00000000001P01") -> String {
        #"{"out_trade_no":"\#(attempt)","out_refund_no":"\#(number)","amount":{"refund":\#(fen),"total":\#(total),"currency":"CNY"}}"#
    }

    func alipay(_ method: String, _ content: String, key: String = PaymentTestKeys.alipayApplicationPrivate) throws -> HTTPCall {
        let time = PaymentTime.plain(unix)
        var pairs = [
            ("app_id", "2021000000000001"), ("biz_content", content), ("charset", "utf-8"), ("format", "JSON"), ("method", method),
            ("notify_url", "https://cloud.lab/notices/alipay"), ("sign_type", "RSA2"), ("timestamp", time), ("version", "1.0"),
        ]
        pairs.append(("sign", try Self.sign(pairs.map { "\($0)=\($1)" }.joined(separator: "&"), key)))
        let allowed = CharacterSet.alphanumerics
        let body = pairs.map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")" }.joined(separator: "&")
        return HTTPCall(
            "POST", "/gateway.do", headers: [HTTPCall.Header("content-type", "application/x-www-form-urlencoded")], body: Array(body.utf8))
    }

    /// The answer's node after its signature was found right.
    mutating func askAlipay(_ method: String, _ content: String) throws -> Fields {
        let answer = try serve(try alipay(method, content)).get()
        let text = String(decoding: answer.body, as: UTF8.self)
        let body = try #require(try JSONReader.read(text).record)
        let name = method.replacing(".", with: "_") + "_response"
        let prefix = "{\"\(name)\":"
        let end = try #require(text.range(of: ",\"sign\":\"")?.lowerBound)
        try #require(text.hasPrefix(prefix))
        #expect(try Self.verifies(body["sign"]?.text ?? "", String(text[..<end].dropFirst(prefix.count)), certificate: false))
        return try #require(body[name]?.record)
    }
}
