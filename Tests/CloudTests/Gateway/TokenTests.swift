import Cloud
import Crypto
import JWTKit
import LabCore
import Testing

/// Tokens are built here from bytes: base64url of JSON written by hand, and an HMAC over both.
@Suite("JWT (RFC 7519, RFC 8725; security.md 4.1)")
struct TokenTests {
    /// Header `{"alg":"HS256","kid":"k1","typ":"JWT"}` and the claims of luna_badge_0007 for 15 minutes, signed with
    /// `openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef0123456789abcdef -binary | base64 | tr '+/' '-_' | tr -d '='`.
    static let fromOpenSSL =
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJhdWQiOiJkZXZpY2UtYXBpIiwiZGV2aWNlX2lkIjoibHVuYV9iYWRnZV8wMDA3IiwiZXBvY2giOjEsIm"
        + "V4cCI6MTc2NzIyNjUwMCwiaWF0IjoxNzY3MjI1NjAwLCJpc3MiOiJsYWItY2xvdWQiLCJqdGkiOiIwMDExMjIzMyIsIm5iZiI6MTc2NzIyNTYwMCwicm9sZSI6ImRldmljZSIs"
        + "InN1YiI6Imx1bmFfYmFkZ2VfMDAwNyIsInRlbmFudCI6ImRlZmF1bHQiLCJ0eXAiOiJkZXZpY2UifQ.I0Keoclv_-Hn78CnLM8u2jcUur1VMFgh4yotQq_J2Ss"

    static let header = #"{"alg":"HS256","kid":"k1","typ":"JWT"}"#
    static let claims: Fields = [
        "iss": "lab-cloud", "aud": "user-api", "typ": "user", "sub": "root", "tenant": "default", "role": "admin", "epoch": 1,
        "iat": 1_767_225_600, "nbf": 1_767_225_600, "exp": 1_767_229_200, "jti": "00112233",
    ]

    static func base64URL(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var (text, bits, count) = ("", 0, 0)
        for byte in bytes {
            (bits, count) = (bits << 8 | Int(byte), count + 8)
            while count >= 6 {
                count -= 6
                text.append(alphabet[bits >> count & 63])
            }
            bits &= (1 << count) - 1
        }
        if count > 0 { text.append(alphabet[bits << (6 - count) & 63]) }
        return text
    }

    static func token(
        header: String = header, claims: Fields = claims, key: [UInt8] = GatewayBench.tokenSecret
    ) -> String {
        token(header: header, text: JSONWriter.text(.record(claims)), key: key)
    }

