import FirmwareImages
import LabCore

/// A boot that takes time: the bootloader has run on a copy of the flash, which takes the place of the flash when the time is over.
///
/// Where power goes before, the same boot is done once more on the real flash, and cut in the operation that was under way then.
struct Loading: Sendable {
    var begun: RunInstant
    var finished: FirmwareStore
    /// `nil` where a power cut that was armed came in the middle.
    var outcome: BootOutcome?
    var operations: [VirtualFlash.Operation]
    var wasWatchdog: Bool
}

extension Badge {
    /// Runs the bootloader.
    mutating func load(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        let wasWatchdog = ram.bootCause == .watchdog
        var copy = firmware
        copy.flash.startTrace()
        var outcome: BootOutcome?
        do throws(FlashError) { outcome = try copy.boot(wasWatchdog: wasWatchdog) } catch {
            // Only a cut leaves it; what else goes wrong is its own outcome.
        }
        let operations = copy.flash.stopTrace()
        let loading = Loading(begun: now, finished: copy, outcome: outcome, operations: operations, wasWatchdog: wasWatchdog)
        if operations.isEmpty { return try loaded(loading, at: now, &effects) }
        ram.phase = .loading
        ram.loading = loading
        effects.append(.startTimer(.bootloader, after: FlashTiming.standard.duration(of: operations)))
    }

    mutating func bootloaderDone(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard isPowered, !ram.isHung, let loading = ram.loading else { return }
        ram.loading = nil
        try loaded(loading, at: now, &effects)
    }

    private mutating func loaded(_ loading: Loading, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        firmware = loading.finished
        switch loading.outcome {
        case .runs(let image)?: try start(image, at: now, &effects)
        case .stuck(let reason)?:
            ram.phase = .failed
            effects.append(.note("boot.stuck", ["reason": .text(reason)]))
        case nil: throw PowerFailure()
        }
    }

    /// The bootloader is interrupted by lost power or a reset: the flash is left as it was in that instant.
    mutating func interruptLoading(at now: RunInstant) {
        guard let loading = ram.loading else { return }
        ram.loading = nil
        let elapsed = loading.begun.duration(to: now)
        guard let operation = FlashTiming.standard.operation(under: elapsed, of: loading.operations) else { return firmware = loading.finished }
        // At its very beginning nothing of it is done yet.
        let before = FlashTiming.standard.duration(of: loading.operations.prefix(Int(operation) - 1))
        firmware.flash.cutPower(atOperation: operation, tear: before == elapsed ? .nothing : .half)
        _ = try? firmware.boot(wasWatchdog: loading.wasWatchdog)
        firmware.flash.cancelCut()
        firmware.flash.restorePower()
    }

    /// The watchdog resets the badge whatever it does, also in the middle of a swap (A7).
    mutating func resetByWatchdog(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isPowered else { return }
        interruptLoading(at: now)
        effects.append(.note("watchdog.reset", [:]))
        restart(.watchdog, &effects)
    }
}
