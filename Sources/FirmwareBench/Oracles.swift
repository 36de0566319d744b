import Emulators
import FirmwareImages
import LabCore

/// A rule that was broken.
package struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// `O1` to `O10` of specs/ota.md §4; `result` where a run ends otherwise than it may.
    package var rule: String
    package var text: String
    package var description: String { "\(rule): \(text)" }
}

/// The rules that hold at every instant of an update, looked at after every input of the badge (specs/ota.md §4).
struct Oracles: Sendable {
    /// Digests of the images that may run, with their names.
    var mayRun: [(digest: [UInt8], about: String)] = []
    /// No image may be left: both were broken on purpose.
    var mayBeStuck = false
    /// The file whose bytes, and no others, may reach the update slot; nil where the way itself changes bytes.
    var wanted: [UInt8]?
    /// No byte of a delta may be fetched.
    var forbidsDelta = false
    /// The bootloader is asked for signatures.
    var isSigned = false

    private(set) var violations: [Violation] = []
    /// Nothing boots any more, or nothing came up again.
    private(set) var isBricked = false
    private(set) var boots = 0
    /// How often an image other than the old one was started.
    private(set) var startsOfNew = 0
    /// How often a download was begun.
    private(set) var updates = 0
    private var operations: UInt64 = .max
    private var settingsOperations: UInt64 = 0
    private var counter: UInt32 = 0
    private var before: Baseline?

    private struct Baseline: Sendable {
        var state: Fields
        var setting: Fields
        var erases: UInt32
    }

    mutating func broken(_ rule: String, _ text: String) {
        let violation = Violation(rule: rule, text: text)
        if violations.count < 8, !violations.contains(violation) { violations.append(violation) }
    }

    /// Remembers what an update must not change.
    ///
    /// - Parameter idle: the badge before the update: the course's beginning may lie in the middle of it.
    mutating func begin(with badge: Badge, settingsOf idle: Badge, at now: RunInstant) {
        before = Baseline(state: Self.state(idle, now), setting: Self.setting(idle, now), erases: Self.erases(idle))
        operations = badge.firmware.flash.operationCount
        counter = badge.firmware.securityCounter
    }

    private static func state(_ badge: Badge, _ now: RunInstant) -> Fields { (try? badge.answer("state", [:], at: now).get()) ?? [:] }
    private static func setting(_ badge: Badge, _ now: RunInstant) -> Fields {
        (try? badge.answer("config", ["key": "heartbeat_interval"], at: now).get()) ?? [:]
    }
    private static func erases(_ badge: Badge) -> UInt32 { badge.firmware.flash.eraseCounts.reduce(0, &+) }

    /// After every input: O1 and O6, wherever the firmware flash has changed.
    mutating func look(at badge: Badge) {
        guard badge.firmware.flash.operationCount != operations else { return }
        operations = badge.firmware.flash.operationCount
        let counter = badge.firmware.securityCounter
        if counter < self.counter { broken("O6", "the security counter went from \(self.counter) to \(counter)") }
        self.counter = max(self.counter, counter)
        // What a reset now would find.
        var store = badge.firmware
        store.flash.cancelCut()
        store.flash.restorePower()
        guard case .runs(let image)? = try? store.boot() else {
            if !mayBeStuck {
                isBricked = true
                broken("O1", "no slot holds an image that would boot")
            }
            return
        }
        judge(image, "would run")
    }

    private mutating func judge(_ image: RunningImage, _ verb: String) {
        if image.signature == .invalid { broken("O2", "an image whose signature is not valid \(verb): \(image.image.version)") }
        if isSigned, image.signature == .unchecked { broken("O2", "an image whose signature nobody checked \(verb)") }
        if !mayRun.contains(where: { $0.digest == image.image.digest }) {
            broken("O3", "an image \(verb) that is neither the old nor the new one: \(image.image.version), slot \(image.slot)")
        }
    }

    mutating func noted(_ name: String, _ fields: Fields, _ badge: Badge) {
        switch name {
        case "boot.started":
            boots += 1
            guard case .runs(let image)? = badge.firmware.lastOutcome else { return }
            if let old = mayRun.first, old.digest != image.image.digest { startsOfNew += 1 }
            judge(image, "runs")
        case "boot.stuck":
            if !mayBeStuck {
                isBricked = true
                broken("O1", "the badge stays in its bootloader: \(fields["reason"]?.text ?? "")")
            }
        case "ota.started": updates += 1
        case "ota.block_written":
            guard let wanted, let offset = fields["offset"]?.integer.map(Int.init), let size = fields["size"]?.integer.map(Int.init) else { return }
            guard offset >= 0, offset + size <= wanted.count, badge.firmware.readUpdate(at: offset, count: size) == Array(wanted[offset..<offset + size])
            else { return broken("download", "other bytes than those of the image were written to the slot at \(offset)") }
        default: break
        }
    }

    /// At the end: O4, O5, O8, O9, O10.
    mutating func finish(_ run: TortureRun, _ end: TortureRun.End, bound: UInt32) {
        let (badge, centre) = (run.badge, run.centre)
        if end == .late {
            if !centre.isSettled {
                broken("O8", "no result of \(centre.execution) after \(TortureRun.limit.nanoseconds / 3_600_000_000_000) h or \(TortureRun.mostInputs) inputs")
            } else if !mayBeStuck {
                isBricked = true
                broken("O1", "the badge did not come online again")
            }
        }
        if !mayBeStuck, centre.heardVersion != badge.runningVersion {
            broken("O4", "the cloud has heard \(centre.heardVersion), the badge runs \(badge.runningVersion)")
        }
        if forbidsDelta, centre.deltaBlocks > 0 { broken("D1", "a delta for another base was fetched") }
        for text in centre.contradictions { broken("O5", text) }
        let erases = Self.erases(badge) &- (before?.erases ?? 0)
        if erases > bound { broken("O9", "\(erases) sectors were erased; an update needs at most \(bound)") }
        // A badge in its bootloader answers for nothing that it keeps.
        guard let before, badge.firmware.lastOutcome?.running != nil else { return }
        let state = Self.state(badge, run.now)
        for name in ["registered", "device", "key_epoch", "serial_no", "config_version"] where state[name] != before.state[name] {
            broken("O10", "\(name) was \(before.state[name]?.description ?? "-") and is \(state[name]?.description ?? "-")")
        }
        if Self.setting(badge, run.now) != before.setting { broken("O10", "a setting was lost") }
    }
}
