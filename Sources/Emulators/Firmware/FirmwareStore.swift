package import FirmwareImages
package import LabCore

/// The firmware flash of a device with its bootloader, as a value: what a reset does, and what an application may ask for.
///
/// Everything that must outlive a power cut is in `flash`. The rest is what the last `boot` found, and images that were
/// validated before, to which slots are compared byte by byte in place of hashing them again.
///
/// When no image is left that a model's rules allow, the bootloader starts any that is valid (`isLastResort`), since a bad
/// image may still be able to fetch a better one. Only when no slot holds a valid one it stays in the bootloader, without
/// writing anything: `.stuck`, which the device must make known. There is no third slot for a factory image.
package struct FirmwareStore: Sendable, Equatable {
    package var flash: VirtualFlash
    package let model: BootModel
    package let trust: ImageTrust
    package let layout: FirmwareLayout
    /// Rules that this bootloader breaks on purpose.
    package var bugs: Set<SeededBug> = []
    /// What the last boot started; `a` before the first.
    package internal(set) var running = FirmwareSlot.a

    /// How the last `boot` of this value ended; nil before the first.
    package private(set) var lastOutcome: BootOutcome?

    /// Slots whose content was validated, the newest last.
    var known: [KnownImage] = []
    /// Indices of the records in flash, read anew at each boot.
    var counterRecords: RecordStore
    var stateRecords: RecordStore

    /// Factory programming: the image in slot a, confirmed; the security counter at the trust's minimum.
    ///
    /// The image is programmed as it is given: whether it boots is the bootloader's to say.
    /// - Throws: `.badGeometry`; `.outOfRange` for an image that does not fit.
    package init(
        model: BootModel, trust: ImageTrust, image: [UInt8], layout: FirmwareLayout = .standard, bugs: Set<SeededBug> = []
    ) throws(FlashError) {
        self.model = model
        self.layout = layout
        self.bugs = bugs
        var trust = trust
        trust.slotSize = trust.slotSize ?? layout.imageCapacity
        self.trust = trust
        flash = VirtualFlash(try layout.geometry(model))
        counterRecords = RecordStore(mounting: layout.counter(model), of: flash)
        stateRecords = RecordStore(mounting: layout.state(model), of: flash)
        guard image.count <= layout.imageCapacity else {
            throw .outOfRange(address: 0, count: image.count, size: layout.imageCapacity)
        }
        try write(image, at: 0, to: .a)
        switch model {
        case .mcuboot: break
        case .esp: try writeFactoryOTAData()
        case .rauc: try writeFactoryBootState(length: image.count)
        }
    }

    /// Reset to jump: finishes what was interrupted, counts attempts, goes back where it must, validates what it starts.
    ///
    /// - Parameter wasWatchdog: the reset came from the watchdog. None of the three bootloaders tells it from a power cut:
    ///   an unconfirmed image loses its attempt either way (P7: MCUboot and ESP-IDF allow one, RAUC three).
    /// - Throws: `.powerLost`, with the flash as it was then.
    package mutating func boot(wasWatchdog: Bool = false) throws(FlashError) -> BootOutcome {
        let before = flash.operationCount
        running = .a
        counterRecords = RecordStore(mounting: layout.counter(model), of: flash)
        if model == .rauc { stateRecords = RecordStore(mounting: layout.state(model), of: flash) }
        do {
            var outcome =
                switch model {
                case .mcuboot: try bootMCUboot()
                case .esp: try bootESP()
                case .rauc: try bootRAUC()
                }
            if case .runs(var image) = outcome {
                image.operations = flash.operationCount - before
                outcome = .runs(image)
            }
            lastOutcome = outcome
            return outcome
        } catch .powerLost(let operation) {
            throw .powerLost(operation: operation)
        } catch {
            lastOutcome = .stuck(reason: "flash_error")
            return .stuck(reason: "flash_error")
        }
    }

    // MARK: The slot for updates

    /// The slot that does not run.
    package var updateSlot: FirmwareSlot { model == .mcuboot ? .b : running.other }

    /// Bytes that an image can have.
    package var updateCapacity: Int { layout.imageCapacity }
    package var updateSectorSize: Int { layout.sectorSize }

    /// Erases one sector of the update slot, counted from 0 to `updateCapacity / updateSectorSize - 1`.
    ///
    /// - Throws: `.writeProtected` while the running image is not confirmed: the slot holds the one to go back to.
    package mutating func eraseUpdateSector(_ index: Int) throws(FlashError) {
        guard !isOnTrial else { throw .writeProtected("the running image is not confirmed, and the slot holds the one to go back to") }
        guard (0..<layout.imageSectors).contains(index) else {
            throw .outOfRange(address: index * layout.sectorSize, count: layout.sectorSize, size: updateCapacity)
        }
        if model == .rauc { try markUpdateSlotBad() }
        try flash.erase(sector: sectors(updateSlot).lowerBound + index)
    }

    /// Programs bytes of the image; one operation for each sector that they touch. The sectors must be erased.
    ///
    /// - Parameter offset: a multiple of the write unit. The last unit is filled up with 0xFF.
    package mutating func writeUpdate(at offset: Int, _ bytes: [UInt8]) throws(FlashError) {
        guard !isOnTrial else { throw .writeProtected("the running image is not confirmed, and the slot holds the one to go back to") }
        guard offset >= 0, offset <= updateCapacity, bytes.count <= updateCapacity - offset else {
            throw .outOfRange(address: offset, count: bytes.count, size: updateCapacity)
        }
        try write(bytes, at: offset, to: updateSlot)
    }

    package func readUpdate(at offset: Int, count: Int) -> [UInt8] { read(updateSlot, at: offset, count: count) }
    package func readRunning(at offset: Int, count: Int) -> [UInt8] { read(running, at: offset, count: count) }

    /// What the bootloader would say about the image in the update slot.
    ///
    /// - Parameter length: bytes of the file, where it is known; only RAUC's bundles, which have no length at their beginning, need it.
    package mutating func validateUpdate(length: Int? = nil) -> Result<BootableImage, ImageRefusal> {
        validated(updateSlot, length: length)
    }

    // MARK: What the application asks of the bootloader

    /// The next boot tries the image in the update slot. Asked again, nothing happens.
    package mutating func activate(length: Int? = nil) throws(FlashError) {
        switch model {
        case .mcuboot: try requestSwap()
        case .esp: try selectUpdateSlot()
        case .rauc: try makeUpdateSlotPrimary(length: length)
        }
    }

    /// The running image stays: the bootloader does not go back any more. Raises the stored security counter to the image's,
    /// after the image is confirmed, since the other order could leave no image that may be started.
    package mutating func confirm() throws(FlashError) {
        switch model {
        case .mcuboot: try confirmSwap()
        case .esp: try markRunningValid()
        case .rauc: try markRunningGood()
        }
        if case .success(let image) = validated(running) { try raiseCounter(to: image.securityCounter) }
    }

    /// The application asks to go back at the next boot.
    ///
    /// - Returns: false, with nothing changed, if the other slot holds no image that could be started: none, a damaged one, one
    ///   that was given up before, or one below the security counter.
    package mutating func rollBack() throws(FlashError) -> Bool {
        guard !isBad(running.other), case .success = validated(running.other) else { return false }
        switch model {
        case .mcuboot: if isRunningConfirmed { try requestSwap() }
        case .esp: try markRunningInvalid()
        case .rauc: try markRunningBad()
        }
        return true
    }

    /// Both slots; what was not validated before is validated now.
    package var slots: [SlotState] {
        var copy = self
        return FirmwareSlot.allCases.map { slot in
            SlotState(
                name: slot.rawValue, image: try? copy.validated(slot).get(), isRunning: slot == running,
                isConfirmed: isConfirmed(slot), attemptsLeft: attemptsLeft(slot), isBad: isBad(slot))
        }
    }

    /// Whether the bootloader will not go back from the running image by itself.
    package var isRunningConfirmed: Bool { isConfirmed(running) }

    /// The running image was started to be tried, and the bootloader will go back unless it is confirmed.
    package var isOnTrial: Bool {
        switch model {
        case .mcuboot: !primaryIsConfirmed
        case .esp: otaState(of: running) == .pendingVerify
        case .rauc: !bootState[running].isGood && !bootState[running].isBad
        }
    }

    func isConfirmed(_ slot: FirmwareSlot) -> Bool {
        switch model {
        case .mcuboot: slot == .a && primaryIsConfirmed
        case .esp: [.valid, .undefined].contains(otaState(of: slot) ?? (slot == running ? .undefined : .new))
        case .rauc: bootState[slot].isGood
        }
    }

    func isBad(_ slot: FirmwareSlot) -> Bool {
        switch model {
        case .mcuboot: slot == .b && wasReverted
        case .esp: [.invalid, .aborted].contains(otaState(of: slot))
        case .rauc: bootState[slot].isBad
        }
    }

    func attemptsLeft(_ slot: FirmwareSlot) -> Int {
        switch model {
        case .mcuboot: slot == .b && trailer(.b).magic == .good ? 1 : 0
        case .esp: otaState(of: slot) == .new ? 1 : 0
        case .rauc: bootState[slot].isBad ? 0 : bootState[slot].attempts
        }
    }
}
