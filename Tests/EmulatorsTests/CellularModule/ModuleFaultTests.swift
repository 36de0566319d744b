import Emulators
import LabCore
import Testing

@Suite("What a module can suffer")
struct ModuleFaultTests {
    @Test("sim.absent: the SIM's commands fail, service ends; afterwards all is as before")
    func cardAbsent() {
        var bench = ModuleBench.ready()
        bench.fault("sim.absent")
        #expect(bench.text(on: .at) == "\r\n+CPIN: NOT READY\r\n")
        for command in ["AT+CPIN?", "AT+CIMI", "AT+QCCID", "AT+CNUM"] { #expect(bench.lines(command) == ["+CME ERROR: 10"], "\(command)") }
        #expect(bench.lines("AT+CMGL=4") == ["+CMS ERROR: 310"])
        #expect(bench.lines("AT+CGSN") == ["860000000000009", "OK"])
        #expect(bench.truth["sim"] == false)
        #expect(bench.noted("module.detached") == [["reason": "no_sim"]])
        bench.forget()
        bench.fault("sim.absent", isActive: false)
        bench.run(for: .seconds(60))
        #expect(ModuleBench.lines(bench.text(on: .at)).prefix(2) == ["+CPIN: READY", "+QUSIM: 1"])
        #expect(bench.lines("AT+CIMI") == ["001010123456780", "OK"])
        #expect(bench.noted("module.attached").count == 1)
    }

    @Test("sim.absent before the boot: NOT INSERTED")
    func cardAbsentAtBoot() {
        var bench = ModuleBench()
        bench.fault("sim.absent")
        bench.give(.poweredOn)
        bench.run(for: .seconds(100))
        #expect(bench.text(on: .at) == "\r\n+CPIN: NOT INSERTED\r\n")
    }

    @Test("signal.fade: every signal command follows, at the end the network is lost; it comes back at once")
    func fade() {
        var bench = ModuleBench.ready()
        bench.fault("signal.fade", ["rsrp": -130, "over": .duration(30_000_000_000)])
        bench.run(for: .seconds(15))
        // Half way from -100 to -130 dBm.
        #expect(bench.truth["rsrp"] == -115)
        let start = bench.lines("AT+QRSRP").first ?? ""
        #expect(start.hasPrefix("+QRSRP: -115,") || start.hasPrefix("+QRSRP: -116,"))
        bench.run(for: .seconds(15))
        #expect(bench.truth["attached"] == false)
        #expect(bench.noted("module.detached") == [["reason": "no_coverage"]])
        bench.fault("signal.fade", isActive: false)
        bench.run(for: .seconds(10))
        #expect(bench.truth["attached"] == true)
        #expect(bench.truth["rsrp"] == -100)
    }

    @Test("a weak signal is no lost one: between -123 and -126 dBm a registration stays, and none begins")
    func hysteresis() {
        var bench = ModuleBench.ready { $0.network.mode = .lte }
        bench.fault("signal.fade", ["rsrp": -125])
        bench.run(for: .seconds(30))
        #expect(bench.truth["attached"] == true)
        bench.fault("attach.lost")
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(30))
        #expect(bench.truth["attached"] == false)
    }

