import Crypto
import Foundation
import JWTKit
import LabCore
import Synchronization

/// Issues the cloud's tokens with jwt-kit and verifies them, each key by itself.
///
/// One collection a key, because a collection that is asked for a key id it does not know falls back to its default key;
/// here an unknown id is refused before any key is tried.
package final class TokenAuthority: DeviceTokens {
    private struct Key: Sendable {
        var settings: TokenKey
        var collection: JWTKeyCollection
    }

    private let environment: CloudEnvironment
    private let keys: [Key]
    private let deviceLife: Int64
    private let userLife: Int64
    /// Keys are given to the collections at their first use: they are actors, and this is made where nothing can wait.
    private let loaded = Mutex<Set<String>>([])

    /// - Parameter configuration: has passed `check()`: jwt-kit stops the process on short keys.
    package init(configuration: CloudConfiguration, environment: CloudEnvironment) {
        self.environment = environment
        keys = configuration.tokenKeys.map { Key(settings: $0, collection: JWTKeyCollection()) }
        deviceLife = configuration.deviceTokenLife.components.seconds
        userLife = configuration.userTokenLife.components.seconds
    }

    // MARK: Issuing

    package func issue(device: String, epoch: Int, tenant: String) async throws -> (token: String, expiresAt: Int64) {
        try await issue(claims(.device, device, tenant: tenant, role: .device, epoch: epoch, life: deviceLife))
    }

    package func issue(user: String, role: UserRole, epoch: Int, tenant: String) async throws -> (token: String, expiresAt: Int64) {
        try await issue(claims(.user, user, tenant: tenant, role: role, epoch: epoch, life: userLife))
    }

    private func claims(_ use: TokenUse, _ subject: String, tenant: String, role: UserRole, epoch: Int, life: Int64) -> TokenClaims {
        TokenClaims(
            use: use, subject: subject, tenant: tenant, role: role, epoch: epoch, issuedAt: environment.unixSeconds, life: life,
            id: Hexadecimal.text(environment.randomBytes(16)))
    }

    private func issue(_ claims: TokenClaims) async throws -> (token: String, expiresAt: Int64) {
        guard let key = keys.first(where: { !$0.settings.isRetired }) else {
            throw ConfigurationError(setting: "tokenKeys", reason: "no key is active")
        }
        let collection = await loadedCollection(of: key)
        let token = try await collection.sign(
            SignedClaims(claims: claims), kid: JWKIdentifier(string: key.settings.keyID),
            header: ["alg": "HS256", "typ": "JWT"])
        return (token, claims.exp)
    }

    private func loadedCollection(of key: Key) async -> JWTKeyCollection {
        if loaded.withLock({ $0.contains(key.settings.keyID) }) { return key.collection }
        await key.collection.add(
            hmac: HMACKey(from: key.settings.secret), digestAlgorithm: .sha256, kid: JWKIdentifier(string: key.settings.keyID),
            serializer: SortedSerializer())
        loaded.withLock { _ = $0.insert(key.settings.keyID) }
        return key.collection
    }

    // MARK: Verifying

    /// The claims of a token that is whole, signed with an active key, for one of the uses, and valid now.
    ///
    /// By hand: jwt-kit's keys live in actors, and it would read a second time, with Foundation's decoder, what `TokenReader` has read;
    /// that took longer than all else of a request.
    package func verify(_ token: String, for uses: [TokenUse]) throws(TokenRefusal) -> TokenClaims {
        let read = try TokenReader.read(token)
        guard let key = keys.first(where: { $0.settings.keyID == read.keyID }) else { throw .unknownKey(read.keyID) }
        if key.settings.isRetired { throw .retiredKey(read.keyID) }
        // The reader has found three parts; HS256 is HMAC-SHA256 over the first two (RFC 7515 §5.1, RFC 7518 §3.2).
        let bytes = Array(token.utf8)
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), let signature = StrictBase64URL.bytes(bytes[(dot + 1)...]),
            HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: bytes[..<dot], using: SymmetricKey(data: key.settings.secret))
        else { throw .signature }
        return try TokenReader.check(read.claims, uses: uses, at: environment.unixSeconds)
    }
}

/// The claims as jwt-kit signs them.
private struct SignedClaims: JWTPayload {
    var claims: TokenClaims
    init(claims: TokenClaims) { self.claims = claims }
    init(from decoder: any Decoder) throws { claims = try TokenClaims(from: decoder) }
    func encode(to encoder: any Encoder) throws { try claims.encode(to: encoder) }
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}

/// Writes the same token for the same claims in every process: Foundation's encoder otherwise orders keys by hash.
private struct SortedSerializer: JWTSerializer {
    let jsonEncoder: any JWTJSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    func serialize(_ payload: some JWTPayload, header: JWTHeader) throws -> Data {
        let json = try jsonEncoder.encode(payload)
        return Data(Base64URL.text(Array(json)).utf8)
    }
}
