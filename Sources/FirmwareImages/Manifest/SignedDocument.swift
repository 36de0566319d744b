package import LabCore

/// A document with signatures over the canonical bytes of its `signed` part:
/// `{"signed":{…},"signatures":[{"keyid":"hex","sig":"hex"}]}`.
package struct SignedDocument: Sendable, Hashable {
    package struct Signature: Sendable, Hashable {
        /// SHA-256 of the key, see `ReleaseKey.id`.
        package var keyID: [UInt8]
        package var bytes: [UInt8]

        package init(keyID: [UInt8], bytes: [UInt8]) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    package static let maximumSignatures = 32
    /// Of one signature; a CMS with its certificates is the largest.
    package static let maximumSignatureLength = 16 * 1024

    package var signed: Fields
    package var signatures: [Signature]
    /// What the signatures cover.
    package let canonical: [UInt8]

    /// - Throws: if a value cannot be signed.
    package init(signed: Fields, signatures: [Signature] = []) throws(CanonicalJSON.Failure) {
        self.signed = signed
        self.signatures = signatures
        canonical = try CanonicalJSON.bytes(.record(signed))
    }

    /// Reads a document of at most `limit` bytes. Nothing in it may be believed before `verify`.
    package init(reading bytes: [UInt8], limit: Int) throws(ManifestRefusal) {
        guard bytes.count <= limit else {
            throw ManifestRefusal(.endlessData, "oversize", "The document has \(bytes.count) bytes; at most \(limit) are read.")
        }
        let value: FieldValue
        do { value = try JSONReader.read(bytes, maximumDepth: 8) } catch { throw .malformed("\(error).") }
        guard case .record(let fields) = value else { throw .malformed("The document must be a record.") }
        let document = ManifestFields(fields: fields)
        signed = try document.record("signed").fields
        guard case .list(let list) = try document.value("signatures"), list.count <= Self.maximumSignatures else {
            throw .malformed("`signatures` must be a list of at most \(Self.maximumSignatures).")
        }
        signatures = []
        for (index, item) in list.enumerated() {
            guard case .record(let entry) = item else { throw .malformed("`signatures[\(index)]` must be a record.") }
            let reader = ManifestFields(fields: entry, place: "signatures[\(index)]")
            signatures.append(
                Signature(keyID: try reader.hash("keyid"), bytes: try reader.hexadecimal("sig", count: 1...Self.maximumSignatureLength)))
        }
        do { canonical = try CanonicalJSON.bytes(.record(signed)) } catch { throw .malformed("`signed.\(error.path)`: \(error.reason).") }
    }

    /// The file: `signed` canonical, one line, a line feed at the end.
    package var bytes: [UInt8] {
        var output = Array("{\"signed\":".utf8) + canonical + Array(",\"signatures\":".utf8)
        let list = signatures.map { signature -> FieldValue in
            ["keyid": .text(Hexadecimal.text(signature.keyID)), "sig": .text(Hexadecimal.text(signature.bytes))]
        }
        JSONWriter.append(.list(list), to: &output)
        output.append(contentsOf: "}\n".utf8)
        return output
    }

    /// Refuses the document unless `role.threshold` different keys of the role have signed it.
    ///
    /// A key counts once however often it signs; signatures by keys that the role does not have are ignored.
    ///
    /// - Parameters:
    ///   - time: Unix seconds at which certificates must be valid, for keys of the scheme `cms`.
    ///   - who: for messages: `the trusted root`.
    ///   - checked: signatures of which the answer is known.
    func verify(
        _ role: ReleaseRole, at time: Int64, of who: String, knowing checked: CheckedSignatures = CheckedSignatures()
    ) throws(ManifestRefusal) {
        var good: [[UInt8]] = []
        var bad = 0
        var foreign = 0
        for signature in signatures {
            guard let key = role.keys.first(where: { $0.id == signature.keyID }) else { foreign += 1; continue }
            if good.contains(key.id) { continue }
            let isValid = checked.answer(key, signature.bytes, for: canonical) ?? key.isValid(signature.bytes, for: canonical, at: time)
            if isValid { good.append(key.id) } else { bad += 1 }
        }
        if good.count >= role.threshold { return }
        if !good.isEmpty {
            throw ManifestRefusal(
                .keyCompromises, "under_signed", "\(good.count) of the \(role.threshold) keys that \(who) asks for have signed it.")
        }
        if bad > 0 {
            throw ManifestRefusal(.arbitrarySoftware, "signature_invalid", "The signature by a key of \(who) does not fit the content.")
        }
        if foreign > 0 {
            throw ManifestRefusal(.arbitrarySoftware, "unknown_key", "No key of \(who) has signed it, only \(foreign) unknown.")
        }
        throw ManifestRefusal(.arbitrarySoftware, "unsigned", "It carries no signature.")
    }
}
