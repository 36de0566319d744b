package import LabCore

/// What a firmware team promises about one image: which bytes, for whom, until when.
///
/// A small set after TUF (https://theupdateframework.github.io/specification): the root names the keys, the manifest is targets, snapshot
/// and timestamp in one, because one device takes one image.
/// `{"signed":{"_type":"release","spec_version":1,"version":2,"issued":"…Z","expires":"…Z","product":"luna-badge","tenant":"default",`
/// `"firmware":"2.4.0","format":"mcuboot","length":…,"sha256":"hex","hardware":["v1.0"],"security_counter":1,`
/// `"min_compatible":"2.0.0","delta":{…}},"signatures":[…]}`; `min_compatible` and `delta` may be missing, other fields are left alone.
///
/// **What `verify` checks, in this order**, the first that fails is told:
/// 1. size at most `maximumLength` (endless data), 2. form, 3. the root has not expired (indefinite freeze), 4. the threshold of its
/// release keys has signed (arbitrary software installation; with some keys but too few: vulnerability to key compromises),
/// 5. version not below the highest seen (rollback) nor more than `maximumVersionJump` above it (fast-forward), 6. not expired
/// (indefinite freeze), 7. not issued more than `maximumClockError` ahead of a known time (fast-forward), 8. product, tenant, hardware,
/// format, size and base version fit (wrong software installation), 9. security counter not below the device's (rollback).
/// That the parts of the document belong together (mix-and-match) is part of its form, but checked after the signatures.
///
/// The same version may be taken again: that is how an update is repeated. **What a device keeps**: see `ReleaseTrust`.
package struct ReleaseManifest: Sendable, Hashable {
    /// Of the file.
    package static let maximumLength = 64 * 1024
    /// How far a version may be above the highest seen: ten releases a day for almost three years that the device was off.
    /// Whoever holds a release key could otherwise reach the highest number at once, and no later release could follow.
    package static let maximumVersionJump: Int64 = 10_000
    /// How far ahead of the device's clock a manifest may be issued, in seconds: 24 h.
    package static let maximumClockError: Int64 = 86_400

    /// Counts the manifests of a product; 1 or more.
    package var version: Int64
    /// Unix seconds.
    package var issued: Int64
    /// Unix seconds; from then on it is not taken.
    package var expires: Int64
    package var product: String
    package var tenant: String
    package var firmware: FirmwareVersion
    package var format: ImageFormat
    /// Bytes of the image file.
    package var length: Int
    /// SHA-256 of the image file.
    package var sha256: [UInt8]
    /// Hardware revisions on which it runs.
    package var hardware: [String]
    package var securityCounter: UInt32
    /// The oldest firmware from which one may come directly.
    package var minimumCompatible: FirmwareVersion?
    package var delta: Delta?

    /// A second way to the same image, for devices that run the base.
    package struct Delta: Sendable, Hashable {
        package var baseFirmware: FirmwareVersion
        /// SHA-256 of the base's image file.
        package var baseSHA256: [UInt8]
        /// Bytes of the delta file.
        package var length: Int
        /// SHA-256 of the delta file.
        package var sha256: [UInt8]
        /// SHA-256 of what it makes from the base: the same as the image's.
        package var resultSHA256: [UInt8]

        package init(baseFirmware: FirmwareVersion, baseSHA256: [UInt8], length: Int, sha256: [UInt8], resultSHA256: [UInt8]) {
            self.baseFirmware = baseFirmware
            self.baseSHA256 = baseSHA256
            self.length = length
            self.sha256 = sha256
            self.resultSHA256 = resultSHA256
        }
    }

    package init(
        version: Int64, issued: Int64, expires: Int64, product: String, tenant: String, firmware: FirmwareVersion, format: ImageFormat,
        length: Int, sha256: [UInt8], hardware: [String], securityCounter: UInt32, minimumCompatible: FirmwareVersion? = nil,
        delta: Delta? = nil
    ) {
        self.version = version
        self.issued = issued
        self.expires = expires
        self.product = product
        self.tenant = tenant
        self.firmware = firmware
        self.format = format
        self.length = length
        self.sha256 = sha256
        self.hardware = hardware
        self.securityCounter = securityCounter
        self.minimumCompatible = minimumCompatible
        self.delta = delta
    }

    /// The manifest, if the device may take it; total on any input.
    ///
    /// - Parameters:
    ///   - now: Unix seconds by the device's clock; it may stand at 1970, see `ReleaseTrust.clock`.
    ///   - bugs: rules that are broken on purpose, for `lab mutate`.
    package static func verify(_ bytes: [UInt8], trust: ReleaseTrust, now: Int64, bugs: Set<SeededBug> = [])
        -> Result<ReleaseManifest, ManifestRefusal>
    {
        do throws(ManifestRefusal) { return .success(try verified(bytes, trust: trust, now: now, bugs: bugs)) } catch {
            return .failure(error)
        }
    }

    /// The manifest without any check of who signed it: for people who look at files, never for devices.
    package static func unverified(_ bytes: [UInt8]) throws(ManifestRefusal) -> ReleaseManifest {
        try ReleaseManifest(reading: try SignedDocument(reading: bytes, limit: maximumLength))
    }
}
