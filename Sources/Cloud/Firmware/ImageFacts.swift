import Crypto
import FirmwareImages
import LabCore

/// What the cloud reads out of files that are uploaded. It trusts no keys and has none: whether a signature is good is
/// for devices to say; whether a file is whole, and of the version that it claims, is said here.
enum ImageFacts {
    static func checksum(_ bytes: [UInt8]) -> String { Hexadecimal.text(SHA256.hash(data: bytes)) }

    struct Image: Sendable, Equatable {
        var format: FirmwareFormat
        var securityCounter: Int64?
    }

    /// - Throws: `IMAGE_UNFIT` with what no device would start it for.
    static func image(_ bytes: [UInt8], declared: FirmwareFormat?, version: String) throws(APIError) -> Image {
        if bytes.isEmpty { throw unfit("the file is empty", [finding("truncated", 0, "there is no byte")]) }
        if declared == .dfota { return Image(format: .dfota) }
        let (format, image) = try bootable(bytes, declared: declared?.image)
        // A version that is no number is one of a module, and its file no image.
        if image.version != FirmwareVersion(version) {
            throw unfit(
                "the file is version \(image.version), not \(version)", [finding("version_mismatch", nil, "the file says \(image.version)")])
        }
        return Image(format: format, securityCounter: Int64(image.securityCounter))
    }

    /// The format and the image of a file, by what a bootloader of that format would say.
    static func bootable(_ bytes: [UInt8], declared: ImageFormat?) throws(APIError) -> (FirmwareFormat, BootableImage) {
        var refusals: [(format: ImageFormat, refusal: ImageRefusal)] = []
        for format in declared.map({ [$0] }) ?? ImageFormat.allCases {
            switch ImageValidation.validate(bytes, as: format, trust: ImageTrust()) {
            case .success(let image):
                guard let known = FirmwareFormat(rawValue: format.rawValue) else { continue }
                return (known, image)
            case .failure(let refusal): refusals.append((format, refusal))
            }
        }
        if case .success(let report) = FirmwareInspector.inspect(bytes), !report.isFit {
            let errors = report.findings.filter { $0.severity == .error }
            throw unfit(errors.map(\.text).joined(separator: "; "), errors.map { finding($0.code, $0.offset, $0.text) })
        }
        // Of several formats the one that it looks most like: the others do not even know its first bytes.
        let known = refusals.filter { $0.refusal.reason != ImageRefusal.Reason.badMagic.rawValue }
        let shown = known.isEmpty ? refusals : known
        throw unfit(
            shown.map { "as \($0.format.rawValue): \($0.refusal.text)" }.joined(separator: "; "),
            shown.map { finding($0.refusal.reason, $0.refusal.offset, $0.refusal.text) })
    }

    private static func unfit(_ text: String, _ findings: [FieldValue]) -> APIError {
        APIError(.imageUnfit, "The image is not fit: \(text).", details: ["findings": .list(findings)])
    }

    private static func finding(_ reason: String, _ offset: Int?, _ text: String) -> FieldValue {
        var fields: Fields = ["severity": "error", "reason": .text(reason), "text": .text(text)]
        if let offset { fields["offset"] = .integer(Int64(offset)) }
        return .record(fields)
    }
}

/// What a manifest says about its image. Nothing of it is proven.
struct ManifestFacts: Sendable, Equatable {
    var version: Int64
    var firmware: String
    var format: String
    var length: Int
    /// Hexadecimal digits in lower case.
    var checksum: String
    var hardware: [String]
    var securityCounter: Int64
    var minimumCompatible: String?
    var delta: Delta?

    struct Delta: Sendable, Equatable {
        var baseVersion: String
        var baseChecksum: String
        var length: Int
        var checksum: String
        var resultChecksum: String
    }

    /// - Throws: `MANIFEST_MISMATCH` for what is no manifest.
    init(_ bytes: [UInt8]) throws(APIError) {
        let manifest: ReleaseManifest
        do { manifest = try ReleaseManifest.unverified(bytes) } catch {
            throw APIError(.manifestMismatch, "The manifest cannot be read: \(error.text).", details: ["reason": .text(error.reason)])
        }
        version = manifest.version
        firmware = manifest.firmware.description
        format = manifest.format.rawValue
        length = manifest.length
        checksum = Hexadecimal.text(manifest.sha256)
        hardware = manifest.hardware
        securityCounter = Int64(manifest.securityCounter)
        minimumCompatible = manifest.minimumCompatible?.description
        delta = manifest.delta.map {
            Delta(
                baseVersion: $0.baseFirmware.description, baseChecksum: Hexadecimal.text($0.baseSHA256), length: $0.length,
                checksum: Hexadecimal.text($0.sha256), resultChecksum: Hexadecimal.text($0.resultSHA256))
        }
    }

    /// - Throws: `MANIFEST_MISMATCH` with the first field that is not the image's.
    func check(against version: VersionRecord, image: ImageFacts.Image) throws(APIError) {
        let wrong: (String, String, String)? =
            if firmware != version.number { ("firmware", firmware, version.number) }
            else if format != image.format.rawValue { ("format", format, image.format.rawValue) }
            else if length != version.size { ("length", String(length), String(version.size ?? 0)) }
            else if checksum != version.checksum { ("sha256", checksum, version.checksum ?? "") }
            else if let counter = image.securityCounter, counter != securityCounter { ("security_counter", String(securityCounter), String(counter)) }
            else if let own = version.minimumCompatible, let minimumCompatible, own != minimumCompatible { ("min_compatible", minimumCompatible, own) }
            else { nil }
        guard let (field, found, expected) = wrong else { return }
        throw APIError(
            .manifestMismatch, "The manifest says \(field) \(found), the version has \(expected).", details: ["field": .text(field)])
    }
}
