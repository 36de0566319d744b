import LabCore
import Testing
import Transports

@Suite("A serial port on a network, the client's side (RFC 2217)")
struct ComPortSessionTests {
    /// ser2net 4.3.11 to a new client.
    private static let hello: [UInt8] = [255, 251, 3, 255, 253, 3, 255, 251, 1, 255, 254, 1, 255, 253, 0, 255, 251, 0, 255, 253, 44]
    /// Its answers to 9600 8N1 without flow control.
    private static let confirmed: [UInt8] =
        [255, 250, 44, 101, 0, 0, 0x25, 0x80, 255, 240, 255, 250, 44, 102, 8, 255, 240, 255, 250, 44, 103, 1, 255, 240]
        + [255, 250, 44, 104, 1, 255, 240, 255, 250, 44, 105, 1, 255, 240]

    private static func session(_ settings: SerialSettings = SerialSettings(baud: 9_600)) -> ComPortSession {
        var session = ComPortSession(settings: settings)
        _ = session.start()
        return session
    }

    private static func open() -> ComPortSession {
        var session = session()
        _ = session.receive(hello + confirmed)
        return session
    }

    @Test("it offers binary transmission, SGA and the option, and wants the first two of the server")
    func offer() {
        var session = ComPortSession(settings: SerialSettings())
        #expect(session.start() == [255, 251, 0, 255, 251, 3, 255, 251, 44, 255, 253, 0, 255, 253, 3])
    }

    @Test("when that is agreed, it empties the buffers and sets the line")
    func settings() {
        var session = Self.session()
        let (events, output) = session.receive(Self.hello)
        #expect(events == [])
        let commands: [[UInt8]] = [[12, 3], [1, 0, 0, 0x25, 0x80], [2, 8], [3, 1], [4, 1], [5, 1], [10, 30], [11, 255, 255]]
        // Echo is refused; the mask of 255 is doubled.
        var expected: [UInt8] = [255, 254, 1]
        for command in commands { expected += [255, 250, 44] + command + [255, 240] }
        #expect(output == expected)
        #expect(session.phase == .setting)
    }

    @Test("it is open when the server has confirmed every setting, not before", arguments: 0...confirmed.count)
    func confirmation(_ cut: Int) {
        var session = Self.session()
        _ = session.receive(Self.hello)
        let first = session.receive(Array(Self.confirmed[..<cut])).events
        let second = session.receive(Array(Self.confirmed[cut...])).events
        #expect(first == (cut == Self.confirmed.count ? [.opened] : []))
        #expect(first + second == [.opened])
    }

    @Test("what the device said before is thrown away; what it says after is not")
    func data() {
        var session = Self.session()
        _ = session.receive(Self.hello + Array("old".utf8))
        #expect(session.receive(Self.confirmed + Array("new".utf8)).events == [.opened, .bytes(Array("new".utf8))])
        #expect(session.send([1, 255]) == [1, 255, 255])
    }

    @Test(
        "a rate that differs by no more than 3 % is the rate",
        arguments: [(9_600, true), (9_400, true), (9_888, true), (9_300, false), (9_889, false), (0, false)])
    func rates(_ rate: UInt32, _ isGood: Bool) {
        var session = Self.session()
        _ = session.receive(Self.hello)
        let answer = [101] + (0..<4).map { UInt8(truncatingIfNeeded: rate >> (24 - 8 * $0)) }
        let (events, _) = session.receive([255, 250, 44] + answer + [255, 240])
        #expect(events.isEmpty == isGood)
        guard !isGood else { return }
        #expect(events == [.failed(failure("the server refuses 9600 bits in a second, it stays at \(rate)"))])
    }

    private func failure(_ detail: String) -> ComPortSession.Failure {
        ComPortSession.Failure(.unsupported, detail, remedy: "choose what the port can do")
    }

    @Test(
        "each setting can be refused",
        arguments: [
            ([102, 7], "8 data bits, it stays at 7"), ([103, 3], "the parity none, it stays at even"),
            ([104, 2], "1 stop bits, it stays at 2"),
            ([105, 3], "the flow control none, it stays at hardwareFlowControl"), ([101, 0], "9600 bits in a second"),
        ] as [([UInt8], String)])
    func refusals(_ answer: [UInt8], _ words: String) {
        var session = Self.session()
        _ = session.receive(Self.hello)
        #expect(session.receive([255, 250, 44] + answer + [255, 240]).events == [.failed(failure("the server refuses \(words)"))])
        #expect(session.phase == .failed)
        #expect(session.receive(Self.confirmed).events == [])
    }

    @Test("modem lines and troubles of the line are told; the line's ordinary states are not")
    func states() {
        var session = Self.open()
        #expect(session.receive([255, 250, 44, 107, 0x31, 255, 240]).events == [.modemLines([.cts, .dsr])])
        #expect(session.receive([255, 250, 44, 106, 0x70, 255, 240]).events == [.line(.breakDetected)])
        #expect(session.receive([255, 250, 44, 106, 0x61, 255, 240]).events == [])
    }

