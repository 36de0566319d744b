import Emulators
import LabCore
import Testing

@Suite("Boot, reset and the four ports (specs/rg500q.md §2.3, §5.4)")
struct ModuleBootTests {
    private static let labels = ["dm", "nmea", "at", "modem"]

    @Test("the ports appear after the boot time, and before the first URC")
    func portsFirst() throws {
        var bench = ModuleBench()
        bench.give(.poweredOn)
        bench.run(for: .milliseconds(19_999))
        #expect(bench.openPorts.isEmpty)
        bench.run(for: .milliseconds(1))
        #expect(bench.openPorts == [.diagnosis, .nmea, .at, .modem])
        #expect(bench.noted("port.appeared").map { $0["port"]?.text } == Self.labels)
        #expect(bench.noted("module.booted") == [["firmware": "RG500QEAAAR11A06M4G", "cause": "power_on"]])
        #expect(bench.said.isEmpty)
        bench.run(for: .seconds(60))
        let first = try #require(bench.said.first)
        #expect(first.at > RunInstant(nanoseconds: 20_000_000_000))
    }

    @Test(
        "boot URCs: SIM, QUSIM, then the two memories in either order, all within 100 s, on the AT port only",
        arguments: 0..<20 as Range<UInt64>)
    func bootURCs(seed: UInt64) {
        var bench = ModuleBench(seed: seed)
        bench.give(.poweredOn)
        bench.run(for: .seconds(120))
        let lines = ModuleBench.lines(bench.text(on: .at))
        #expect(lines.prefix(2) == ["+CPIN: READY", "+QUSIM: 1"])
        #expect(lines.dropFirst(2).sorted() == ["+QIND: PB DONE", "+QIND: SMS DONE"])
        #expect(bench.text(on: .modem).isEmpty)
        #expect(bench.text(on: .diagnosis).isEmpty)
    }

    @Test("both orders of the memories occur")
    func bothOrders() {
        let lasts = (0..<20 as Range<UInt64>).map { seed in
            var bench = ModuleBench(seed: seed)
            bench.give(.poweredOn)
            bench.run(for: .seconds(120))
            return ModuleBench.lines(bench.text(on: .at)).last
        }
        #expect(Set(lasts).count == 2)
    }

    @Test("AT+CFUN? reads 0 until the SIM's turn has come")
    func functionalityAfterBoot() {
        var bench = ModuleBench()
        bench.give(.poweredOn)
        bench.run(for: .milliseconds(20_100))
        #expect(bench.lines("AT+CFUN?") == ["+CFUN: 0", "OK"])
        bench.run(for: .seconds(30))
        #expect(bench.lines("AT+CFUN?") == ["+CFUN: 1", "OK"])
    }

    @Test("AT+QGMR right after a boot has zeros in its last part; AT+ICCID is there from release 13 on")
    func versions() {
        var bench = ModuleBench()
        bench.give(.poweredOn)
        bench.run(for: .milliseconds(20_100))
        #expect(bench.lines("AT+QGMR") == ["RG500QEAAAR11A06M4G_01.001.00.000", "OK"])
        bench.run(for: .seconds(30))
        #expect(bench.lines("AT+QGMR") == ["RG500QEAAAR11A06M4G_01.001.01.001", "OK"])
        #expect(bench.lines("AT+ICCID") == ["ERROR"])
        var newer = ModuleBench.ready { $0.firmware = "RG500QEAAAR13A01M4G" }
        #expect(newer.lines("AT+ICCID") == ["+ICCID: 89001010000000000018", "OK"])
    }

