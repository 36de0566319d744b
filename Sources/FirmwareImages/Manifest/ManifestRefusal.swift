/// Why a document of the release set is not taken: the attack that it would be, a short word, and a sentence.
package struct ManifestRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The attacks by the names that TUF gives them (specs/ota.md §4, source S8).
    package enum Attack: String, Sendable, Hashable, CaseIterable {
        /// Software that nobody who may has signed.
        case arbitrarySoftware = "arbitrary software installation"
        /// Metadata, or a security counter, older than what the device has seen.
        case rollback
        /// A version so high that no later one can follow, or a document from the future.
        case fastForward = "fast-forward"
        /// Metadata that has expired is kept in front of the device, so that it never sees newer ones.
        case indefiniteFreeze = "indefinite freeze"
        /// More bytes than were announced, or than any such document has.
        case endlessData = "endless data"
        case extraneousDependencies = "extraneous dependencies"
        /// Parts that are good by themselves and do not belong together.
        case mixAndMatch = "mix-and-match"
        /// Software for another product, tenant or hardware.
        case wrongSoftware = "wrong software installation"
        /// Documents that cannot be read at all keep a device from updating.
        case maliciousMirrors = "malicious mirrors preventing updates"
        case slowRetrieval = "slow retrieval"
        /// Fewer keys than the threshold: what a thief of some of the keys can make.
        case keyCompromises = "vulnerability to key compromises"
    }

    package var attack: Attack
    /// One word for reports: `expired`, `rollback`, `under_signed`; the wire has it as `manifest_<reason>`.
    package var reason: String
    /// A sentence with what was found and what was expected.
    package var text: String

    package init(_ attack: Attack, _ reason: String, _ text: String) {
        self.attack = attack
        self.reason = reason
        self.text = text
    }

    package var description: String { "\(text) (\(attack.rawValue))" }

    static func malformed(_ text: String) -> ManifestRefusal { ManifestRefusal(.maliciousMirrors, "malformed", text) }
}
