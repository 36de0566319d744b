import Emulators
import LabCore
import Testing
import WireProtocols

@testable import Drivers

@Suite("A transparent bridge where a pile's modem stood (charging-protocols.md 2.17, 4.2)")
struct PileBridgeTests {
    private static let iccid = "898604D9162390488297"

    private static func pile(_ facts: Fields) throws -> any Device {
        try PileFactory.make((["line": "serial"] as Fields).merging(facts), node: "pile", epoch: DriverBench.epoch)
    }

    @Test("opens the connection when the serial port is open, sends the ICCID first, and link after 30 s without traffic")
    func module() throws {
        var bench = DriverBench(PileBridge(.dny(iccid: Self.iccid)))
        bench.act("driver.start")
        bench.run(for: .seconds(70))
        #expect(bench.up.map { String(decoding: $0.bytes, as: UTF8.self) } == [Self.iccid, "link", "link"])
        #expect(bench.up.map { (Double($0.at.nanoseconds) / 1e9).rounded() } == [0, 30, 60])
    }

    @Test("what comes is passed as it is, in both directions, and told with its bytes")
    func transparent() {
        var bench = DriverBench(PileBridge(.bkv))
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        let garbage: [UInt8] = [0xfc, 0xee, 0x00, 0xff, 0x44]
        bench.handle(.link(PileDriverLink.serial, .bytes(garbage)))
        bench.say([1, 2, 3])
        #expect(bench.up.map(\.bytes) == [garbage])
        #expect(bench.serial.map(\.bytes) == [[1, 2, 3]])
        #expect(bench.notes("bytes.up").map { $0["bytes"] } == [.bytes(garbage)])
        #expect(bench.notes("bytes.down").map { $0["bytes"] } == [.bytes([1, 2, 3])])
    }

    @Test("after a hang-up it comes back, 4 s later for BKV, while the board is silent")
    func reopens() {
        var bench = DriverBench(PileBridge(.bkv))
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        bench.loseConnection()
        bench.run(for: .seconds(5))
        #expect(bench.gatewayOpenings.map(\.nanoseconds) == [0, 5_000_000_000])
    }

    @Test("a board that speaks has its connection at once, and what it said goes over it")
    func hurries() {
        var bench = DriverBench(PileBridge(.bkv))
        bench.act("driver.start")
        bench.run(for: .seconds(7))
        bench.loseConnection()
        bench.run(for: .seconds(2))
        bench.handle(.link(PileDriverLink.serial, .bytes([9, 9])))
        bench.run(for: .seconds(10))
        #expect(bench.gatewayOpenings.map(\.nanoseconds) == [0, 9_000_000_000])
        #expect(bench.up.map(\.bytes) == [[9, 9]])
    }

    @Test("however often the board speaks and the gateway hangs up, it dials once a second at most")
    func patience() {
        var bench = DriverBench(PileBridge(.dny(iccid: Self.iccid)))
        bench.accepts = false
        bench.act("driver.start")
        for _ in 0..<30 {
            bench.run(for: .milliseconds(100))
            bench.handle(.link(PileDriverLink.serial, .bytes([9])))
        }
        #expect(bench.gatewayOpenings.map(\.nanoseconds) == [0, 1_000_000_000, 2_000_000_000, 3_000_000_000])
        // Silent again: 5 s from the last refusal, which came after 20 ms.
        bench.run(for: .seconds(6))
        #expect(bench.gatewayOpenings.dropFirst(4).map(\.nanoseconds) == [8_020_000_000])
    }

    @Test("a refused connection is tried again; more than 2048 waiting bytes are dropped and told")
    func refused() {
        var bench = DriverBench(PileBridge(.bkv))
        bench.accepts = false
        bench.act("driver.start")
        bench.run(for: .seconds(13))
        #expect(bench.gatewayOpenings.count == 4)
        bench.handle(.link(PileDriverLink.serial, .bytes(Array(repeating: 7, count: 2_049))))
        #expect(bench.notes("bytes.dropped").count == 1)
        #expect(bench.ask()["dropped"] == .integer(2_049))
    }

    @Test("a serial port that goes takes the connection with it, and both come back")
    func serialLost() {
        var bench = DriverBench(PileBridge(.bkv))
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        bench.handle(.link(PileDriverLink.serial, .closed))
        #expect(bench.ask()["connected"] == .bool(false))
        bench.run(for: .seconds(2))
        #expect(bench.ask()["connected"] == .bool(true) && bench.gatewayOpenings.count == 2)
    }

    @Test("a DNY pile behind it registers and charges")
    func dny() throws {
        var bench = DriverBench(PileBridge(.dny(iccid: Self.iccid)), partner: try Self.pile(["pile": "04ab373b"]))
        let server = DNYServer()
        bench.server = { server.answers($0) }
        bench.begin()
        #expect(bench.partnerNotes.contains { $0.name == "online" })
        bench.act("plug", ["port": 1], part: 1)
        bench.say(try DNYServer.charge("ORDER00000000001", to: 0x04ab_373b, messageID: 9, amount: 60))
        bench.run(for: .seconds(90))
        #expect(bench.frames(0x82).map(\.frame.data.first) == [0])
        #expect(bench.frames(0x03).count == 1)
        #expect(bench.partnerNotes.contains { $0.name == "bill.acknowledged" })
    }

    @Test("a BKV gateway behind it logs in, starts and ends a charge")
    func bkv() throws {
        var bench = DriverBench(PileBridge(.bkv), partner: try Self.pile(["protocol": "bkv", "pile": "82241218000382-1"]))
        bench.server = { bytes in
            guard let frame = try? BKVFrame(bytes), let message = try? frame.content().message else { return [] }
            let answer: BKVMessage
            switch message {
            case .heartbeat: answer = .clock(BKVClock(BKVTime(unixSeconds: DriverBench.epoch)))
            case .chargeEnd(let end): answer = .endAcknowledged(socket: end.socket)
            default: return []
            }
            return [(try? BKVFrame(answer, isFromDevice: false, gateway: frame.gateway, sequence: frame.sequence).encoded())].compactMap { $0 }
        }
        bench.begin(settling: .seconds(5))
        bench.act("plug", ["port": 1], part: 1)
        bench.say(try BKVFrame(.start(BKVStart(socket: 1, port: 0, minutes: 1)), isFromDevice: false, gateway: "82241218000382", sequence: 5).encoded())
        bench.run(for: .seconds(70))
        #expect(bench.partnerNotes.contains { $0.name == "bill.acknowledged" })
    }
}