    static func token(header: String = header, text: String, key: [UInt8] = GatewayBench.tokenSecret) -> String {
        let input = base64URL(Array(header.utf8)) + "." + base64URL(Array(text.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Array(input.utf8), using: SymmetricKey(data: key))
        return input + "." + base64URL(Array(code))
    }

    static func with(_ name: String, _ value: FieldValue?) -> Fields {
        var fields = claims
        fields[name] = value
        return fields
    }

    private func use(_ token: String, on bench: GatewayBench) async -> HTTPAnswer {
        await bench.send("GET", "/api/v1/devices", [("authorization", "Bearer " + token)])
    }

    // MARK: Accepted

    @Test("a token that another program made from the same key and claims is accepted")
    func accepted() async throws {
        let answer = await use(Self.token(), on: try GatewayBench())
        #expect(answer.error == "ok")
        #expect(answer.data("caller") == "user root")
    }

    @Test("a token that the cloud makes has the protocol's claims, the same bytes for the same seed, and HS256 with its key id")
    func issued() async throws {
        let token = try GatewayBench().parts.tokens.issue(device: "luna_badge_0007", epoch: 1, tenant: "default")
        #expect(token.expiresAt == 1_767_225_600 + 900)
        #expect(token.token == (try GatewayBench().parts.tokens.issue(device: "luna_badge_0007", epoch: 1, tenant: "default").token))
        let parts = token.token.split(separator: ".").map { String($0) }
        #expect(parts[0] == Self.base64URL(Array(Self.header.utf8)))
        let text = try #require(Self.decoded(parts[1]))
        #expect(text.hasPrefix(#"{"aud":"device-api","device_id":"luna_badge_0007","epoch":1,"exp":1767226500,"iat":1767225600,"iss":"lab-cloud","jti":""#))
        #expect(text.hasSuffix(#"","nbf":1767225600,"role":"device","sub":"luna_badge_0007","tenant":"default","typ":"device"}"#))
        #expect(Self.token(text: text) == token.token)
    }

    /// What jwt-kit reads of a token.
    private struct KnownClaims: JWTPayload {
        var iss, aud, typ, sub, device_id, tenant, role, jti: String
        var epoch, iat, nbf, exp: Int
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    @Test("a token that the cloud makes is read by jwt-kit with the key, and refused with another")
    func foreignReader() async throws {
        let token = try GatewayBench().parts.tokens.issue(device: "luna_badge_0007", epoch: 3, tenant: "default").token
        let right = await JWTKeyCollection().add(hmac: HMACKey(from: GatewayBench.tokenSecret), digestAlgorithm: .sha256, kid: "k1")
        let claims = try await right.verify(token, as: KnownClaims.self)
        #expect((claims.iss, claims.aud, claims.typ) == ("lab-cloud", "device-api", "device"))
        #expect((claims.sub, claims.device_id, claims.tenant, claims.role) == ("luna_badge_0007", "luna_badge_0007", "default", "device"))
        #expect((claims.epoch, claims.iat, claims.nbf, claims.exp) == (3, 1_767_225_600, 1_767_225_600, 1_767_226_500))
        let wrong = await JWTKeyCollection().add(
            hmac: HMACKey(from: [UInt8](repeating: 7, count: 32)), digestAlgorithm: .sha256, kid: "k1")
        await #expect(throws: JWTError.self) { try await wrong.verify(token, as: KnownClaims.self) }
    }

    static func decoded(_ text: String) -> String? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var (bytes, bits, count): ([UInt8], Int, Int) = ([], 0, 0)
        for character in text {
            guard let digit = alphabet.firstIndex(of: character) else { return nil }
            (bits, count) = (bits << 6 | digit, count + 6)
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> count & 255))
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    // MARK: The header's games

    @Test(
        "an algorithm other than the key's is refused, whatever signs",
        arguments: ["none", "None", "NONE", "nOnE", "HS384", "HS512", "hs256", "RS256", "ES256", "PS256", "EdDSA", ""])
    func algorithms(name: String) async throws {
        let bench = try GatewayBench()
        let header = #"{"alg":"\#(name)","kid":"k1","typ":"JWT"}"#
        let signed = await use(Self.token(header: header), on: bench)
        #expect((signed.status, signed.error) == (401, "TOKEN_INVALID"))
        let bare = Self.token(header: header).split(separator: ".").dropLast().joined(separator: ".") + "."
        #expect(await use(bare, on: bench).error == "TOKEN_INVALID")
        #expect(signed.header("www-authenticate") == "Bearer")
    }

    @Test(
        "a header that is no header of ours is refused",
        arguments: [
            #"{"kid":"k1","typ":"JWT"}"#, #"{"alg":null,"kid":"k1"}"#, #"{"alg":["HS256"],"kid":"k1"}"#, #"{"alg":"HS256","typ":"JWT"}"#,
            #"{"alg":"HS256","kid":"k2","typ":"JWT"}"#, #"{"alg":"HS256","kid":"","typ":"JWT"}"#, #"{"alg":"HS256","kid":1}"#,
            #"{"alg":"HS256","kid":"../../dev/null"}"#, #"{"alg":"HS256","kid":"k1' OR '1'='1"}"#,
            #"{"alg":"HS256","kid":"k1","crit":["exp"],"exp":1}"#, #"{"alg":"HS256","kid":"k1","crit":[]}"#,
            #"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#, #"{"alg":"HS256","alg":"none","kid":"k1"}"#,
            #"{"alg":"HS256","kid":"k1","kid":"k1"}"#, #"{"alg":"HS256","kid":"k1","x":[[[[[[1]]]]]]}"#, #"["alg","HS256"]"#, "{", "",
        ])
    func headers(header: String) async throws {
        #expect(await use(Self.token(header: header), on: try GatewayBench()).error == "TOKEN_INVALID")
    }

    @Test("keys that a token brings itself are not looked at: signed with them it is refused, with ours it is taken")
    func ownKeys() async throws {
        let bench = try GatewayBench()
        let evil = [UInt8](repeating: 0x41, count: 32)
        let jwk = #""jwk":{"kty":"oct","k":"\#(Self.base64URL(evil))"},"jku":"http://127.0.0.1/k","x5u":"http://127.0.0.1/c","x5c":["AA"]"#
        let header = #"{"alg":"HS256","kid":"k1",\#(jwk)}"#
        #expect(await use(Self.token(header: header, key: evil), on: bench).error == "TOKEN_INVALID")
        #expect(await use(Self.token(header: header), on: bench).error == "ok")
    }

    @Test("a token signed with another secret is refused, so are an empty and a short one", arguments: [0, 1, 31, 32])
    func otherSecret(size: Int) async throws {
        #expect(await use(Self.token(key: [UInt8](repeating: 0x41, count: size)), on: try GatewayBench()).error == "TOKEN_INVALID")
    }

    // MARK: The form

    @Test("one changed character anywhere makes the token worthless")
    func changedCharacter() async throws {
        let bench = try GatewayBench { $0.rateLimits.failures = RateLimit(100_000, per: .seconds(60)) }
        let token = Array(Self.token())
        for index in stride(from: 0, to: token.count, by: 7) where token[index] != "." {
            var changed = token
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(await use(String(changed), on: bench).error == "TOKEN_INVALID", "at \(index)")
        }
    }

    @Test("a token that is cut anywhere is refused")
    func truncated() async throws {
        let bench = try GatewayBench { $0.rateLimits.failures = RateLimit(100_000, per: .seconds(60)) }
        let token = Self.token()
        for length in stride(from: 1, to: token.count, by: 11) {
            #expect(await use(String(token.prefix(length)), on: bench).error == "TOKEN_INVALID", "\(length) characters")
        }
    }

    @Test("base64url is read in its one right spelling: no padding, no other alphabet, no left-over bits")
    func spellings() async throws {
        let bench = try GatewayBench()
        let token = Self.token()
        #expect(await use(token + "=", on: bench).error == "TOKEN_INVALID")
        #expect(await use(token + "\t", on: bench).error == "TOKEN_INVALID")
        #expect(await use(token.replacing(".", with: "=."), on: bench).error == "TOKEN_INVALID")
        #expect(await use(token + ".", on: bench).error == "TOKEN_INVALID")
        #expect(await use(token + ".AAAA", on: bench).error == "TOKEN_INVALID")
        // 32 bytes are 43 digits, of which the last has two bits that mean nothing: three other digits decode to the same bytes.
        let last = try #require(token.last)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let digit = try #require(alphabet.firstIndex(of: last))
        #expect(digit % 4 == 0)
        for twin in 1...3 {
            #expect(await use(token.dropLast() + String(alphabet[digit + twin]), on: bench).error == "TOKEN_INVALID")
        }
        #expect(await use(token, on: bench).error == "ok")
    }

    @Test("4,096 bytes are read, 4,097 are not")
    func size() async throws {
        let bench = try GatewayBench()
        func padded(to size: Int) -> String? {
            for filler in 2_300...3_100 {
                let token = Self.token(claims: Self.with("pad", .text(String(repeating: "x", count: filler))))
                if token.utf8.count == size { return token }
            }
            return nil
        }
        // base64url grows in steps; one of two neighbouring sizes exists for each bound.
        let fits = try #require(padded(to: 4_096) ?? padded(to: 4_095))
        let isTooLong = try #require(padded(to: 4_097) ?? padded(to: 4_098))
        #expect(await use(fits, on: bench).error == "ok")
        #expect(await use(isTooLong, on: bench).error == "TOKEN_INVALID")
    }

    @Test("claims that occur twice are refused: two readers must not see two meanings")
    func doubledClaims() async throws {
        let text = JSONWriter.text(.record(Self.claims)).dropLast() + #","sub":"somebody"}"#
        #expect(await use(Self.token(text: String(text)), on: try GatewayBench()).error == "TOKEN_INVALID")
    }

    @Test("claims that are no record of JSON are refused", arguments: ["", "null", "[]", "{", "{} {}", "\"text\"", "{\"exp\":1e999}"])
    func noRecord(text: String) async throws {
        #expect(await use(Self.token(text: text), on: try GatewayBench()).error == "TOKEN_INVALID")
    }

    // MARK: The claims

    @Test(
        "a missing claim is refused",
        arguments: ["iss", "aud", "typ", "sub", "tenant", "role", "epoch", "iat", "nbf", "exp", "jti"])
    func missing(claim: String) async throws {
        #expect(await use(Self.token(claims: Self.with(claim, nil)), on: try GatewayBench()).error == "TOKEN_INVALID")
    }

    @Test(
        "a claim with another value is refused",
        arguments: [
            ("iss", "lab-cloud2"), ("iss", ["lab-cloud"]), ("aud", "device-api"), ("aud", ["user-api", "device-api"]), ("typ", "download"),
            ("typ", "device"), ("sub", ""), ("role", "device"), ("role", "root"), ("epoch", 0), ("epoch", "1"), ("exp", "1767229200"),
            ("exp", 1_767_229_200.5), ("exp", 99_999_999_999), ("exp", -1), ("iat", true), ("jti", ""),
        ] as [(String, FieldValue)])
    func wrong(claim: String, value: FieldValue) async throws {
        #expect(await use(Self.token(claims: Self.with(claim, value)), on: try GatewayBench()).error == "TOKEN_INVALID")
    }

    @Test("a token expires, with 60 s of leeway, on the run's clock", arguments: [(3_659, "ok"), (3_660, "TOKEN_EXPIRED"), (90_000, "TOKEN_EXPIRED")])
    func expiry(later: Int64, result: String) async throws {
        let bench = try GatewayBench()
        bench.clock.advance(.seconds(later))
        #expect(await use(Self.token(), on: bench).error == result)
    }

    @Test("a token from the future is refused beyond 60 s of leeway", arguments: ["iat", "nbf"])
    func future(claim: String) async throws {
        let bench = try GatewayBench()
        #expect(await use(Self.token(claims: Self.with(claim, .integer(GatewayBench.epoch + 60))), on: bench).error == "ok")
        #expect(await use(Self.token(claims: Self.with(claim, .integer(GatewayBench.epoch + 61))), on: bench).error == "TOKEN_INVALID")
    }

    @Test("a token of another tenant is refused, also when the request names that tenant")
    func tenant() async throws {
        let bench = try GatewayBench()
        let answer = await use(Self.token(claims: Self.with("tenant", "acme")), on: bench)
        #expect((answer.status, answer.error) == (403, "TENANT_MISMATCH"))
        let mine = await bench.send("GET", "/api/v1/devices", [("authorization", "Bearer " + Self.token()), ("x-tenant", "acme")])
        #expect(mine.error == "TENANT_MISMATCH")
    }

    @Test("the role is the table's, not the token's: a guest with a token that says admin stays a guest")
    func roleInToken() async throws {
        let bench = try GatewayBench()
        try bench.parts.users.createOperator(name: "gast", role: .guest)
        var claims = Self.claims
        claims["sub"] = "gast"
        let answer = await bench.send(
            "PUT", "/api/v1/devices/luna_badge_0007/config", [("authorization", "Bearer " + Self.token(claims: claims))], body: "{}")
        #expect((answer.status, answer.error) == (403, "PERMISSION_DENIED"))
    }

    // MARK: Keys

    static let second = TokenKey(keyID: "k2", secret: [UInt8](repeating: 0x52, count: 32))

    @Test("while keys are changed both are taken and the first signs; a retired one is cut at once")
    func rotation() async throws {
        let old = TokenKey(keyID: "k1", secret: GatewayBench.tokenSecret)
        let both = try GatewayBench { $0.tokenKeys = [Self.second, old] }
        #expect(await use(Self.token(), on: both).error == "ok")
        let fresh = try both.parts.tokens.issue(user: "root", role: .admin, epoch: 1, tenant: "default").token
        #expect(await use(fresh, on: both).error == "ok")
        #expect(fresh.hasPrefix(Self.base64URL(Array(#"{"alg":"HS256","kid":"k2","typ":"JWT"}"#.utf8))))
        var retired = old
        retired.isRetired = true
        let after = try GatewayBench { $0.tokenKeys = [Self.second, retired] }
        #expect(await use(Self.token(), on: after).error == "TOKEN_INVALID")
        #expect(await use(fresh, on: after).error == "ok")
    }

    @Test("a token that names one key and is signed with the other is refused")
    func mixedKeys() async throws {
        let bench = try GatewayBench { $0.tokenKeys.append(Self.second) }
        #expect(await use(Self.token(key: Self.second.secret), on: bench).error == "TOKEN_INVALID")
    }

    // MARK: Devices

    @Test("a device's token is worth nothing without a signature, and a user's token is not a device's")
    func tokenAlone() async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("GET", "/api/v1/devices/luna_badge_0007", [("authorization", "Bearer " + Self.fromOpenSSL)])
        #expect(answer.error == "SIGNATURE_REQUIRED")
        let path = "/api/v1/auth/device/token"
        #expect(await bench.send("POST", path, [("authorization", "Bearer " + Self.token())], body: "{}").error == "SIGNATURE_REQUIRED")
    }

