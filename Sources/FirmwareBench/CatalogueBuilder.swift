import Emulators
import FirmwareImages
import LabCore
import Simulation

/// Makes the cases that are not cuts, and the releases for them.
struct CatalogueBuilder {
    let setup: TortureSetup
    var cases: [TortureCase] = []
    var releases: [Release] = []
    var omissions: [String] = []
    var revertRelease = 0
    var deltaRelease = 0
    /// What the deltas make of the old image.
    var deltaTarget: [UInt8] = []
    var generator: SeededGenerator

    init(_ setup: TortureSetup, seed: UInt64) {
        self.setup = setup
        generator = SeededGenerator(seed: seed, purpose: "torture")
    }

    var team: ReleaseTeam { setup.team }
    var version: FirmwareVersion { setup.new.version }
    var word: String { version.description }

    mutating func build() throws {
        let manifest = try goodManifest()
        _ = add(Release("the image", version: version, image: setup.image, manifest: manifest))
        // Two images that have nothing in common have no delta worth the name; then the bench's own have one.
        deltaTarget = setup.image
        if DeltaImage.make(from: setup.old, to: setup.image).count > setup.image.count / 2, setup.canMakeImages { deltaTarget = try setup.made(version) }
        let delta = DeltaImage.make(from: setup.old, to: deltaTarget)
        if delta.count >= deltaTarget.count { omissions.append("D1 to D5: the delta between these images is larger than the image, so that no badge takes it") }
        deltaRelease = add(
            Release("the image with a delta", version: version, image: deltaTarget, manifest: try deltaManifest(delta), delta: delta))
        if setup.canMakeImages {
            revertRelease = try addMade("an image that crashes", try setup.made(version, behaviour: .crash), version)
        } else {
            omissions.append("I4 to I6 with images of the bench's own: it cannot sign them for these keys; A1 to A3 and A6 act on the device instead of the image")
        }
        cases.append(TortureCase(family: .plain, about: "a full image", offers: [0], endings: [.new], results: ["succeeded"], mayRun: [0]))
        cases.append(TortureCase(family: .plain, about: "a delta", offers: [deltaRelease], endings: [.new], results: ["succeeded"], mayRun: [deltaRelease]))
        addPower()
        try addImages()
        try addDeltas(delta)
        addDownloads()
        try addMetadata()
        try addReturns()
        try addAfterSwitch()
    }

    // MARK: Help

    func goodManifest() throws -> [UInt8] {
        try team.manifest(of: setup.image, version, setup.model.format, securityCounter: setup.new.securityCounter)
    }

    func deltaManifest(_ delta: [UInt8], change: (inout ReleaseManifest) -> Void = { _ in }) throws -> [UInt8] {
        try team.manifest(
            of: deltaTarget, version, setup.model.format, securityCounter: setup.new.securityCounter, delta: (delta, setup.oldVersion), change: change)
    }

    mutating func add(_ release: Release) -> Int {
        releases.append(release)
        return releases.count - 1
    }

    /// An image with a manifest made for it, as if the team had released it.
    mutating func addMade(
        _ about: String, _ image: [UInt8], _ version: FirmwareVersion, counter: UInt32? = nil, change: (inout ReleaseManifest) -> Void = { _ in }
    ) throws -> Int {
        let manifest = try team.manifest(
            of: image, version, setup.model.format, securityCounter: counter ?? setup.new.securityCounter, change: change)
        return add(Release(about, version: version, image: image, manifest: manifest))
    }

    /// The release must not be installed.
    mutating func refuses(_ family: TortureCase.Family, _ about: String, _ release: Int, results: Set<String> = ["rejected", "failed"]) {
        cases.append(TortureCase(family: family, about: about, offers: [release], endings: [.old], results: results, mayRun: []))
    }

    /// The version after that one that is still below the one of the image; nil where there is none.
    var between: FirmwareVersion? {
        let step = FirmwareVersion(setup.oldVersion.major, setup.oldVersion.minor, setup.oldVersion.revision + 1)
        return step < version ? step : nil
    }

    /// The good release is offered, and something happens.
    mutating func good(
        _ family: TortureCase.Family, _ about: String, _ injections: [TortureCase.Injection], endings: Set<TortureCase.Ending> = [.new],
        results: Set<String> = [], faults: [VersionCentreModel.Fault] = [], start: TortureCase.Start = .beginning, release: Int = 0
    ) {
        var entry = TortureCase(family: family, about: about, offers: [release], injections: injections, endings: endings, results: results, mayRun: [release])
        entry.centreFaults = faults
        entry.start = start
        if release == deltaRelease { entry.course = .delta }
        cases.append(entry)
    }

    // MARK: P5 to P7

    private mutating func addPower() {
        for times in [1, 3] as [Int64] {
            good(
                .p5, "the report's answer is lost \(times) times, then power goes",
                [.http(HTTPFault(.loseAnswer, path: "/report", times: times)), .power(at: "ota.confirmed", nth: 1)])
        }
        good(.p5, "power goes at the confirmation", [.power(at: "ota.confirmed", nth: 1)])
        good(.p5, "power goes at each report", (1...4).map { .power(at: "ota.reported", nth: $0) }, endings: [.new, .old])
        for note in ["ota.checked", "ota.block_written", "ota.installed", "boot.started", "boot.done"] {
            for period in [1, 20, 50, 150, 250, 400, 1_000, 4_000] {
                for times in [5, 30] {
                    good(
                        .p6, "power for \(period) ms, \(times) times, from \(note)",
                        [.brownOut(at: note, period: .milliseconds(period), times: times)], endings: [.new, .old])
                }
            }
        }
        for note in ["boot.started", "boot.done", "online", "self_test.passed"] {
            let innocent: Set<TortureCase.Ending> = note == "self_test.passed" || setup.model == .rauc ? [.new] : [.new, .old]
            good(.p7, "power goes at the first \(note) after the switch", [.power(at: note, nth: 1)], endings: innocent)
        }
    }
}
