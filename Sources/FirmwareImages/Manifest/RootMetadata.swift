import LabCore

/// The root of trust: which keys may sign releases, and which may replace this root.
///
/// `{"signed":{"_type":"root","spec_version":1,"version":1,"issued":"…Z","expires":"…Z","keys":{"<keyid>":{"scheme":"ed25519",`
/// `"public":"<DER in hexadecimal>"}},"roles":{"root":{"keyids":[…],"threshold":1},"release":{"keyids":[…],"threshold":1}}},`
/// `"signatures":[…]}` with signatures as in `SignedDocument`.
///
/// **Rotation.** A device holds one root, at first the one from the factory, and follows the chain 1, 2, 3… (TUF §5.3). Root N+1 is taken
/// when the threshold of N *and* its own have signed it, so that neither a thief of new keys nor of old ones alone can replace it.
/// Nothing is skipped, because each link of the chain is the proof for the next, and nothing goes back.
///
/// **When a release key is lost to others**: publish root N+1 without that key, signed by the root keys, which are kept offline. From then
/// on the thief's manifests are `unknown_key`. What the thief may have done before is limited: hardware, product and tenant still bind,
/// security counters still count, and a fast-forwarded manifest version is forgotten with the key (`ReleaseTrust.adopt`).
/// **When a root key is lost to others** but fewer than the threshold: root N+1 without it, signed by the others.
/// **When a threshold of root keys is lost to others** nothing but a new factory programming helps. Use two or more root keys.
package struct RootMetadata: Sendable, Hashable {
    /// Of the file; a certificate in each of 32 keys fits.
    package static let maximumLength = 256 * 1024

    package let version: Int64
    /// Unix seconds.
    package let issued: Int64
    /// Unix seconds. From then on no manifest is taken on the word of this root.
    package let expires: Int64
    /// Who may sign the next root.
    package let root: ReleaseRole
    /// Who may sign releases.
    package let release: ReleaseRole
    /// The file, for devices that keep it.
    package let bytes: [UInt8]

    /// Reads the root that was put into the device in the factory, or that the device has stored itself.
    ///
    /// It must be signed by its own keys, which finds damage; whether it is the right one is decided by where it comes from.
    /// An expired one is read: its successor can still be followed to.
    package static func trusted(_ bytes: [UInt8]) throws(ManifestRefusal) -> RootMetadata {
        let (document, root) = try read(bytes)
        try document.verify(root.root, at: root.issued, of: "this root itself")
        return root
    }

    /// The root after this one.
    ///
    /// Checked in this order: size, form, version exactly one higher, signatures of this root's keys, signatures of its own keys, expiry.
    ///
    /// - Parameter now: Unix seconds; where the clock is not to be trusted it may stand before `issued`, see `ReleaseTrust.clock`.
    package func next(_ bytes: [UInt8], now: Int64) throws(ManifestRefusal) -> RootMetadata {
        let next = try successor(bytes, now: now)
        try next.refuseIfExpired(at: max(now, issued))
        return next
    }

    /// Follows a chain of roots, N+1 first. Only the last one must not have expired: a device that was in a drawer for years may pass
    /// through roots that have (TUF §5.3.10).
    package func following(_ chain: [[UInt8]], now: Int64) throws(ManifestRefusal) -> RootMetadata {
        var current = self
        for bytes in chain { current = try current.successor(bytes, now: now) }
        try current.refuseIfExpired(at: max(now, issued))
        return current
    }

    private func successor(_ bytes: [UInt8], now: Int64) throws(ManifestRefusal) -> RootMetadata {
        let (document, next) = try Self.read(bytes)
        // The version first, although nothing is signed yet: it can only refuse, and it names the attack.
        guard next.version > version else {
            throw ManifestRefusal(.rollback, "root_rollback", "Root \(next.version) does not come after root \(version).")
        }
        guard next.version == version + 1 else {
            throw ManifestRefusal(
                .fastForward, "root_skipped", "Root \(next.version) does not follow root \(version) directly; fetch \(version + 1) first.")
        }
        // Certificates count at the time of issue where the clock stands before it.
        let time = max(now, issued)
        try document.verify(root, at: time, of: "root \(version)")
        try document.verify(next.root, at: time, of: "root \(next.version) itself")
        return next
    }

    func refuseIfExpired(at now: Int64) throws(ManifestRefusal) {
        guard now < expires else {
            throw ManifestRefusal(
                .indefiniteFreeze, "root_expired", "Root \(version) expired at \(UTCTime.text(expires)); it is \(UTCTime.text(now)).")
        }
    }

    // MARK: Form

    private static func read(_ bytes: [UInt8]) throws(ManifestRefusal) -> (SignedDocument, RootMetadata) {
        let document = try SignedDocument(reading: bytes, limit: maximumLength)
        let fields = ManifestFields(fields: document.signed)
        guard try fields.text("_type") == "root" else { throw .malformed("`_type` must be \"root\".") }
        _ = try fields.integer("spec_version", 1...1)
        let keys = try keys(try fields.record("keys"))
        let roles = try fields.record("roles")
        let root = RootMetadata(
            version: try fields.integer("version", 1...Int64(Int32.max)), issued: try fields.moment("issued"),
            expires: try fields.moment("expires"),
            root: try role(try roles.record("root"), keys), release: try role(try roles.record("release"), keys), bytes: bytes)
        guard root.issued < root.expires else { throw .malformed("`expires` must come after `issued`.") }
        return (document, root)
    }

    private static func keys(_ fields: ManifestFields) throws(ManifestRefusal) -> [ReleaseKey] {
        guard (1...32).contains(fields.fields.count) else { throw .malformed("`keys` must have 1 to 32 keys.") }
        var keys: [ReleaseKey] = []
        for entry in fields.fields {
            let inner = try fields.record(entry.name)
            guard let scheme = ReleaseKey.Scheme(rawValue: try inner.text("scheme")) else {
                throw .malformed(
                    "`\(inner.place).scheme` must be one of \(ReleaseKey.Scheme.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            let der = try inner.hexadecimal("public", count: 1...4_096)
            let key: ReleaseKey
            do { key = try ReleaseKey(scheme, der: der) } catch { throw .malformed("`\(inner.place).public`: \(error.text)") }
            guard Hexadecimal.text(key.id) == entry.name else {
                throw .malformed("The name of a key must be the SHA-256 of its `public`: \(Hexadecimal.text(key.id)).")
            }
            keys.append(key)
        }
        return keys
    }

    private static func role(_ fields: ManifestFields, _ keys: [ReleaseKey]) throws(ManifestRefusal) -> ReleaseRole {
        var members: [ReleaseKey] = []
        for name in try fields.texts("keyids", limit: 32) {
            guard let key = keys.first(where: { Hexadecimal.text($0.id) == name }) else {
                throw .malformed("`\(fields.place).keyids` names a key that `keys` does not have: \(name).")
            }
            members.append(key)
        }
        return ReleaseRole(keys: members, threshold: Int(try fields.integer("threshold", 1...Int64(members.count))))
    }
}
