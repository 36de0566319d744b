import LabCore

/// An answer of the cloud, or that there was none: `{"code":…,"data":…,"message":…}` (badge protocol, "REST").
struct CloudAnswer: Sendable {
    /// The longest body that the badge reads: it has little memory, and a wrong peer may send anything.
    static let longestBody = 16_384

    /// 0 without an answer.
    var status = 0
    var code: Int64?
    /// Name of the error: the cloud's, else the failure's, else `malformed_answer`; `nil` if all is well.
    var error: String?
    var message: String?
    var data: FieldValue?
    var serverTime: Int64?
    var serverTimeSignature: String?
    var retryAfter: Int64?

    init(_ result: Result<HTTPAnswer, HTTPFailure>) {
        switch result {
        case .failure(let failure): error = failure.rawValue
        case .success(let answer): read(answer)
        }
    }

    private mutating func read(_ answer: HTTPAnswer) {
        status = answer.status
        serverTime = answer.header("x-server-time").flatMap { Int64($0) }
        serverTimeSignature = answer.header("x-server-time-signature")
        retryAfter = answer.header("retry-after").flatMap { Int64($0) }
        guard answer.body.count <= Self.longestBody, let value = try? JSONReader.read(answer.body, maximumDepth: 16),
            case .record(let envelope) = value, let code = envelope["code"]?.integer
        else { return error = "malformed_answer" }
        self.code = code
        data = envelope["data"]
        message = envelope.text("message")
        if !isSuccess { error = data?.record?.text("error") ?? "unnamed" }
    }

    private var isSuccess: Bool { (200..<300).contains(status) && code == 0 }
    var succeeded: Bool { error == nil }

    /// For the action `request`: an answer of 400 or more is a failure, with what the cloud said.
    var asActionResult: Result<Fields, ActionFailure> {
        var fields: Fields = ["status": .integer(Int64(status))]
        if let code { fields["code"] = .integer(code) }
        if let error { fields["error"] = .text(error) }
        if status == 0 { return .failure(ActionFailure("no_answer", "The cloud did not answer: \(error ?? "unknown").", fields)) }
        if status >= 400 {
            return .failure(ActionFailure("refused", "The cloud refused the request with \(status): \(message ?? error ?? "no reason").", fields))
        }
        if let message { fields["message"] = .text(message) }
        if let data { fields["data"] = data }
        return .success(fields)
    }
}

/// What a registration gives, as far as a badge needs it.
struct RegistrationGrant: Sendable {
    var credentials: BadgeCredentials
    var token: String
    var tokenExpiry: Int64

    /// `nil` unless every field is there, in its form, and for this device.
    init?(_ data: FieldValue?, for device: String) {
        guard let fields = data?.record, fields.text("device_id") == device,
            let secret = fields.text("device_secret").flatMap(Base64URL.bytes), secret.count == 32,
            let epoch = fields["key_epoch"]?.integer.flatMap({ UInt32(exactly: $0) }), epoch >= 1,
            let token = TokenGrant(data)
        else { return nil }
        credentials = BadgeCredentials(deviceID: device, secret: secret, keyEpoch: epoch)
        self.token = token.token
        tokenExpiry = token.expiry
    }
}

struct TokenGrant: Sendable {
    var token: String
    /// Unix seconds.
    var expiry: Int64

    init?(_ data: FieldValue?) {
        guard let fields = data?.record, let token = fields.text("token"), (1...4_096).contains(token.utf8.count),
            token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), let expiry = fields["token_expires_at"]?.integer
        else { return nil }
        self.token = token
        self.expiry = expiry
    }
}
