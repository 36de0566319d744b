import LabCore
import Testing

@testable import Drivers

@Suite("Agent of a module: recovery (rg500q.md §5.2, §5.4; issue point 5)")
struct ModuleRecoveryTests {
    @Test("after a reset the port vanishes and comes back, and everything is set again")
    func reset() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.actModule("reset")
        bench.run(for: .seconds(60))
        #expect(
            bench.course.filter { $0 != "network.changed" } == [
                "port.lost", "detached", "offline", "port.opened", "identified", "module.ready", "recovered", "sim.ready", "attached",
                "online",
            ])
        #expect(bench.last("detached") == ["reason": "port_lost"])
        #expect(bench.last("recovered")?["from"] == "port_lost")
        #expect(bench.last("module.ready") == ["boot_count": 2])
        for command in ["ATE0", "AT+CMEE=1", "AT+CEREG=2", "AT+CMGF=1"] { #expect(bench.sent.contains(command + "\r")) }
    }

    @Test("a reset in the middle of a command fails the command and nothing else")
    func resetInCommand() {
        var bench = ModuleBench.started()
        bench.forget()
        let action = bench.act("at", ["command": "AT+COPS=?"])
        bench.run(for: .milliseconds(50))
        bench.actModule("reset")
        bench.run(for: .seconds(60))
        #expect(bench.failure(action)?.reason == "no_port")
        #expect(bench.last("port.lost") == ["command": "AT+COPS=?"])
        #expect(bench.count("online") == 1)
    }

    @Test("a module that answers nothing needs its power: told once, and set up again when it is back")
    func hang() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("hang")
        bench.run(for: .seconds(200))
        #expect(bench.count("at.timeout") == 1)
        #expect(bench.all("power_cycle.needed") == [["reason": "no_answer"]])
        #expect(bench.last("detached") == ["reason": "no_answer"])
        #expect(bench.last("offline") == ["reason": "detached"])
        #expect(bench.query("module")["phase"] == "waiting_for_module")
        bench.fault("hang", isActive: false)
        bench.actModule("power_off")
        bench.actModule("power_on")
        bench.run(for: .seconds(60))
        #expect(bench.last("recovered")?["from"] == "hang")
        #expect(bench.count("online") == 1)
    }

    @Test("a module that hangs and comes back by itself is noticed within 11 s")
    func hangEnds() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("hang")
        bench.run(for: .seconds(100))
        bench.fault("hang", isActive: false)
        bench.run(for: .seconds(30))
        #expect(bench.last("recovered")?["from"] == "hang")
        #expect(bench.count("module.ready") == 1 && bench.count("online") == 1)
    }

    @Test("a module that answers AT and nothing else is restarted with CFUN=1,1 after the second command without an answer")
    func answersOnlyAT() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.line = { bytes in bytes.contains(UInt8(ascii: "+")) ? [] : bytes }
        bench.run(for: .seconds(120))
        // The restart did not help, so another one so soon would not.
        #expect(bench.count("reset.sent") == 1 && bench.all("power_cycle.needed") == [["reason": "no_answer"]])
        bench.line = nil
        bench.run(for: .seconds(60))
        #expect(bench.all("at.timeout").prefix(2).map { $0["in_a_row"] } == [1, 2])
        #expect(bench.all("reset.sent") == [["reason": "hang"]])
        #expect(bench.sent.contains("AT+CFUN=1,1\r"))
        #expect(bench.last("recovered")?["from"] == "hang")
        #expect(bench.count("online") == 1)
    }

    @Test("one answer that got lost is no reason to restart anything")
    func oneLost() {
        var bench = ModuleBench.started()
        bench.forget()
        let action = bench.act("at", ["command": "AT+CSQ"])
        bench.line = { _ in [] }
        bench.run(for: .milliseconds(1_100))
        bench.line = nil
        bench.run(for: .seconds(60))
        #expect(bench.failure(action)?.reason == "timeout")
        #expect(bench.course == ["at.timeout", "recovered"])
        #expect(bench.last("recovered")?["from"] == "timeout")
        #expect(bench.query("module")["online"] == true)
    }

    @Test("an answer that comes after its time is not taken for the answer to the next command")
    func lateAnswer() {
        var bench = ModuleBench.started(facts: ["answer_time": "3s"], after: .seconds(200))
        bench.forget()
        // Each answer takes 3 to 6 s where 1 s is the limit: nothing fits any more, and nothing may be mixed up.
        bench.run(for: .seconds(60))
        #expect(bench.all("identified").allSatisfy { $0["model"] == "RG500Q-EA" })
        #expect(bench.count("attached") == 0)
    }

    @Test("half answers are asked again")
    func half() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("response.half")
        bench.run(for: .seconds(20))
        bench.fault("response.half", isActive: false)
        bench.run(for: .seconds(120))
        #expect(bench.query("module")["online"] == true)
        #expect(bench.query("network")["attached"] == true)
    }

    @Test("a half answer in the set-up is asked again")
    func halfIdentity() {
        var bench = ModuleBench()
        let counter = Counter()
        // The answer to ATI lacks its last line once.
        bench.line = { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.contains("Revision:"), counter.next() == 1 else { return bytes }
            return Array("\r\nQuectel\r\n\r\nOK\r\n".utf8)
        }
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: .seconds(30))
        #expect(bench.count("at.damaged") == 1)
        #expect(bench.last("identified")?["model"] == "RG500Q-EA")
        #expect(bench.count("online") == 1)
    }

    /// Counts calls; used by one thread only.
    private final class Counter: @unchecked Sendable {
        private var count = 0
        func next() -> Int {
            count += 1
            return count
        }
    }

    @Test("a storm of unsolicited lines costs neither the connection nor a command", arguments: [50, 1_000])
    func storm(rate: Int64) {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("urc.storm", ["rate": .integer(rate)])
        bench.run(for: .seconds(5))
        let action = bench.act("at", ["command": "AT+CSQ"])
        bench.run(for: .seconds(35))
        bench.fault("urc.storm", isActive: false)
        bench.run(for: .seconds(30))
        #expect(bench.given(action)?["final"] == "OK")
        #expect(bench.given(action)?["lines"]?.list?.count == 1)
        #expect(bench.count("at.timeout") == 0 && bench.count("offline") == 0)
        #expect(bench.count("at.urc") > Int(rate) * 30)
    }

    @Test("a line between the lines of an answer is not a part of it")
    func between() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("urc.between", ["line": #"+CEREG: 1,"DE10","5A29C0B",7"#])
        let action = bench.act("at", ["command": "ATI"])
        bench.run(for: .seconds(2))
        #expect(bench.given(action)?["lines"] == ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G"])
        #expect(bench.all("at.urc").contains(["line": #"+CEREG: 1,"DE10","5A29C0B",7"#]))
        #expect(bench.count("offline") == 0)
    }

    @Test("garbage is told, and the agent stays or comes back", arguments: UInt64(0)..<8)
    func garbage(seed: UInt64) {
        var bench = ModuleBench.started(seed: seed)
        bench.forget()
        bench.fault("garbage", ["rate": 20])
        bench.run(for: .seconds(120))
        bench.fault("garbage", isActive: false)
        bench.run(for: .seconds(240))
        #expect(bench.count("at.damaged") > 0)
        #expect(bench.query("module")["online"] == true, "seed \(seed)")
    }

    @Test("a port that vanishes and comes back")
    func vanish() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("port.vanish")
        bench.run(for: .seconds(25))
        #expect(bench.course == ["port.lost", "detached", "offline", "network.changed"])
        #expect(bench.query("module")["port"] == "opening")
        bench.fault("port.vanish", isActive: false)
        bench.run(for: .seconds(30))
        #expect(bench.count("recovered") == 1 && bench.count("online") == 1)
    }

    @Test("whatever goes wrong in turn, it is online again once nothing is wrong", arguments: UInt64(0)..<12)
    func anything(seed: UInt64) {
        var bench = ModuleBench.started(seed: seed)
        var generator = SeededGenerator(seed: seed, purpose: "faults of modules")
        let faults: [(String, Fields)] = [
            ("hang", [:]), ("response.half", [:]), ("garbage", ["rate": 5]), ("port.vanish", [:]), ("attach.lost", [:]),
            ("registration.denied", [:]),
            ("sim.absent", [:]), ("urc.storm", ["rate": 100]),
        ]
        for _ in 0..<6 {
            let (name, fields) = faults[Int(generator.integer(below: UInt64(faults.count)))]
            bench.fault(name, fields)
            bench.run(for: .nanoseconds(generator.nanoseconds(in: 100_000_000...40_000_000_000)))
            if generator.chance(0.3) { bench.actModule("reset") }
            bench.fault(name, fields, isActive: false)
            bench.run(for: .nanoseconds(generator.nanoseconds(in: 100_000_000...10_000_000_000)))
        }
        bench.run(for: .seconds(400))
        #expect(bench.query("module")["online"] == true, "seed \(seed): \(bench.course.suffix(20))")
        bench.forget()
        bench.run(for: .seconds(61))
        #expect(bench.count("heartbeat.sent") >= 2, "seed \(seed)")
    }
}
