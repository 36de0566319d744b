import LabCore
import Testing
import WireProtocols

@testable import Emulators

/// A board with a module that asks by hand.
private struct BoardBench {
    var line: LineBench

    init(_ facts: Fields = [:], acknowledges: Bool = true) throws {
        line = try LineBench((["pile": "board-1", "protocol": "ee66", "line": "serial"] as Fields).merging(facts))
        line.answers = { bytes in
            guard acknowledges, let frame = try? EE66Frame(bytes), !frame.isAnswer, frame.command == 0x05 || frame.command == 0x0d else { return [] }
            return [(try? EE66Frame(.done(command: frame.command, EE66Done()), isAnswer: true, session: frame.session).encoded())].compactMap { $0 }
        }
        line.act("power_on")
        line.run(for: .seconds(3))
    }

    mutating func say(_ message: EE66Message, session: String = EE66Frame.zeroSession) throws {
        line.say(try EE66Frame(message, isAnswer: false, session: session).encoded())
    }

    func frames(_ command: UInt8) -> [(at: Double, frame: EE66Frame)] {
        line.sent.compactMap { entry in (try? EE66Frame(entry.bytes)).map { (LineBench.seconds(entry.at), $0) } }.filter { $0.frame.command == command }
    }

    func last(_ command: UInt8) throws -> EE66Message? { try frames(command).last?.frame.content().message }

    static func charging(_ facts: Fields = [:], acknowledges: Bool = true, amount: UInt16 = 2) throws -> BoardBench {
        var bench = try BoardBench(facts, acknowledges: acknowledges)
        bench.line.act("plug", ["port": 1, "watts": 200])
        try bench.say(.start(EE66Start(port: 1, amount: amount)))
        bench.line.run(for: .seconds(1))
        return bench
    }
}

@Suite("An emulated EE/66 board (charging-protocols.md 5.1)")
struct EE66PileTests {
    @Test("01 tells the states of the ports, under the session of the question")
    func states() throws {
        var bench = try BoardBench(["ports": 3])
        bench.line.handle(.fault("relay.stuck", ["port": 3], isActive: true))
        bench.line.act("plug", ["port": 1, "watts": 200])
        try bench.say(.start(EE66Start(port: 1, amount: 10)))
        bench.line.run(for: .seconds(1))
        try bench.say(.askStates(EE66Nothing()), session: "313233343536")
        bench.line.run(for: .seconds(1))
        let frame = try #require(bench.frames(0x01).last?.frame)
        #expect(frame.isAnswer && frame.session == "313233343536")
        #expect(try frame.content().message == .states(EE66States([.inUse, .idle, .fault])))
    }

    @Test("02 starts a port for minutes; without a plug it fails with 2")
    func start() throws {
        var bench = try BoardBench.charging()
        #expect(try bench.last(0x02) == .startAnswer(EE66PortResult(port: 1, isDone: true)))
        try bench.say(.start(EE66Start(port: 2, amount: 2)))
        bench.line.run(for: .seconds(1))
        #expect(try bench.last(0x02) == .startAnswer(EE66PortResult(port: 2, isDone: false)))
        #expect(bench.line.notes("charge.refused").map { $0["reason"] } == [.text("not_plugged")])
    }

    @Test("06 tells what is left and the power")
    func look() throws {
        var bench = try BoardBench.charging(amount: 10)
        bench.line.run(for: .seconds(61))
        try bench.say(.askPort(EE66Port(1)))
        bench.line.run(for: .seconds(1))
        // Of ten minutes the first is over and the second has begun.
        #expect(try bench.last(0x06) == .port(EE66PortStatus(port: 1, remaining: 8, power: 2_000)))
    }

