import LabCore
import Testing

@testable import Cloud

@Suite("Splits by largest remainder (charging-orders.md 2.3, rule 8)")
struct LargestRemainderTests {
    @Test("V21: 988 in 70, 20, 10 are 691.6, 197.6, 98.8: the third and, of two equal remainders, the first get one more")
    func shares() {
        #expect(LargestRemainder.split(988, by: [70, 20, 10]) == [692, 197, 99])
    }

    @Test("ties go to the lower index")
    func ties() {
        #expect(LargestRemainder.split(1, by: [1, 1, 1]) == [1, 0, 0])
        #expect(LargestRemainder.split(2, by: [1, 1, 1]) == [1, 1, 0])
        #expect(LargestRemainder.split(-2, by: [1, 1, 1]) == [-1, -1, 0])
    }

    @Test("a line with a minus takes its part of a refund with a minus, and the whole refund gives every line back")
    func negativeWeights() {
        // 741 + 494 - 100 = 1135. Half of it: 370.17, 246.78, -49.96; floors 370, 246, -50 leave one, which 0.78 gets.
        #expect(LargestRemainder.split(567, by: [741, 494, -100]) == [370, 247, -50])
        #expect(LargestRemainder.split(1135, by: [741, 494, -100]) == [741, 494, -100])
    }

    @Test("no weights give no parts; weights of nothing count as equal")
    func degenerate() {
        #expect(LargestRemainder.split(5, by: []) == [])
        #expect(LargestRemainder.split(5, by: [0, 0]) == [3, 2])
        #expect(LargestRemainder.split(0, by: [3, 4]) == [0, 0])
    }

    @Test("the largest numbers do not overflow")
    func extremes() {
        let parts = LargestRemainder.split(.max, by: [.max, .max, .max])
        #expect(parts.reduce(0, +) == .max)
        #expect(LargestRemainder.split(.min, by: [1]) == [.min])
    }

    @Test("parts add up, are at most one off their quota, and never beyond their weight", arguments: 0..<20)
    func properties(seed: UInt64) {
        var chance = SeededGenerator(seed: seed, purpose: "splits")
        for _ in 0..<200 {
            let weights = (0..<1 + chance.integer(below: 8)).map { _ in Int64(chance.integer(below: 100_000)) }
            let sum = weights.reduce(0, +)
            let total = Int64(chance.integer(below: UInt64(sum + 1)))
            let parts = LargestRemainder.split(total, by: weights)
            #expect(parts.reduce(0, +) == total)
            guard sum > 0 else { continue }
            for (part, weight) in zip(parts, weights) {
                let quota = total * weight / sum
                #expect(part == quota || part == quota + 1)
                #expect(part <= weight)
            }
        }
    }
}
