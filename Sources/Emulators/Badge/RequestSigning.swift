import LabCore
import Crypto

/// Signatures of requests and the MQTT password, version 1 (badge protocol, "Signed requests" and "MQTT").
struct RequestSigning {
    /// The serial number where the factory key signs, else the device id.
    var signer: String
    /// 32 bytes.
    var key: [UInt8]
    var host: String
    var tenant: String

    /// The lines that are signed, joined by one line feed each.
    func canonicalText(_ method: String, _ path: String, body: [UInt8], timestamp: Int64, nonce: String) -> String {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let pairs = parts.count == 2 ? parts[1].split(separator: "&", omittingEmptySubsequences: false) : []
        let query = pairs.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: "&")
        let digest = Hexadecimal.text(SHA256.hash(data: body))
        return [
            "v1", method, String(parts.first ?? ""), query, host, String(timestamp), nonce, signer, tenant, digest,
        ].joined(separator: "\n")
    }

    /// A request with all its headers.
    func call(
        _ method: String, _ path: String, body: [UInt8] = [], bearer: String? = nil, timestamp: Int64, nonce: String
    ) -> HTTPCall {
        var headers = [HTTPCall.Header("host", host)]
        if !body.isEmpty { headers.append(HTTPCall.Header("content-type", "application/json")) }
        if let bearer { headers.append(HTTPCall.Header("authorization", "Bearer \(bearer)")) }
        if tenant != "default" { headers.append(HTTPCall.Header("x-tenant", tenant)) }
        let text = canonicalText(method, path, body: body, timestamp: timestamp, nonce: nonce)
        headers.append(HTTPCall.Header("x-device-id", signer))
        headers.append(HTTPCall.Header("x-timestamp", String(timestamp)))
        headers.append(HTTPCall.Header("x-nonce", nonce))
        headers.append(HTTPCall.Header("x-signature", "v1:sha256:\(Self.code(text, key))"))
        return HTTPCall(method, path, headers: headers, body: body)
    }

    /// `v1:<timestamp>:<nonce>:<hex>`.
    static func password(clientID: String, secret: [UInt8], timestamp: Int64, nonce: String) -> String {
        "v1:\(timestamp):\(nonce):\(code("mqtt-v1\n\(clientID)\n\(timestamp)\n\(nonce)", secret))"
    }

    /// True if the cloud signed this time for the request with this nonce.
    static func isServerTime(_ seconds: Int64, signature: String, nonce: String, key: [UInt8]) -> Bool {
        guard let code = Hexadecimal.bytes(signature) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            code, authenticating: Array("time\n\(seconds)\n\(nonce)".utf8), using: SymmetricKey(data: key))
    }

    private static func code(_ text: String, _ key: [UInt8]) -> String {
        Hexadecimal.text(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }
}

/// base64url without padding (RFC 4648 §5).
enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` for other characters, padding, an impossible length, or bits left over that are not 0.
    static func bytes(_ text: String) -> [UInt8]? {
        guard text.utf8.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bits & ((1 << UInt32(count)) - 1) == 0 ? bytes : nil
    }
}
