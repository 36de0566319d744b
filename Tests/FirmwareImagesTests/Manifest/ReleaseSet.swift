import FirmwareImages
import LabCore

/// Keys, a root and a good release to vary, for the tests of the release set.
struct ReleaseSet {
    /// 2026-01-01T00:00:00Z by hand: 56 years of which 14 are leap years, (56 * 365 + 14) * 86,400 s.
    static let newYear: Int64 = 1_767_225_600
    static let day: Int64 = 86_400

    /// An Ed25519 key of which all bytes of the seed are `number`.
    static func key(_ number: UInt8) throws -> SigningKey { try SigningKey(seed: Array(repeating: number, count: 32)) }

    static func role(_ numbers: [UInt8], threshold: Int = 1) throws -> ReleaseRole {
        ReleaseRole(keys: try numbers.map { try key($0).releaseKey }, threshold: threshold)
    }

    /// A root with root keys 1, 2 and release keys 11, 12.
    static func root(
        version: Int64 = 1, issued: Int64 = newYear - 30 * day, expires: Int64 = newYear + 3_650 * day, rootKeys: [UInt8] = [1, 2],
        rootThreshold: Int = 1,
        releaseKeys: [UInt8] = [11, 12], releaseThreshold: Int = 1, signedBy signers: [UInt8]? = nil
    ) throws -> [UInt8] {
        try RootMetadata.make(
            version: version, issued: issued, expires: expires, root: try role(rootKeys, threshold: rootThreshold),
            release: try role(releaseKeys, threshold: releaseThreshold), signedBy: try (signers ?? rootKeys).map { try key($0) })
    }

    static func trust(_ root: [UInt8]? = nil, lastVersion: Int64 = 5) throws -> ReleaseTrust {
        ReleaseTrust(
            root: try RootMetadata.trusted(try root ?? Self.root()), product: "luna-badge", tenant: "default", hardware: "v1.0",
            lastVersion: lastVersion,
            minimumSecurityCounter: 3, format: .mcuboot, running: FirmwareVersion(2, 3, 0), maximumImageLength: 1 << 20)
    }

    static let image = Array("the new image".utf8)
    static let base = Array("the old image".utf8)

    static func manifest(_ change: (inout ReleaseManifest) -> Void = { _ in }) throws -> ReleaseManifest {
        var manifest = try ReleaseManifest.make(
            version: 6, issued: newYear, expires: newYear + 365 * day, firmware: FirmwareVersion(2, 4, 0), format: .mcuboot, image: image,
            securityCounter: 3, minimumCompatible: FirmwareVersion(2, 0, 0),
            delta: (DeltaImage.make(from: base, to: image), FirmwareVersion(2, 3, 0)))
        change(&manifest)
        return manifest
    }
}

extension Result where Failure == ManifestRefusal {
    /// `rollback/security_counter`, or `accepted`.
    var told: String {
        switch self {
        case .success: "accepted"
        case .failure(let refusal): "\(refusal.attack.rawValue)/\(refusal.reason)"
        }
    }
}

/// What a call that may refuse comes to, in the words of `told`.
func told<Value>(_ body: () throws(ManifestRefusal) -> Value) -> String {
    Result { () throws(ManifestRefusal) in try body() }.told
}
