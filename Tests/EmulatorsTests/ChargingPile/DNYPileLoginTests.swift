import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("DNY pile: connection, registration, heartbeats (charging-protocols.md 4.2, 4.3, 4.5, 4.15)")
struct DNYPileLoginTests {
    @Test("on each connection the module sends the ICCID first; 20, 21 and 22 follow")
    func login() throws {
        let bench = try PileBench.online()
        #expect(bench.unframed.first.map { $0.bytes.count } == 20)
        #expect(bench.unframed.first.map { Array($0.bytes.prefix(4)) } == Array("8986".utf8))
        #expect(bench.sent.map(\.frame.command) == [0x20, 0x21, 0x22])
        #expect(bench.sent.map(\.frame.messageID) == [1, 2, 3], "devices count up on their own, from the start after each power-up")
        #expect(bench.notes("online").count == 1)
        #expect(bench.notes("online").first?["pile"] == "04ab373b")
        #expect((-1...0).contains(bench.ask("clock")["offset"]?.integer ?? 9), "whole seconds, and the answer takes a moment")
    }

    @Test("20 has the six bytes that real devices send: firmware, ports, virtual ID, type, mode")
    func registration() throws {
        let bench = try PileBench.online(["pile": "04a26cf3", "firmware": "6.40"])
        // ap3000-037 is `444e590f00f36ca2044400208002020a31062804`: the same but for message ID, virtual ID, type and sum.
        #expect(bench.frames(0x20).first.map { Array($0.bytes.prefix(9)) } == [0x44, 0x4e, 0x59, 0x0f, 0x00, 0xf3, 0x6c, 0xa2, 0x04])
        #expect(bench.frames(0x20).first?.frame.data == [0x80, 0x02, 0x02, 0x00, 0x27, 0x06])
    }

    @Test("an unanswered 20 comes again after 19.6 s with the same message ID, then with every heartbeat interval")
    func registrationRepeats() throws {
        var bench = try PileBench()
        bench.answersRegistration = false
        bench.act("power_on")
        bench.run(for: .seconds(400))
        let frames = bench.frames(0x20)
        #expect(frames.count == 4)
        #expect(Set(frames.map(\.frame.messageID)).count == 1)
        let pauses = zip(frames, frames.dropFirst()).map { ($1.at.nanoseconds - $0.at.nanoseconds) / 1_000_000 }
        #expect(pauses == [19_600, 180_000, 180_000])
        #expect(bench.notes("online").isEmpty)
    }

