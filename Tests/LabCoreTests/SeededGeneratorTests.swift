import LabCore
import Testing

@Suite("Seeded chance (SplitMix64, Steele, Lea and Flood 2014)")
struct SeededGeneratorTests {
    // The first sequence is on Rosetta Code, "Pseudo-random numbers/Splitmix64"; the others come from a
    // separate implementation of the paper and of FNV-1a in Python.
    @Test("gives the reference sequence of seed 1234567")
    func reference() {
        var chance = SeededGenerator(seed: 1_234_567)
        let numbers = (0..<5).map { _ in chance.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ])
    }

    @Test("gives the reference sequence of seed 42")
    func seed42() {
        var chance = SeededGenerator(seed: 42)
        let numbers = (0..<4).map { _ in chance.next() }
        #expect(numbers == [0xbdd7_3226_2feb_6e95, 0x28ef_e333_b266_f103, 0x4752_6757_130f_9f52, 0x581c_e1ff_0e4a_e394])
    }

    @Test("each purpose has a stream of its own, the same in every process")
    func purposes() {
        var badge = SeededGenerator(seed: 42, purpose: "loss on link badge")
        #expect((0..<3).map { _ in badge.next() } == [0xdf5d_f730_4835_18f2, 0x0172_8a24_9294_a612, 0xdba0_d7e1_ea4e_e8eb])
        var other = SeededGenerator(seed: 42, purpose: "loss on link badgf")
        let first = other.next()
        #expect(first == 0xdfbf_6693_cb95_f98e)
    }

    @Test("a number in [0, 1) has the upper 53 bits")
    func unitInterval() {
        var chance = SeededGenerator(seed: 42)
        #expect((0..<3).map { _ in chance.unitInterval() } == [0.7415648787718233, 0.1599103928769201, 0.27860113025513866])
    }

    @Test("a whole number below a bound is the high word of the product")
    func integers() {
        var chance = SeededGenerator(seed: 42)
        #expect((0..<8).map { _ in chance.integer(below: 100) } == [74, 15, 27, 34, 3, 86, 21, 80])
        let only = chance.integer(below: 1)
        #expect(only == 0)
    }

    @Test("times are spread over the range, ends included")
    func nanoseconds() {
        var chance = SeededGenerator(seed: 42)
        #expect((0..<3).map { _ in chance.nanoseconds(in: 10_000_000...50_000_000) } == [39_662_595, 16_396_415, 21_144_045])
        let only = chance.nanoseconds(in: 5...5)
        #expect(only == 5)
        let drawn = Set((0..<200).map { _ in chance.nanoseconds(in: -1...1) })
        #expect(drawn == [-1, 0, 1])
        _ = chance.nanoseconds(in: .min ... .max)
    }

    @Test("bytes are the words, the lowest byte first")
    func bytes() {
        var chance = SeededGenerator(seed: 42)
        let (eleven, none) = (chance.bytes(11), chance.bytes(0))
        #expect(Hexadecimal.text(eleven) == "956eeb2f2632d7bd03f166")
        #expect(none.isEmpty)
    }

    @Test("0 is never true, 1 always is, and the rate does not change what comes later")
    func rates() {
        var never = SeededGenerator(seed: 7)
        var always = SeededGenerator(seed: 7)
        let drawnAtNever = (0..<1_000).map { _ in never.chance(0) }
        let drawnAtAlways = (0..<1_000).map { _ in always.chance(1) }
        #expect(!drawnAtNever.contains(true))
        #expect(!drawnAtAlways.contains(false))
        #expect(never == always)
    }
}