    @Test("05 says that the time is used up, in session 000000, once it is acknowledged")
    func end() throws {
        var bench = try BoardBench.charging()
        bench.line.run(for: .seconds(300))
        let ends = bench.frames(0x05)
        #expect(ends.count == 1)
        #expect(ends.first?.frame.session == EE66Frame.boardSession)
        #expect(try bench.last(0x05) == .end(EE66End(port: 1, remaining: 0, reason: .usedUp)))
        #expect(bench.line.ask("bills")["waiting"] == .integer(0))
    }

    @Test("05 that nobody acknowledges comes three times 5 s apart, then a minute later; it survives a power cut")
    func unacknowledged() throws {
        var bench = try BoardBench.charging(acknowledges: false)
        bench.line.run(for: .seconds(210))
        let ends = bench.frames(0x05).map(\.at)
        #expect(ends.count >= 4)
        #expect(zip(ends.dropFirst(), ends).prefix(3).map { ($0 - $1).rounded() } == [5, 5, 60])
        bench.line.cutPower()
        bench.line.handle(.poweredOn)
        let before = bench.frames(0x05).count
        bench.line.run(for: .seconds(3))
        #expect(bench.frames(0x05).count == before + 1)
    }

    @Test("0B stops, tells what is left, and 05 follows with reason 1")
    func stop() throws {
        var bench = try BoardBench.charging(amount: 10)
        bench.line.run(for: .seconds(150))
        try bench.say(.stop(EE66Port(1)))
        bench.line.run(for: .seconds(1))
        #expect(try bench.last(0x0b) == .stopAnswer(EE66Remaining(port: 1, remaining: 7)))
        #expect(try bench.last(0x05) == .end(EE66End(port: 1, remaining: 7, reason: .user)))
    }

    @Test("a board that counts energy ends after 0.10 kWh")
    func energy() throws {
        var bench = try BoardBench.charging(["unit": "energy"], amount: 10)
        bench.line.run(for: .seconds(1_802))
        // 100 Wh at 200 W take half an hour.
        #expect(try bench.last(0x05) == .end(EE66End(port: 1, remaining: 0, reason: .usedUp)))
        #expect(bench.line.notes("truth").first?["energy"] == .integer(1_000))
    }

    @Test("a pulled plug is reason 6, over-current is a fault, which 0D tells, too")
    func reasons() throws {
        var bench = try BoardBench.charging(amount: 10)
        bench.line.act("unplug", ["port": 1])
        bench.line.run(for: .seconds(15))
        guard case .end(let end)? = try bench.last(0x05) else {
            Issue.record("no end")
            return
        }
        #expect(end.reason == .noCharger)
        var other = try BoardBench.charging(amount: 10)
        other.line.handle(.fault("over_current", ["port": 1], isActive: true))
        other.line.run(for: .seconds(1))
        guard case .end(let fault)? = try other.last(0x05) else {
            Issue.record("no end")
            return
        }
        #expect(fault.reason == .fault)
        #expect(try other.last(0x0d) == .fault(EE66PortFault(port: 1, code: 1)))
    }

    @Test("the board is silent about 24 to 2A, about unknown commands, and about damaged frames", arguments: [0x24, 0x25, 0x26, 0x2a, 0x77] as [UInt8])
    func silence(_ command: UInt8) throws {
        var bench = try BoardBench()
        let before = bench.line.sent.count
        try bench.say(.other(command: command, data: [0]))
        var wrong = try EE66Frame(.askStates(EE66Nothing()), isAnswer: false).encoded()
        wrong[wrong.count - 1] ^= 1
        bench.line.say(wrong)
        bench.line.run(for: .seconds(2))
        #expect(bench.line.sent.count == before)
    }

    @Test("half a frame is given up after 0.3 s, so that the next question is heard")
    func halfFrame() throws {
        var bench = try BoardBench()
        bench.line.say([0xee, 0xff, 0x01])
        bench.line.run(for: .milliseconds(400))
        try bench.say(.askStates(EE66Nothing()))
        bench.line.run(for: .seconds(1))
        #expect(bench.frames(0x01).count == 1)
    }

