import LabCore
import Simulation
import Testing

/// Sends through one direction and gives what comes out.
private struct Pipe {
    var direction: LinkDirection
    var deliveries: [LinkDelivery] = []

    init(_ character: LinkCharacter, _ profile: LinkProfile = LinkProfile(), seed: UInt64 = 42, name: String = "link badge up") {
        direction = LinkDirection(character, profile: SharedProfile(profile), seed: seed, name: name)
    }

    mutating func send(_ bytes: [UInt8], _ milliseconds: Int64) { direction.transmit(bytes, at: at(milliseconds), &deliveries) }

    var pieces: [[UInt8]] { deliveries.compactMap { if case .bytes(let bytes) = $0.content { bytes } else { nil } } }
    var bytes: [UInt8] { pieces.flatMap { $0 } }
    var times: [Int64] { deliveries.map(\.at.nanoseconds) }
}

private func profile(_ change: (inout LinkProfile) -> Void) -> LinkProfile {
    var profile = LinkProfile()
    change(&profile)
    return profile
}

/// Five standard deviations around the mean of a binomial distribution.
private func bounds(_ count: Int, _ rate: Double) -> ClosedRange<Double> {
    let (mean, deviation) = (Double(count) * rate, (Double(count) * rate * (1 - rate)).squareRoot())
    return (mean - 5 * deviation)...(mean + 5 * deviation)
}

@Suite("One direction of a stream (architecture §6)")
struct StreamDirectionTests {
    @Test("delay and bandwidth are plain arithmetic")
    func arithmetic() {
        var pipe = Pipe(.stream, LinkProfile(delay: .milliseconds(20), speed: .bytesPerSecond(1_000)))
        pipe.send([UInt8](repeating: 1, count: 100), 0)
        pipe.send([UInt8](repeating: 2, count: 100), 50)
        pipe.send([UInt8](repeating: 3, count: 10), 1_000)
        // 100 bytes take 100 ms; the second ones wait until the wire is free at 100 ms.
        #expect(pipe.times == [120_000_000, 220_000_000, 1_030_000_000])
        #expect(pipe.pieces.map(\.count) == [100, 100, 10])
    }

    @Test("a serial line at 9600 baud 8N1 takes 10 bits for each byte")
    func serial() {
        var pipe = Pipe(.raw(.byte), LinkProfile(speed: .serial(baud: 9_600)))
        pipe.send([UInt8](repeating: 0x55, count: 96), 0)
        pipe.send([0x55], 1_000)
        // 960 bits at 9600 bit/s are 100 ms; 10 bits are 1,041,666.7 ns, rounded up.
        #expect(pipe.times == [100_000_000, 1_001_041_667])
    }

    // From a model in Python with its own SplitMix64: 12 sends 5 ms apart, 20 ms delay, up to 10 ms jitter, 30 % loss.
    // The third segment is lost twice: 10 + 20 + 200 + 400 ms and 8.7 ms of jitter; all later ones wait for it.
    @Test("losses and jitter give the times of an independent model")
    func model() {
        var pipe = Pipe(
            .stream,
            profile {
                $0.delay = .milliseconds(20)
                $0.jitter = .milliseconds(10)
                $0.loss = 0.3
            })
        for index in 0..<12 { pipe.send([UInt8(index)], Int64(index) * 5) }
        #expect(pipe.times.prefix(2) == [27_531_838, 32_449_085])
        #expect(pipe.times.dropFirst(2).allSatisfy { $0 == 638_745_227 })
        #expect(pipe.bytes == Array(0..<12))
    }

    struct Disturbance: CustomTestStringConvertible {
        let name: String
        let change: @Sendable (inout LinkProfile) -> Void
        var testDescription: String { name }
    }

    @Test(
        "content and order survive whatever the segments suffer",
        arguments: [
            Disturbance(name: "loss") { $0.loss = 0.3 }, Disturbance(name: "doubling") { $0.duplicate = 1 },
            Disturbance(name: "reordering") { $0.reorder = 0.5 }, Disturbance(name: "jitter") { $0.jitter = .seconds(1) },
            Disturbance(name: "split") { $0.splitSize = 7 }, Disturbance(name: "glue") { $0.glue = .milliseconds(300) },
            Disturbance(name: "all") {
                ($0.loss, $0.duplicate, $0.reorder, $0.jitter) = (0.3, 0.3, 0.3, .milliseconds(50))
                ($0.splitSize, $0.glue, $0.speed) = (100, .milliseconds(10), .bytesPerSecond(10_000))
            },
        ], [UInt64(1), 2, 3])
    func contentAndOrder(_ disturbance: Disturbance, seed: UInt64) {
        var pipe = Pipe(.stream, profile(disturbance.change), seed: seed)
        var chance = SeededGenerator(seed: seed, purpose: "test")
        var sent: [UInt8] = []
        var now: Int64 = 0
        for _ in 0..<100 {
            now += Int64(chance.integer(below: 400))
            let bytes = chance.bytes(1 + Int(chance.integer(below: 4_000)))
            sent += bytes
            pipe.send(bytes, now)
        }
        #expect(!pipe.direction.isBroken, "seed \(seed)")
        #expect(pipe.bytes == sent, "seed \(seed)")
        #expect(pipe.times == pipe.times.sorted(), "seed \(seed)")
    }

