import Crypto
package import LabCore

/// Signatures of requests and the MQTT password, version 1 (badge protocol, "Signed requests" and "MQTT").
package struct RequestSigning: Sendable {
    /// The serial number where the factory key signs, else the device id.
    package var signer: String
    /// 32 bytes.
    package var key: [UInt8]
    package var host: String
    package var tenant: String

    package init(signer: String, key: [UInt8], host: String, tenant: String = "default") {
        self.signer = signer
        self.key = key
        self.host = host
        self.tenant = tenant
    }

    /// The lines that are signed, joined by one line feed each.
    package func canonicalText(_ method: String, _ path: String, body: [UInt8], timestamp: Int64, nonce: String) -> String {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let pairs = parts.count == 2 ? parts[1].split(separator: "&", omittingEmptySubsequences: false) : []
        let query = pairs.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: "&")
        let digest = Hexadecimal.text(SHA256.hash(data: body))
        return [
            "v1", method, String(parts.first ?? ""), query, host, String(timestamp), nonce, signer, tenant, digest,
        ].joined(separator: "\n")
    }

    /// A request with all its headers.
    package func call(
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
    package static func password(clientID: String, secret: [UInt8], timestamp: Int64, nonce: String) -> String {
        "v1:\(timestamp):\(nonce):\(code("mqtt-v1\n\(clientID)\n\(timestamp)\n\(nonce)", secret))"
    }

    /// True if the cloud signed this time for the request with this nonce.
    package static func isServerTime(_ seconds: Int64, signature: String, nonce: String, key: [UInt8]) -> Bool {
        guard let code = Hexadecimal.bytes(signature) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            code, authenticating: Array("time\n\(seconds)\n\(nonce)".utf8), using: SymmetricKey(data: key))
    }

    private static func code(_ text: String, _ key: [UInt8]) -> String {
        Hexadecimal.text(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }
}
