import Emulators
import LabCore
import Testing
import WireProtocols

@testable import Drivers

@Suite("The DL/T 645 meter beside an EE/66 board (charging-protocols.md 5.1, 5.4)")
struct BoardMeterTests {
    private static let id: UInt32 = 0x04ce_aa40
    private static let order = "ORDER00000000001"
    private static let address = "000000000645"

    // MARK: Where the register can stand

    /// mWs of 0.01 kWh.
    private static let step: Int64 = 36_000_000

    @Test("what ends in the step that the register shows is right as it is")
    func agrees() {
        var span = MeterSpan(100, at: 0)
        // The register stood somewhere from 1.00 to 1.01 kWh: with 0.9 steps more it can show 100, and 101.
        span.flowed(Self.step * 9 / 10)
        #expect(span.read(101, at: 30) == 0)
        // It stands from 1.01 to 1.019 kWh now; 0.05 steps more keep it there.
        span.flowed(Self.step / 20)
        #expect(span.read(101, at: 60) == 0)
    }

    @Test("what the register disproves is put into the middle of the step that it shows")
    func disproves() {
        var span = MeterSpan(100, at: 0)
        // From the middle of 1.00 kWh a step on is 1.015 kWh, and at most 1.02 were possible; the register shows 1.05, so 1.055 is the middle.
        span.flowed(Self.step)
        #expect(span.read(105, at: 30) == 4 * Self.step)
        // 1.095 kWh by the board, at least 1.09, and the register shows 1.06.
        span.flowed(4 * Self.step)
        #expect(span.read(106, at: 60) == -3 * Self.step)
    }

    // MARK: A host with its board

    private static func bench(powerError: Int64, meter: String? = address) throws -> DriverBench {
        var facts: Fields = ["protocol": "ee66", "line": "serial", "ports": 2, "pile": "board-1", "power_error": .integer(powerError), "idle_power": 0]
        facts["meter"] = .text(address)
        let board = try PileFactory.make(facts, node: "pile", epoch: DriverBench.epoch)
        var settings = EE66HostSettings(physicalID: id, ports: 2, iccid: "898604D9162390488297")
        settings.meter = meter
        var bench = DriverBench(EE66Host(settings, epoch: DriverBench.epoch), partner: board)
        let server = DNYServer()
        bench.server = { server.answers($0) }
        bench.begin()
        return bench
    }

    private static func charge(_ bench: inout DriverBench, port: UInt8 = 0, watts: Double, minutes: UInt16) throws {
        bench.act("plug", ["port": .integer(Int64(port) + 1), "watts": .number(watts)], part: 1)
        bench.say(try DNYServer.charge("ORDER0000000000\(port)", to: id, messageID: 9 + UInt16(port), port: port, amount: minutes * 60))
        bench.run(for: .seconds(3))
    }

    /// dWh by port, from 1.
    private static func energies(_ bench: DriverBench) -> [Int64: Int64] {
        Dictionary(bench.notes("order.ended").map { ($0["port"]?.integer ?? 0, $0["energy"]?.integer ?? 0) }, uniquingKeysWith: { $1 })
    }

    @Test("a board that tells a fifth too little or too much bills what the meter has counted", arguments: [-20, 20] as [Int64])
    func correctedByMeter(error: Int64) throws {
        var bench = try Self.bench(powerError: error)
        try Self.charge(&bench, watts: 900, minutes: 20)
        bench.run(for: .seconds(1_260))
        // 900 W for 20 min are 300 Wh; a step of the meter at either end is 10 Wh.
        #expect(abs((Self.energies(bench)[1] ?? 0) - 3_000) < 200, "\(bench.notes("order.ended"))")
        #expect(!bench.notes("meter.corrected").isEmpty && bench.notes("meter.silent").isEmpty)
    }

    @Test("without a meter it bills what the board tells")
    func withoutMeter() throws {
        var bench = try Self.bench(powerError: -20, meter: nil)
        try Self.charge(&bench, watts: 900, minutes: 20)
        bench.run(for: .seconds(1_260))
        #expect(abs((Self.energies(bench)[1] ?? 0) - 2_400) < 50)
        #expect(bench.notes("meter.read").isEmpty)
    }

    @Test("two charges share what the meter adds as they shared what the board told")
    func shared() throws {
        var bench = try Self.bench(powerError: -20)
        try Self.charge(&bench, port: 0, watts: 900, minutes: 20)
        try Self.charge(&bench, port: 1, watts: 300, minutes: 20)
        bench.run(for: .seconds(1_300))
        let energies = Self.energies(bench)
        #expect(abs((energies[1] ?? 0) - 3_000) < 250 && abs((energies[2] ?? 0) - 1_000) < 250, "\(energies)")
    }

    @Test("a meter that is silent is told of once, and again after it has answered; the charge goes on with the board's word")
    func silent() throws {
        var bench = try Self.bench(powerError: 0)
        bench.isMeterThere = false
        try Self.charge(&bench, watts: 900, minutes: 4)
        bench.run(for: .seconds(300))
        #expect(bench.notes("meter.silent").count == 1)
        // 900 W for 4 min.
        #expect(abs((Self.energies(bench)[1] ?? 0) - 600) < 30)
        bench.isMeterThere = true
        bench.run(for: .seconds(60))
        bench.isMeterThere = false
        bench.run(for: .seconds(60))
        #expect(bench.notes("meter.silent").count == 2)
    }

    @Test("a register that goes back is another meter: nothing is put right by it")
    func replaced() throws {
        var bench = try Self.bench(powerError: 0)
        try Self.charge(&bench, watts: 900, minutes: 20)
        bench.run(for: .seconds(300))
        let before = bench.notes("meter.corrected").count
        let answer = try DLT645Frame(.value(.forwardEnergy, DLT645Number.write(0, size: 4)), address: Self.address).encoded()
        bench.isMeterThere = false
        bench.run(for: .seconds(30))
        bench.handle(.link(PileDriverLink.meter, .opened))
        bench.handle(.link(PileDriverLink.meter, .bytes(answer)))
        #expect(bench.notes("meter.jumped").count == 1 && bench.notes("meter.corrected").count == before)
    }
}