    @Test("nothing is disturbed at rate 0")
    func rateZero() {
        var pipe = Pipe(.stream, profile { $0.jitter = .nanoseconds(1) })
        for index in 0..<1_000 { pipe.send([UInt8(index % 256)], Int64(index)) }
        let counts = pipe.direction.counts
        #expect([counts.units, counts.lost, counts.doubled, counts.reordered, counts.corrupted] == [1_000, 0, 0, 0, 0])
    }

    @Test("at a loss of 1 the connection breaks after 8 losses: 200 ms, doubled each time, are 51 s")
    func lossOne() {
        var pipe = Pipe(.stream, profile { $0.loss = 1 })
        pipe.send([1, 2, 3], 1_000)
        pipe.send([4], 2_000)
        #expect(pipe.deliveries == [LinkDelivery(at: at(52_000), .broken)])
        #expect(pipe.direction.isBroken)
    }

    @Test("retransmissions of a lost segment take as often as the rate says", arguments: [0.05, 0.2, 0.5])
    func lossRate(_ rate: Double) {
        var pipe = Pipe(.stream, profile { $0.loss = rate })
        let count = 5_000
        var sent = 0
        for index in 0..<count where !pipe.direction.isBroken {
            pipe.send([1], Int64(index) * 60_000)
            sent += 1
        }
        let late = pipe.deliveries.enumerated().filter { $1.at.nanoseconds > Int64($0) * 60_000_000_000 }.count
        #expect(bounds(sent, rate).contains(Double(late)))
    }

    @Test("a corrupted segment has one changed byte and its length")
    func corruption() {
        var pipe = Pipe(.stream, profile { $0.corrupt = 1 })
        let sent = [UInt8](repeating: 0, count: 100)
        for index in 0..<200 { pipe.send(sent, Int64(index)) }
        #expect(pipe.pieces.allSatisfy { $0.count == 100 && $0.count { $0 != 0 } == 1 })
        #expect(Set(pipe.pieces.compactMap { $0.firstIndex { $0 != 0 } }).count > 50)
    }

    @Test("a large write is one piece; with a slow wire its segments of 1,460 bytes arrive one by one")
    func segments() {
        var fast = Pipe(.stream, LinkProfile(delay: .milliseconds(1)))
        fast.send([UInt8](repeating: 1, count: 4_000), 0)
        #expect(fast.pieces.map(\.count) == [4_000])
        var slow = Pipe(.stream, LinkProfile(speed: .bytesPerSecond(1_460)))
        slow.send([UInt8](repeating: 1, count: 4_000), 0)
        #expect(slow.pieces.map(\.count) == [1_460, 1_460, 1_080])
        #expect(slow.times == [1_000_000_000, 2_000_000_000, 2_739_726_028])
    }

    @Test("split cuts into pieces; glue joins what comes within its time into one at its end")
    func splitAndGlue() {
        var split = Pipe(.stream, profile { $0.splitSize = 4 })
        split.send(Array(1...10), 5)
        #expect(split.pieces == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]])
        #expect(split.times == [5_000_000, 5_000_000, 5_000_000])

        var glue = Pipe(.stream, profile { $0.glue = .milliseconds(10) })
        for (byte, moment) in [(1, 0), (2, 4), (3, 9), (4, 10), (5, 19), (6, 20)] as [(UInt8, Int64)] { glue.send([byte], moment) }
        #expect(glue.times == [10, 10, 10, 20, 20, 30].map { $0 * 1_000_000 })
        #expect(glue.deliveries.map(\.joinsPrevious) == [false, true, true, false, true, false])
    }

    @Test("a black hole is tried again after 200 ms, 600 ms, 1.4 s, ...; what waited arrives together, in order")
    func blackHole() {
        var pipe = Pipe(.stream, profile { $0.delay = .milliseconds(5); $0.cut = .silent })
        pipe.send([1], 1_000)
        pipe.send([2], 1_100)
        var attempts: [Int64] = []
        while let moment = pipe.direction.nextRetransmission, pipe.deliveries.isEmpty {
            attempts.append(moment.nanoseconds / 1_000_000)
            // The cut ends 2 s after it began.
            if moment >= at(3_000) { pipe.direction.profile.cut = nil }
            pipe.direction.retransmit(at: moment, &pipe.deliveries)
        }
        #expect(attempts == [1_200, 1_600, 2_400, 4_000])
        #expect(pipe.deliveries == [LinkDelivery(at: at(4_005), .bytes([1, 2]))])
        pipe.send([3], 4_001)
        #expect(pipe.deliveries.last == LinkDelivery(at: at(4_006), .bytes([3])))
    }

