import Crypto
import LabCore

/// The signature headers of a request, read but not yet believed (badge-protocol.md, "Signed requests").
struct RequestSignature: Sendable, Equatable {
    enum Version: Sendable { case seed, canonical }

    var version: Version
    /// The serial number where the factory key signs, else the device id.
    var deviceID: String
    /// Unix seconds.
    var timestamp: Int64
    /// What may occur once within the window: the nonce, or the digest itself in version 0, which has no nonce.
    var nonce: String
    /// 32 bytes.
    var digest: [UInt8]

    /// - Parameter fallbackID: the device of the token, for version 0, which the seed sends without `x-device-id`.
    static func read(_ call: ReadCall, fallbackID: String? = nil) throws(APIError) -> RequestSignature {
        guard let text = call.header("x-signature") else { throw APIError(.signatureRequired) }
        guard let timestamp = call.header("x-timestamp").flatMap(seconds) else {
            throw APIError(.signatureRequired, "The header x-timestamp must hold Unix seconds.")
        }
        if text.hasPrefix("v1:sha256:") {
            guard let id = call.header("x-device-id").flatMap(identifier) else {
                throw APIError(.signatureRequired, "The header x-device-id must hold 1 to 128 visible characters.")
            }
            guard let nonce = call.header("x-nonce"), (16...64).contains(nonce.utf8.count), nonce.utf8.allSatisfy(Characters.isBase64URL)
            else { throw APIError(.signatureRequired, "The header x-nonce must hold 16 to 64 characters of base64url.") }
            return RequestSignature(
                version: .canonical, deviceID: id, timestamp: timestamp, nonce: nonce, digest: try digest(text.dropFirst(10)))
        }
        guard text.hasPrefix("sha256:") else {
            throw APIError(.signatureInvalid, "The header x-signature must begin with 'v1:sha256:' or 'sha256:'.")
        }
        guard let id = call.header("x-device-id").flatMap(identifier) ?? fallbackID else {
            throw APIError(.signatureRequired, "The header x-device-id must hold 1 to 128 visible characters.")
        }
        let digest = try digest(text.dropFirst(7))
        return RequestSignature(
            version: .seed, deviceID: id, timestamp: timestamp, nonce: "v0." + Hexadecimal.text(digest), digest: digest)
    }

    /// Whole seconds of at most ten digits: a device whose clock is dead sends small numbers and must be heard.
    private static func seconds(_ text: String) -> Int64? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy(Characters.isDigit), text == "0" || !text.hasPrefix("0") else {
            return nil
        }
        return Int64(text)
    }

    private static func identifier(_ text: String) -> String? {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(Characters.isVisible) ? text : nil
    }

    private static func digest(_ digits: Substring) throws(APIError) -> [UInt8] {
        guard digits.utf8.count == 64, !digits.hasPrefix("0x"), let bytes = Hexadecimal.bytes(digits) else {
            throw APIError(.signatureInvalid, "The signature must be 64 hexadecimal digits.")
        }
        return bytes
    }

    /// The bytes that are signed.
    ///
    /// Version 0 joins its parts without separators. It is unambiguous all the same: a path holds no '{', with which
    /// every body that is accepted begins, and a timestamp within the window has ten digits.
    func signedBytes(of call: ReadCall, tenant: String) -> [UInt8] {
        switch version {
        case .seed:
            let target = call.query.isEmpty ? call.path : call.path + "?" + call.query
            return Array(call.method.utf8) + Array(target.utf8) + call.body + Array(String(timestamp).utf8)
        case .canonical:
            let query = call.query.isEmpty ? "" : Self.sorted(query: call.query)
            let head = "v1\n\(call.method)\n\(call.path)\n\(query)\n\(call.header("host") ?? "")\n\(timestamp)\n\(nonce)\n\(deviceID)\n\(tenant)\n"
            return Array(head.utf8) + Array(Hexadecimal.text(SHA256.hash(data: call.body)).utf8)
        }
    }

    /// The pairs of a query in the order of their bytes, as they were sent.
    private static func sorted(query: String) -> String {
        query.split(separator: "&", omittingEmptySubsequences: false).map { Array($0.utf8) }
            .sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "&")
    }
}
