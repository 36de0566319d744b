import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Bugs seeded into the bootloaders are found by these tests")
struct BootBugTests {
    /// True if some run with a cut at some operation breaks a rule.
    private func isFoundByCuts(_ bug: SeededBug, _ model: BootModel, _ goal: BootBench.Goal) throws -> Bool {
        let images = try BootBench.Images(model)
        let prepared = try BootBench(model, goal, images, bugs: [bug])
        for operation in 0...(try BootBench.operations(model, goal, images)) {
            for tear in [VirtualFlash.Tear.nothing, .half, .everything] {
                var bench = prepared
                bench.run(operation == 0 ? [] : [BootBench.Cut(operation: operation, tear: tear)])
                if !bench.violations.isEmpty { return true }
            }
        }
        return false
    }

    @Test("of the rules for going back and going on", arguments: [
        (SeededBug.neverReverts, BootModel.mcuboot), (.neverReverts, .esp), (.neverReverts, .rauc), (.swapNotResumed, .mcuboot),
        (.confirmsByItself, .mcuboot), (.confirmsByItself, .esp), (.confirmsByItself, .rauc), (.attemptsNotCounted, .esp),
        (.attemptsNotCounted, .rauc),
    ])
    func cuts(bug: SeededBug, model: BootModel) throws {
        #expect(try isFoundByCuts(bug, model, .revert))
    }

    @Test("of the rules for images", arguments: [SeededBug.imageHashNotChecked, .imageSignatureNotChecked, .counterNotChecked])
    func images(bug: SeededBug) throws {
        for bugs in [Set<SeededBug>(), [bug]] {
            var damaged = try BootBench.Images(.mcuboot, counters: (2, bug == .counterNotChecked ? 1 : 2))
            switch bug {
            case .imageHashNotChecked: damaged.new[1_500] ^= 0x10
            // The last 64 bytes are the Ed25519 signature.
            case .imageSignatureNotChecked: damaged.new[damaged.new.count - 10] ^= 0x10
            default: break
            }
            var store = try FirmwareStore(model: .mcuboot, trust: damaged.trust, image: damaged.old, layout: BootBench.layout, bugs: bugs)
            _ = try store.boot()
            try store.confirm()
            #expect(store.securityCounter == 2)
            try store.install(damaged.new)
            try store.activate()
            let running = try #require(try store.boot().running)
            #expect(running.image.version == (bugs.isEmpty ? BootBench.old : BootBench.new))
            if bug == .imageSignatureNotChecked { #expect(running.signature == (bugs.isEmpty ? .valid : .invalid)) }
        }
    }

    @Test("none of the bootloader's bugs is left out")
    func complete() {
        #expect(
            SeededBug.allCases.filter { $0.place == .bootloader } == [
                .imageSignatureNotChecked, .imageHashNotChecked, .counterNotChecked, .neverReverts, .swapNotResumed, .confirmsByItself,
                .attemptsNotCounted,
            ])
    }
}

extension FirmwareStore {
    /// Writes the image sector by sector, whatever it is.
    mutating func install(_ image: [UInt8]) throws(FlashError) {
        for (index, start) in stride(from: 0, to: image.count, by: updateSectorSize).enumerated() {
            try eraseUpdateSector(index)
            try writeUpdate(at: start, Array(image[start..<min(start + updateSectorSize, image.count)]))
        }
    }
}
