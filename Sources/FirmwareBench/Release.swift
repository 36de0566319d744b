import Crypto
package import FirmwareImages
import LabCore

/// What a version centre can offer: an image with its manifest, and perhaps a delta.
package struct Release: Sendable {
    /// For reports: "the image", "a bit flipped in the body".
    package var about: String
    package var version: FirmwareVersion
    package var image: [UInt8]
    /// The signed manifest as the firmware team uploaded it.
    package var manifest: [UInt8]
    package var delta: [UInt8]?
    /// SHA-256 of the image file, in hexadecimal digits; of the delta where there is one.
    package let digest: String
    package let deltaDigest: String

    package init(_ about: String, version: FirmwareVersion, image: [UInt8], manifest: [UInt8], delta: [UInt8]? = nil) {
        self.about = about
        self.version = version
        self.image = image
        self.manifest = manifest
        self.delta = delta
        digest = Hexadecimal.text(SHA256.hash(data: image))
        deltaDigest = delta.map { Hexadecimal.text(SHA256.hash(data: $0)) } ?? ""
    }
}

/// The firmware team of the bench: signs manifests with keys that every bench has, and that nobody must trust.
package struct ReleaseTeam: Sendable {
    package static let product = "luna-badge"
    package static let tenant = "default"
    /// 2026-01-01T00:00:00Z, when every bench begins.
    package static let epoch: Int64 = 1_767_225_600
    static let year: Int64 = 365 * 86_400

    private let rootKey: SigningKey
    private let releaseKey: SigningKey
    /// The key of the second root, after a rotation.
    private let nextKey: SigningKey
    /// Nobody has ever heard of it.
    private let foreignKey: SigningKey

    package enum Signer: Sendable { case team, next, stranger, nobody }

    package init() throws {
        rootKey = try SigningKey(seed: Self.seed(1))
        releaseKey = try SigningKey(seed: Self.seed(2))
        nextKey = try SigningKey(seed: Self.seed(3))
        foreignKey = try SigningKey(seed: Self.seed(4))
    }

    /// Seeds of test keys: 32 times the same byte.
    static func seed(_ number: UInt8) -> [UInt8] { Array(repeating: number, count: 32) }

    /// What the factory writes into badges.
    package func root() throws -> RootMetadata {
        try RootMetadata.trusted(
            try RootMetadata.make(
                version: 1, issued: Self.epoch - Self.year, expires: Self.epoch + 9 * Self.year, root: try role(rootKey), release: try role(releaseKey),
                signedBy: [rootKey]))
    }

    /// The root that follows, with another release key. One that is not signed by the first must not be taken.
    package func nextRoot(isSigned: Bool) throws -> [UInt8] {
        try RootMetadata.make(
            version: 2, issued: Self.epoch - 86_400, expires: Self.epoch + 9 * Self.year, root: try role(isSigned ? rootKey : foreignKey),
            release: try role(nextKey), signedBy: [isSigned ? rootKey : foreignKey])
    }

    private func role(_ key: SigningKey) throws -> ReleaseRole { ReleaseRole(keys: [try key.releaseKey], threshold: 1) }

    /// The manifest of an image that is as it should be, but for what `change` does to it before it is signed.
    package func manifest(
        of image: [UInt8], _ version: FirmwareVersion, _ format: ImageFormat, securityCounter: UInt32, number: Int64 = 2,
        delta: (bytes: [UInt8], baseFirmware: FirmwareVersion)? = nil, signer: Signer = .team, change: (inout ReleaseManifest) -> Void = { _ in }
    ) throws -> [UInt8] {
        var manifest = try ReleaseManifest.make(
            version: number, issued: Self.epoch - 3_600, expires: Self.epoch + Self.year, product: Self.product, tenant: Self.tenant, firmware: version,
            format: format, image: image, hardware: ["v1.0"], securityCounter: securityCounter, delta: delta)
        change(&manifest)
        switch signer {
        case .team: return try manifest.sign(with: [releaseKey])
        case .next: return try manifest.sign(with: [nextKey])
        case .stranger: return try manifest.sign(with: [foreignKey])
        case .nobody: return try manifest.sign(with: [])
        }
    }
}
