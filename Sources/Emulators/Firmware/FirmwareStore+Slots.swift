import FirmwareImages
import LabCore

/// The content of a slot that was found valid, to know it again wherever it lies.
///
/// Comparing every byte says more than hashing again, and costs nothing where the sectors are still the same memory.
package struct KnownImage: Sendable, Equatable {
    var sectors: [[UInt8]]
    var image: BootableImage
    var application: EmulatedApplication?
    var signature: RunningImage.Signature
    var checks: ImageValidation.Checks
    /// The sectors are the memory of the flash itself, which makes comparing them cheap.
    var isShared = true
}

/// Reading, writing and judging slots.
extension FirmwareStore {
    func sectors(_ slot: FirmwareSlot) -> Range<Int> { layout.slot(slot, model) }

    func address(_ slot: FirmwareSlot) -> Int { sectors(slot).lowerBound * layout.sectorSize }

    /// What lies in the slot; cut to the part for images.
    func read(_ slot: FirmwareSlot, at offset: Int, count: Int) -> [UInt8] {
        let start = min(max(0, offset), layout.imageCapacity)
        let length = min(max(0, count), layout.imageCapacity - start)
        return (try? flash.read(at: address(slot) + start, count: length)) ?? []
    }

    mutating func write(_ bytes: [UInt8], at offset: Int, to slot: FirmwareSlot) throws(FlashError) {
        var position = 0
        while position < bytes.count {
            let place = offset + position
            let length = min(layout.sectorSize - place % layout.sectorSize, bytes.count - position)
            let part = length == bytes.count ? bytes : Array(bytes[position..<position + length])
            try flash.program(at: address(slot) + place, padded(part))
            position += length
        }
    }

    /// Filled up to the write unit.
    func padded(_ bytes: [UInt8]) -> [UInt8] {
        let missing = bytes.count.roundedUp(to: layout.writeUnit) - bytes.count
        return missing == 0 ? bytes : bytes + Array(repeating: VirtualFlash.eraseValue, count: missing)
    }

    private var checks: ImageValidation.Checks {
        var checks = ImageValidation.Checks.all
        // Without a hash of the bytes there is nothing to which the signature could be compared.
        if bugs.contains(.imageHashNotChecked) { checks.subtract([.hash, .signature]) }
        if bugs.contains(.imageSignatureNotChecked) { checks.remove(.signature) }
        return checks
    }

    /// Whether the bootloader would start what lies in the slot.
    mutating func validated(_ slot: FirmwareSlot, length: Int? = nil) -> Result<BootableImage, ImageRefusal> {
        known(slot, length: length).map(\.image)
    }

    mutating func known(_ slot: FirmwareSlot, length: Int? = nil) -> Result<KnownImage, ImageRefusal> {
        let area = sectors(slot).lowerBound..<sectors(slot).lowerBound + layout.imageSectors
        let checks = checks
        if let place = known.firstIndex(where: { $0.checks == checks && holds(area, $0.sectors) && isAlone(area.dropFirst($0.sectors.count)) }) {
            if !known[place].isShared {
                known[place].sectors = area.prefix(known[place].sectors.count).map { flash.kept(sector: $0) }
                known[place].isShared = true
            }
            return aboveCounter(known[place])
        }
        var trust = trust
        // The counter changes, what was validated does not: it is compared apart.
        trust.minimumSecurityCounter = 0
        let bytes = content(slot, length: length)
        switch ImageValidation.validate(bytes, as: model.format, trust: trust, checks: checks) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let image):
            let found = KnownImage(
                sectors: area.prefix(sectorCount(of: image)).map { flash.kept(sector: $0) }, image: image,
                application: EmulatedApplication.find(in: bytes, body: image.body), signature: signature(bytes), checks: checks)
            remember(found)
            return aboveCounter(found)
        }
    }

    private func sectorCount(of image: BootableImage) -> Int {
        max(1, (min(image.length, layout.imageCapacity) + layout.sectorSize - 1) / layout.sectorSize)
    }

    /// Validates a file as if it lay in a slot, for stores that will have the same bytes there; nil for what this bootloader would not start.
    package func recognised(_ file: [UInt8]) -> KnownImage? {
        var trust = trust
        trust.minimumSecurityCounter = 0
        guard case .success(let image) = ImageValidation.validate(file, as: model.format, trust: trust, checks: checks) else { return nil }
        let sectors = (0..<sectorCount(of: image)).map { sector in
            Array(file[min(sector * layout.sectorSize, file.count)..<min((sector + 1) * layout.sectorSize, file.count)])
        }
        return KnownImage(
            sectors: sectors, image: image, application: EmulatedApplication.find(in: file, body: image.body), signature: signature(file),
            checks: checks, isShared: false)
    }

    /// A slot with just these bytes is not validated again, only compared.
    package mutating func remember(_ image: KnownImage) {
        guard !known.contains(where: { $0.checks == image.checks && $0.image.digest == image.image.digest }) else { return }
        known.append(image)
        if known.count > 3 { known.removeFirst() }
    }

    /// What lies behind an image is nothing to a bootloader, but for a bundle, which is read from its end.
    private func isAlone(_ rest: Range<Int>) -> Bool { model != .rauc || rest.allSatisfy { flash.isErased(sector: $0) } }

    private func aboveCounter(_ found: KnownImage) -> Result<KnownImage, ImageRefusal> {
        let lowest = max(trust.minimumSecurityCounter, securityCounter)
        if found.image.securityCounter >= lowest || bugs.contains(.counterNotChecked) { return .success(found) }
        return .failure(
            ImageRefusal(.downgradeCounter, "the image's security counter is \(found.image.securityCounter), the device is at \(lowest)"))
    }

    /// The whole area for images, or with RAUC the bundle, which is read from its end.
    private func content(_ slot: FirmwareSlot, length: Int?) -> [UInt8] {
        guard model == .rauc else { return read(slot, at: 0, count: layout.imageCapacity) }
        if let length = length ?? bootState[slot].length { return read(slot, at: 0, count: length) }
        return bundle(in: slot)
    }

    /// What an oracle wants to know even of a bootloader that does not look.
    private func signature(_ bytes: [UInt8]) -> RunningImage.Signature {
        if trust.keys.isEmpty, trust.certificates.isEmpty { return .unchecked }
        guard checks != .all else { return .valid }
        if case .success = ImageValidation.validate(bytes, as: model.format, trust: trust, checks: [.hash, .signature]) { return .valid }
        return .invalid
    }

    /// Whether sectors of the flash hold just these bytes.
    private func holds(_ area: Range<Int>, _ wanted: [[UInt8]]) -> Bool {
        zip(area, wanted).allSatisfy { sector, bytes in
            let kept = flash.kept(sector: sector)
            if kept == bytes { return true }
            let (short, long) = kept.count < bytes.count ? (kept, bytes) : (bytes, kept)
            return long.starts(with: short) && long[short.count...].allSatisfy { $0 == VirtualFlash.eraseValue }
        }
    }

    func runs(
        _ slot: FirmwareSlot, _ found: KnownImage, attempt: Int, isRevert: Bool, isLastResort: Bool = false
    ) -> BootOutcome {
        .runs(
            RunningImage(
                slot: slot.rawValue, image: found.image, application: found.application, isConfirmed: isConfirmed(slot), attempt: attempt,
                isRevert: isRevert, isLastResort: isLastResort, signature: found.signature, operations: 0))
    }
}
