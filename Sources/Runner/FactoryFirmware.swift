import Emulators
import FirmwareImages
import LabCore

/// What the factory programs into emulated badges: the image of the version that they are to have, bootloaders that trust whom
/// lab.yaml names, and the root of the releases.
///
/// Badges that are given no image of their own get one that is made here and signed with a key of this run, which their bootloaders
/// trust beside lab.yaml's. Badges with the same image share its bytes.
final class FactoryFirmware {
    let settings: BadgeSettings
    private let keySeed: [UInt8]
    private let supply: FirmwareSupply
    private var made: [Made] = []

    private struct Made {
        var version: FirmwareVersion
        var model: BootModel
        var hardware: String
        var store: FirmwareStore
    }

    /// - Throws: `bad_firmware` with the file of lab.yaml that cannot be used.
    init(supply: FirmwareSupply, seed: UInt64, bugs: Set<SeededBug>) throws(ActionFailure) {
        self.supply = supply
        var generator = SeededGenerator(seed: seed, purpose: "factory image key")
        keySeed = generator.bytes(32)
        var settings = BadgeSettings()
        settings.product = supply.product
        settings.bugs = bugs
        settings.root = try supply.trustedRoot()
        let (keys, certificates) = (try supply.imageKeys(), try supply.authorities())
        settings.trusts = BootModel.allCases.map { model in
            BootTrust(model: model, trust: Self.trust(of: model, keys: keys, certificates: certificates, product: supply.product))
        }
        self.settings = settings
    }

    private static func trust(of model: BootModel, keys: [ImageKey], certificates: [[UInt8]], product: String) -> ImageTrust {
        switch model {
        case .mcuboot: ImageTrust(keys: keys, hardware: "v1.0")
        case .esp: ImageTrust(keys: keys, chip: 9)
        case .rauc: ImageTrust(certificates: certificates, compatible: product)
        }
    }

    /// The firmware flash of a badge as it leaves the factory.
    ///
    /// - Throws: `bad_fact` for a version that is none.
    func store(version text: String, model: BootModel, hardware: String) throws(ActionFailure) -> FirmwareStore {
        guard let version = FirmwareVersion(text) else {
            throw ActionFailure("bad_fact", "The fact firmware '\(text)' is no version; write it as 2.4.0.")
        }
        if let known = made.first(where: { $0.version == version && $0.model == model && $0.hardware == hardware }) { return known.store }
        do {
            let (image, key) = try FactoryImage.make(version: version, format: model.format, hardware: hardware, privateKey: keySeed)
            var trust = settings.trusts.first { $0.model == model }?.trust ?? ImageTrust()
            trust.hardware = model == .mcuboot ? hardware : ""
            switch model {
            case .mcuboot: trust.keys.append(key)
            // The factory's images of these formats carry no signature.
            case .esp: trust.keys = []
            case .rauc: trust.certificates = []
            }
            var store = try FirmwareStore(model: model, trust: trust, image: image, bugs: settings.bugs)
            store.startInFactory()
            made.append(Made(version: version, model: model, hardware: hardware, store: store))
            return store
        } catch { throw ActionFailure("bad_firmware", "The factory cannot make firmware \(version): \(error)") }
    }
}

extension FirmwareSupply {
    fileprivate func trustedRoot() throws(ActionFailure) -> RootMetadata? {
        guard let root else { return nil }
        do { return try RootMetadata.trusted(root.bytes) } catch { throw root.failure(error) }
    }

    fileprivate func imageKeys() throws(ActionFailure) -> [ImageKey] {
        var result: [ImageKey] = []
        for file in keys {
            do {
                // A file may hold several, as those that a torture writes do.
                let found = try ImageKey.keys(pem: String(decoding: file.bytes, as: UTF8.self))
                guard !found.isEmpty else { throw ImageKeyError.noKey }
                result += found
            } catch { throw file.failure(error) }
        }
        return result
    }

    fileprivate func authorities() throws(ActionFailure) -> [[UInt8]] {
        var result: [[UInt8]] = []
        for file in certificates {
            let found = PEM.blocks(String(decoding: file.bytes, as: UTF8.self)).filter { $0.label == "CERTIFICATE" }
            if found.isEmpty { throw ActionFailure("bad_firmware", "\(file.path): no certificate in PEM.") }
            result += found.map(\.bytes)
        }
        return result
    }
}

extension PlanFile {
    fileprivate func failure(_ error: any Error) -> ActionFailure { ActionFailure("bad_firmware", "\(path): \(error)") }
}
