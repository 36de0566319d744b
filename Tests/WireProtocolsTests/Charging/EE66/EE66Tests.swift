import LabCore
import Testing

@testable import WireProtocols

@Suite("EE/66 frames (charging-protocols.md 5.1)")
struct EE66VectorTests {
    private static let words = ["port": "port", "result": "result", "remaining": "remaining", "power_0_1W": "power", "minutes_or_0_01kWh": "amount",
        "card_total_0_1yuan": "card_total", "coin_total_yuan": "coin_total"]

    @Test("every row says what it says in the file, and comes back", arguments: FrameVector.of("ee66-uart"))
    func bothWays(_ vector: FrameVector) throws {
        let frame = try EE66Frame(vector.bytes)
        #expect(hexadecimal(frame.command) == vector.text("cmd"))
        #expect(frame.session == vector.text("session"))
        #expect(Hexadecimal.text(frame.data) == vector.text("data"))
        #expect(frame.isAnswer == (vector.text("sop") == "66"))
        #expect(try frame.encoded() == vector.bytes)
        let content = try frame.content()
        if case .other = content.message { Issue.record("\(vector.command) is not understood") }
        let again = try EE66Frame(content.message, isAnswer: frame.isAnswer, session: frame.session, extra: content.extra)
        #expect(try again.encoded() == vector.bytes)
        let report = EE66Report.explain(vector.bytes)
        #expect(!report.isRefused)
        #expect(report.direction == (vector.fromDevice ? .deviceToPlatform : .hostToDevice))
        for entry in vector.fields { if let word = Self.words[entry.name] { #expect(report[word]?.value == entry.value) } }
        if let states = vector["ports"]?.list, case .states(let said) = content.message {
            #expect(said.ports.map { hexadecimal($0.raw) } == states.compactMap(\.text))
        }
        var values = Fields()
        for field in report.fields { values[field.name] = field.value }
        #expect(try EE66Report.frame(report.command, isAnswer: frame.isAnswer, values: values) == vector.bytes)
    }

    @Test("start of port 1 for 100, its answer, and an end by the user with 108 left")
    func printed() throws {
        let start = try EE66Frame(try #require(Hexadecimal.bytes("ee0d0200000000000001000000646a")))
        #expect(try start.content().message == .start(EE66Start(port: 1, amount: 100)))
        let answer = try EE66Frame(try #require(Hexadecimal.bytes("660a02000000000000010108")))
        #expect(try answer.content().message == .startAnswer(EE66PortResult(port: 1, isDone: true)))
        let end = try EE66Frame(try #require(Hexadecimal.bytes("ee0c0530303030303001006c0165")))
        #expect(end.session == EE66Frame.boardSession)
        #expect(try end.content().message == .end(EE66End(port: 1, remaining: 108, reason: .user)))
    }

    @Test("an end with a card has seven bytes more, without one it has none")
    func cardEnd() throws {
        let card = EE66End.Card(card: "0d821803", refund: 15, type: 0x55)
        let message = EE66Message.end(EE66End(port: 2, remaining: .max, reason: .cardRefund, card: card))
        let frame = try EE66Frame(message, isAnswer: false, session: EE66Frame.boardSession)
        #expect(Hexadecimal.text(frame.data) == "02ffff05" + "0d821803" + "0f" + "0055")
        #expect(try frame.content().message == message)
    }

    @Test("every changed bit of a frame is refused", arguments: [3, 7, 11])
    func bits(_ row: Int) throws {
        let rows = FrameVector.of("ee66-uart")
        let bytes = rows[row % rows.count].bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var wrong = bytes
                wrong[index] ^= 1 << bit
                #expect(throws: EE66Fault.self) { try EE66Frame(wrong) }
                #expect(EE66Report.explain(wrong).isRefused)
            }
        }
    }

    @Test("too short, too long, trailing bytes and strange sessions are refused with what is wrong")
    func refused() {
        #expect(throws: EE66Fault.length(found: 7)) { try EE66Frame([0xee, 7, 1, 0, 0, 0, 0, 0, 0]) }
        #expect(throws: EE66Fault.head(found: 0x11)) { try EE66Frame([0x11, 9]) }
        #expect(throws: EE66Fault.truncated(needed: 11, found: 4)) { try EE66Frame([0xee, 9, 1, 0]) }
        #expect(throws: EE66Fault.trailing(extra: 1, offset: 11)) { try EE66Frame([0xee, 9, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0]) }
        #expect(throws: EE66Fault.tooLong(found: 248)) { try EE66Frame(isAnswer: false, command: 1, data: Array(repeating: 0, count: 248)).encoded() }
        #expect(throws: EE66Fault.session("12")) { try EE66Frame(isAnswer: false, command: 1, session: "12", data: []).encoded() }
    }
}

@Suite("EE/66 on a line: frames in a stream (charging-protocols.md 1, 5.1)")
struct EE66StreamTests {
    private static func frames(_ pieces: [[UInt8]]) -> [[UInt8]] {
        var decoder = EE66StreamDecoder()
        var frames: [[UInt8]] = []
        func take() { while let item = decoder.next() { if case .frame(_, let bytes, _) = item { frames.append(bytes) } } }
        for piece in pieces {
            decoder.append(piece)
            take()
        }
        decoder.finish()
        take()
        return frames
    }

    private static let good = FrameVector.of("ee66-uart").map(\.bytes)

    @Test("all rows in single bytes are all rows")
    func bytewise() { #expect(Self.frames(Array(Self.good.joined()).map { [$0] }) == Self.good) }

    @Test("EE and 66 before a frame, with any length behind them, take nothing with them", arguments: [0x00, 0x08, 0x0b, 0x40, 0xff] as [UInt8])
    func falseHead(length: UInt8) { #expect(Self.frames([[0xee, length] + Self.good[0] + [0x66] + Self.good[1]]) == [Self.good[0], Self.good[1]]) }

    @Test("random noise without heads between frames", arguments: [1, 2, 3, 4] as [UInt64])
    func fuzz(seed: UInt64) {
        var chance = SeededGenerator(seed: seed, purpose: "EE66 stream")
        var stream: [UInt8] = []
        var sent: [[UInt8]] = []
        for _ in 0..<100 {
            stream += chance.bytes(Int(chance.integer(below: 20))).map { $0 == 0xee || $0 == 0x66 ? 0 : $0 }
            let frame = Self.good[Int(chance.integer(below: UInt64(Self.good.count)))]
            stream += frame
            sent.append(frame)
        }
        #expect(Self.frames([stream]) == sent, "seed \(seed)")
        // Pure noise: nothing but the end matters.
        _ = Self.frames([chance.bytes(5_000)])
    }
}
