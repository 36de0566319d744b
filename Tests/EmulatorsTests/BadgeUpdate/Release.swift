import Crypto
import FirmwareImages
import LabCore

@testable import Emulators

/// Images, manifests and roots for the tests, signed with keys that anybody can make.
enum Release {
    static let imageSeed = [UInt8](repeating: 0x17, count: 32)
    static let rootKey = key(1)
    static let releaseKey = key(2)
    static let foreignKey = key(9)
    /// 2025-12-01 and 2027-01-01.
    static let issued: Int64 = 1_764_547_200
    static let expires: Int64 = 1_798_761_600

    static func key(_ number: UInt8) -> SigningKey {
        do { return try SigningKey(seed: [UInt8](repeating: number, count: 32)) } catch { preconditionFailure("\(error)") }
    }

    private static func role(_ keys: [SigningKey]) -> ReleaseRole {
        do { return ReleaseRole(keys: try keys.map { try $0.releaseKey }, threshold: keys.count) } catch { preconditionFailure("\(error)") }
    }

    static func rootBytes(
        version: Int64 = 1, release: [SigningKey] = [releaseKey], signedBy keys: [SigningKey] = [rootKey], expires: Int64 = expires
    ) -> [UInt8] {
        do {
            return try RootMetadata.make(
                version: version, issued: issued, expires: expires, root: role([rootKey]), release: role(release), signedBy: keys)
        } catch { preconditionFailure("\(error)") }
    }

    static let root: RootMetadata = {
        do { return try RootMetadata.trusted(rootBytes()) } catch { preconditionFailure("\(error)") }
    }()

    static func version(_ text: String) -> FirmwareVersion { FirmwareVersion(text) ?? FirmwareVersion(0, 0, 0) }

    static func image(
        _ version: String = "2.4.0", model: BootModel = .mcuboot, behaviour: EmulatedApplication.Behaviour = .normal, schema: Int = 1,
        counter: UInt32 = 1, hardware: String = "v1.0", seed: [UInt8] = imageSeed, size: Int = 10_000
    ) -> [UInt8] {
        do {
            return try FactoryImage.make(
                version: Self.version(version), format: model.format, size: size, behaviour: behaviour, schema: schema,
                securityCounter: counter, hardware: hardware, privateKey: seed
            ).image
        } catch { preconditionFailure("\(error)") }
    }

    /// 2.4.0 as a small change of an MCUboot image of 2.3.0 that `image` made: other version, signed anew.
    ///
    /// Layout: header of 32 bytes with the version's minor number at 21, body with the text of the program, protected records; behind
    /// those 4 bytes of header, the hash (4 + 32), the key's hash (4 + 32) and the signature (4 + 64).
    static func next(after base: [UInt8]) -> [UInt8] {
        var image = base
        image[21] = 4
        let text = Array("version=2.3.0".utf8)
        if let place = image.indices.first(where: { image[$0...].starts(with: text) }) { image[place + 10] = UInt8(ascii: "4") }
        let covered = image.count - 144
        let digest = Array(SHA256.hash(data: image[..<covered]))
        image.replaceSubrange(covered + 8..<covered + 40, with: digest)
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: imageSeed), let signature = try? key.signature(for: digest) else { return [] }
        image.replaceSubrange(image.count - 64..<image.count, with: signature)
        return image
    }

    static func trust(_ model: BootModel) -> ImageTrust {
        // Images of the other two that are made here carry no signature.
        guard model == .mcuboot, let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: imageSeed) else { return ImageTrust() }
        return ImageTrust(keys: [.ed25519(Array(key.publicKey.rawRepresentation))], hardware: "v1.0")
    }

    /// A badge's firmware flash with 2.3.0 in it and room for 8 sectors.
    static func store(_ model: BootModel = .mcuboot, image: [UInt8]? = nil) -> FirmwareStore {
        image == nil ? stores[model] ?? made(model, nil) : made(model, image)
    }

    /// Made once, since hundreds of badges begin with them.
    private static let stores = Dictionary(uniqueKeysWithValues: BootModel.allCases.map { ($0, made($0, nil)) })
    static let plainImage = image()
    static let plainManifest = manifest(of: plainImage)

    private static func made(_ model: BootModel, _ image: [UInt8]?) -> FirmwareStore {
        do {
            var store = try FirmwareStore(
                model: model, trust: trust(model), image: image ?? Self.image("2.3.0", model: model), layout: FirmwareLayout(imageSectors: 8))
            store.startInFactory()
            return store
        } catch { preconditionFailure("\(error)") }
    }

    static func manifest(
        of image: [UInt8], version: Int64 = 2, firmware: String = "2.4.0", model: BootModel = .mcuboot, expires: Int64 = expires,
        product: String = "luna-badge", tenant: String = "default", hardware: [String] = ["v1.0"], counter: UInt32 = 1,
        minimumCompatible: String? = nil, delta: [UInt8]? = nil, base: String = "2.3.0", keys: [SigningKey] = [releaseKey]
    ) -> [UInt8] {
        do {
            return try ReleaseManifest.make(
                version: version, issued: issued, expires: expires, product: product, tenant: tenant, firmware: Self.version(firmware),
                format: model.format, image: image, hardware: hardware, securityCounter: counter,
                minimumCompatible: minimumCompatible.map { Self.version($0) }, delta: delta.map { ($0, Self.version(base)) }
            ).sign(with: keys)
        } catch { preconditionFailure("\(error)") }
    }

    static func settings(_ bugs: Set<SeededBug> = []) -> BadgeSettings {
        var settings = BadgeSettings()
        settings.root = root
        settings.bugs = bugs
        return settings
    }

    static func sha256(_ bytes: [UInt8]) -> String { Hexadecimal.text(SHA256.hash(data: bytes)) }
}
