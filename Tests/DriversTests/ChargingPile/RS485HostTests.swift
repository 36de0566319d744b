import Emulators
import LabCore
import Testing
import WireProtocols

@testable import Drivers

@Suite("The host of an RS-485 bus (charging-protocols.md 4.8)")
struct RS485HostTests {
    private static let hostID: UInt32 = 0x0900_0001

    private static func bench(slaves: Int, baud: UInt32? = nil, partner: (any Device)? = nil) -> DriverBench {
        var settings = RS485HostSettings(physicalID: hostID, slaves: slaves, iccid: "898604D9162390488297")
        settings.baud = baud
        settings.versions = .seconds(5)
        var bench = DriverBench(RS485Host(settings, epoch: DriverBench.epoch), partner: partner)
        let server = DNYServer()
        bench.server = { server.answers($0) }
        return bench
    }

    /// A slave that answers its poll with a registration after that time.
    private static func slave(_ virtual: UInt8, after time: Duration) -> (_ bytes: [UInt8]) -> [(Duration, [UInt8])] {
        { bytes in
            guard let frame = try? DNYFrame.decode(bytes), frame.command == 0x00, frame.data == [virtual] else { return [] }
            var registration = DNYRegistration()
            registration.firmware = 640
            registration.portCount = 2
            registration.virtualID = virtual
            registration.deviceType = DNYDeviceType(rawValue: 0x21)
            let answer = try? DNYMessage.registration(registration).frame(to: 0x0400_0000 + UInt32(virtual), messageID: 1).encoded()
            return [(time, answer ?? [])]
        }
    }

    @Test("a poll is command 00 with length 000A, the virtual ID and message ID 1; 50 slaves in their turn")
    func polls() throws {
        var bench = Self.bench(slaves: 50)
        bench.act("driver.start")
        bench.run(for: .milliseconds(50 * 65 - 1))
        let polls = try bench.serial.map { try DNYFrame.decode($0.bytes) }
        #expect(polls.map(\.data) == (0..<50).map { [UInt8($0)] })
        #expect(polls.allSatisfy { $0.command == 0 && $0.messageID == 1 })
        #expect(bench.serial.allSatisfy { Array($0.bytes[3..<5]) == [0x0a, 0x00] })
        // Before the connection is there the field has the time, then 0.
        #expect(polls[0].physicalID == UInt32(DriverBench.epoch) && polls[10].physicalID == 0)
    }

    @Test("an answer after 59 ms is taken, one after 61 ms is lost", arguments: [59, 61])
    func turnAround(milliseconds: Int) {
        var bench = Self.bench(slaves: 1)
        bench.board = Self.slave(0, after: .milliseconds(milliseconds))
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x20).isEmpty == (milliseconds == 61))
        #expect(bench.notes("slave.late").isEmpty == (milliseconds == 59))
        #expect(bench.notes("slave.found").isEmpty == (milliseconds == 61))
    }

    @Test("of fifty slaves the slow one at 61 ms is lost, those at 59 ms are all heard")
    func fifty() {
        var bench = Self.bench(slaves: 50)
        bench.board = { bytes in
            guard let virtual = (try? DNYFrame.decode(bytes))?.data.first else { return [] }
            return Self.slave(virtual, after: .milliseconds(virtual == 17 ? 61 : 59))(bytes)
        }
        bench.act("driver.start")
        bench.run(for: .seconds(4))
        #expect(bench.ask()["slaves"] == .integer(49))
        #expect(!bench.notes("slave.found").contains { $0["virtual_id"] == .integer(17) })
    }

    @Test("each byte restarts the 60 ms: a frame that trickles in at 50 ms a piece is taken")
    func restarted() {
        var bench = Self.bench(slaves: 1)
        let slave = Self.slave(0, after: .zero)
        bench.board = { bytes in
            slave(bytes).flatMap { _, frame in
                stride(from: 0, to: frame.count, by: 4).enumerated().map { index, start in
                    (.milliseconds(50 * (index + 1)), Array(frame[start..<min(start + 4, frame.count)]))
                }
            }
        }
        bench.act("driver.start")
        bench.run(for: .seconds(2))
        #expect(!bench.frames(0x20).isEmpty)
    }

    @Test("says 12, 11 and, once slaves are known, 35 for itself; the ICCID goes first")
    func ownFrames() throws {
        var bench = Self.bench(slaves: 2)
        bench.board = Self.slave(1, after: .milliseconds(10))
        bench.act("driver.start")
        bench.run(for: .seconds(1_900))
        #expect(bench.up.first.map { String(decoding: $0.bytes, as: UTF8.self) } == "898604D9162390488297")
        let own = bench.frames.filter { $0.frame.physicalID == Self.hostID }
        #expect(own.prefix(2).map(\.frame.command) == [0x12, 0x11])
        #expect(bench.frames(0x11).count == 2)
        guard case .slaveVersions(let versions)? = try bench.frames(0x35).first.map({ try DNYMessage($0.frame, from: .device) }) else {
            Issue.record("no 35")
            return
        }
        #expect(versions.slaves.map(\.physicalID) == [0x0400_0001] && versions.slaves.map(\.lowestFirmware) == [640])
    }

    @Test("a command to the host is answered by the host, one to a slave goes on the bus")
    func down() throws {
        var bench = Self.bench(slaves: 1)
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        bench.say(try DNYFrame(physicalID: Self.hostID, messageID: 7, command: 0x31).encoded())
        let charge = try DNYServer.charge("ORDER00000000001", to: 0x0400_0000, messageID: 8)
        bench.say(charge)
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x31).map(\.frame.messageID) == [7])
        #expect(bench.serial.contains { $0.bytes == charge })
    }

    @Test("a slave that answered and does not any more is told once")
    func silent() {
        var bench = Self.bench(slaves: 1)
        bench.board = Self.slave(0, after: .milliseconds(10))
        bench.act("driver.start")
        bench.run(for: .seconds(1))
        bench.board = { _ in [] }
        bench.run(for: .seconds(1))
        #expect(bench.notes("slave.silent").count == 1)
    }

    @Test("three emulated slaves on one bus at 9600 bit/s register, charge and settle through the host")
    func emulated() throws {
        let facts: Fields = ["pile": "04000001", "line": "bus", "slaves": 3]
        let bus = try PileFactory.make(facts, node: "pile", epoch: DriverBench.epoch)
        var bench = Self.bench(slaves: 3, baud: nil, partner: bus)
        bench.begin(settling: .seconds(5))
        #expect(bench.ask()["slaves"] == .integer(3))
        bench.act("plug", ["port": 1, "unit": 2], part: 1)
        bench.say(try DNYServer.charge("ORDER00000000001", to: 0x0400_0002, messageID: 9, amount: 60))
        bench.run(for: .seconds(90))
        #expect(bench.frames(0x82).map { $0.frame.data.first } == [0])
        #expect(bench.frames(0x03).map(\.frame.physicalID) == [0x0400_0002])
        #expect(bench.partnerNotes.contains { $0.name == "bill.acknowledged" })
    }
}
