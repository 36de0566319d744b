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
    /// Gives a device that is not known a key of its own, so that it costs the same work as to derive a real one and gives the same answer.
    /// Made from the cloud's secrets: a key that anybody can compute would let an unknown device pass.
    private let decoys: KeyDerivation

    init(environment: CloudEnvironment, nonces: NonceStore, limiter: RateLimiter, clockHelp: RateLimit, decoyMaster: [UInt8]) {
        self.environment = environment
        self.nonces = nonces
        self.limiter = limiter
        self.clockHelp = clockHelp
        decoys = KeyDerivation(master: decoyMaster, salt: "lab decoy v1")
    }

    /// - Parameters:
    ///   - key: the device's key, `nil` for a device that is not known.
    ///   - scope: keeps the nonces of serial numbers and device ids apart.
    func check(_ signature: RequestSignature, of call: ReadCall, key known: [UInt8]?, tenant: String, scope: String, peer: String) throws {
        let hash = KeyedHash(key: known ?? decoys.key(signature.deviceID))
        let now = environment.unixSeconds
        if abs(now - signature.timestamp) > Self.window { throw skewed(signature, now: now, hash: hash, peer: peer) }
        let isValid = hash.isValid(signature.digest, for: signature.signedBytes(of: call, tenant: tenant))
        guard isValid, known != nil else { throw APIError(.signatureInvalid) }
        // Only now: before the signature is known to be right, anybody could fill the store.
        guard try nonces.claim(device: scope + signature.deviceID, nonce: signature.nonce) else { throw APIError(.replayed) }
    }

    /// Tells a device the time, signed with its own key, so that it can correct a dead clock once; a few times a minute.
    private func skewed(_ signature: RequestSignature, now: Int64, hash: KeyedHash, peer: String) -> APIError {
        let decision = limiter.take(key: "clock|\(peer)|\(signature.deviceID)", limit: clockHelp, at: environment.now())
        guard decision.isAllowed else { return decision.refusal() }
        let nonce = signature.version == .canonical ? signature.nonce : ""
        let code = hash.code(for: Array("time\n\(now)\n\(nonce)".utf8))
        return APIError(
            .clockSkew, details: ["server_time": .integer(now)],
            headers: [
                HTTPCall.Header("x-server-time", String(now)), HTTPCall.Header("x-server-time-signature", Hexadecimal.text(code)),
            ])
    }
}
