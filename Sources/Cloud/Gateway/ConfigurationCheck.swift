/// What is wrong with a configuration, with what to do. The cloud does not start with one.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package var setting: String
    package var reason: String
    package var description: String { "The setting \(setting) of the cloud is wrong: \(reason)." }
}

extension CloudConfiguration {
    /// - Throws: the first thing that is wrong.
    package func check() throws(ConfigurationError) {
        try checkTokenKeys()
        try checkMasterKeys()
        try checkPasswords()
        try checkRates()
    }

    private func checkTokenKeys() throws(ConfigurationError) {
        var seen: Set<String> = []
        for key in tokenKeys {
            guard (1...64).contains(key.keyID.utf8.count), key.keyID.utf8.allSatisfy(Characters.isBase64URL) else {
                throw ConfigurationError(setting: "tokenKeys", reason: "a key id is 1 to 64 characters of A-Z, a-z, 0-9, '-' and '_'")
            }
            guard seen.insert(key.keyID).inserted else {
                throw ConfigurationError(setting: "tokenKeys", reason: "the key id '\(key.keyID)' occurs twice")
            }
            // RFC 7518 §3.2: a key of the size of the hash output or larger.
            guard key.secret.count >= 32 else {
                throw ConfigurationError(
                    setting: "tokenKeys",
                    reason: "the key '\(key.keyID)' has \(key.secret.count) bytes, but HS256 needs 32 random bytes or more")
            }
        }
        let active = tokenKeys.count { !$0.isRetired }
        guard (1...2).contains(active) else {
            throw ConfigurationError(
                setting: "tokenKeys", reason: "\(active) keys are active; one is needed, and a second one while keys are changed")
        }
    }

    private func checkMasterKeys() throws(ConfigurationError) {
        for (name, key) in [("factoryMasterKey", devices.factoryMasterKey), ("deviceMasterKey", devices.deviceMasterKey)] {
            guard key.count >= 32 else {
                throw ConfigurationError(setting: name, reason: "it has \(key.count) bytes, but 32 random bytes or more are needed")
            }
        }
        if devices.factoryMasterKey == devices.deviceMasterKey {
            throw ConfigurationError(setting: "deviceMasterKey", reason: "it equals the factory master key; give each its own")
        }
    }

    private func checkPasswords() throws(ConfigurationError) {
        let cost = passwordCost
        guard cost.rounds.nonzeroBitCount == 1, (2...(1 << 20)).contains(cost.rounds) else {
            throw ConfigurationError(setting: "passwordCost.rounds", reason: "it must be a power of two from 2 to 1048576")
        }
        guard (1...32).contains(cost.blockSize), (1...16).contains(cost.parallelism) else {
            throw ConfigurationError(setting: "passwordCost", reason: "blockSize goes from 1 to 32 and parallelism from 1 to 16")
        }
        if let first = firstAdministrator {
            guard UserRules.isName(first.name) else {
                throw ConfigurationError(setting: "firstAdministrator.name", reason: UserRules.nameRule)
            }
            guard UserRules.isPassword(first.password) else {
                throw ConfigurationError(setting: "firstAdministrator.password", reason: UserRules.passwordRule)
            }
        }
    }

    private func checkRates() throws(ConfigurationError) {
        let limits = [
            ("login", rateLimits.login), ("registration", rateLimits.registration), ("device", rateLimits.device),
            ("user", rateLimits.user), ("open", rateLimits.open), ("ota", rateLimits.ota), ("notices", rateLimits.notices), ("failures", rateLimits.failures), ("clockHelp", rateLimits.clockHelp),
        ]
        for (name, limit) in limits {
            guard (1...1_000_000).contains(limit.requests), limit.period >= .milliseconds(1), limit.period <= .seconds(86_400) else {
                throw ConfigurationError(
                    setting: "rateLimits.\(name)", reason: "it must allow 1 to 1000000 requests in 1 ms to 1 day")
            }
        }
    }
}

/// Sets of characters that the wire formats name.
enum Characters {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    /// RFC 4648 §5.
    static func isBase64URL(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    /// Visible ASCII without the space.
    static func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7e).contains(byte) }

    /// RFC 3986: what a path with its query is made of: unreserved, sub-delims, `:@/?` and `%`.
    static func isPath(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || pathSigns.contains(byte) }
    private static let pathSigns = Set("-._~!$&'()*+,;=:@/?%".utf8)
}
