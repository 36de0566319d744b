import Emulators
import FirmwareImages
import LabCore

/// A run in which nothing goes wrong, with a copy of it before every input: cases begin there in place of going all the way again.
struct Course: Sendable {
    struct Moment: Sendable {
        var run: TortureRun
        var firmwareOperations: UInt64
        var settingsOperations: UInt64
        var blocks: Int
    }

    /// A course that never ends, as with a bug in the bootloader, is cut here.
    private static let mostMoments = 2_000
    private(set) var moments: [Moment] = []
    /// Operations before each moment, by themselves: they are searched for every case.
    private var firmwareMarks: [UInt64] = []
    private var settingsMarks: [UInt64] = []
    private(set) var firmwareOperations: UInt64 = 0
    private(set) var settingsOperations: UInt64 = 0
    private(set) var erases: UInt32 = 0
    private(set) var final: TortureRun

    var inputs: Int { moments.count }
    var blocks: Int { moments.last?.blocks ?? 0 }

    func operations(of part: TortureCase.Part) -> UInt64 { part == .firmware ? firmwareOperations : settingsOperations }

    /// - Parameter start: the run with its offers made, before the badge is told of them.
    init(from start: TortureRun) {
        var run = start
        run.countNotes()
        let (firmware, settings) = (run.badge.firmware.flash.operationCount, run.badge.flash.operationCount)
        let erased = run.badge.firmware.flash.eraseCounts.reduce(0, &+)
        func moment(_ run: TortureRun) -> Moment {
            Moment(
                run: run, firmwareOperations: run.badge.firmware.flash.operationCount - firmware,
                settingsOperations: run.badge.flash.operationCount - settings, blocks: run.centre.blocks)
        }
        moments = [moment(run)]
        run.notify()
        // Up to the result, and a little more: what follows is rest.
        var settledAt: RunInstant?
        while settledAt.map({ $0.duration(to: run.now) < .seconds(30) }) ?? (run.now < start.now.advanced(by: TortureRun.limit)) {
            guard moments.count < Self.mostMoments, run.step() else { break }
            if run.centre.isSettled, settledAt == nil { settledAt = run.now }
            moments.append(moment(run))
        }
        // A cut that is put into force while the bootloader works on its copy would be lost with the flash that the copy replaces.
        firmwareMarks = moments.map { $0.run.isInBootloader ? .max : $0.firmwareOperations }
        settingsMarks = moments.map { $0.run.isInBootloader ? .max : $0.settingsOperations }
        firmwareOperations = run.badge.firmware.flash.operationCount - firmware
        settingsOperations = run.badge.flash.operationCount - settings
        erases = run.badge.firmware.flash.eraseCounts.reduce(0, &+) - erased
        final = run
    }

    /// The last moment that the case shares, with how much of the flash operations lies behind it.
    func moment(_ start: TortureCase.Start) -> Moment {
        switch start {
        case .beginning: moments[0]
        case .input(let number): moments[min(number, moments.count - 1)]
        case .operation(let part, let operation):
            moments[(part == .firmware ? firmwareMarks : settingsMarks).lastIndex { $0 < operation } ?? 0]
        case .blocks(let count): moments.first { $0.blocks >= count } ?? moments[0]
        }
    }
}
