import Foundation
import LabCore

/// How many mutated images each format gets, and from which seed; both can be set from outside.
enum ImageFuzz {
    static let count = ProcessInfo.processInfo.environment["LAB_FUZZ_COUNT"].flatMap(Int.init) ?? 200_000
    static let seed = ProcessInfo.processInfo.environment["LAB_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_260_101
}

/// Changes to an image, as wire, flash and attackers make them.
struct ImageMutator {
    private var chance: SeededGenerator
    /// Where the format has fields: hit more often than the rest.
    private let fields: [Int]

    init(seed: UInt64, purpose: String, fields: [Int]) {
        chance = SeededGenerator(seed: seed, purpose: purpose)
        self.fields = fields
    }

    /// One to four changes; the result can be equal to the image.
    mutating func mutate(_ image: [UInt8], with other: [UInt8]) -> [UInt8] {
        var bytes = image
        for _ in 0...integer(below: 4) { change(&bytes, other) }
        return bytes
    }

    mutating func integer(below bound: Int) -> Int { Int(chance.integer(below: UInt64(max(1, bound)))) }

    private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: chance.next())) }
        let place =
            integer(below: 2) == 0 && !fields.isEmpty
            ? min(fields[integer(below: fields.count)], bytes.count - 1) : integer(below: bytes.count)
        switch integer(below: 9) {
        case 0, 1: bytes[place] ^= 1 << UInt8(integer(below: 8))
        case 2: bytes[place] = UInt8(truncatingIfNeeded: chance.next())
        case 3: bytes[place] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][integer(below: 6)]
        case 4:
            let word = [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff, 0xffff_fff0, UInt32(bytes.count)][integer(below: 8)]
            for index in 0..<4 where place + index < bytes.count {
                bytes[place + index] = UInt8(truncatingIfNeeded: word >> (8 * UInt32(index)))
            }
        case 5: bytes.removeSubrange(place...)
        case 6: bytes.insert(contentsOf: chance.bytes(1 + integer(below: 8)), at: place)
        case 7: bytes.removeSubrange(place..<min(bytes.count, place + 1 + integer(below: 8)))
        default:
            let length = min(1 + integer(below: 64), bytes.count - place)
            guard place + length <= other.count else { return }
            bytes.replaceSubrange(place..<place + length, with: other[place..<place + length])
        }
    }
}
