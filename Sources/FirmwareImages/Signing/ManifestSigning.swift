import Crypto
package import LabCore

extension SignedDocument {
    /// The document with a signature by each of `keys` added; an earlier one by the same key is replaced.
    package func signed(by keys: [SigningKey]) throws -> SignedDocument {
        var result = self
        for key in keys { result.attach(Signature(keyID: try key.releaseKey.id, bytes: try key.signature(for: canonical))) }
        return result
    }

    /// Adds a signature that was made elsewhere, such as a detached CMS.
    package mutating func attach(_ signature: Signature) {
        signatures.removeAll { $0.keyID == signature.keyID }
        signatures.append(signature)
    }
}

extension ReleaseManifest {
    /// The manifest of an image, and of a delta where there is one.
    ///
    /// - Parameters:
    ///   - issued: Unix seconds.
    ///   - expires: Unix seconds, after `issued`.
    ///   - delta: the delta file and the firmware of its base.
    package static func make(
        version: Int64, issued: Int64, expires: Int64, product: String = "luna-badge", tenant: String = "default",
        firmware: FirmwareVersion,
        format: ImageFormat, image: [UInt8], hardware: [String] = ["v1.0"], securityCounter: UInt32,
        minimumCompatible: FirmwareVersion? = nil,
        delta: (bytes: [UInt8], baseFirmware: FirmwareVersion)? = nil
    ) throws(DeltaRefusal) -> ReleaseManifest {
        var manifest = ReleaseManifest(
            version: version, issued: issued, expires: expires, product: product, tenant: tenant, firmware: firmware, format: format,
            length: image.count, sha256: Array(SHA256.hash(data: image)), hardware: hardware, securityCounter: securityCounter,
            minimumCompatible: minimumCompatible)
        if let delta {
            let header = try DeltaImage.header(delta.bytes)
            manifest.delta = Delta(
                baseFirmware: delta.baseFirmware, baseSHA256: header.baseSHA256, length: delta.bytes.count,
                sha256: Array(SHA256.hash(data: delta.bytes)), resultSHA256: header.resultSHA256)
        }
        return manifest
    }

    /// The file, signed by each of `keys`.
    package func sign(with keys: [SigningKey]) throws -> [UInt8] {
        try SignedDocument(signed: signed).signed(by: keys).bytes
    }
}

extension RootMetadata {
    /// The part of a root that is signed.
    package static func signed(version: Int64, issued: Int64, expires: Int64, root: ReleaseRole, release: ReleaseRole) -> Fields {
        var keys = Fields()
        for key in root.keys + release.keys {
            keys[Hexadecimal.text(key.id)] = ["scheme": .text(key.scheme.rawValue), "public": .text(Hexadecimal.text(key.der))]
        }
        func value(_ role: ReleaseRole) -> FieldValue {
            ["keyids": .list(role.keys.map { .text(Hexadecimal.text($0.id)) }), "threshold": .integer(Int64(role.threshold))]
        }
        return [
            "_type": "root", "spec_version": 1, "version": .integer(version), "issued": .text(UTCTime.text(issued)),
            "expires": .text(UTCTime.text(expires)), "keys": .record(keys), "roles": ["root": value(root), "release": value(release)],
        ]
    }

    /// The file of a root, signed by each of `keys`: those of the root before it and its own.
    package static func make(
        version: Int64, issued: Int64, expires: Int64, root: ReleaseRole, release: ReleaseRole, signedBy keys: [SigningKey]
    ) throws -> [UInt8] {
        try SignedDocument(signed: signed(version: version, issued: issued, expires: expires, root: root, release: release)).signed(
            by: keys
        ).bytes
    }
}
