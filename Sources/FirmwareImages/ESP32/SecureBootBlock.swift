internal import CZlib
import Crypto
import CryptoExtras
import Foundation

/// One of the up to three signature blocks of secure boot v2, 1216 bytes each (specs/ota.md §5; ESP-IDF secure_boot.rst).
struct SecureBootBlock: Sendable {
    static let size = 1_216
    static let magic: UInt8 = 0xe7
    static let count = 3

    enum Kind: Sendable { case rsa, ecdsa }

    var offset: Int
    var kind: Kind
    /// SHA-256, or SHA-384 for P-384, of all before the sector.
    var digest: Range<Int>
    /// The key that is in the block; nil where its numbers are no key.
    var key: ImageKey?
    /// PSS big-endian, or ECDSA in DER.
    var signature: [UInt8]
    var usesSHA384: Bool

    /// What is at the place of a block.
    enum Reading {
        /// No block: erased, or zeros.
        case none
        /// The bootloader passes over it: the first thing that is wrong, and where.
        case damaged(offset: Int, String)
        case block(SecureBootBlock)
    }

    static func read(_ bytes: [UInt8], at offset: Int) -> Reading {
        guard Bounds.holds(bytes.count, offset, size) else { return .none }
        guard bytes[offset] == magic else {
            let content = bytes[offset..<offset + size]
            let isEmpty = content.allSatisfy { $0 == 0xff } || content.allSatisfy { $0 == 0 }
            return isEmpty ? .none : .damaged(offset: offset, "signature block with magic \(HexText.fixed(bytes[offset])) instead of 0xe7")
        }
        guard let kind = bytes[offset + 1] == 2 ? Kind.rsa : bytes[offset + 1] == 3 ? .ecdsa : nil else {
            return .damaged(offset: offset + 1, "signature block of version \(bytes[offset + 1]); known are 2 (RSA) and 3 (ECDSA)")
        }
        guard LittleEndian.u32(bytes, at: offset + 1_196) == crc(bytes, offset..<offset + 1_196) else {
            return .damaged(offset: offset + 1_196, "CRC of the signature block is wrong")
        }
        return .block(kind == .rsa ? rsa(bytes, offset) : ecdsa(bytes, offset))
    }

    private static func crc(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe UInt32(truncatingIfNeeded: crc32(0, buffer.baseAddress.map { unsafe $0 + range.lowerBound }, uInt(range.count)))
        }
    }

    private static func rsa(_ bytes: [UInt8], _ offset: Int) -> SecureBootBlock {
        let modulus = Array(bytes[offset + 36..<offset + 420].reversed())
        let exponent = Array(Array(bytes[offset + 420..<offset + 424].reversed()).drop { $0 == 0 })
        let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent)
        return SecureBootBlock(
            offset: offset, kind: .rsa, digest: offset + 4..<offset + 36, key: key.map { .rsa(Array($0.pkcs1DERRepresentation)) },
            signature: Array(bytes[offset + 812..<offset + 1_196].reversed()), usesSHA384: false)
    }

    /// Hash id 1 at byte 2 makes the digest 48 bytes long and moves the rest by 16.
    private static func ecdsa(_ bytes: [UInt8], _ offset: Int) -> SecureBootBlock {
        let usesSHA384 = bytes[offset + 2] == 1
        let start = offset + 4 + (usesSHA384 ? 48 : 32)
        let width = usesSHA384 ? 96 : 64
        let point = start + 1..<start + 1 + width
        let pair = point.upperBound..<point.upperBound + width
        let length = bytes[start] == 1 ? 24 : bytes[start] == 2 ? 32 : bytes[start] == 3 && usesSHA384 ? 48 : 0
        func number(_ range: Range<Int>, _ index: Int) -> [UInt8] {
            bytes[range.lowerBound + index * length..<range.lowerBound + (index + 1) * length].reversed()
        }
        let encoded = [4] + number(point, 0) + number(point, 1)
        let key: ImageKey? =
            switch length {
            case 24: .p192(encoded)
            case 32: (try? P256.Signing.PublicKey(x963Representation: encoded)).map { _ in .p256(encoded) }
            case 48: (try? P384.Signing.PublicKey(x963Representation: encoded)).map { _ in .p384(encoded) }
            default: nil
            }
        return SecureBootBlock(
            offset: offset, kind: .ecdsa, digest: offset + 4..<start, key: key,
            signature: DER.signature(number(pair, 0), number(pair, 1)), usesSHA384: usesSHA384)
    }
}

/// The little of DER that signatures need.
enum DER {
    /// SEQUENCE { INTEGER r, INTEGER s } of big-endian numbers up to 48 bytes each (RFC 3279 §2.2.3).
    static func signature(_ r: [UInt8], _ s: [UInt8]) -> [UInt8] {
        let content = integer(r) + integer(s)
        return [0x30, UInt8(truncatingIfNeeded: content.count)] + content
    }

    private static func integer(_ number: [UInt8]) -> [UInt8] {
        var digits = Array(number.drop { $0 == 0 })
        if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
        return [0x02, UInt8(truncatingIfNeeded: digits.count)] + digits
    }
}
