/// The highest security counter of an image that was confirmed: the fuses of real devices, which only go up.
///
/// In two sectors of its own, as a record with a checksum: after a cut there is the new value or the one before.
extension FirmwareStore {
    private static let key = RecordStore.Key(rawValue: 1)

    package var securityCounter: UInt32 {
        guard let bytes = counterRecords.value(Self.key, in: flash) else { return 0 }
        var cursor = ByteCursor(bytes)
        return cursor.integer() ?? 0
    }

    mutating func raiseCounter(to value: UInt32) throws(FlashError) {
        guard value > securityCounter else { return }
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        try counterRecords.put(Self.key, bytes, in: &flash)
    }
}
