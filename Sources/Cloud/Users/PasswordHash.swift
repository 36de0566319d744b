import Crypto
import CryptoExtras
import LabCore

/// Passwords as they are stored: `scrypt$N$r$p$salt$hash`, salt and hash in hexadecimal digits (RFC 7914).
enum PasswordHash {
    private static let size = 32

    /// - Parameter salt: 16 random bytes.
    static func make(_ password: String, salt: [UInt8], cost: PasswordCost) throws -> String {
        let key = try derive(password, salt: salt, cost: cost)
        let digits = unsafe key.withUnsafeBytes { unsafe Hexadecimal.text($0) }
        return "scrypt$\(cost.rounds)$\(cost.blockSize)$\(cost.parallelism)$\(Hexadecimal.text(salt))$\(digits)"
    }

    /// Whether the password is the one of the stored text, in a time that says nothing about how near it was.
    ///
    /// A stored text that is no hash (`disabled`) fits no password and costs the same work with `cost`.
    static func matches(_ password: String, stored: String?, cost: PasswordCost) throws -> Bool {
        let read = stored.flatMap(parse)
        let (salt, expected) = (read?.salt ?? Array(repeating: 0, count: 16), read?.hash ?? Array(repeating: 0, count: size))
        // The library passes the address of the first byte on, so that there must be one.
        let key = try derive(password.isEmpty ? "\0" : password, salt: salt, cost: read?.cost ?? cost)
        // The comparison of HMACs is the library's constant-time one; equal keys have equal codes.
        let probe = Array("password".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: probe, using: SymmetricKey(data: expected))
        let isSame = HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: probe, using: key)
        return isSame && read != nil && !password.isEmpty
    }

    private static func derive(_ password: String, salt: [UInt8], cost: PasswordCost) throws -> SymmetricKey {
        try KDF.Scrypt.deriveKey(
            from: Array(password.utf8), salt: salt, outputByteCount: size, rounds: cost.rounds, blockSize: cost.blockSize,
            parallelism: cost.parallelism)
    }

    private static func parse(_ text: String) -> (cost: PasswordCost, salt: [UInt8], hash: [UInt8])? {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "scrypt", let rounds = Int(parts[1]), let blockSize = Int(parts[2]),
            let parallelism = Int(parts[3]), let salt = Hexadecimal.bytes(parts[4]), !salt.isEmpty,
            let hash = Hexadecimal.bytes(parts[5]), hash.count == size
        else { return nil }
        return (PasswordCost(rounds: rounds, blockSize: blockSize, parallelism: parallelism), salt, hash)
    }
}

/// What names and passwords of users may be.
enum UserRules {
    static let nameRule = "a user name is 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_'"
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { Characters.isBase64URL($0) || $0 == UInt8(ascii: ".") }
    }

    static let passwordRule = "a password has 12 to 128 bytes (NIST SP 800-63B wants length, not kinds of characters)"
    static func isPassword(_ text: String) -> Bool { (12...128).contains(text.utf8.count) }

    static let emailRule = "a mail address is 3 to 128 visible characters with one '@' inside"
    static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return (3...128).contains(text.utf8.count) && text.utf8.allSatisfy(Characters.isVisible) && parts.count == 2
            && parts.allSatisfy { !$0.isEmpty }
    }
}