    @Test("attach.lost: away while it lasts, registered again afterwards")
    func attachLost() {
        var bench = ModuleBench.ready()
        bench.fault("attach.lost")
        bench.run(for: .seconds(60))
        #expect(bench.truth["attached"] == false)
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(10))
        #expect(bench.truth["attached"] == true)
        #expect(bench.notes.map(\.name) == ["module.detached", "module.attached"])
    }

    @Test("urc.storm: so many lines a second, whole ones, with answers among them")
    func storm() {
        var bench = ModuleBench.ready()
        bench.fault("urc.storm", ["rate": 100])
        let answer = bench.ask("AT+CSQ", within: .seconds(2))
        let lines = ModuleBench.lines(answer)
        #expect((195...205).contains(lines.count))
        #expect(lines.contains("+CSQ: 22,99") && lines.contains("OK"))
        #expect(lines.allSatisfy { $0.hasPrefix("+") || $0 == "OK" || $0 == "AT+CSQ" })
        bench.fault("urc.storm", isActive: false)
        bench.forget()
        bench.run(for: .seconds(10))
        #expect(bench.said.isEmpty)
    }

    @Test("urc.between: one line between two lines of the next answer that has several, and only of that")
    func between() {
        var bench = ModuleBench.ready()
        bench.fault("urc.between", ["line": "+QIND: \"csq\",20,99"])
        #expect(bench.lines("AT+CSQ") == ["+CSQ: 22,99", "OK"])
        #expect(
            bench.ask("ATI") == "ATI\r\r\nQuectel\r\n\r\n+QIND: \"csq\",20,99\r\nRG500Q-EA\r\nRevision: RG500QEAAAR11A06M4G\r\n\r\nOK\r\n")
        #expect(bench.lines("ATI").count == 4)
    }

    @Test("response.half: the answer stops in the middle, and the port takes the next command")
    func half() {
        var bench = ModuleBench.ready()
        bench.fault("response.half")
        let whole = "\r\nRG500Q-EA\r\n\r\nOK\r\n"
        #expect(bench.ask("AT+CGMM") == "AT+CGMM\r" + String(whole.unicodeScalars.prefix(whole.unicodeScalars.count / 2)))
        bench.fault("response.half", isActive: false)
        #expect(bench.lines("AT+CGMM") == ["RG500Q-EA", "OK"])
    }

    @Test("garbage: bursts of bytes, and the port goes on")
    func garbage() {
        var bench = ModuleBench.ready()
        bench.fault("garbage", ["rate": 10])
        bench.run(for: .seconds(1))
        #expect(bench.said.count == 10)
        #expect(bench.said.allSatisfy { $0.port == .at && (4...64).contains($0.bytes.count) })
        bench.fault("garbage", isActive: false)
        bench.forget()
        #expect(bench.lines("AT") == ["OK"])
    }

    @Test("port.vanish while a command is being answered: no answer, the port is gone; then it is back with settings of its own")
    func portVanishes() {
        var bench = ModuleBench.ready()
        _ = bench.ask("ATE0")
        bench.type("AT+CSQ\r")
        #expect(bench.noted("command").last == ["port": "at", "text": "AT+CSQ"])
        bench.forget()
        bench.fault("port.vanish", ["port": "at"])
        #expect(bench.openPorts == [.diagnosis, .nmea, .modem])
        bench.run(for: .seconds(5))
        #expect(bench.said.isEmpty)
        #expect(bench.lines("AT", on: .modem) == ["OK"])
        bench.fault("port.vanish", ["port": "at"], isActive: false)
        #expect(bench.openPorts.contains(.at))
        #expect(bench.ask("AT") == "AT\r\r\nOK\r\n")
        bench.fault("port.vanish")
        #expect(bench.openPorts.isEmpty)
        bench.fault("port.vanish", isActive: false)
        #expect(bench.openPorts.count == 4)
    }

    @Test("port.vanish in the middle of a search for networks: the search is over, and the module registers again")
    func portVanishesInSearch() {
        var bench = ModuleBench.ready()
        bench.type("AT+COPS=?\r")
        bench.run(for: .seconds(1))
        #expect(bench.truth["attached"] == false)
        bench.fault("port.vanish", ["port": "at"])
        bench.run(for: .seconds(10))
        #expect(bench.truth["attached"] == true)
    }

    @Test("port.vanish holds over a boot")
    func portVanishedAtBoot() {
        var bench = ModuleBench()
        bench.fault("port.vanish", ["port": "at"])
        bench.give(.poweredOn)
        bench.run(for: .seconds(60))
        #expect(bench.openPorts == [.diagnosis, .nmea, .modem])
        bench.fault("port.vanish", ["port": "at"], isActive: false)
        #expect(bench.openPorts.contains(.at))
    }

    @Test("hang: not even an echo, on no port, no URC; afterwards it answers again")
    func hang() {
        var bench = ModuleBench.ready()
        bench.fault("hang")
        bench.type("AT\r")
        bench.type("AT\r", on: .modem)
        _ = bench.act("sms.receive", ["text": "x"])
        bench.run(for: .seconds(60))
        #expect(bench.said.isEmpty)
        #expect(bench.openPorts.count == 4)
        bench.fault("hang", isActive: false)
        #expect(bench.lines("AT") == ["OK"])
    }

    @Test("hang: a reset ends it as well")
    func hangAndReset() {
        var bench = ModuleBench.ready()
        bench.fault("hang")
        _ = bench.act("reset")
        bench.run(for: .seconds(60))
        bench.forget()
        #expect(bench.lines("AT") == ["OK"])
    }
}

@Suite("Any bytes on any port")
struct ModuleFuzzTests {
    /// Words that lead deeper than chance would.
    private static let words = [
        "AT", "AT+", "at", "\r", "\r\n", ";", "=", "?", "=?", "\"", ",", "+CMGS=", "+CMGF=1", "+QFUPL=\"a\",5", "+QFOPEN=\"a\"",
        "+QFWRITE=1,4", "+COPS=?", "+CFUN=1,1", "+CFUN=0", "+QPOWD", "\u{1a}", "\u{1b}", "\u{8}", "E0", "V0", "Q1", "A/",
        "+CGDCONT=1,\"IP\",\"", "0791", "99999999999999999999", "-1", "+CSCS=\"UCS2\"", "+CMGW=\"1\"", "+CMGR=1", "+CMGD=1,4", "+CMGL",
        "+CPIN=\"1\"", "D*99#", "+QENG=\"servingcell\"", "+++", "S0=300", "&W", "Z",
    ]

    @Test("never crash a module, and leave it usable", arguments: 0..<60 as Range<UInt64>)
    func bytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed, purpose: "module fuzz")
        var bench = ModuleBench.ready(seed: seed)
        for _ in 0..<200 {
            let port = CellularModule.ports[Int(random.integer(below: 4))]
            var bytes: [UInt8] = []
            for _ in 0..<random.integer(below: 8) {
                if random.chance(0.7) {
                    bytes += Array(Self.words[Int(random.integer(below: UInt64(Self.words.count)))].utf8)
                } else {
                    bytes += random.bytes(Int(random.integer(below: 20)))
                }
            }
            bench.give(.link(port, .bytes(bytes)))
            bench.run(for: .milliseconds(Int64(random.integer(below: 400))))
        }
        // Out of whatever it is in: a prompt, an upload that waits for bytes, a power-down.
        _ = bench.act("power_on")
        bench.run(for: .seconds(400))
        for port in [LinkName.at, .modem] {
            bench.type("\u{1b}\r", on: port)
            bench.run(for: .seconds(400))
            _ = bench.ask("AT&F", on: port, within: .seconds(200))
            let answer = bench.ask("AT+CGMM", on: port, within: .seconds(2))
            #expect(answer == "AT+CGMM\r\r\nRG500Q-EA\r\n\r\nOK\r\n", "seed \(seed), port \(port.rawValue)")
        }
    }

    @Test("the same seed says the same")
    func repeatable() {
        func course() -> [ModuleBench.Said] {
            var bench = ModuleBench(seed: 7)
            bench.give(.poweredOn)
            bench.run(for: .seconds(60))
            for command in ["AT+CGPADDR", "AT+QTEMP", "AT+CMGF=1"] { _ = bench.ask(command) }
            return bench.said
        }
        #expect(course() == course())
    }
}
