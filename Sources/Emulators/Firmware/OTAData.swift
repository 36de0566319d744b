import LabCore

/// An entry of ESP-IDF's otadata: which slot is to run, and what is known of it (specs/ota.md §2 and §5).
///
/// 32 bytes at the beginning of a sector: u32 sequence, 20 bytes label, u32 state, u32 CRC of the sequence alone. The slot is
/// (sequence - 1) mod 2; of the two sectors' entries the higher sequence wins.
struct OTAEntry: Sendable, Equatable {
    enum State: UInt32, Sendable {
        case new = 0
        case pendingVerify = 1
        case valid = 2
        case invalid = 3
        case aborted = 4
        case undefined = 0xffff_ffff
    }

    var sequence: UInt32
    var state: State

    var slot: FirmwareSlot { sequence % 2 == 1 ? .a : .b }
    /// Whether the bootloader may choose it.
    var isSelectable: Bool { state != .invalid && state != .aborted }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: sequence)
        bytes.append(contentsOf: repeatElement(VirtualFlash.eraseValue, count: 20))
        bytes.append(littleEndian: state.rawValue)
        bytes.append(littleEndian: Self.sum(sequence))
        return bytes
    }

    /// Nil where the sum is wrong, as in an erased or torn sector. A state that is none of the six counts as invalid.
    init?(_ bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let sequence = cursor.integer(UInt32.self), cursor.take(20) != nil, let state = cursor.integer(UInt32.self),
            let sum = cursor.integer(UInt32.self), sequence != 0, sequence != .max, sum == Self.sum(sequence)
        else { return nil }
        self.init(sequence: sequence, state: State(rawValue: state) ?? .invalid)
    }

    init(sequence: UInt32, state: State) {
        self.sequence = sequence
        self.state = state
    }

    /// The chip's CRC-32 begins at 0 where Ethernet's begins at 0xFFFFFFFF (esp_rom_crc32_le with UINT32_MAX).
    static func sum(_ sequence: UInt32) -> UInt32 {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: sequence)
        return CRC32.of(bytes, start: 0)
    }
}

/// Reading and writing the two entries.
extension FirmwareStore {
    func otaEntry(_ index: Int) -> OTAEntry? {
        guard let bytes = try? flash.read(at: (layout.state(model).lowerBound + index) * layout.sectorSize, count: 32) else { return nil }
        return OTAEntry(bytes)
    }

    /// The entries that are there, the one that wins first.
    var otaEntries: [(index: Int, entry: OTAEntry)] {
        (0..<2).compactMap { index in otaEntry(index).map { (index, $0) } }.sorted { $0.1.sequence > $1.1.sequence }
    }

    /// Nil for a slot of which otadata says nothing.
    func otaState(of slot: FirmwareSlot) -> OTAEntry.State? { otaEntries.first { $0.entry.slot == slot }?.entry.state }

    /// Erases the sector and writes it anew, as ESP-IDF does. A cut between leaves no entry there, and the older one wins.
    mutating func writeOTAEntry(_ index: Int, _ entry: OTAEntry) throws(FlashError) {
        let sector = layout.state(model).lowerBound + index
        if !flash.isErased(sector: sector) { try flash.erase(sector: sector) }
        try flash.program(at: sector * layout.sectorSize, entry.encoded)
    }

    mutating func writeFactoryOTAData() throws(FlashError) { try writeOTAEntry(0, OTAEntry(sequence: 1, state: .valid)) }
}