    @Test("AT+CFUN=1,1: OK, the ports vanish, and come back after the boot time with the URCs of a boot")
    func reset() {
        var bench = ModuleBench.ready { $0.bootTime = .seconds(30) }
        #expect(bench.lines("AT+CFUN=1,1", within: .milliseconds(100)) == ["OK"])
        #expect(bench.openPorts.count == 4)
        bench.forget()
        bench.run(for: .seconds(1))
        #expect(bench.openPorts.isEmpty)
        #expect(bench.notes.map(\.name) == ["module.reset", "module.detached"] + Array(repeating: "port.vanished", count: 4))
        #expect(bench.noted("module.reset") == [["cause": "command"]])
        bench.forget()
        bench.type("AT\r")
        bench.run(for: .milliseconds(29_000))
        #expect(bench.said.isEmpty)
        #expect(bench.openPorts.isEmpty)
        bench.run(for: .seconds(60))
        #expect(bench.openPorts.count == 4)
        #expect(bench.noted("module.booted").first?["cause"] == "command")
        #expect(bench.text(on: .at).hasPrefix("\r\n+CPIN: READY\r\n\r\n+QUSIM: 1\r\n"))
        #expect(bench.noted("module.attached").count == 1)
    }

    @Test("a reset in the middle of a command: no answer comes any more")
    func resetInCommand() {
        var bench = ModuleBench.ready()
        bench.type("AT+COPS=?\r")
        bench.run(for: .seconds(2))
        bench.forget()
        _ = bench.act("reset")
        bench.run(for: .seconds(100))
        #expect(!bench.text(on: .at).contains("+COPS"))
        #expect(bench.lines("AT") == ["OK"])
    }

    @Test("power goes and comes: settings that a port keeps for itself are gone, saved ones are there")
    func powerCut() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CREG=2")
        _ = bench.ask("ATE0")
        _ = bench.ask("AT+CGDCONT=1,\"IP\",\"lab.example\"")
        _ = bench.ask("AT+QURCCFG=\"urcport\",\"all\"")
        _ = bench.act("sms.receive", ["text": "kept"])
        bench.cutPower()
        #expect(bench.openPorts.isEmpty)
        #expect(bench.noted("power.lost") == [["reason": "cut"]])
        bench.run(for: .seconds(5))
        bench.forget()
        bench.give(.poweredOn)
        bench.run(for: .seconds(90))
        #expect(bench.noted("power.restored").count == 1)
        #expect(bench.text(on: .modem).contains("+CPIN: READY"))
        #expect(bench.ask("AT+CREG?") == "AT+CREG?\r\r\n+CREG: 0,1\r\n\r\nOK\r\n")
        #expect(bench.lines("AT+CGDCONT?").first?.hasPrefix("+CGDCONT: 1,\"IP\",\"lab.example\",\"0.0.0.0\",") == true)
        #expect(bench.lines("AT+CPMS?").first == "+CPMS: \"ME\",1,255,\"ME\",1,255,\"ME\",1,255")
        #expect(bench.truth["active_apn"] == "lab.example")
    }

    @Test("ATZ brings back what AT&W saved, AT&F what the factory set; each port for itself")
    func profiles() {
        var bench = ModuleBench.ready()
        _ = bench.ask("ATE0;+CMEE=2")
        #expect(bench.ask("AT&W") == "\r\nOK\r\n")
        _ = bench.ask("AT+CMEE=0")
        _ = bench.ask("ATZ")
        #expect(bench.lines("AT+CMEE?") == ["+CMEE: 2", "OK"])
        #expect(bench.ask("AT+CMEE?", on: .modem) == "AT+CMEE?\r\r\n+CMEE: 1\r\n\r\nOK\r\n")
        _ = bench.ask("AT&F")
        #expect(bench.ask("AT+CMEE?") == "AT+CMEE?\r\r\n+CMEE: 1\r\n\r\nOK\r\n")
        _ = bench.act("reset")
        bench.run(for: .seconds(60))
        bench.forget()
        #expect(bench.ask("AT+CMEE?") == "\r\n+CMEE: 2\r\n\r\nOK\r\n")
    }

    @Test("without power there is nothing but actions")
    func withoutPower() {
        var bench = ModuleBench()
        bench.give(.link(.at, .bytes(Array("AT\r".utf8))))
        bench.run(for: .seconds(100))
        #expect(bench.said.isEmpty)
        #expect(bench.act("sms.receive", ["text": "x"]) == .failure(ActionFailure("powered_off", "The module has no power; use power_on.")))
        _ = bench.act("power_on")
        bench.run(for: .seconds(100))
        #expect(bench.openPorts.count == 4)
    }

    @Test("power is taken away: nothing is said")
    func powerOff() {
        var bench = ModuleBench.ready()
        _ = bench.act("power_off")
        #expect(bench.said.isEmpty)
        #expect(bench.openPorts.isEmpty)
        bench.give(.poweredOn)
        bench.run(for: .seconds(100))
        #expect(bench.openPorts.isEmpty)
    }

    @Test("the DM port takes bytes and is silent")
    func diagnosis() {
        var bench = ModuleBench.ready()
        bench.give(.link(.diagnosis, .bytes([0x7e, 0x00, 0x78, 0xf0, 0x7e])))
        bench.type("AT\r", on: .diagnosis)
        bench.type("AT\r", on: .nmea)
        bench.run(for: .seconds(10))
        #expect(bench.said.isEmpty)
    }
}

