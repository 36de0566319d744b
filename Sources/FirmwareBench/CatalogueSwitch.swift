import Emulators
import FirmwareImages
import LabCore
import Simulation

/// A1 to A9: what the new image does after the switch, and what is none.
extension CatalogueBuilder {
    mutating func addAfterSwitch() throws {
        let faults: [(TortureCase.Family, String, String, Fields)] = [
            (.a1, "the application crashes at once", "app.crash", [:]), (.a1, "the application hangs", "app.hang", [:]),
            (.a2, "no network", "self_test.fail", ["check": "network"]), (.a2, "no cloud", "self_test.fail", ["check": "cloud"]),
            (.a2, "a dead sensor", "self_test.fail", ["check": "sensor"]), (.a2, "memory that falls", "self_test.fail", ["check": "memory"]),
            (.a3, "the self-test hangs", "self_test.hang", [:]),
        ]
        for (family, about, name, fields) in faults {
            good(family, about, [.whileRunning(word, name, fields)], endings: [.old], results: ["rolled_back"])
            for note in ["boot.started", "boot.done", "online"] {
                good(family, "\(about), and power goes at \(note)", [.whileRunning(word, name, fields), .power(at: note, nth: 1)], endings: [.old])
            }
        }
        if setup.canMakeImages { try addBehaviours() }
        let later = TortureCase.Injection.device("settings.later", ["form": 2], at: "ota.installed")
        good(.a6, "settings are moved forward", [later], results: ["succeeded"])
        good(
            .a6, "settings are moved forward, then the self-test fails", [later, .whileRunning(word, "self_test.fail", ["check": "sensor"])], endings: [.old],
            results: ["rolled_back"])
        good(.a6, "settings are moved forward, power goes at it, then the self-test fails",
            [later, .power(at: "settings.migrated", nth: 1), .whileRunning(word, "self_test.fail", ["check": "sensor"])], endings: [.old])
        addBroken()
        try addBootloaders()
    }

    /// A9: these devices have no second bootloader to go back to, so that no update may bring one. What looks like one is refused.
    private mutating func addBootloaders() throws {
        // As it stands at the beginning of a Cortex-M's flash: the stack's end, the reset handler, the other vectors, code.
        let vectors: [UInt32] = [0x2000_8000, 0x0000_01d1] + Array(repeating: 0x0000_01f5, count: 62)
        let raw = vectors.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } } + setup.image
        refuses(.a9, "a bootloader as it stands in the flash", try addMade("a bare bootloader", raw, version))
        guard setup.model == .esp, setup.canMakeImages, let second = ESPForgery.withoutDescription(setup.image) else { return }
        refuses(.a9, "a second-stage bootloader: an image that describes no application", try addMade("a second-stage bootloader", second, version))
    }

    private mutating func addBehaviours() throws {
        let behaviours: [(TortureCase.Family, EmulatedApplication.Behaviour)] = [
            (.a1, .crash), (.a1, .crashLate), (.a1, .hang), (.a2, .noNetwork), (.a2, .noCloud), (.a2, .sensorDead), (.a2, .heapFalling), (.a3, .selfTestHang),
            (.a3, .selfTestFlapping),
        ]
        for (family, behaviour) in behaviours {
            let release = try addMade("an image that does \(behaviour.rawValue)", try setup.made(version, behaviour: behaviour), version)
            cases.append(
                TortureCase(
                    family: family, about: "an image with \(behaviour.rawValue)", offers: [release], endings: [.old], results: ["rolled_back"], mayRun: [release]))
            var again = TortureCase(
                family: .a8, about: "\(behaviour.rawValue) is offered again", offers: [release, release, release], endings: [.old], mayRun: [release])
            again.results = ["rejected", "rolled_back"]
            cases.append(again)
        }
        let later = try addMade("an image with a later schema", try setup.made(version, schema: 2), version)
        cases.append(TortureCase(family: .a6, about: "an image moves the settings forward", offers: [later], endings: [.new], results: ["succeeded"], mayRun: [later]))
        let back = try addMade("a later schema, and a dead sensor", try setup.made(version, behaviour: .sensorDead, schema: 3), version)
        cases.append(
            TortureCase(family: .a6, about: "an image moves the settings forward, then fails", offers: [back], endings: [.old], results: ["rolled_back"], mayRun: [back]))
    }

    private mutating func addBroken() {
        for (note, times) in [("self_test.passed", 1), ("ota.confirmed", 1)] {
            good(.a4, "power goes at \(note), twice", (1...(times + 1)).map { .power(at: note, nth: $0) }, endings: [.new, .old])
        }
        for note in ["boot.started", "boot.done", "ota.installed"] {
            good(.a7, "the watchdog fires at \(note)", [.device("watchdog.fire", [:], at: note)], endings: [.new, .old])
        }
        guard isProtected else {
            omissions.append("A5, damaged slots: this bootloader asks for no signature of what it starts, so that it sees no damage")
            return
        }
        // The way back is damaged, and the new image is bad: the new one stays as the last resort, and says so.
        for (about, name, fields) in [("fails its self-test", "self_test.fail", ["check": "sensor"] as Fields), ("has a self-test that hangs", "self_test.hang", [:])] {
            good(
                .a5, "the old image is damaged, the new one \(about)",
                [.device("slot.damage", ["slot": "update"], at: "boot.started"), .whileRunning(word, name, fields)], endings: [.new, .old])
        }
        // The old image may be below the security counter by then: nothing is left that may be started.
        let endings: Set<TortureCase.Ending> = setup.oldCounter < setup.new.securityCounter ? [.new, .stuck] : [.new, .old]
        good(.a5, "the new image is damaged after it was confirmed", [.device("slot.damage", ["slot": "running"], at: "ota.confirmed")], endings: endings)
        good(
            .a5, "the new image is damaged after the confirmation, then power goes",
            [.device("slot.damage", ["slot": "running"], at: "ota.confirmed"), .power(at: "ota.confirmed", nth: 1)],
            endings: endings)
        good(.a5, "the image is damaged between activation and reset", [.device("slot.damage", ["slot": "update"], at: "ota.installed")], endings: [.old])
    }
}

/// Makes of an application what ESP-IDF's second stage looks like: the same format, with checksum and hash, and no description.
enum ESPForgery {
    /// Where the description stands, behind the header and that of the first segment.
    private static let place = 32

    static func withoutDescription(_ image: [UInt8]) -> [UInt8]? {
        // Bit 0 of byte 23 says that a SHA-256 follows.
        guard image.count > place + 4 + 32, image[23] == 1 else { return nil }
        var changed = image
        // Its magic word backwards is none; the checksum, which is an exclusive or of all bytes, stays right.
        changed.replaceSubrange(place..<place + 4, with: image[place..<place + 4].reversed())
        let end = changed.count - 32
        changed.replaceSubrange(end..., with: ReleaseHash.of(Array(changed[..<end])))
        return changed
    }
}
