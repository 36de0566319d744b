import Emulators
import LabCore
import Testing
import WireProtocols

@testable import Drivers

@Suite("The host of an EE/66 board, a DNY pile towards the cloud (charging-protocols.md 5.1, 4.15)")
struct EE66HostTests {
    private static let id: UInt32 = 0x04ce_aa40
    private static let order = "ORDER00000000001"

    /// A board that is emulated, a server that answers all but `silent`; both run for 5 s.
    private static func bench(_ unit: EE66HostSettings.Unit = .minutes, silent: Set<UInt8> = [], resumes: Bool = true) throws -> DriverBench {
        let facts: Fields = ["protocol": "ee66", "line": "serial", "ports": 2, "pile": "board-1", "unit": .text(unit.rawValue), "resumes": .bool(resumes)]
        let board = try PileFactory.make(facts, node: "pile", epoch: DriverBench.epoch)
        var settings = EE66HostSettings(physicalID: id, ports: 2, iccid: "898604D9162390488297")
        settings.unit = unit
        var bench = DriverBench(EE66Host(settings, epoch: DriverBench.epoch), partner: board)
        let server = DNYServer(silent: silent)
        bench.server = { server.answers($0) }
        bench.begin()
        return bench
    }

    private static func charge(_ bench: inout DriverBench, seconds: UInt16 = 120, watts: Double = 360) throws {
        bench.act("plug", ["port": 1, "watts": .number(watts)], part: 1)
        bench.say(try DNYServer.charge(order, to: id, messageID: 9, amount: seconds))
        bench.run(for: .seconds(3))
    }

    private static func settlement(_ bench: DriverBench) throws -> DNYSettlement? {
        guard case .settlement(let settlement)? = try bench.frames(0x03).last.map({ try DNYMessage($0.frame, from: .device) }) else { return nil }
        return settlement
    }

    @Test("registers, tells the ports' states, asks the time; the board hears 01 every 30 s")
    func login() throws {
        var bench = try Self.bench()
        bench.run(for: .seconds(62))
        #expect(bench.frames.prefix(3).map(\.frame.command) == [0x20, 0x21, 0x22])
        #expect(bench.frames.allSatisfy { $0.frame.physicalID == Self.id })
        let questions = bench.serial.compactMap { try? EE66Frame($0.bytes) }.filter { $0.command == 0x01 && !$0.isAnswer }
        #expect(questions.count == 3)
    }

    @Test("82 becomes 02 with whole minutes, its answer the answer to 82; 05 becomes 03 with the time and the energy of the power that 06 told")
    func charge() throws {
        var bench = try Self.bench()
        try Self.charge(&bench)
        let start = bench.serial.compactMap { try? EE66Frame($0.bytes) }.first { $0.command == 0x02 }
        #expect(try start?.content().message == .start(EE66Start(port: 1, amount: 2)))
        #expect(bench.frames(0x82).map { Array($0.frame.data.prefix(17)) } == [[0] + Array(Self.order.utf8)])
        bench.run(for: .seconds(140))
        let bill = try #require(try Self.settlement(bench))
        #expect(bill.order == DNYOrder(Self.order.utf8) && bill.durationSeconds == 120 && bill.stopReason == .setTime && bill.port == 0)
        // 360 W for two minutes are 12 Wh; in units of 10 Wh that is 1.
        #expect(bill.energyCentikWh == 1 && bill.maximumPowerDeciwatts == 3_600)
        let told = try #require(bench.notes("order.ended").first)
        #expect(abs((told["energy"]?.integer ?? 0) - 120) <= 3)
        #expect(bench.ask()["bills"] == .integer(0) && bench.notes("bill.taken").count == 1)
    }

    @Test("the bill is on the disk before the board hears that its end was taken")
    func durableFirst() throws {
        var bench = try Self.bench()
        try Self.charge(&bench)
        bench.run(for: .seconds(130))
        let ended = try #require(bench.notes.firstIndex { $0.name == "order.ended" })
        let acknowledged = try #require(bench.notes.firstIndex { $0.name == "board.sent" && $0.fields["command"] == .integer(5) })
        #expect(ended < acknowledged)
    }

    @Test("06 goes up when a charge has begun and every 5 minutes, with its order")
    func reports() throws {
        var bench = try Self.bench()
        try Self.charge(&bench, seconds: 3_600)
        bench.run(for: .seconds(1_000))
        let reports = bench.frames(0x06)
        #expect((3...5).contains(reports.count))
        guard case .powerHeartbeat(let report)? = try reports.last.map({ try DNYMessage($0.frame, from: .device) }) else {
            Issue.record("no report")
            return
        }
        #expect(report.order == DNYOrder(Self.order.utf8) && report.powerDeciwatts == 3_600 && report.energyCentikWh > 5)
    }