    @Test("an online card asks with 22; once it is accepted the board starts and says so with 23; 05 carries the card")
    func card() throws {
        var bench = try BoardBench()
        bench.line.act("plug", ["port": 1, "watts": 100])
        bench.line.act("swipe", ["port": 1, "card": 0x0d82_1803])
        #expect(try bench.last(0x22) == .askCard(EE66CardQuery(card: "0d821803", amount: 10)))
        let answer = EE66CardAnswer(card: "0d821803", balance: 500, state: .ok)
        bench.line.say(try EE66Frame(.card(answer), isAnswer: true, session: EE66Frame.boardSession).encoded())
        bench.line.run(for: .seconds(1))
        guard case .cardTaken(let taken)? = try bench.last(0x23) else {
            Issue.record("no 23")
            return
        }
        #expect(taken.state == 1)
        bench.line.act("press_stop", ["port": 1])
        bench.line.run(for: .seconds(1))
        guard case .end(let end)? = try bench.last(0x05) else {
            Issue.record("no end")
            return
        }
        #expect(end.card?.card == "0d821803" && end.reason == .user)
    }
}

@Suite("An emulated DL/T 645 meter beside a board (charging-protocols.md 5.4)")
struct DLT645MeterTests {
    private static let address = "000000000161"

    private static func bench() throws -> LineBench {
        var bench = try LineBench(["pile": "board-1", "protocol": "ee66", "line": "serial", "meter": .text(address), "register": 1_234_500])
        bench.act("power_on")
        bench.run(for: .seconds(3))
        return bench
    }

    private static func ask(_ bench: inout LineBench, _ message: DLT645Message, _ address: String = address) throws -> DLT645Frame? {
        bench.say(try DLT645Frame(message, address: address).encoded(), on: .meter)
        let before = bench.sent.count
        bench.run(for: .milliseconds(100))
        return bench.sent.dropFirst(before).compactMap { try? DLT645Frame($0.bytes) }.first
    }

    @Test("its address is asked with AA and answered with itself")
    func address() throws {
        var bench = try Self.bench()
        let answer = try #require(try Self.ask(&bench, .readAddress))
        #expect(answer.address == Self.address && answer.control == 0x93 && answer.message == .address)
    }

    @Test("energy, voltage, current and power of all ports, after 50 ms")
    func values() throws {
        var bench = try Self.bench()
        bench.act("plug", ["port": 1, "watts": 660])
        bench.say(try EE66Frame(.start(EE66Start(port: 1, amount: 600)), isAnswer: false).encoded())
        bench.run(for: .seconds(3_600))
        func value(_ item: DLT645Item) throws -> Int64? {
            guard case .value(item, let bytes)? = try Self.ask(&bench, .read(item))?.message else { return nil }
            return DLT645Number.read(bytes)
        }
        // Two ports of 123.45 kWh each, and 0.66 kWh in an hour.
        #expect(try value(.forwardEnergy) == 24_690 + 66)
        #expect(try value(.voltageA) == 2_200)
        #expect(try value(.currentA) == 3_000)
        #expect(try value(.power) == 6_600)
    }

    @Test("what it does not have is refused with D1; other addresses and damaged questions are not answered")
    func refused() throws {
        var bench = try Self.bench()
        let answer = try #require(try Self.ask(&bench, .read(DLT645Item(rawValue: 0x0400_0101))))
        #expect(answer.message == .refusal(0x02))
        #expect(try Self.ask(&bench, .read(.voltageA), "000000000162") == nil)
    }

    @Test("a pile's register that is reset does not change the meter")
    func truth() throws {
        var bench = try Self.bench()
        bench.handle(.fault("register.reset", ["port": 1], isActive: true))
        guard case .value(_, let bytes)? = try Self.ask(&bench, .read(.forwardEnergy))?.message else {
            Issue.record("no value")
            return
        }
        #expect(DLT645Number.read(bytes) == 24_690)
    }
}
