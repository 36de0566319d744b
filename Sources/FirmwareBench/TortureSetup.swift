package import Emulators
package import FirmwareImages
package import LabCore

/// Why an image cannot be tortured.
package struct TortureRefusal: Error, Sendable, CustomStringConvertible {
    package var description: String
    /// The image is unfit, rather than the question wrong.
    package var isUnfit: Bool
}

/// What all runs of one torture share: the images, a badge that runs the old one, online, and the courses without faults.
package struct TortureSetup: Sendable {
    package let model: BootModel
    package let trust: ImageTrust
    package let old: [UInt8]
    package let oldVersion: FirmwareVersion
    package let oldCounter: UInt32
    package let oldDigest: [UInt8]
    package let new: BootableImage
    package let image: [UInt8]
    let team: ReleaseTeam
    let layout: FirmwareLayout
    /// The badge after it came online and got a setting; nothing is offered yet.
    let idle: TortureRun
    /// The bench can make images that this bootloader takes.
    let canMakeImages: Bool
    package let bugs: Set<SeededBug>

    /// All images of the bench have the same program but for what they say of themselves, so that deltas between them are small.
    private static let content = "torture"
    /// Seed of the key that signs the images of the bench.
    static let imageSeed = ReleaseTeam.seed(9)

    /// - Parameters:
    ///   - image: the file that is to be installed.
    ///   - old: the file that runs; where there is none the bench makes one.
    ///   - trust: the keys of the bootloader; none takes images whatever their signature.
    ///   - bugs: rules that agent and bootloader break on purpose.
    package init(
        image: [UInt8], old: [UInt8]? = nil, model: BootModel, trust: ImageTrust, bugs: Set<SeededBug> = []
    ) throws {
        var trust = trust
        canMakeImages = model == .mcuboot || (trust.keys.isEmpty && trust.certificates.isEmpty)
        team = try ReleaseTeam()
        if model == .mcuboot, !trust.keys.isEmpty {
            trust.keys.append(try FactoryImage.make(version: FirmwareVersion(0, 0, 0), format: .mcuboot, size: 512, privateKey: Self.imageSeed).key)
        }
        let new: BootableImage
        switch ImageValidation.validate(image, as: model.format, trust: trust) {
        case .success(let found): new = found
        case .failure(let refusal): throw TortureRefusal(description: "the bootloader would not start this image: \(refusal)", isUnfit: true)
        }
        let format = model.format
        if let old {
            guard case .success(let found) = ImageValidation.validate(old, as: format, trust: trust) else {
                throw TortureRefusal(description: "the bootloader would not start the old image", isUnfit: true)
            }
            guard found.version < new.version, found.securityCounter <= new.securityCounter else {
                throw TortureRefusal(description: "the old image is \(found.version), which is not below \(new.version)", isUnfit: false)
            }
            (self.old, oldVersion, oldCounter) = (old, found.version, found.securityCounter)
        } else {
            guard canMakeImages else {
                throw TortureRefusal(description: "the bench cannot sign an old image for these keys; give one with --from", isUnfit: false)
            }
            guard let version = Self.before(new.version) else {
                throw TortureRefusal(description: "no version is below \(new.version)", isUnfit: false)
            }
            oldVersion = version
            oldCounter = new.securityCounter == 0 ? 0 : new.securityCounter - 1
            self.old = try FactoryImage.make(
                version: version, format: format, size: min(40_960, max(4_096, image.count / 2)), securityCounter: oldCounter, privateKey: Self.imageSeed,
                content: Self.content
            ).image
        }
        guard case .success(let running) = ImageValidation.validate(self.old, as: format, trust: trust) else {
            throw TortureRefusal(description: "the bootloader would not start the bench's own image", isUnfit: false)
        }
        oldDigest = running.digest
        layout = .holding(max(image.count, self.old.count) + 1)
        self.model = model
        self.trust = trust
        self.image = image
        self.new = new
        self.bugs = bugs
        var settings = BadgeSettings()
        settings.product = ReleaseTeam.product
        settings.root = try team.root()
        settings.bugs = bugs
        let store = try FirmwareStore(model: model, trust: trust, image: self.old, layout: layout, bugs: bugs)
        let factory = BadgeFactory(master: Array(repeating: 0x5a, count: 32))
        let badge = Badge(
            identity: factory.identity(serial: "BDG-0007", seed: 1), firmware: store, settings: settings, cloud: BadgeCloudAddress(host: "cloud.lab"),
            epoch: ReleaseTeam.epoch, generator: SeededGenerator(seed: 1, purpose: "badge under torture"))
        var run = TortureRun(badge: badge, centre: VersionCentreModel(releases: [], format: format.rawValue), oracles: Oracles())
        run.give(.poweredOn)
        run.run(for: .seconds(60))
        run.give(
            .mqtt(
                .message(
                    topic: "luna/device/luna_badge_0007/config/update",
                    payload: Array(
                        #"{"config_key":"heartbeat_interval","config_value":"600","config_type":"number","config_version":7,"timestamp":"2026-01-01T00:01:00Z"}"#
                            .utf8), quality: 1, isRetained: false)))
        run.run(for: .seconds(60))
        guard run.isOnline, run.badge.runningVersion == oldVersion.description || run.badge.firmware.lastOutcome?.running?.image.version == oldVersion else {
            throw TortureRefusal(description: "the badge did not come online on \(oldVersion)", isUnfit: false)
        }
        idle = run
    }

    /// The signatures of these manifests by the keys of both roots, checked: each is verified by thousands of badges.
    func checked(_ manifests: [[UInt8]]) throws -> CheckedSignatures {
        let roles = [try team.root().release, try team.root().next(try team.nextRoot(isSigned: true), now: ReleaseTeam.epoch).release]
        var checked = CheckedSignatures()
        for manifest in manifests { for role in roles { checked.learn(manifest, by: role) } }
        return checked
    }

    /// The next lower version.
    private static func before(_ version: FirmwareVersion) -> FirmwareVersion? {
        if version.minor > 0 { return FirmwareVersion(version.major, version.minor - 1, 0) }
        if version.revision > 0 { return FirmwareVersion(version.major, version.minor, version.revision - 1) }
        if version.major > 0 { return FirmwareVersion(version.major - 1, 9, 0) }
        return version.build > 0 ? FirmwareVersion(0, 0, 0) : nil
    }

    /// An image of the bench, signed as far as this bootloader asks for it.
    func made(
        _ version: FirmwareVersion, behaviour: EmulatedApplication.Behaviour = .normal, schema: Int = 1, counter: UInt32? = nil, hardware: String = "v1.0",
        seed: [UInt8] = imageSeed
    ) throws -> [UInt8] {
        try FactoryImage.make(
            version: version, format: model.format, size: min(40_960, max(4_096, image.count / 2)), behaviour: behaviour, schema: schema,
            securityCounter: counter ?? new.securityCounter, hardware: hardware, privateKey: seed,
            content: Self.content
        ).image
    }
}