    @Test("a start without a plug is answered with 1, one for a busy port with 2, one for a port that is not there with 4")
    func refused() throws {
        var bench = try Self.bench()
        bench.say(try DNYServer.charge("ORDER00000000000", to: Self.id, messageID: 8, amount: 60))
        bench.run(for: .seconds(2))
        try Self.charge(&bench, seconds: 600)
        bench.say(try DNYServer.charge("ORDER00000000002", to: Self.id, messageID: 10, amount: 60))
        bench.say(try DNYServer.charge("ORDER00000000002", to: Self.id, messageID: 11, port: 7, amount: 60))
        #expect(bench.frames(0x82).map { $0.frame.data.first } == [1, 0, 2, 4])
    }

    @Test("the same 82 again gets the same answer and starts nothing")
    func repeated() throws {
        var bench = try Self.bench()
        try Self.charge(&bench, seconds: 600)
        bench.say(try DNYServer.charge(Self.order, to: Self.id, messageID: 9, amount: 600))
        bench.run(for: .seconds(2))
        let answers = bench.frames(0x82)
        #expect(answers.count == 2 && answers[0].frame == answers[1].frame)
        #expect(bench.serial.compactMap { try? EE66Frame($0.bytes) }.count { $0.command == 0x02 && !$0.isAnswer } == 1)
    }

    @Test("a stop becomes 0B; the rest of the time is not charged, the reason is the server")
    func stop() throws {
        var bench = try Self.bench()
        try Self.charge(&bench, seconds: 3_600)
        bench.run(for: .seconds(177))
        bench.say(try DNYServer.charge(Self.order, to: Self.id, messageID: 20, isStart: false))
        bench.run(for: .seconds(10))
        let bill = try #require(try Self.settlement(bench))
        #expect(bill.stopReason == .server && (178...182).contains(bill.durationSeconds))
        #expect(bench.frames(0x82).last?.frame.data.first == 0)
    }

    @Test("an order by energy on a board that counts minutes is stopped by the host once the energy is there")
    func energyLimit() throws {
        var bench = try Self.bench()
        bench.act("plug", ["port": 1, "watts": 1_200], part: 1)
        // 0.20 kWh at 1.2 kW: ten minutes, seen at the next look.
        bench.say(try DNYServer.charge(Self.order, to: Self.id, messageID: 9, mode: .energy, amount: 20))
        bench.run(for: .seconds(680))
        let bill = try #require(try Self.settlement(bench))
        #expect(bill.stopReason == .setEnergy && (20...21).contains(bill.energyCentikWh))
    }

    @Test("the longest time of an order by energy is kept to, by the board's minutes or by the host", arguments: [EE66HostSettings.Unit.minutes, .energy])
    func longestTime(_ unit: EE66HostSettings.Unit) throws {
        var bench = try Self.bench(unit)
        bench.act("plug", ["port": 1, "watts": 360], part: 1)
        bench.say(try DNYServer.charge(Self.order, to: Self.id, messageID: 9, mode: .energy, amount: 500, longest: 300))
        bench.run(for: .seconds(400))
        let bill = try #require(try Self.settlement(bench))
        // The host sees it at a look, each 30 s.
        #expect(bill.stopReason == .setTime && (300...335).contains(bill.durationSeconds))
    }

    @Test("while the board has no power nothing flows, and nothing is billed", arguments: [true, false])
    func boardWithoutPower(_ resumes: Bool) throws {
        var bench = try Self.bench(resumes: resumes)
        try Self.charge(&bench, seconds: 1_200, watts: 1_800)
        bench.run(for: .seconds(297))
        bench.act("power_off", part: 1)
        bench.run(for: .seconds(600))
        bench.returnPower()
        bench.run(for: .seconds(1_100))
        let bill = try #require(try Self.settlement(bench))
        // 1.8 kW: 0.05 kWh in a hundred seconds. Five minutes before the cut; after it, if the board goes on, fifteen more.
        // A look each 30 s, and minutes that are counted whole, leave a minute of doubt, for the rider.
        let (energy, seconds) = resumes ? (Int(60), 1_200) : (15, 300)
        #expect(Int(bill.energyCentikWh) <= energy && Int(bill.energyCentikWh) >= energy - 4)
        #expect(Int(bill.durationSeconds) <= seconds + 2 && Int(bill.durationSeconds) >= seconds - 90)
    }

    @Test("a board that counts energy gets 0.01 kWh")
    func energyBoard() throws {
        var bench = try Self.bench(.energy)
        bench.act("plug", ["port": 1, "watts": 1_200], part: 1)
        bench.say(try DNYServer.charge(Self.order, to: Self.id, messageID: 9, mode: .energy, amount: 10))
        bench.run(for: .seconds(320))
        let bill = try #require(try Self.settlement(bench))
        #expect(bill.stopReason == .setEnergy && bill.energyCentikWh == 10)
    }