    @Test("a server whose buffer is full is told no more until it says so")
    func suspended() {
        var session = Self.open()
        _ = session.receive([255, 250, 44, 108, 255, 240])
        #expect(session.send([1, 255]) == [])
        #expect(session.send([2]) == [])
        #expect(session.receive([255, 250, 44, 109, 255, 240]).output == [1, 255, 255, 2])
        #expect(session.send([3]) == [3])
    }

    @Test("purging what is to be sent takes what waits here, too")
    func purge() {
        var session = Self.open()
        _ = session.receive([255, 250, 44, 108, 255, 240])
        _ = session.send([1])
        #expect(session.perform(.purge(.sent)) == [255, 250, 44, 12, 2, 255, 240])
        #expect(session.receive([255, 250, 44, 109, 255, 240]).output == [])
    }

    @Test("binary transmission that is taken back in the middle ends it: bytes would change")
    func binaryTakenBack() {
        var session = Self.open()
        let (events, output) = session.receive([255, 254, 0])
        #expect(output == [255, 252, 0])
        #expect(events.count == 1)
        #expect(session.phase == .failed)
    }

    @Test("unknown options are refused, unknown reports and commands are nothing")
    func unknown() {
        var session = Self.open()
        let (events, output) = session.receive([255, 253, 24, 255, 250, 24, 1, 255, 240, 255, 250, 44, 177, 1, 2, 255, 240, 255, 246, 0x41])
        #expect(output == [255, 252, 24])
        #expect(events == [.bytes([0x41])])
    }

    @Test("our own words that come back: there is no server")
    func echo() {
        var session = ComPortSession(settings: SerialSettings())
        let offer = session.start()
        guard case .failed(let failure)? = session.receive(offer).events.last else { return #expect(Bool(false), "it does not fail") }
        #expect(failure.reason == .unsupported)
        #expect(failure.remedy.contains("tcp:"))
    }

    @Test(
        "why ser2net 4.3.11 closes a connection that it has accepted",
        arguments: [
            ("Port already in use\r\n", StreamFailure.Reason.busy), ("Port's device already in use\r\n", .busy),
            ("Device open failure: Value or file not found\r\n", .notFound), ("good bye\r\n", .ended), ("", .ended),
        ])
    func refusal(_ text: String, _ reason: StreamFailure.Reason) {
        var session = Self.session()
        _ = session.receive(Self.hello + Array(text.utf8))
        #expect(session.endedWhileOpening()?.reason == reason)
    }
}

@Suite("A serial port on a network: fuzz")
struct ComPortFuzzTests {
    /// Bytes that mean something, among others.
    private static func bytes(_ generator: inout SeededGenerator, _ count: Int) -> [UInt8] {
        let words: [UInt8] = [255, 255, 255, 250, 240, 251, 252, 253, 254, 0, 1, 3, 44, 44, 101, 105, 107, 108, 109]
        return (0..<count).map { _ in
            Bool.random(using: &generator)
                ? words[Int.random(in: 0..<words.count, using: &generator)] : UInt8.random(in: 0...255, using: &generator)
        }
    }

    @Test("whatever comes, wherever it is cut: no crash, the same meaning, bounded output", arguments: 1...40 as ClosedRange<UInt64>)
    func garbage(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "telnet fuzz")
        for round in 0..<50 {
            let input = Self.bytes(&generator, Int.random(in: 0...400, using: &generator))
            var (whole, parts) = (
                ComPortSession(settings: SerialSettings(baud: 9_600)), ComPortSession(settings: SerialSettings(baud: 9_600))
            )
            let hello: [UInt8] = [255, 253, 0, 255, 251, 0, 255, 253, 44]
            _ = (whole.start(), parts.start())
            if round % 2 == 0 { _ = (whole.receive(hello), parts.receive(hello)) }
            let once = whole.receive(input)
            var (events, output): ([ComPortSession.Event], [UInt8]) = ([], [])
            var rest = input[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...7, using: &generator))
                rest = rest.dropFirst(piece.count)
                let step = parts.receive(Array(piece))
                events += step.events
                output += step.output
            }
            #expect(Self.joined(events) == Self.joined(once.events), "seed \(seed), round \(round)")
            #expect(output == once.output, "seed \(seed), round \(round)")
            // Each negotiation of three bytes is answered by three at most; the settings are sent once.
            #expect(output.count <= input.count + 80, "seed \(seed), round \(round)")
        }
    }

    @Test("data come as they were sent, however they are cut", arguments: 1...20 as ClosedRange<UInt64>)
    func roundTrip(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "telnet data")
        let data = Self.bytes(&generator, 5_000)
        var decoder = TelnetDecoder()
        var read: [UInt8] = []
        var rest = Telnet.escaped(data)[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...50, using: &generator))
            rest = rest.dropFirst(piece.count)
            for event in decoder.decode(Array(piece)) {
                guard case .data(let bytes) = event else { return #expect(Bool(false), "seed \(seed): \(event)") }
                read += bytes
            }
        }
        #expect(read == data, "seed \(seed)")
    }

    private static func joined(_ events: [ComPortSession.Event]) -> [ComPortSession.Event] {
        events.reduce(into: []) { joined, event in
            if case .bytes(let more) = event, case .bytes(let before)? = joined.last {
                joined[joined.count - 1] = .bytes(before + more)
            } else {
                joined.append(event)
            }
        }
    }
}
