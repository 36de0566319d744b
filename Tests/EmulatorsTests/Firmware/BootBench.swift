import FirmwareImages
import LabCore

@testable import Emulators

/// A device as small as possible around a firmware store: installs an image, boots, confirms or not, and suffers power cuts.
///
/// It remembers only what an application keeps for sure: whether it has seen the new image run.
struct BootBench {
    /// Whether the new image is good (confirms itself) or bad (resets until the bootloader goes back).
    enum Goal: String, CaseIterable { case confirm, revert }

    struct Cut {
        /// Flash operations after the last cut, from 1.
        var operation: UInt64
        var tear: VirtualFlash.Tear
    }

    static let tears: [VirtualFlash.Tear] = [.nothing, .oneByte, .half, .allButOneByte, .everything, .scattered(seed: 1), .scattered(seed: 2)]

    /// Images and trust of one model, made once for all runs.
    struct Images: Sendable {
        var old: [UInt8]
        var new: [UInt8]
        var trust: ImageTrust

        init(_ model: BootModel, size: Int = 3_000, counters: (UInt32, UInt32) = (1, 2)) throws {
            let seed = Array(repeating: UInt8(7), count: 32)
            func make(_ version: FirmwareVersion, _ counter: UInt32) throws -> (image: [UInt8], key: ImageKey) {
                try FactoryImage.make(version: version, format: model.format, size: size, securityCounter: counter, privateKey: seed)
            }
            let first = try make(FirmwareVersion(2, 3, 0), counters.0)
            old = first.image
            new = try make(FirmwareVersion(2, 4, 0), counters.1).image
            trust = ImageTrust(keys: model == .mcuboot ? [first.key] : [], hardware: "v1.0", compatible: "luna-badge", chip: 9)
        }
    }

    static let layout = FirmwareLayout(sectorSize: 1_024, imageSectors: 5, writeUnit: 8)
    static let old = FirmwareVersion(2, 3, 0)
    static let new = FirmwareVersion(2, 4, 0)

    let images: Images
    let goal: Goal
    var store: FirmwareStore
    var hasSeenNew = false
    /// What broke a rule, with the rule's name from specs/ota.md §4.
    var violations: [String] = []
    var boots = 0
    private var highestCounter: UInt32 = 0

    init(
        _ model: BootModel, _ goal: Goal, _ images: Images, bugs: Set<SeededBug> = [], layout: FirmwareLayout = BootBench.layout
    ) throws {
        self.images = images
        self.goal = goal
        store = try FirmwareStore(model: model, trust: images.trust, image: images.old, layout: layout, bugs: bugs)
        _ = try store.boot()
    }

    /// Runs to the end with power going at each of the cuts. What is wrong then is in `violations`.
    mutating func run(_ cuts: [Cut] = []) {
        var cuts = cuts[...]
        arm(&cuts)
        // Three installations, each with a cut and the boots of three attempts, are more than any run here needs.
        while boots < 40 {
            do {
                if try live() { break }
            } catch .powerLost {
                store.flash.restorePower()
                arm(&cuts)
            } catch { return violations.append("unexpected: \(error)") }
        }
        store.flash.cancelCut()
        if boots >= 40 { violations.append("O3 the device does not come to rest") }
    }

    private mutating func arm(_ cuts: inout ArraySlice<Cut>) {
        guard let cut = cuts.popFirst() else { return }
        store.flash.cutPower(atOperation: cut.operation, tear: cut.tear)
    }

    /// One boot and what the application does then. True when the goal is reached.
    private mutating func live() throws(FlashError) -> Bool {
        boots += 1
        defer { checkCounter() }
        guard case .runs(let running) = try store.boot(wasWatchdog: false) else {
            violations.append("O1 nothing boots")
            boots = 40
            return true
        }
        check(running)
        if running.image.version == Self.new {
            hasSeenNew = true
            guard goal == .confirm else { return false }
            try store.confirm()
            if !store.isRunningConfirmed { violations.append("A4 confirmed, but not marked so") }
            return true
        }
        if goal == .revert, hasSeenNew { return true }
        try install()
        return false
    }

    private mutating func install() throws(FlashError) {
        let size = store.updateSectorSize
        for (index, start) in stride(from: 0, to: images.new.count, by: size).enumerated() {
            try store.eraseUpdateSector(index)
            try store.writeUpdate(at: start, Array(images.new[start..<min(start + size, images.new.count)]))
        }
        guard case .success = store.validateUpdate(length: images.new.count) else {
            return violations.append("an image that was written whole is not valid")
        }
        try store.activate(length: images.new.count)
    }

    private mutating func check(_ running: RunningImage) {
        if running.signature == .invalid { violations.append("O2 an image with a wrong signature runs") }
        let wanted = running.image.version == Self.new ? images.new : images.old
        if store.readRunning(at: 0, count: wanted.count) != wanted { violations.append("O3 a mix of images runs") }
        if running.isLastResort { violations.append("O1 only a last resort was left") }
        if goal == .revert, running.isConfirmed, running.image.version == Self.new { violations.append("A1 a bad image counts as confirmed") }
    }

    private mutating func checkCounter() {
        let counter = store.securityCounter
        if counter < highestCounter { violations.append("O6 the security counter went down") }
        if goal == .revert, counter > 1 { violations.append("O6 the counter was raised for an image that was never confirmed") }
        highestCounter = max(highestCounter, counter)
    }

    /// Flash operations of a run without cuts.
    static func operations(_ model: BootModel, _ goal: Goal, _ images: Images) throws -> UInt64 {
        var bench = try BootBench(model, goal, images)
        let before = bench.store.flash.operationCount
        bench.run()
        return bench.store.flash.operationCount - before
    }
}
