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
        let mark = path.utf8.firstIndex(of: UInt8(ascii: "?"))
        let query = mark.map { path[path.utf8.index(after: $0)...] } ?? ""
        let digest = Hexadecimal.text(Array(SHA256.hash(data: body)))
        let base = path[..<(mark ?? path.endIndex)]
        return "v1\n\(method)\n\(base)\n\(Self.sorted(query))\n\(host)\n\(timestamp)\n\(nonce)\n\(signer)\n\(tenant)\n\(digest)"
    }

    /// The pairs of a query in the order of their bytes.
    private static func sorted(_ query: Substring) -> Substring {
        guard query.utf8.contains(UInt8(ascii: "&")) else { return query }
        let pairs = query.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).map(Substring.init)
        return pairs.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: "&")[...]
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
        Hexadecimal.text(Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key))))
    }
}
