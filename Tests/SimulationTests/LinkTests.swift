import LabCore
import Simulation
import Testing

/// A link with a probe at each end that both write into one log.
private final class Cable {
    let kernel = Kernel()
    let link: Link
    let probe: Probe

    init(_ character: LinkCharacter = .stream, delay: Duration = .milliseconds(10), seed: UInt64 = 42) {
        link = Link(on: kernel, name: "badge.link", character, profile: LinkProfile(delay: delay), seed: seed)
        probe = Probe(kernel)
        (link.near, link.far) = (probe, probe)
    }

    deinit { (link.near, link.far) = (nil, nil) }

    func at(_ milliseconds: Int64, _ action: @escaping (Link) -> Void) {
        kernel.schedule(at: SimulationTests.at(milliseconds)) { [link] in action(link) }
    }

    func log() -> [String] {
        kernel.runToIdle()
        return probe.log
    }
}

@Suite("A link in memory")
struct LinkTests {
    @Test("opening takes a round trip, bytes take the delay, and closing comes after the bytes")
    func life() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(21) { $0.send([1, 2], from: .near) }
        cable.at(25) { $0.send([3], from: .far) }
        cable.at(40) {
            $0.send([4], from: .near)
            $0.close(from: .near)
        }
        #expect(
            cable.log() == [
                "10ms far opened", "20ms near opened", "31ms far 0102", "35ms near 03", "50ms far 04", "50ms far closed",
            ])
        #expect(!cable.link.isOpen(.near) && !cable.link.isOpen(.far))
    }

    @Test("either side can open and close")
    func fromFar() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .far) }
        cable.at(30) { $0.close(from: .near) }
        #expect(cable.log() == ["10ms near opened", "20ms far opened", "40ms far closed"])
    }

    @Test("without a listener the connection is refused after a round trip")
    func refused() {
        let cable = Cable()
        cable.link.far = nil
        cable.at(0) { $0.open(from: .near) }
        #expect(cable.log() == ["20ms near closed"])
    }

    @Test("what the accepting end sends at once does not overtake its consent", arguments: [UInt64(1), 2, 3, 4, 5])
    func greeting(seed: UInt64) throws {
        let cable = Cable(seed: seed)
        cable.link.apply(LinkFault(.jitter(.seconds(1))), id: 1)
        cable.probe.reaction = { [link = cable.link] text in if text == "far opened" { link.send([7], from: .far) } }
        cable.at(0) { $0.open(from: .near) }
        let log = cable.log().map { $0.split(separator: " ", maxSplits: 1)[1] }
        #expect(log == ["far opened", "near opened", "near 07"], "seed \(seed)")
    }

    @Test("bytes from a closed end go nowhere")
    func closedEnd() {
        let cable = Cable()
        cable.at(0) { $0.send([1], from: .near) }
        cable.at(1) { $0.close(from: .near) }
        #expect(cable.log().isEmpty)
    }

    @Test("a loud cut loses what is on the way, both ends see it after the delay, and opening fails until it is cleared")
    func loudCut() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(25) { $0.send([1], from: .near) }
        cable.at(30) { $0.apply(LinkFault(.cut(.loud)), id: 1) }
        cable.at(32) { $0.send([2], from: .far) }
        cable.at(50) { $0.open(from: .near) }
        cable.at(70) { $0.clear(1) }
        cable.at(80) { $0.open(from: .near) }
        #expect(
            cable.log() == [
                "10ms far opened", "20ms near opened", "40ms near closed", "40ms far closed", "60ms near closed", "90ms far opened",
                "100ms near opened",
            ])
    }

    @Test("a silent cut tells nobody; what was sent arrives with the first retransmission after its end")
    func silentCut() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(100) { $0.apply(LinkFault(.cut(.silent)), id: 1) }
        cable.at(110) { $0.send([1], from: .near) }
        cable.at(120) { $0.send([2], from: .near) }
        cable.at(130) { $0.send([9], from: .far) }
        cable.at(1_000) { $0.clear(1) }
        cable.at(1_005) { $0.send([3], from: .near) }
        // Attempts after 200, 600 and 1,400 ms: at 1,510 ms from the near end, at 1,530 ms from the far one.
        #expect(cable.log().dropFirst(2) == ["1.52s far 010203", "1.54s near 09"])
    }

    @Test("a sender in a black hole gives up after 51 s; the other end learns nothing until the next connection")
    func blackHole() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(1_000) { $0.apply(LinkFault(.cut(.silent)), id: 1) }
        cable.at(1_000) { $0.send([1], from: .near) }
        cable.at(60_000) { $0.clear(1) }
        cable.at(70_000) { $0.open(from: .near) }
        #expect(cable.log().dropFirst(2) == ["52s near closed", "70.01s far closed", "70.01s far opened", "70.02s near opened"])
    }

    @Test("a one-way black hole swallows one way only")
    func oneWay() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(50) { $0.apply(LinkFault(.cut(.silent), direction: .down), id: 1) }
        cable.at(60) { $0.send([1], from: .near) }
        cable.at(60) { $0.send([2], from: .far) }
        cable.at(100) { $0.clear(1) }
        #expect(cable.log().dropFirst(2) == ["70ms far 01", "270ms near 02"])
    }

    @Test("an end that loses its power is silent; when it comes back the other one sees the old connection end")
    func vanished() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(25) { $0.send([1], from: .near) }
        cable.at(30) { $0.vanish(.near) }
        cable.at(31) { $0.send([2], from: .far) }
        cable.at(100) { $0.open(from: .near) }
        #expect(cable.log().dropFirst(2) == ["35ms far 01", "110ms far closed", "110ms far opened", "120ms near opened"])
    }

    @Test("glue joins pieces into one delivery")
    func glue() {
        let cable = Cable()
        cable.at(0) { $0.open(from: .near) }
        cable.at(30) { $0.apply(LinkFault(.glue(.milliseconds(20))), id: 1) }
        for (moment, byte) in [(40, 1), (45, 2), (59, 3), (60, 4)] as [(Int64, UInt8)] { cable.at(moment) { $0.send([byte], from: .near) } }
        #expect(cable.log().dropFirst(2) == ["70ms far 010203", "90ms far 04"])
    }

    @Test("a message of an exchange arrives, breaks, or waits for a black hole to open")
    func exchange() {
        let cable = Cable()
        var fates: [MessageFate] = []
        var told: [RunInstant] = []
        func exchange(_ link: Link) {
            link.exchange(size: 100, from: .near) { fate in
                fates.append(fate)
                told.append(cable.kernel.now)
            }
        }
        cable.at(0) { exchange($0) }
        cable.at(100) {
            $0.apply(LinkFault(.cut(.silent)), id: 1)
            exchange($0)
        }
        cable.at(500) { $0.clear(1) }
        cable.at(2_000) {
            $0.apply(LinkFault(.cut(.loud)), id: 2)
            exchange($0)
        }
        cable.at(3_000) {
            $0.clear(2)
            $0.apply(LinkFault(.cut(.silent)), id: 3)
            exchange($0)
        }
        _ = cable.log()
        let moments = [at(10), at(710), at(2_010), at(54_000)]
        #expect(told == moments)
        #expect(
            fates == [
                .arrives(at: moments[0], corruptions: []), .arrives(at: moments[1], corruptions: []), .broken(at: moments[2]),
                .broken(at: moments[3]),
            ])
    }

    @Test("whatever faults come and go, a stream gives what was sent, or the beginning of it and a close", arguments: UInt64(1)...12)
    func streamLaw(seed: UInt64) {
        final class End: LinkReceiver {
            var received: [UInt8] = []
            var isClosed = false
            func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
                switch input {
                case .opened: break
                case .bytes(let bytes):
                    if isClosed { Issue.record("bytes after the close") }
                    received += bytes
                case .closed: isClosed = true
                }
            }
        }
        let kernel = Kernel()
        let link = Link(on: kernel, name: "law", profile: LinkProfile(delay: .milliseconds(15)), seed: seed)
        let (near, far) = (End(), End())
        (link.near, link.far) = (near, far)
        link.open(from: .near)
        var chance = SeededGenerator(seed: seed, purpose: "law")
        var (up, down): ([UInt8], [UInt8]) = ([], [])
        let kinds: [LinkFault.Kind] = [
            .loss(rate: 0.4), .delay(.milliseconds(300)), .jitter(.milliseconds(400)), .duplicate(rate: 0.5),
            .reorder(rate: 0.5, hold: .milliseconds(90)), .split(size: 3), .glue(.milliseconds(70)), .bandwidth(.bytesPerSecond(5_000)),
            .cut(.silent),
        ]
        for step in 0..<400 {
            let side: LinkSide = chance.chance(0.5) ? .near : .far
            let bytes = chance.bytes(1 + Int(chance.integer(below: 3_000)))
            let moment = at(1_000 + Int64(step) * 100)
            kernel.schedule(at: moment) {
                guard link.isOpen(side) else { return }
                if side == .near { up += bytes } else { down += bytes }
                link.send(bytes, from: side)
            }
            if chance.chance(0.2) {
                let kind = kinds[Int(chance.integer(below: UInt64(kinds.count)))]
                let length = Duration.milliseconds(chance.integer(below: 8_000))
                kernel.schedule(at: moment) {
                    link.apply(LinkFault(kind), id: step)
                    kernel.schedule(after: length) { link.clear(step) }
                }
            }
        }
        #expect(kernel.runToIdle() == .idle)
        for (sent, end) in [(up, far), (down, near)] {
            #expect(sent.starts(with: end.received), "seed \(seed)")
            #expect(end.received.count == sent.count || near.isClosed || far.isClosed, "seed \(seed)")
            #expect(!sent.isEmpty)
        }
        (link.near, link.far) = (nil, nil)
    }
}