    @Test("a black hole that stays breaks the connection after 51 s")
    func blackHoleStays() {
        var pipe = Pipe(.stream, profile { $0.cut = .silent })
        pipe.send([1], 1_000)
        var attempts = 0
        while let moment = pipe.direction.nextRetransmission {
            attempts += 1
            pipe.direction.retransmit(at: moment, &pipe.deliveries)
        }
        #expect(attempts == 8)
        #expect(pipe.deliveries == [LinkDelivery(at: at(52_000), .broken)])
    }

    @Test("the end comes after everything that was sent before, whatever the jitter")
    func end() {
        var pipe = Pipe(.stream, profile { $0.jitter = .seconds(1) })
        pipe.send([1], 0)
        pipe.send([2], 1)
        pipe.direction.finish(at: at(2), &pipe.deliveries)
        #expect(pipe.deliveries.last?.content == .end)
        #expect(pipe.times == pipe.times.sorted())
    }

    @Test("clearing glue lets nothing overtake what is still collected")
    func glueCleared() {
        var pipe = Pipe(.stream, profile { $0.glue = .milliseconds(100) })
        pipe.send([1], 0)
        pipe.direction.profile.glue = .zero
        pipe.send([2], 10)
        #expect(pipe.times == [100_000_000, 100_000_000])
        #expect(pipe.bytes == [1, 2])
    }
}

@Suite("One direction of a raw link (architecture §6)")
struct RawDirectionTests {
    static let count = 20_000

    private func sent(_ profile: LinkProfile) -> Pipe {
        var pipe = Pipe(.raw(.message), profile)
        for index in 0..<Self.count { pipe.send([UInt8(index & 255), UInt8(index >> 8)], Int64(index)) }
        return pipe
    }

    private func numbers(_ pipe: Pipe) -> [Int] { pipe.pieces.map { Int($0[0]) | Int($0[1]) << 8 } }

    @Test("messages are lost as often as the rate says, and no other is touched", arguments: [0, 0.01, 0.2, 0.9, 1])
    func loss(_ rate: Double) {
        let numbers = numbers(sent(profile { $0.loss = rate }))
        #expect(bounds(Self.count, rate).contains(Double(Self.count - numbers.count)))
        #expect(numbers == numbers.sorted())
        #expect(Set(numbers).count == numbers.count)
    }

    @Test("messages come twice as often as the rate says, one after the other", arguments: [0, 0.2, 1])
    func duplication(_ rate: Double) {
        let numbers = numbers(sent(profile { $0.duplicate = rate }))
        #expect(bounds(Self.count, rate).contains(Double(numbers.count - Self.count)))
        #expect(Set(numbers).count == Self.count)
        #expect(numbers == numbers.sorted())
    }

    @Test("messages are overtaken as often as the rate says, by those of the next 50 ms", arguments: [0, 0.2, 1])
    func reordering(_ rate: Double) {
        let pipe = sent(profile { $0.reorder = rate })
        let held = zip(0..<Self.count, pipe.deliveries).filter { $1.at > at(Int64($0)) }
        #expect(bounds(Self.count, rate).contains(Double(held.count)))
        #expect(held.allSatisfy { $1.at == at(Int64($0) + 50) })
    }

    @Test("one byte of a message is changed as often as the rate says", arguments: [0, 0.2, 1])
    func corruption(_ rate: Double) {
        let changed = numbers(sent(profile { $0.corrupt = rate })).enumerated().filter { $0 != $1 }
        #expect(bounds(Self.count, rate).contains(Double(changed.count)))
        #expect(changed.allSatisfy { ($0 ^ $1) & 255 == 0 || ($0 ^ $1) >> 8 == 0 })
    }

    @Test("changing one rate does not change what the others do")
    func independence() {
        let calm = sent(profile { $0.corrupt = 0.1 })
        let lossy = sent(profile { ($0.corrupt, $0.loss) = (0.1, 0.5) })
        let atMoment = Dictionary(uniqueKeysWithValues: zip(calm.times, calm.pieces))
        #expect(zip(lossy.times, lossy.pieces).allSatisfy { atMoment[$0] == $1 })
        #expect(lossy.pieces.count < Self.count * 6 / 10)
    }

