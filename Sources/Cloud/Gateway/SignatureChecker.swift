import Crypto
import LabCore

/// Proves that a request comes from the device that it names: device known, timestamp, HMAC, nonce, in this order
/// (security.md 4.2).
struct SignatureChecker: Sendable {
    /// |now - timestamp| at most, in seconds.
    static let window: Int64 = 300

    var environment: CloudEnvironment
    var nonces: NonceStore
    var limiter: RateLimiter
    var clockHelp: RateLimit
    /// Stands for the key of a device that is not known, so that it costs the same work and gives the same answer.
    /// Made from the cloud's secrets: a key that anybody can compute would let an unknown device pass.
    var decoyMaster: [UInt8]

    /// - Parameters:
    ///   - key: the device's key, `nil` for a device that is not known.
    ///   - scope: keeps the nonces of serial numbers and device ids apart.
    func check(_ signature: RequestSignature, of call: ReadCall, key known: [UInt8]?, tenant: String, scope: String, peer: String) throws {
        let decoy = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: decoyMaster), salt: Array("lab decoy v1".utf8), info: Array(signature.deviceID.utf8),
            outputByteCount: 32)
        let key = known.map { SymmetricKey(data: $0) } ?? decoy
        let now = environment.unixSeconds
        if abs(now - signature.timestamp) > Self.window { throw skewed(signature, now: now, key: key, peer: peer) }
        // Constant time over digests of the same length.
        let isValid = HMAC<SHA256>.isValidAuthenticationCode(
            signature.digest, authenticating: signature.signedBytes(of: call, tenant: tenant), using: key)
        guard isValid, known != nil else { throw APIError(.signatureInvalid) }
        // Only now: before the signature is known to be right, anybody could fill the store.
        guard try nonces.claim(device: scope + signature.deviceID, nonce: signature.nonce) else { throw APIError(.replayed) }
    }

    /// Tells a device the time, signed with its own key, so that it can correct a dead clock once; a few times a minute.
    private func skewed(_ signature: RequestSignature, now: Int64, key: SymmetricKey, peer: String) -> APIError {
        let decision = limiter.take(key: "clock|\(peer)|\(signature.deviceID)", limit: clockHelp, at: environment.now())
        guard decision.isAllowed else { return decision.refusal() }
        let nonce = signature.version == .canonical ? signature.nonce : ""
        let code = HMAC<SHA256>.authenticationCode(for: Array("time\n\(now)\n\(nonce)".utf8), using: key)
        return APIError(
            .clockSkew, details: ["server_time": .integer(now)],
            headers: [
                HTTPCall.Header("x-server-time", String(now)), HTTPCall.Header("x-server-time-signature", Hexadecimal.text(code)),
            ])
    }
}