    @Test("a bill that nobody acknowledges comes again after 26 s with the same bytes, then with a new number; it survives a power cut")
    func unacknowledged() throws {
        var bench = try Self.bench(silent: [0x03])
        try Self.charge(&bench, seconds: 60)
        bench.run(for: .seconds(100))
        let bills = bench.frames(0x03)
        #expect(bills.count == 2 && bills[0].frame == bills[1].frame)
        #expect((bills[1].at - bills[0].at).rounded() == 26)
        bench.cutDriver()
        bench.handle(.poweredOn)
        bench.run(for: .seconds(10))
        let again = bench.frames(0x03)
        #expect(again.count == 3 && again[2].frame.messageID != bills[0].frame.messageID)
        #expect(try Self.settlement(bench)?.order == DNYOrder(Self.order.utf8))
    }

    @Test("a charge that ran through a power cut of the host is settled under its order")
    func powerCut() throws {
        var bench = try Self.bench()
        try Self.charge(&bench, seconds: 600)
        bench.cutDriver()
        bench.run(for: .seconds(60))
        bench.handle(.poweredOn)
        bench.run(for: .seconds(600))
        let bill = try #require(try Self.settlement(bench))
        #expect(bill.order == DNYOrder(Self.order.utf8) && bill.durationSeconds == 600)
    }

    @Test("a board that is silent: three questions 5 s apart, then the start is answered with 0E")
    func silentBoard() throws {
        var settings = EE66HostSettings(physicalID: Self.id, ports: 2, iccid: "898604D9162390488297")
        settings.poll = .seconds(1_000)
        var bench = DriverBench(EE66Host(settings, epoch: DriverBench.epoch))
        let server = DNYServer()
        bench.server = { server.answers($0) }
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        let first = bench.serial.map(\.at)
        bench.run(for: .seconds(16))
        #expect(bench.serial.prefix(3).map { Double($0.at.nanoseconds) / 1e9 } == [0, 5, 10] && first.count == 1)
        bench.say(try DNYServer.charge(Self.order, to: Self.id, messageID: 9, amount: 60))
        bench.run(for: .seconds(120))
        #expect(bench.frames(0x82).map { $0.frame.data.first } == [0x0e])
        #expect(bench.ask()["orders"] == .integer(0))
    }

    @Test("the answer to a start that was lost: the host asks for the states before it repeats, and finds the charge")
    func lostAnswer() throws {
        var bench = try Self.bench()
        bench.handle(.fault("frame.lose", ["command": 2, "times": 1], isActive: true), part: 1)
        try Self.charge(&bench, seconds: 600)
        bench.run(for: .seconds(20))
        #expect(bench.frames(0x82).map { $0.frame.data.first } == [0])
        let starts = bench.serial.compactMap { try? EE66Frame($0.bytes) }.filter { $0.command == 0x02 && !$0.isAnswer }
        #expect(starts.count == 1)
    }

    @Test("an end of a port without an order is acknowledged and books nothing; one with a card is an offline card's bill")
    func strangers() throws {
        var bench = try Self.bench()
        bench.act("frame.send", ["command": 5, "port": 2, "reason": 1], part: 1)
        bench.run(for: .seconds(5))
        #expect(bench.frames(0x03).isEmpty)
        let card = EE66End(port: 1, remaining: 0, reason: .cardRefund, card: EE66End.Card(card: "0d821803", refund: 0, type: 0x55))
        let bytes = try EE66Frame(.end(card), isAnswer: false, session: EE66Frame.boardSession).encoded()
        bench.handle(.link(PileDriverLink.serial, .bytes(bytes)))
        bench.run(for: .seconds(5))
        let bill = try #require(try Self.settlement(bench))
        #expect(bill.starter == .offlineCard && bill.cardOrCode == 0x0318_820d)
    }

    @Test("parameters that the board lacks are answered with 1, 81 with 20 and 21")
    func commands() throws {
        var bench = try Self.bench()
        let before = bench.frames(0x20).count
        bench.say(try DNYFrame(physicalID: Self.id, messageID: 30, command: 0x85, data: [0, 0, 0, 0]).encoded())
        bench.say(try DNYFrame(physicalID: Self.id, messageID: 31, command: 0x81).encoded())
        bench.say(try DNYFrame(physicalID: Self.id + 1, messageID: 32, command: 0x85).encoded())
        #expect(bench.frames(0x85).map { $0.frame.data } == [[1]])
        #expect(bench.frames(0x20).count == before + 1)
    }
}
