import Foundation
import LabCore

/// Changes to files as transmission, storage and people make them, out of a seed.
enum Mutation {
    /// Another seed than the usual one: `LAB_FUZZ_SEED=7 swift test --filter Fuzz`.
    static let seed = ProcessInfo.processInfo.environment["LAB_FUZZ_SEED"].flatMap(UInt64.init) ?? 1

    /// A generator for one part of a test; the seed is printed, so that a crash can be repeated.
    static func chance(_ purpose: String, part: Int) -> SeededGenerator {
        print("fuzz: \(purpose), part \(part), LAB_FUZZ_SEED=\(seed)")
        return SeededGenerator(seed: seed &+ UInt64(part) &* 1_000_003, purpose: purpose)
    }

    /// One to four changes; the result differs from `original`, but for a rare change that takes another back.
    static func mutate(_ original: [UInt8], _ chance: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0...chance.integer(below: 4) {
            let place = Int(chance.integer(below: UInt64(max(bytes.count, 1))))
            let length = 1 + Int(chance.integer(below: chance.chance(0.2) ? 200 : 8))
            let end = min(bytes.count, place + length)
            switch chance.integer(below: 9) {
            case 0, 1: if place < bytes.count { bytes[place] ^= 1 << UInt8(chance.integer(below: 8)) }
            case 2: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: chance.next()) }
            case 3: for index in place..<end { bytes[index] = [0x00, 0xff, 0x7f, 0x80][Int(chance.integer(below: 4))] }
            case 4: bytes.removeSubrange(min(place, end)..<end)
            case 5: bytes.insert(contentsOf: chance.bytes(length), at: min(place, bytes.count))
            case 6:
                if place < end { bytes.insert(contentsOf: Array(bytes[place..<end]), at: Int(chance.integer(below: UInt64(bytes.count)))) }
            case 7: bytes.removeLast(min(bytes.count, length))
            default:
                let value: UInt32 = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x0001_0000, 0x8000_0000][Int(chance.integer(below: 6))]
                for index in 0..<4 where place + index < bytes.count {
                    bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))
                }
            }
        }
        return bytes
    }
}