    @Test("21 comes every 180 s with voltage, states of the ports and temperature plus 65")
    func heartbeat() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["port": 1])
        bench.run(for: .seconds(400))
        let frames = bench.frames(0x21)
        #expect(frames.count == 3)
        #expect(frames[2].at.nanoseconds - frames[1].at.nanoseconds == 180_000_000_000)
        // 220.0 V, 2 ports, port 0 plugged and not started, port 1 idle, wired, 25 °C.
        #expect(frames[2].frame.data == [0x98, 0x08, 2, 2, 0, 0, 90])
        #expect(frames[0].frame.data == [0x98, 0x08, 2, 0, 0, 0, 90])
    }

    @Test("after two unanswered heartbeats the pile gives the connection up and comes again")
    func heartbeatsUnanswered() throws {
        var bench = try PileBench()
        bench.answersHeartbeat = false
        bench.act("power_on")
        bench.run(for: .seconds(380))
        #expect(bench.closings.count == 1)
        #expect(bench.notes("offline").first?["reason"] == "heartbeats_unanswered")
        #expect(bench.openings.count == 2)
        bench.answersHeartbeat = true
        bench.run(for: .seconds(1_000))
        #expect(bench.openings.count == 2, "with answers it stays")
    }

    @Test("link comes after 30 s without traffic in either direction, not before")
    func link() throws {
        var bench = try PileBench.online()
        bench.run(for: .seconds(60))
        let links = bench.unframed.filter { $0.bytes == Array("link".utf8) }
        #expect(links.count == 2)
        let last = try #require(bench.sent.last?.at)
        let silence = try #require(links.first?.at).nanoseconds - last.nanoseconds
        // The answers of the server came 50 ms after the frames.
        #expect(silence == 30_050_000_000)
        var quiet = try PileBench.online(["pile": "04ab373b", "keep_alive": false])
        quiet.run(for: .seconds(170))
        #expect(quiet.unframed.count == 1)
    }

    @Test("the clock begins in 1970; 22 is asked every 3 min until it is answered, then every 12 h")
    func clock() throws {
        var bench = try PileBench()
        bench.answersTime = false
        bench.act("power_on")
        bench.run(for: .seconds(370))
        #expect(bench.frames(0x22).count == 3)
        #expect((bench.ask("clock")["time"]?.integer ?? 0) < 400)
        bench.answersTime = true
        bench.run(for: .seconds(12 * 3_600 + 300))
        #expect(bench.frames(0x22).count == 5)
        #expect((-1...0).contains(bench.ask("clock")["offset"]?.integer ?? 9))
        let asked = bench.frames(0x22)
        // The answer takes 50 ms, and the 12 hours count from it.
        #expect(asked[4].at.nanoseconds - asked[3].at.nanoseconds == 43_200_050_000_000)
    }

    @Test("a refused connection is tried again after 5 s")
    func refused() throws {
        var bench = try PileBench()
        bench.accepts = false
        bench.act("power_on")
        bench.run(for: .seconds(20))
        #expect(bench.openings.count == 4)
        #expect(bench.notes("offline").isEmpty, "it never was online")
    }

    @Test("81 makes the pile send 20 and 21")
    func query() throws {
        var bench = try PileBench.online()
        bench.send(0x81, messageID: 9, [])
        bench.run(for: .seconds(1))
        #expect(bench.sent.suffix(2).map(\.frame.command) == [0x20, 0x21])
    }

    @Test("01 beside 21 ends as soon as 21 is answered")
    func oldHeartbeat() throws {
        var bench = try PileBench.online(["pile": "04ab373b", "old_heartbeat": true])
        bench.run(for: .seconds(400))
        #expect(bench.frames(0x01).count == 1)
        // 6.40, 220.0 V, 2 ports idle, no power, virtual ID, signal, type, temperature, mode: the shape of ap3000-052.
        #expect(bench.frames(0x01).first?.frame.data == [0x80, 0x02, 0x98, 0x08, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x27, 90, 0x06])
    }

    @Test("a combined unit sends 12, 11 and 35 before 20, with one ID for both roles (ap3000-047, 048, 051), and 11 every 30 min")
    func host() throws {
        var settings = DNYPileSettings(physicalID: 0x04a2_6cf3)
        settings.isHost = true
        settings.deviceType = 0x31
        settings.iccid = "898604D9162390488297"
        var bench = PileBench(settings: settings)
        bench.act("power_on")
        bench.run(for: .seconds(1_900))
        #expect(bench.sent.prefix(4).map(\.frame.command) == [0x12, 0x11, 0x35, 0x20])
        let captured = try #require(
            Hexadecimal.bytes(
                "444e595000f36ca204030011680202643437681a07383938363034443931363233393034383832393755000038363434353230363937363234373256312e302e30302e3030303030302e3036313600000000007c10"
            ))
        let heartbeat = try #require(bench.frames(0x11).first?.bytes)
        // All but message ID, time and sum.
        #expect(heartbeat.count == captured.count)
        #expect(Array(heartbeat[..<9]) == Array(captured[..<9]) && Array(heartbeat[11..<15]) == Array(captured[11..<15]))
        #expect(Array(heartbeat[19..<83]) == Array(captured[19..<83]))
        #expect(bench.frames(0x35).first?.frame.data == [1, 0x31, 0, 0x80, 0x02, 0xf3, 0x6c, 0xa2, 0x04])
        #expect(bench.frames(0x11).count == 2)
        bench.send(0x31, messageID: 1, [])
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x31).map(\.frame.data) == [[0]])
        #expect(bench.frames(0x12).count == 2, "it has restarted")
        var pile = try PileBench.online()
        pile.send(0x31, messageID: 1, [])
        pile.run(for: .seconds(10))
        #expect(pile.frames(0x31).isEmpty, "a pile that is no host is silent")
    }

    @Test("on a serial line a combined unit greets when its registration is answered: before, nobody may listen")
    func serialHost() throws {
        let bench = try PileBench.online(["pile": "04ab373b", "line": "serial", "ports": 1, "host": true, "meter": "000000000001"])
        let commands = bench.sent.map(\.frame.command)
        let (registration, greeting) = (try #require(commands.firstIndex(of: 0x20)), try #require(commands.firstIndex(of: 0x12)))
        #expect(registration < greeting)
        #expect(Array(commands[greeting...].prefix(3)) == [0x12, 0x11, 0x17] && commands.count { $0 == 0x12 } == 1)
    }

    @Test("a host with a meter tells with 17 what really went through, at each switching and with each 11")
    func hostMeter() throws {
        var bench = try PileBench.online(["pile": "04ab373b", "ports": 1, "host": true, "meter": "000000000001", "register": 123_456])
        // 90 less 65 are 25 °C; 220.0 V, no current, 12.34 kWh on the chip and on the meter.
        let idle: [UInt8] = [0, 90, 0x98, 0x08, 0, 0, 0xd2, 0x04, 0, 0, 0, 0, 0xd2, 0x04, 0, 0]
        #expect(bench.frames(0x17).map(\.frame.data) == [idle])
        bench.act("plug", ["port": 1, "watts": 2_200])
        bench.fault("register.spike", ["port": 1, "by": 5_000])
        bench.start(overload: 30_000)
        bench.run(for: .seconds(4_000))
        let told = bench.frames(0x17).map(\.frame.data)
        // 2.2 kWh in an hour: 14.54 kWh; the chip shows 0.5 kWh more.
        #expect(told.contains([0, 90, 0x98, 0x08, 0xe8, 0x03, 0x04, 0x05, 0, 0, 0xe8, 0x03, 0xd2, 0x04, 0, 0]))
        #expect(told.contains([0, 90, 0x98, 0x08, 0, 0, 0xe0, 0x05, 0, 0, 0, 0, 0xae, 0x05, 0, 0]))
        #expect(throws: ActionFailure.self) { try PileFactory.make(["meter": "000000000001"], node: "pile", epoch: 0) }
        #expect(throws: ActionFailure.self) { try PileFactory.make(["meter": "1", "host": true], node: "pile", epoch: 0) }
    }

    @Test("frames for another physical ID, garbage, wrong sums and absurd lengths change nothing and are told")
    func foreign() throws {
        var bench = try PileBench.charging()
        let before = bench.sent.count
        bench.send(0x82, messageID: 7, PileBench.command(0, 0, "ORDER00000000001", 0, 0, 0, 0), to: 0x0400_0001)
        bench.send(bytes: [0x44, 0x4e, 0x59, 0xff, 0xff, 0xff, 0xff, 0xff] + Array(repeating: 0xff, count: 2_000))
        bench.send(bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8))
        // ap3000-064 has a wrong sum.
        var wrong = try #require(Hexadecimal.bytes("444e590a00f36ca204430003004003"))
        wrong[14] = 0
        bench.send(bytes: wrong)
        bench.run(for: .seconds(1))
        #expect(bench.sent.count == before)
        #expect(bench.notes("frame.refused").contains { $0["reason"] == "physical_id" })
        #expect(bench.notes("frame.refused").contains { $0["reason"] == "checksum" })
        #expect(bench.ask("port", ["port": 1])["state"] == "charging")
        bench.stop()
        bench.run(for: .seconds(2))
        #expect(bench.ask("port", ["port": 1])["state"] == "plugged", "the connection goes on")
    }
}
