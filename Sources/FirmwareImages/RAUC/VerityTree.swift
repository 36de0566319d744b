import Crypto

/// The tree of salted SHA-256 hashes of dm-verity (Linux Documentation/admin-guide/device-mapper/verity.rst, hash type 1, blocks of
/// 4,096 bytes), as RAUC puts it behind the squashfs of a verity bundle: the topmost level first, no superblock.
enum VerityTree {
    static let blockSize = 4_096
    private static let hashLength = 32
    private static let hashesPerBlock = blockSize / hashLength

    /// Bytes of the tree over `dataBlocks` blocks.
    static func size(dataBlocks: Int) -> Int {
        var total = 0
        var blocks = dataBlocks
        while blocks > 1 {
            blocks = (blocks + hashesPerBlock - 1) / hashesPerBlock
            total += blocks
        }
        return total * blockSize
    }

    /// Computes the tree over `range` of `bytes`, which holds whole blocks.
    ///
    /// - Returns: the hash of the topmost block, and the tree's bytes as they must stand in the bundle.
    static func compute(_ bytes: [UInt8], _ range: Range<Int>, salt: [UInt8]) -> (root: [UInt8], tree: [UInt8]) {
        var levels: [[UInt8]] = []
        var hashes = hash(bytes, range, salt)
        while hashes.count > hashLength {
            hashes += [UInt8](repeating: 0, count: Bounds.roundedUp(hashes.count, to: blockSize) - hashes.count)
            levels.append(hashes)
            hashes = hash(hashes, 0..<hashes.count, salt)
        }
        return (hashes, levels.reversed().flatMap { $0 })
    }

    /// One hash for each block.
    private static func hash(_ bytes: [UInt8], _ range: Range<Int>, _ salt: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count / blockSize * hashLength)
        var salted = SHA256()
        salted.update(data: salt)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
            var hash = salted
            unsafe bytes.withUnsafeBytes {
                unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[start..<start + blockSize]))
            }
            result.append(contentsOf: hash.finalize())
        }
        return result
    }
}