    @Test("a device's token beside another device's signature is refused")
    func otherDevice() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0008"
        let other = bench.signed("GET", path, device: "luna_badge_0008", key: [UInt8](repeating: 0x33, count: 32))
        let answer = await bench.send("GET", path, [("authorization", "Bearer " + Self.fromOpenSSL)] + other)
        #expect((answer.status, answer.error) == (401, "TOKEN_INVALID"))
    }

    @Test("raising a device's key epoch ends its tokens")
    func revoked() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007"
        let before = try await bench.asDevice("GET", path)
        #expect(await bench.send("GET", path, before).error == "ok")
        bench.raiseEpoch()
        let after = try await bench.asDevice("GET", path)
        let answer = await bench.send("GET", path, after)
        #expect((answer.status, answer.error) == (401, "TOKEN_REVOKED"))
    }

    @Test("other schemes, and tokens elsewhere than in the header, are no proof", arguments: ["Basic cm9vdDpyb290", "Bearer", "Bearer  x", "", "token x y"])
    func schemes(value: String) async throws {
        let bench = try GatewayBench()
        #expect(await bench.send("GET", "/api/v1/devices", [("authorization", value)]).error == "AUTHENTICATION_REQUIRED")
        #expect(await bench.send("GET", "/api/v1/devices?token=\(Self.token())").error == "AUTHENTICATION_REQUIRED")
        #expect(await bench.send("GET", "/api/v1/devices", [("cookie", "token=" + Self.token())]).error == "AUTHENTICATION_REQUIRED")
    }

    @Test("why a token was refused is in the log and not in the answer")
    func reasonInLog() async throws {
        let bench = try GatewayBench()
        let answer = await use(Self.token(header: #"{"alg":"none","kid":"k1"}"#), on: bench)
        #expect(answer.json?.record?["message"] == "The token is not one of this cloud for this use.")
        let event = try #require(bench.clock.events("request.refused").last)
        #expect(event["reason"] == "token_invalid")
        #expect(event["detail"] == "the algorithm 'none' is not the one of the key, HS256")
    }
}