    @Test("the same seed and name give the same, another seed or name something else")
    func seeds() {
        func times(_ seed: UInt64, _ name: String) -> [Int64] {
            var pipe = Pipe(.raw(.message), profile { $0.jitter = .seconds(1) }, seed: seed, name: name)
            for index in 0..<20 { pipe.send([1], Int64(index)) }
            return pipe.times
        }
        #expect(times(1, "a") == times(1, "a"))
        #expect(times(1, "a") != times(2, "a"))
        #expect(times(1, "a") != times(1, "b"))
    }

    @Test("on a serial line it is single bytes that suffer", arguments: [0, 0.1, 1])
    func bytes(_ rate: Double) {
        let sent = [UInt8](repeating: 0xaa, count: Self.count)
        func count(_ change: (inout LinkProfile) -> Void) -> [UInt8] {
            var pipe = Pipe(.raw(.byte), profile(change))
            pipe.send(sent, 0)
            return pipe.bytes
        }
        #expect(bounds(Self.count, rate).contains(Double(Self.count - count { $0.loss = rate }.count)))
        #expect(bounds(Self.count, rate).contains(Double(count { $0.duplicate = rate }.count - Self.count)))
        #expect(bounds(Self.count, rate).contains(Double(count { $0.corrupt = rate }.count { $0 != 0xaa })))
    }

    @Test("a reordered byte changes places with the next one")
    func swappedBytes() {
        var pipe = Pipe(.raw(.byte), profile { $0.reorder = 1 })
        pipe.send([1, 2, 3, 4, 5], 0)
        #expect(pipe.bytes == [2, 1, 4, 3, 5])
    }

    @Test("a silent cut swallows, a loud one breaks")
    func cuts() {
        var pipe = Pipe(.raw(.message), profile { $0.cut = .silent })
        pipe.send([1], 0)
        #expect(pipe.deliveries.isEmpty)
        #expect(pipe.direction.nextRetransmission == nil)
        pipe.direction.profile = profile { ($0.cut, $0.delay) = (.loud, .milliseconds(7)) }
        pipe.send([2], 1)
        #expect(pipe.deliveries == [LinkDelivery(at: at(8), .broken)])
    }
}

@Suite("Messages of an exchange (architecture §6)")
struct MessageFateTests {
    @Test("arrive after the delay and their time on the wire")
    func arrives() {
        var direction = Pipe(.stream, LinkProfile(delay: .milliseconds(20), speed: .bytesPerSecond(10_000))).direction
        #expect(direction.transmitMessage(size: 0, at: at(0)) == .arrives(at: at(20), corruptions: []))
        #expect(direction.transmitMessage(size: 5_000, at: at(0)) == .arrives(at: at(520), corruptions: []))
        #expect(direction.transmitMessage(size: 1_000, at: at(0)) == .arrives(at: at(620), corruptions: []))
    }

    @Test("break at a loss of 1, at a loud cut, and wait in a silent one")
    func fails() {
        var lossy = Pipe(.stream, profile { $0.loss = 1 }).direction
        #expect(lossy.transmitMessage(size: 10, at: at(0)) == .broken(at: at(51_000)))
        var cut = Pipe(.stream, profile { ($0.cut, $0.delay) = (.loud, .milliseconds(3)) }).direction
        #expect(cut.transmitMessage(size: 10, at: at(0)) == .broken(at: at(3)))
        var hole = Pipe(.stream, profile { $0.cut = .silent }).direction
        #expect(hole.transmitMessage(size: 10, at: at(0)) == .swallowed)
    }

    @Test("a corrupted message says which byte of each segment is changed, and how")
    func corrupted() throws {
        var direction = Pipe(.stream, profile { $0.corrupt = 1 }).direction
        guard case .arrives(_, let corruptions) = direction.transmitMessage(size: 3_000, at: at(0)) else {
            Issue.record("The message did not arrive.")
            return
        }
        #expect(corruptions.map { $0.offset / 1_460 } == [0, 1, 2])
        var bytes = [UInt8](repeating: 0, count: 3_000)
        for corruption in corruptions { corruption.apply(to: &bytes) }
        #expect(bytes.count { $0 != 0 } == 3)
        #expect(corruptions.allSatisfy { $0.offset < 3_000 })
    }

    @Test("do not wait for a stream on the same link")
    func besideAStream() {
        var pipe = Pipe(.stream, profile { $0.reorder = 1 })
        pipe.send([1], 0)
        pipe.direction.profile = LinkProfile()
        #expect(pipe.direction.transmitMessage(size: 10, at: at(1)) == .arrives(at: at(1), corruptions: []))
        pipe.send([2], 1)
        #expect(pipe.times == [50_000_000, 50_000_000])
    }
}
