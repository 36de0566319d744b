import FirmwareImages
import LabCore

/// MCUboot with swap by moving (specs/ota.md §2 and §5; MCUboot docs/design.md, "Swap without using scratch").
///
/// Slot a, the primary, is the only one that runs. To try what lies in slot b, all sectors of a move up by one, then sector by
/// sector b goes to a and a, from one above, to b. After each step a word is written into the primary's trailer, so that a swap
/// goes on where it was interrupted. What a reset does follows from (magic, image_ok, copy_done) of both slots:
///
/// | primary | secondary | swap |
/// |---|---|---|
/// | magic good, copy_done not set | magic not good | goes on |
/// | | magic good, image_ok not set | TEST |
/// | | magic good, image_ok set | PERM, or REVERT where swap_info says so |
/// | magic good, copy_done set, image_ok not set | magic not good | REVERT |
/// | everything else | | NONE |
///
/// Where MCUboot asks for a flag that is unset, this asks for one that is not set: a torn flag is neither.
extension FirmwareStore {
    private enum Swap { case none, resume, start(MCUbootTrailer.Swap) }

    var primaryIsConfirmed: Bool {
        let primary = trailer(.a)
        return primary.magic != .good || primary.imageOK == .set
    }

    var wasReverted: Bool {
        let primary = trailer(.a)
        return primary.magic == .good && primary.copyDone == .set && primary.swap == .revert
    }

    private func decide() -> Swap {
        let (primary, secondary) = (trailer(.a), trailer(.b))
        if primary.magic == .good, primary.copyDone != .set, secondary.magic != .good, !bugs.contains(.swapNotResumed) { return .resume }
        if secondary.magic == .good {
            guard secondary.imageOK == .set else { return .start(.test) }
            return .start(secondary.swap == .revert ? .revert : .permanent)
        }
        if primary.magic == .good, primary.copyDone == .set, primary.imageOK != .set, !bugs.contains(.neverReverts) { return .start(.revert) }
        return .none
    }

    mutating func bootMCUboot() throws(FlashError) -> BootOutcome {
        var isLastResort = false
        // At most: a swap that goes on, its revert, and the rescue of an image in the secondary slot.
        for _ in 0..<4 {
            switch decide() {
            case .none: break
            case .resume: try finishSwap()
            case .start(let swap):
                if case .success(let new) = known(.b) {
                    try startSwap(swap, new)
                } else {
                    isLastResort = swap == .revert
                    try refuseSecondary()
                }
            }
            if case .success(let image) = known(.a) {
                try raiseCounterOfConfirmed(image.image)
                let isTried = !primaryIsConfirmed
                return runs(.a, image, attempt: isTried ? 1 : 0, isRevert: wasReverted, isLastResort: isLastResort)
            }
            // MCUboot stops here. This one goes back at once from an image that is not confirmed, and otherwise takes what the
            // secondary slot holds: a device with a good image in it must not lie dead.
            if case .start = decide() { continue }
            guard case .success = known(.b) else { return stuck() }
            isLastResort = true
            try requestSwap(permanent: true)
        }
        return stuck()
    }

    private mutating func stuck() -> BootOutcome {
        guard case .failure(let refusal) = known(.a) else { return .stuck(reason: "no_bootable_image") }
        return .stuck(reason: refusal.reason)
    }

    /// The factory's image, and an update that was confirmed while power went away before the counter was raised.
    private mutating func raiseCounterOfConfirmed(_ image: BootableImage) throws(FlashError) {
        if primaryIsConfirmed { try raiseCounter(to: image.securityCounter) }
    }

    /// The image in the secondary slot is not to be booted: it is erased, and the primary is marked OK, before it, so that
    /// the next reset does not try to go back to nothing.
    private mutating func refuseSecondary() throws(FlashError) {
        if !primaryIsConfirmed { try writeFlag(at: imageOKAddress(.a)) }
        let first = sectors(.b).lowerBound
        if !flash.isErased(sector: first) { try flash.erase(sector: first) }
        try eraseTrailer(.b)
    }

    // MARK: Swapping

    private mutating func startSwap(_ swap: MCUbootTrailer.Swap, _ new: KnownImage) throws(FlashError) {
        let old = (try? known(.a).get())?.image.length ?? layout.imageCapacity
        let size = min(layout.imageCapacity, max(old, new.image.length))
        if swap == .revert, trailer(.b).magic != .good {
            // From here on the secondary slot says what to do: the primary's trailer, which said it so far, is erased next.
            try eraseTrailer(.b)
            try writeFlag(at: imageOKAddress(.b))
            try writeFlag(at: swapInfoAddress(.b), MCUbootTrailer.Swap.revert.rawValue)
            try writeMagic(.b)
        }
        try eraseTrailer(.a)
        try writeFlag(at: swapInfoAddress(.a), swap.rawValue)
        try writeSwapSize(size, .a)
        if swap != .test || bugs.contains(.confirmsByItself) { try writeFlag(at: imageOKAddress(.a)) }
        try writeMagic(.a)
        // With this the primary's trailer counts, and the swap can only go forward.
        try finishSwap()
    }

    private mutating func finishSwap() throws(FlashError) {
        let size = trailer(.a).swapSize
        let count = min(layout.imageSectors, max(1, (size + layout.sectorSize - 1) / layout.sectorSize))
        let done = stepsDone()
        let (a, b) = (sectors(.a).lowerBound, sectors(.b).lowerBound)
        if done == 0 { try eraseTrailer(.b) }
        for step in stride(from: done, to: count, by: 1) {
            let sector = a + count - 1 - step
            try move(sector, to: sector + 1)
            try writeStatus(step)
        }
        for step in stride(from: max(done, count), to: 3 * count, by: 1) {
            let (index, isSecondHalf) = (step - count).quotientAndRemainder(dividingBy: 2)
            if isSecondHalf == 0 { try move(b + index, to: a + index) } else { try move(a + index + 1, to: b + index) }
            try writeStatus(step)
        }
        try writeFlag(at: copyDoneAddress(.a))
    }

    private mutating func move(_ sector: Int, to target: Int) throws(FlashError) {
        if !flash.isErased(sector: target) { try flash.erase(sector: target) }
        try flash.copy(sector: sector, to: target)
    }

    // MARK: What the application asks for

    /// Marks the image in the secondary slot to be tried at the next reset; the magic, written last, is what counts.
    mutating func requestSwap(permanent: Bool = false) throws(FlashError) {
        if trailer(.b).magic == .good { return }
        try eraseTrailer(.b)
        try writeFlag(at: swapInfoAddress(.b), (permanent ? MCUbootTrailer.Swap.permanent : .test).rawValue)
        if permanent { try writeFlag(at: imageOKAddress(.b)) }
        try writeMagic(.b)
    }

    mutating func confirmSwap() throws(FlashError) {
        if !primaryIsConfirmed { try writeFlag(at: imageOKAddress(.a)) }
    }
}