@Suite("What a module is made with")
struct ModuleSetupTests {
    @Test("facts are taken; an IMEI may be written as a number")
    func facts() throws {
        let facts: Fields = [
            "imei": 860_000_000_000_017, "imsi": "262011234567890", "firmware": "RG500QEAAAR13A01M4G", "mode": "SA", "operator": "Telekom",
            "boot_time": .duration(5_000_000_000), "profile": "rg500q-std",
        ]
        let setup = try ModuleSetup(facts: facts, epoch: 100)
        #expect(setup.imei == "860000000000017")
        #expect(setup.card?.imsi == "262011234567890")
        #expect(setup.network.mode == .standalone)
        #expect(setup.network.longName == "Telekom")
        #expect(setup.network.plmn == "26201")
        #expect(setup.bootTime == .seconds(5))
        #expect(try ModuleSetup(facts: ["sim": false], epoch: 0).card == nil)
    }

    @Test(
        "facts that cannot be are refused with what they may be",
        arguments: [
            ("imei", "12345", "The fact 'imei' of the module needs 15 digits."),
            ("imsi", "x", "The fact 'imsi' of the module needs 6 to 15 digits."),
            ("mode", "6G", "The fact 'mode' of the module is one of SA, NSA, LTE, none."),
            ("profile", "ec25", "The fact 'profile' of the module is one of rg500q-std."),
            ("firmware", "a b", "The fact 'firmware' of the module needs 1 to 64 printable characters without blanks and quotation marks."),
        ])
    func refused(_ name: String, _ value: String, _ message: String) {
        #expect(throws: ActionFailure("bad_fact", message)) { try ModuleSetup(facts: [name: .text(value)], epoch: 0) }
    }

    @Test("the kind has every word once, and each action, fault and query that it names is there")
    func vocabulary() {
        let kind = CellularModule.kind
        #expect(kind.name == "rg500q")
        for names in [
            kind.actions.map(\.name), kind.events.map(\.name), kind.faults.map(\.name), kind.queries.map(\.name), kind.facts.map(\.name),
        ] {
            #expect(Set(names).count == names.count)
        }
        var bench = ModuleBench.ready()
        for action in kind.actions {
            if case .failure(let failure)? = bench.act(action.name) { #expect(failure.reason != "unknown_action", "\(action.name)") }
        }
        #expect(bench.act("dance") == .failure(ActionFailure("unknown_action", "The module cannot do 'dance'.")))
        let truth = bench.truth
        #expect(Set(truth.map(\.name)) == Set(kind.query("truth")?.gives.map(\.name) ?? []))
    }
}
