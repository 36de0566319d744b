/// CRC-32 as in Ethernet and zip: polynomial 0x04C11DB7 reflected, start and final XOR 0xFFFFFFFF (ISO/IEC 13239).
package enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { (index: UInt32) in
        (0..<8).reduce(index) { remainder, _ in remainder & 1 == 1 ? remainder >> 1 ^ 0xedb8_8320 : remainder >> 1 }
    }

    /// - Parameter start: the sum before the first byte; all ones but for ESP-IDF's otadata.
    package static func of(_ bytes: some Sequence<UInt8>, start: UInt32 = .max) -> UInt32 { ~sum(start, bytes) }

    /// Of two pieces, as if they were one.
    package static func of(_ head: some Sequence<UInt8>, _ tail: some Sequence<UInt8>) -> UInt32 { ~sum(sum(.max, head), tail) }

    private static func sum(_ start: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
        let table = table
        // Over the bytes as they lie in memory: through an iterator that is not known here, each costs several calls.
        let fast = bytes.withContiguousStorageIfAvailable { buffer in
            var sum = start
            for index in 0..<buffer.count { sum = sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ (unsafe buffer[index]))] }
            return sum
        }
        return fast ?? bytes.reduce(start) { sum, byte in sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
    }
}
