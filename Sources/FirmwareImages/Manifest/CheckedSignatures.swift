/// Signatures over documents that were checked before, for whoever lets many devices judge the same documents, as a bench does.
///
/// An answer counts for exactly these bytes: key, signature and all that it covers are compared, so that a document which differs in one bit
/// is checked anew. Signatures in CMS are not kept: whether their certificates are good depends on the time.
package struct CheckedSignatures: Sendable, Hashable {
    private struct Check: Sendable, Hashable {
        var keyID: [UInt8]
        var signature: [UInt8]
        var message: [UInt8]
    }

    private var answers: [Check: Bool] = [:]

    package init() {}

    /// Checks all signatures of a document, a manifest or a root, by keys of the role; of what is no signed document nothing is learnt.
    package mutating func learn(_ document: [UInt8], by role: ReleaseRole) {
        guard let document = try? SignedDocument(reading: document, limit: ReleaseManifest.maximumLength) else { return }
        for signature in document.signatures {
            guard let key = role.keys.first(where: { $0.id == signature.keyID }), key.scheme != .cms else { continue }
            answers[Check(keyID: key.id, signature: signature.bytes, message: document.canonical)] =
                key.isValid(signature.bytes, for: document.canonical, at: 0)
        }
    }

    /// Nil where just this was not checked before.
    func answer(_ key: ReleaseKey, _ signature: [UInt8], for message: [UInt8]) -> Bool? {
        answers.isEmpty ? nil : answers[Check(keyID: key.id, signature: signature, message: message)]
    }
}
