package import LabCore

/// An answer of the cloud, or that there was none: `{"code":…,"data":…,"message":…}` (badge protocol, "REST").
package struct CloudAnswer: Sendable {
    /// The longest body that a device reads: it has little memory, and a wrong peer may send anything.
    package static let longestBody = 16_384

    /// 0 without an answer.
    package var status = 0
    package var code: Int64?
    /// Name of the error: the cloud's, else the failure's, else `malformed_answer`; `nil` if all is well.
    package var error: String?
    package var message: String?
    package var data: FieldValue?
    package var serverTime: Int64?
    package var serverTimeSignature: String?
    package var retryAfter: Int64?

    package init(_ result: Result<HTTPAnswer, HTTPFailure>) {
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
        message = envelope["message"]?.text
        if !isSuccess { error = data?.record?["error"]?.text ?? "unnamed" }
    }

    private var isSuccess: Bool { (200..<300).contains(status) && code == 0 }
    package var succeeded: Bool { error == nil }

    /// For the action `request`: an answer of 400 or more is a failure, with what the cloud said.
    package var asActionResult: Result<Fields, ActionFailure> {
        var fields: Fields = ["status": .integer(Int64(status))]
        if let code { fields["code"] = .integer(code) }
        if let error { fields["error"] = .text(error) }
        if status == 0 { return .failure(ActionFailure("no_answer", "The cloud did not answer: \(error ?? "unknown").", fields)) }
        if status >= 400 {
            return .failure(
                ActionFailure("refused", "The cloud refused the request with \(status): \(message ?? error ?? "no reason").", fields))
        }
        if let message { fields["message"] = .text(message) }
        if let data { fields["data"] = data }
        return .success(fields)
    }
}

/// What a registration gives, as far as a device needs it.
package struct RegistrationGrant: Sendable {
    package var deviceID: String
    /// 32 bytes.
    package var secret: [UInt8]
    /// Counts from 1.
    package var keyEpoch: UInt32
    package var token: String
    package var tokenExpiry: Int64

    /// `nil` unless every field is there, in its form, and for this device.
    package init?(_ data: FieldValue?, for device: String) {
        guard let fields = data?.record, fields["device_id"]?.text == device,
            let secret = fields["device_secret"]?.text.flatMap(Base64URL.bytes), secret.count == 32,
            let epoch = fields["key_epoch"]?.integer.flatMap({ UInt32(exactly: $0) }), epoch >= 1,
            let token = TokenGrant(data)
        else { return nil }
        deviceID = device
        self.secret = secret
        keyEpoch = epoch
        self.token = token.token
        tokenExpiry = token.expiry
    }
}

package struct TokenGrant: Sendable {
    package var token: String
    /// Unix seconds.
    package var expiry: Int64

    package init?(_ data: FieldValue?) {
        guard let fields = data?.record, let token = fields["token"]?.text, (1...4_096).contains(token.utf8.count),
            token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), let expiry = fields["token_expires_at"]?.integer
        else { return nil }
        self.token = token
        self.expiry = expiry
    }
}
