import LabCore

/// Issues the cloud's tokens and verifies them, each key by itself (RFC 7515, RFC 7519).
///
/// By hand, since there is one algorithm and one form: a library for all of them keeps its keys in actors and goes through Foundation's JSON,
/// which took longer than all else of a request. In the tests jwt-kit and openssl read and write the same tokens.
package final class TokenAuthority: DeviceTokens {
    private struct Key: Sendable {
        var settings: TokenKey
        var hash: KeyedHash
        /// Of every token, as it is written.
        var header: String

        init(_ settings: TokenKey) {
            self.settings = settings
            hash = KeyedHash(key: settings.secret)
            header = Base64URL.text(JSONWriter.bytes(["alg": "HS256", "kid": .text(settings.keyID), "typ": "JWT"]))
        }
    }

    private let environment: CloudEnvironment
    private let keys: [Key]
    private let deviceLife: Int64
    private let userLife: Int64

    /// - Parameter configuration: has passed `check()`, which refuses short keys.
    package init(configuration: CloudConfiguration, environment: CloudEnvironment) {
        self.environment = environment
        keys = configuration.tokenKeys.map { Key($0) }
        deviceLife = configuration.deviceTokenLife.components.seconds
        userLife = configuration.userTokenLife.components.seconds
    }

    // MARK: Issuing

    package func issue(device: String, epoch: Int, tenant: String) throws -> (token: String, expiresAt: Int64) {
        try issue(claims(.device, device, tenant: tenant, role: .device, epoch: epoch, life: deviceLife))
    }

    package func issue(user: String, role: UserRole, epoch: Int, tenant: String) throws -> (token: String, expiresAt: Int64) {
        try issue(claims(.user, user, tenant: tenant, role: role, epoch: epoch, life: userLife))
    }

    private func claims(_ use: TokenUse, _ subject: String, tenant: String, role: UserRole, epoch: Int, life: Int64) -> TokenClaims {
        TokenClaims(
            use: use, subject: subject, tenant: tenant, role: role, epoch: epoch, issuedAt: environment.unixSeconds, life: life,
            id: Hexadecimal.text(environment.randomBytes(16)))
    }

    private func issue(_ claims: TokenClaims) throws -> (token: String, expiresAt: Int64) {
        guard let key = keys.first(where: { !$0.settings.isRetired }) else {
            throw ConfigurationError(setting: "tokenKeys", reason: "no key is active")
        }
        let signed = key.header + "." + Base64URL.text(JSONWriter.bytes(.record(claims.fields)))
        return (signed + "." + Base64URL.text(Array(key.hash.code(for: Array(signed.utf8)))), claims.exp)
    }

    // MARK: Verifying

    /// The claims of a token that is whole, signed with an active key, for one of the uses, and valid now.
    package func verify(_ token: String, for uses: [TokenUse]) throws(TokenRefusal) -> TokenClaims {
        let read = try TokenReader.read(token)
        guard let key = keys.first(where: { $0.settings.keyID == read.keyID }) else { throw .unknownKey(read.keyID) }
        if key.settings.isRetired { throw .retiredKey(read.keyID) }
        // The reader has found three parts; HS256 is HMAC-SHA256 over the first two (RFC 7515 §5.1, RFC 7518 §3.2).
        let bytes = Array(token.utf8)
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), let signature = StrictBase64URL.bytes(bytes[(dot + 1)...]),
            key.hash.isValid(signature, for: bytes[..<dot])
        else { throw .signature }
        return try TokenReader.check(read.claims, uses: uses, at: environment.unixSeconds)
    }
}
