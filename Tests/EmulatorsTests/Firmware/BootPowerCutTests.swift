import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Power cuts in every flash operation of an update (specs/ota.md §4, P1, P2, P4; oracles O1, O2, O3, O6, O9)")
struct BootPowerCutTests {
    @Test("installs, boots and confirms without a cut; the counter follows", arguments: BootModel.allCases)
    func plain(model: BootModel) throws {
        let images = try BootBench.Images(model)
        var bench = try BootBench(model, .confirm, images)
        bench.run()
        #expect(bench.violations == [])
        #expect(bench.boots == 2)
        #expect(bench.store.securityCounter == 2)
        #expect(bench.store.slots.first { $0.isRunning }?.image?.version == BootBench.new)
    }

    @Test("goes back from an image that never confirms", arguments: zip(BootModel.allCases, [3, 3, 5]))
    func plainRevert(model: BootModel, boots: Int) throws {
        let images = try BootBench.Images(model)
        var bench = try BootBench(model, .revert, images)
        bench.run()
        #expect(bench.violations == [])
        #expect(bench.boots == boots)
        #expect(bench.store.slots.first { $0.isRunning }?.image?.version == BootBench.old)
    }

    @Test("survives a cut at every operation with every tear", arguments: BootModel.allCases, BootBench.Goal.allCases)
    func everyCut(model: BootModel, goal: BootBench.Goal) throws {
        let images = try BootBench.Images(model)
        let prepared = try BootBench(model, goal, images)
        let count = try BootBench.operations(model, goal, images)
        try #require(count > 10)
        for operation in 1...count {
            for tear in BootBench.tears {
                var bench = prepared
                bench.run([BootBench.Cut(operation: operation, tear: tear)])
                #expect(bench.violations == [], "cut at operation \(operation), \(tear)")
            }
        }
    }

    @Test("survives a second cut at every operation of the recovery from the first", arguments: BootModel.allCases, BootBench.Goal.allCases)
    func twoCuts(model: BootModel, goal: BootBench.Goal) throws {
        let images = try BootBench.Images(model, size: 1_500)
        let layout = FirmwareLayout(sectorSize: 1_024, imageSectors: model == .rauc ? 4 : 2, writeUnit: 8)
        let prepared = try BootBench(model, goal, images, layout: layout)
        var plain = prepared
        plain.run()
        let count = plain.store.flash.operationCount - prepared.store.flash.operationCount
        try #require(count > 6)
        for first in 1...count {
            for second in 1...count {
                var bench = prepared
                let tear = BootBench.tears[Int(first + second) % BootBench.tears.count]
                bench.run([BootBench.Cut(operation: first, tear: tear), BootBench.Cut(operation: second, tear: .half)])
                #expect(bench.violations == [], "cuts at operations \(first) and \(first)+\(second), \(tear)")
            }
        }
    }

    @Test("survives five random cuts in one run", arguments: BootModel.allCases, BootBench.Goal.allCases)
    func randomCuts(model: BootModel, goal: BootBench.Goal) throws {
        let images = try BootBench.Images(model)
        let prepared = try BootBench(model, goal, images)
        let count = try BootBench.operations(model, goal, images)
        for seed in UInt64(0)..<200 {
            var generator = SeededGenerator(seed: seed, purpose: "random cuts")
            let cuts = (0..<5).map { _ in
                BootBench.Cut(
                    operation: 1 + generator.integer(below: count),
                    tear: BootBench.tears[Int(generator.integer(below: UInt64(BootBench.tears.count)))])
            }
            var bench = prepared
            bench.run(cuts)
            #expect(bench.violations == [], "seed \(seed)")
        }
    }

    @Test("writes nothing in a boot loop of a confirmed image (O9)", arguments: BootModel.allCases)
    func bootLoopOfConfirmed(model: BootModel) throws {
        var bench = try BootBench(model, .confirm, BootBench.Images(model))
        bench.run()
        let before = bench.store.flash.operationCount
        for _ in 0..<100 { _ = try bench.store.boot(wasWatchdog: true) }
        #expect(bench.store.flash.operationCount == before)
    }

    @Test("a loop of resets after an update erases no sector more than the way back does (O9)", arguments: BootModel.allCases)
    func bootLoopOfUnconfirmed(model: BootModel) throws {
        let images = try BootBench.Images(model)
        var bench = try BootBench(model, .revert, images)
        bench.run()
        let erased = bench.store.flash.eraseCounts
        for _ in 0..<100 { _ = try bench.store.boot(wasWatchdog: true) }
        #expect(bench.store.flash.eraseCounts == erased)
        // To the new image and back: a sector of MCUboot's primary slot is erased twice on each way.
        #expect(try #require(erased.max()) <= 5)
    }

    @Test("a brown-out loop before the application runs loses no slot (P6)", arguments: BootModel.allCases)
    func brownOut(model: BootModel) throws {
        let images = try BootBench.Images(model)
        var bench = try BootBench(model, .revert, images)
        bench.run()
        for _ in 0..<50 { _ = try bench.store.boot() }
        let outcome = try bench.store.boot()
        #expect(outcome.running?.image.version == BootBench.old)
        #expect(outcome.running?.isLastResort == false)
    }
}
