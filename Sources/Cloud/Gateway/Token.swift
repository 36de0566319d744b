import LabCore

/// What a token is for. A token for one use is refused in every other (RFC 8725 §3.12).
package enum TokenUse: String, Sendable, CaseIterable {
    case device, user

    var audience: String {
        switch self {
        case .device: "device-api"
        case .user: "user-api"
        }
    }
}

/// The claims of a token of this cloud. All times are Unix seconds.
package struct TokenClaims: Sendable, Equatable {
    package static let issuer = "lab-cloud"

    package var iss = TokenClaims.issuer
    package var aud: String
    package var typ: String
    package var sub: String
    package var device_id: String?
    package var tenant: String
    package var role: String
    /// Of the device's keys, or of the user's password: a higher one at the cloud makes the token worthless.
    package var epoch: Int
    package var iat: Int64
    package var nbf: Int64
    package var exp: Int64
    package var jti: String

    package init(
        use: TokenUse, subject: String, tenant: String, role: UserRole, epoch: Int, issuedAt: Int64, life: Int64, id: String
    ) {
        aud = use.audience
        typ = use.rawValue
        sub = subject
        device_id = use == .device ? subject : nil
        self.tenant = tenant
        self.role = role.rawValue
        self.epoch = epoch
        iat = issuedAt
        nbf = issuedAt
        exp = issuedAt + life
        jti = id
    }

    /// In the order of their names.
    var fields: Fields {
        var fields: Fields = [
            "aud": .text(aud), "device_id": .text(device_id ?? ""), "epoch": .integer(Int64(epoch)), "exp": .integer(exp), "iat": .integer(iat),
            "iss": .text(iss), "jti": .text(jti), "nbf": .integer(nbf), "role": .text(role), "sub": .text(sub), "tenant": .text(tenant),
            "typ": .text(typ),
        ]
        if device_id == nil { fields["device_id"] = nil }
        return fields
    }
}

/// Why a token is not believed: for the log, while the caller learns only that it is not.
package enum TokenRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLong(Int)
    case notThreeParts
    case notBase64URL(String)
    case notJSON(String)
    case algorithm(String)
    case unknownKey(String)
    case retiredKey(String)
    case criticalHeader
    case signature
    case claim(String)
    case expired(at: Int64)

    package var description: String {
        switch self {
        case .tooLong(let size): "the token has \(size) bytes, more than \(TokenReader.maximumSize)"
        case .notThreeParts: "the token is not header.claims.signature"
        case .notBase64URL(let part): "the \(part) is not base64url without padding"
        case .notJSON(let part): "the \(part) is not one JSON record"
        case .algorithm(let name): "the algorithm '\(name)' is not the one of the key, HS256"
        case .unknownKey(let id): "no key is called '\(id)'"
        case .retiredKey(let id): "the key '\(id)' is retired"
        case .criticalHeader: "the header asks for extensions (crit) that are not understood"
        case .signature: "the signature is wrong"
        case .claim(let name): "the claim '\(name)' is missing or wrong"
        case .expired(let second): "the token expired at \(second)"
        }
    }
}

/// The parts of a token whose form is right. The signature is still to be checked.
struct ReadToken: Sendable {
    var keyID: String
    var claims: Fields
}

/// Reads tokens strictly, before any key is touched (RFC 7515 §5.2, RFC 8725 §3; security.md 4.1).
enum TokenReader {
    static let maximumSize = 4_096
    /// Seconds by which clocks may differ.
    static let leeway: Int64 = 60

    static func read(_ token: String) throws(TokenRefusal) -> ReadToken {
        guard token.utf8.count <= maximumSize else { throw .tooLong(token.utf8.count) }
        // By bytes: by characters it would take longer than the signature.
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .notThreeParts }
        let header = try record(parts[0], "header")
        let claims = try record(parts[1], "claims")
        guard StrictBase64URL.bytes(parts[2]) != nil else { throw .notBase64URL("signature") }
        // The algorithm belongs to the key. It is read here only to refuse every other one, 'none' in any spelling included.
        guard case .text("HS256")? = header["alg"] else { throw .algorithm(header["alg"]?.description.prefix(16).description ?? "") }
        if header["crit"] != nil { throw .criticalHeader }
        if let type = header["typ"], type.text?.uppercased() != "JWT" { throw .claim("typ") }
        // Keys and places of keys that the token brings itself (jwk, jku, x5u, x5c) are not looked at.
        guard let keyID = header["kid"]?.text else { throw .unknownKey("") }
        return ReadToken(keyID: keyID, claims: claims)
    }

    private static func record(_ part: some Collection<UInt8>, _ name: String) throws(TokenRefusal) -> Fields {
        guard let bytes = StrictBase64URL.bytes(part) else { throw .notBase64URL(name) }
        guard let value = try? JSONReader.read(bytes, maximumDepth: 4), let fields = value.record else { throw .notJSON(name) }
        return fields
    }

    /// Checks the claims by hand against the run's clock: a library would ask the machine's.
    static func check(_ fields: Fields, uses: [TokenUse], at now: Int64) throws(TokenRefusal) -> TokenClaims {
        guard fields["iss"]?.text == TokenClaims.issuer else { throw .claim("iss") }
        guard let use = uses.first(where: { fields["typ"]?.text == $0.rawValue }) else { throw .claim("typ") }
        guard fields["aud"]?.text == use.audience else { throw .claim("aud") }
        guard let subject = fields["sub"]?.text, !subject.isEmpty else { throw .claim("sub") }
        if use == .device, fields["device_id"]?.text != subject { throw .claim("device_id") }
        guard let role = fields["role"]?.text.flatMap(UserRole.init(rawValue:)), (role == .device) == (use == .device) else {
            throw .claim("role")
        }
        guard let tenant = fields["tenant"]?.text else { throw .claim("tenant") }
        guard let epoch = fields["epoch"]?.integer.flatMap({ Int(exactly: $0) }), epoch >= 1 else { throw .claim("epoch") }
        guard let id = fields["jti"]?.text, !id.isEmpty else { throw .claim("jti") }
        let issuedAt = try moment("iat", in: fields)
        let notBefore = try moment("nbf", in: fields)
        let expiry = try moment("exp", in: fields)
        guard issuedAt <= now + leeway else { throw .claim("iat") }
        guard notBefore <= now + leeway else { throw .claim("nbf") }
        guard now < expiry + leeway else { throw .expired(at: expiry) }
        return TokenClaims(
            use: use, subject: subject, tenant: tenant, role: role, epoch: epoch, issuedAt: issuedAt, life: expiry - issuedAt, id: id)
    }

    /// Whole Unix seconds before the year 2286; a number with a fraction or a text is not a time of ours.
    private static func moment(_ name: String, in fields: Fields) throws(TokenRefusal) -> Int64 {
        guard let second = fields[name]?.integer, (0...9_999_999_999).contains(second) else { throw .claim(name) }
        return second
    }
}

/// base64url without padding, in its one right spelling (RFC 7515 §2, RFC 4648 §3.5).
enum StrictBase64URL {
    /// - Returns: `nil` for padding, whitespace, other alphabets, impossible lengths and left-over bits that are not zero:
    ///   two spellings of one token would be two tokens to a revocation list.
    static func bytes(_ text: some StringProtocol) -> [UInt8]? { bytes(text.utf8) }

    static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(text.count * 3 / 4)
        var bits: UInt32 = 0
        var count = 0
        for byte in text {
            guard let digit = value(byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            count += 6
            if count >= 8 {
                count -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= (1 << UInt32(count)) - 1
            }
        }
        return count < 6 && bits == 0 ? output : nil
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
