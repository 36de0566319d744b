import Crypto
import FirmwareImages
import LabCore
import Testing

@Suite("Delta container (specs/ota.md §4, D1 to D5)")
struct DeltaImageTests {
    /// Something like a program: words of few kinds, with addresses in between.
    static func firmware(seed: UInt64, count: Int, shift: UInt32 = 0, insertedAt: Int? = nil) -> [UInt8] {
        var chance = SeededGenerator(seed: seed, purpose: "firmware")
        var bytes: [UInt8] = []
        while bytes.count < count {
            if bytes.count == insertedAt { bytes += Array("sixteen new byte".utf8) }
            let word = UInt32(truncatingIfNeeded: chance.next())
            // Every eighth word is an address, which moves when something is inserted.
            let value = word & 7 == 0 ? 0x0800_0000 + (word >> 16) + shift : word & 0x3f00_f0ff
            bytes += [
                UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value >> 16),
                UInt8(value >> 24),
            ]
        }
        return bytes
    }

    static let base = firmware(seed: 1, count: 40_960)
    static let target = firmware(seed: 1, count: 40_960, shift: 16, insertedAt: 8_192)
    static let delta = DeltaImage.make(from: base, to: target)

    func refusal(_ delta: [UInt8], base: [UInt8] = Self.base, limit: Int = 1 << 20) -> DeltaRefusal? {
        do throws(DeltaRefusal) { _ = try DeltaImage.apply(delta, to: base, limit: limit); return nil } catch { return error }
    }

    @Test("makes the target again, whatever the two are", arguments: [0, 1, 2, 3, 4, 5, 6, 7])
    func roundTrip(_ kind: Int) throws {
        let (base, target): ([UInt8], [UInt8]) =
            switch kind {
            case 0: (Self.base, Self.target)
            case 1: (Self.target, Self.base)
            case 2: ([], Self.target)
            case 3: (Self.base, Self.base)
            case 4: (Self.base, [7])
            case 5: ([UInt8](repeating: 0xff, count: 50_000), [UInt8](repeating: 0xff, count: 60_001))
            case 6: (Self.base, Array(Self.base[20_000...]) + Self.base[..<20_000])
            default: (Self.firmware(seed: 2, count: 10_000), Self.firmware(seed: 3, count: 9_000))
            }
        let delta = DeltaImage.make(from: base, to: target)
        #expect(try DeltaImage.apply(delta, to: base, limit: target.count) == target)
        #expect(delta == DeltaImage.make(from: base, to: target))
    }

    @Test("random edits: what is made is the target", arguments: 0..<40)
    func randomEdits(_ seed: Int) throws {
        var chance = SeededGenerator(seed: UInt64(seed), purpose: "edits")
        var target = Array(Self.base.prefix(6_000))
        let base = target
        for _ in 0..<chance.integer(below: 12) {
            let place = Int(chance.integer(below: UInt64(target.count)))
            let length = Int(chance.integer(below: 200))
            switch chance.integer(below: 4) {
            case 0: target.insert(contentsOf: chance.bytes(length), at: place)
            case 1: target.removeSubrange(place..<min(place + length, target.count - 1))
            case 2: target[place] ^= 0x10
            default: target += target[place..<min(place + length, target.count)]
            }
        }
        let delta = DeltaImage.make(from: base, to: target)
        #expect(try DeltaImage.apply(delta, to: base, limit: 1 << 20) == target)
    }

    @Test("an image of 40 KiB with 16 bytes inserted and its addresses moved takes a few percent")
    func size() throws {
        #expect(Self.delta.count < Self.target.count * 5 / 100, "\(Self.delta.count) bytes")
        let same = DeltaImage.make(from: Self.base, to: Self.base)
        #expect(same.count < 300, "\(same.count) bytes")
    }

    /// D1: bspatch takes any base and writes a wrong file.
    @Test("another base, or the base with one bit changed, is refused before a stream is read")
    func wrongBase() throws {
        var changed = Self.base
        changed[12_345] ^= 4
        #expect(refusal(Self.delta, base: changed)?.reason == .baseMismatch)
        #expect(refusal(Self.delta, base: Self.target)?.reason == .baseMismatch)
        #expect(refusal(Self.delta, base: [])?.reason == .baseMismatch)
        // The streams are garbage, yet the base is what is told.
        let ruined = Self.delta[..<DeltaImage.headerLength] + [UInt8](repeating: 0xaa, count: Self.delta.count - DeltaImage.headerLength)
        #expect(refusal(Array(ruined), base: changed)?.reason == .baseMismatch)
        #expect(refusal(Array(ruined))?.reason == .badStream)
        #expect(refusal(Self.delta) == nil)
    }

    @Test("with the base unchecked on purpose the result's hash still refuses")
    func seededBug() throws {
        var changed = Self.base
        changed[12_345] ^= 4
        #expect(throws: DeltaRefusal.self) { try DeltaImage.apply(Self.delta, to: changed, limit: 1 << 20, bugs: [.deltaBaseNotChecked]) }
    }

    /// D2.
    @Test("cut anywhere it is refused, with the place")
    func truncated() throws {
        for length in [0, 1, 7, 8, 50, 111, 112, 113, Self.delta.count / 2, Self.delta.count - 1] {
            let refused = try #require(refusal(Array(Self.delta[..<length])))
            #expect(refused.reason == (length == 0 ? .badMagic : .truncated), "\(length) bytes")
            #expect((0...length).contains(try #require(refused.offset)))
        }
        #expect(refusal(Self.delta + [0])?.reason == .badLayout)
    }

    @Test("any flipped bit is refused")
    func corrupted() throws {
        var chance = SeededGenerator(seed: 7, purpose: "flips")
        for _ in 0..<300 {
            var damaged = Self.delta
            let place = Int(chance.integer(below: UInt64(damaged.count)))
            damaged[place] ^= 1 << UInt8(chance.integer(below: 8))
            // zlib's FLEVEL bits say how hard the compressor tried and change nothing else; their check bits do not let one flip pass.
            #expect(refusal(damaged) != nil, "byte \(place)")
        }
    }

    @Test("a result larger than the slot is refused from the header")
    func limit() throws {
        #expect(refusal(Self.delta, limit: Self.target.count) == nil)
        #expect(refusal(Self.delta, limit: Self.target.count - 1)?.reason == .oversize)
    }

    /// I10: a stream that decompresses to more than the header says.
    @Test("decompression bombs are refused, in the header and in the stream")
    func bombs() throws {
        let zeros = [UInt8](repeating: 0, count: 4_000_000)
        let bomb = DeltaImage.make(from: [1], to: zeros)
        #expect(bomb.count < 20_000)
        #expect(refusal(bomb, base: [1], limit: 65_536)?.reason == .oversize)
        // The header lies: the result and the difference are said to be small, the stream is not.
        var lying = bomb
        let small: [UInt8] = [0, 1, 0, 0]
        for place in [16, 100] { lying.replaceSubrange(place..<place + 4, with: small) }
        for place in [92] { lying.replaceSubrange(place..<place + 4, with: [0, 0, 0, 0]) }
        lying = DeltaBytes.resealed(lying)
        let refused = refusal(lying, base: [1], limit: 65_536)
        #expect(refused?.reason == .badStream || refused?.reason == .badLayout, "\(refused?.description ?? "taken")")
        // Control bytes without end are refused by the header alone.
        var control = Self.delta
        control.replaceSubrange(84..<88, with: [0xff, 0xff, 0xff, 0x7f])
        #expect(refusal(DeltaBytes.resealed(control))?.reason == .badLayout)
    }

    @Test("the header says what the file is")
    func header() throws {
        let header = try DeltaImage.header(Self.delta)
        #expect(header.baseLength == 40_960)
        #expect(header.resultLength == 40_960)
        #expect(header.baseSHA256 == Array(SHA256.hash(data: Self.base)))
        #expect(header.resultSHA256 == Array(SHA256.hash(data: Self.target)))
        #expect(header.fileLength == Self.delta.count)
    }
}

/// Deltas with changed headers that pass their checksum.
enum DeltaBytes {
    static func resealed(_ delta: [UInt8]) -> [UInt8] {
        var result = delta
        let sum = crc32(delta[..<108])
        for index in 0..<4 { result[108 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index))) }
        return result
    }

    /// CRC-32 bit by bit (ISO 3309, reflected, 0xedb88320).
    static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var sum: UInt32 = 0xffff_ffff
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
