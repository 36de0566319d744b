import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("Piles on one RS-485 bus (charging-protocols.md 4.8)")
struct PileBusTests {
    private static let facts: Fields = ["pile": "04000010", "line": "bus", "slaves": 3]

    private func poll(_ virtualID: UInt8) -> DNYFrame { DNYFrame(physicalID: 0, messageID: 1, command: 0, data: [virtualID]) }

    private func bench() throws -> PileBench {
        var bench = try PileBench(Self.facts)
        bench.latency = .milliseconds(1)
        bench.answersRegistration = false
        bench.answersTime = false
        bench.answersHeartbeat = false
        bench.act("power_on")
        bench.run(for: .seconds(2))
        return bench
    }

    @Test("slaves are silent until they are polled, and then send one frame each time, 20 first")
    func polls() throws {
        var bench = try bench()
        bench.run(for: .seconds(10))
        #expect(bench.sent.isEmpty && bench.unframed.isEmpty, "no ICCID: that is the module's")
        for virtual in [0, 1, 2, 0, 3] as [UInt8] {
            bench.send(bytes: try poll(virtual).encoded())
            bench.run(for: .milliseconds(100))
        }
        #expect(bench.sent.map(\.frame.physicalID) == [0x0400_0010, 0x0400_0011, 0x0400_0012, 0x0400_0010])
        #expect(bench.sent.map(\.frame.command) == [0x20, 0x20, 0x20, 0x21])
        #expect(bench.sent[1].frame.data[3] == 1, "the virtual ID")
        #expect(bench.sent[0].at < bench.sent[1].at)
    }

    @Test("the answer begins after the turn-around time", arguments: [8, 59, 61])
    func turnAround(_ milliseconds: Int64) throws {
        var bench = try bench()
        if var bus = bench.pile as? PileBus {
            bus.slaves[0].turnAround = .milliseconds(milliseconds)
            bench.pile = bus
        }
        let begin = bench.now
        bench.send(bytes: try poll(0).encoded())
        bench.run(for: .milliseconds(100))
        #expect(bench.sent.first.map { $0.at.nanoseconds - begin.nanoseconds } == (milliseconds + 1) * 1_000_000)
    }

    @Test("a command reaches its slave by the physical ID; bills wait for polls and survive power")
    func charge() throws {
        var bench = try bench()
        bench.act("plug", ["unit": 2, "port": 1, "watts": 360])
        bench.send(0x82, messageID: 5, PileBench.command(1, 0, "BUSORDER00000001", 100, 0, 0, 0), to: 0x0400_0011)
        bench.run(for: .seconds(200))
        #expect(bench.notes("charge.started").map { $0["unit"] } == [2])
        #expect(bench.notes("truth").map { $0["energy"] } == [100])
        bench.cutPower()
        bench.run(for: .seconds(10))
        bench.restorePower()
        bench.run(for: .seconds(2))
        #expect(bench.ask("bills", ["unit": 2])["waiting"] == 1 && bench.ask("bills", ["unit": 1])["waiting"] == 0)
        bench.answersRegistration = true
        for _ in 0..<40 {
            bench.send(bytes: try poll(1).encoded())
            bench.run(for: .seconds(1))
        }
        let bill = try #require(bench.frames(0x03).first)
        #expect(bill.frame.physicalID == 0x0400_0011)
        #expect(Array(bill.frame.data[13..<29]) == Array("BUSORDER00000001".utf8))
        #expect(bench.act("plug", ["unit": 4]).failure?.reason == "no_such_unit")
    }

    @Test("garbage on the bus is told and harms nobody")
    func garbage() throws {
        var bench = try bench()
        bench.send(bytes: [0xff, 0x00, 0x44, 0x4e] + (try poll(0).encoded()))
        bench.run(for: .milliseconds(100))
        #expect(bench.sent.count == 1)
        #expect(bench.notes("frame.refused").count == 1)
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
