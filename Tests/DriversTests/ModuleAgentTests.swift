import LabCore
import Testing

@testable import Drivers

@Suite("Agent of a module: from power to the cloud (issue point 5; badge protocol, \"Modules\")")
struct ModuleAgentTests {
    @Test("opens the port, identifies the module, waits for SIM and network, registers, connects")
    func course() {
        let bench = ModuleBench.started(apn: "internet")
        #expect(
            bench.course.filter { $0 != "network.changed" } == [
                "agent.started", "port.opened", "identified", "module.ready", "sim.ready", "attached", "registered", "online",
            ])
        #expect(bench.last("network.changed")?["state"] == "home")
        #expect(
            bench.last("identified") == [
                "manufacturer": "Quectel", "model": "RG500Q-EA", "firmware": "RG500QEAAAR11A06M4G_01.001.01.001", "imei": "***********0009",
            ])
        #expect(bench.last("sim.ready") == ["imsi": "***********6780", "iccid": "****************0018"])
        #expect(bench.truth["active_apn"] == "internet")
    }

    @Test("registers in the Quectel form, signed with the factory key, without a token")
    func registration() throws {
        let bench = ModuleBench.started()
        #expect(bench.requests.count == 1)
        let call = try #require(bench.requests.first?.call)
        #expect(call.method == "POST" && call.path == "/api/v1/devices/register")
        #expect(
            try JSONReader.read(call.body) == [
                "device_id": "QT_001", "device_type": "RG500Q", "firmware_version": "RG500QEAAAR11A06M4G_01.001.01.001",
                "capabilities": ["cellular", "gps", "sms"], "hardware_id": "860000000000009",
            ])
        #expect(call.header("x-device-id") == "QT_001")
        #expect(call.header("authorization") == nil)
        #expect(call.header("x-signature")?.hasPrefix("v1:sha256:") == true)
        #expect(bench.last("registered") == ["device": "QT_001", "key_epoch": 1, "again": false])
    }

    @Test("connects with a persistent session, keep-alive 60 s and a will, and sends its status")
    func connection() throws {
        let bench = ModuleBench.started()
        let connection = try #require(bench.connections.first?.connection)
        #expect(connection.clientID == "QT_001" && connection.username == "QT_001" && !connection.isClean && connection.keepAlive == 60)
        #expect(
            connection.will
                == .init(topic: "luna/device/QT_001/status", payload: Array(#"{"status":"offline"}"#.utf8), quality: 1, retain: false))
        let status = try #require(bench.messages("status").first)
        #expect(status["status"] == "online" && status["boot_count"] == 1 && status["config_version"] == 0)
        #expect(status["firmware"] == "RG500QEAAAR11A06M4G_01.001.01.001")
        #expect(status["modules"] == ["network": "home", "gps": "off", "sim": "ready"])
        #expect(status["rat"] == "NR5G-NSA" && status["cellular_signal"]?.integer != nil)
    }

    @Test("beats every 30 s with signal and temperature")
    func heartbeats() throws {
        let bench = ModuleBench.started(after: .seconds(135))
        let beats = bench.notes.filter { $0.name == "heartbeat.sent" }
        #expect(beats.count == 4)
        for (first, second) in zip(beats, beats.dropFirst()) {
            let pause = first.at.duration(to: second.at)
            #expect(pause > .milliseconds(29_900) && pause < .milliseconds(30_100))
        }
        let beat = try #require(bench.messages("heartbeat").first)
        #expect(beat["status"] == "online" && beat["rat"] == "NR5G-NSA" && beat["operator"] == "00101" && beat["band"] == "NR5G BAND 78")
        #expect((beat["temperature"]?.asNumber).map { (20...80).contains($0) } == true)
    }

    @Test(
        "tells each kind of network with its own cell",
        arguments: [("LTE", "LTE", "LTE BAND 3"), ("SA", "NR5G-SA", "NR5G BAND 78"), ("NSA", "NR5G-NSA", "NR5G BAND 78")])
    func networks(mode: String, rat: String, band: String) {
        let bench = ModuleBench.started(facts: ["mode": .text(mode)])
        #expect(bench.last("attached")?["rat"] == .text(rat))
        #expect(bench.last("attached")?["band"] == .text(band))
        #expect(bench.last("signal")?["rsrp"] != nil)
        // There is no RSSI on 5G SA: the RSRP stands for it.
        if mode == "SA" { #expect(bench.last("signal")?["cellular_signal"] == bench.last("signal")?["rsrp"]) }
        #expect(bench.query("network")["attached"] == true)
    }

    @Test("roaming is told")
    func roaming() {
        let bench = ModuleBench.started(facts: ["plmn": "310260"])
        #expect(bench.last("attached")?["roaming"] == true)
        #expect(bench.query("network")["state"] == "roaming")
    }

    @Test("without a SIM nothing goes to the cloud; with one it attaches")
    func simMissing() {
        var bench = ModuleBench.started(facts: ["sim": false], after: .seconds(60))
        #expect(bench.last("sim.missing") == ["code": 10])
        #expect(bench.count("sim.missing") == 1)
        #expect(bench.requests.isEmpty && bench.connections.isEmpty)
        #expect(bench.query("module")["sim"] == "missing")
        bench.actModule("sim.insert")
        bench.run(for: .seconds(30))
        #expect(bench.count("sim.ready") == 1 && bench.count("online") == 1)
        bench.actModule("sim.remove")
        bench.run(for: .seconds(30))
        #expect(bench.count("sim.missing") == 2 && bench.count("detached") == 1 && bench.count("offline") == 1)
    }

    @Test("a SIM that wants its PIN is locked")
    func simLocked() {
        let bench = ModuleBench.started(facts: ["pin": "1234"], after: .seconds(60))
        #expect(bench.last("sim.locked") == ["needs": "SIM PIN"])
        #expect(bench.requests.isEmpty)
    }

    @Test("attach lost and regained: the connection is dropped and comes back, without another registration")
    func attachLost() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("attach.lost")
        bench.run(for: .seconds(120))
        #expect(bench.course.prefix(3) == ["network.changed", "detached", "offline"])
        #expect(bench.last("offline") == ["reason": "detached"])
        #expect(bench.disconnections == 1)
        #expect(bench.connections.isEmpty && bench.published.isEmpty)
        #expect(bench.query("signal")["rat"] == nil)
        bench.forget()
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(60))
        #expect(bench.count("attached") == 1 && bench.count("online") == 1)
        #expect(bench.last("online")?["session_present"] == true)
        #expect(bench.requests.isEmpty)
    }

    @Test("a network that refuses the module is told as denied")
    func denied() {
        var bench = ModuleBench(facts: [:])
        bench.fault("registration.denied")
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: .seconds(60))
        #expect(bench.query("network")["state"] == "denied")
        #expect(bench.requests.isEmpty)
        bench.fault("registration.denied", isActive: false)
        bench.run(for: .seconds(120))
        #expect(bench.count("online") == 1)
    }

    @Test("however the bytes come in pieces, the agent does the same at the same times", arguments: [1, 2, 3, 7])
    func pieces(size: Int) {
        func course(_ pieces: Int) -> [String] {
            var bench = ModuleBench()
            bench.pieces = pieces
            bench.actModule("power_on")
            bench.act("start")
            bench.run(for: .seconds(45))
            return bench.notes.map { "\($0.at) \($0.name) \(JSONWriter.text(.record($0.fields)))" } + [bench.sent]
        }
        #expect(course(size) == course(.max))
    }

    @Test("a stopped agent says goodbye and closes the port; started again it needs no registration")
    func stopAndStart() {
        var bench = ModuleBench.started()
        bench.forget()
        let stop = bench.act("stop")
        #expect(bench.given(stop) == [:])
        #expect(bench.messages("status").map { $0["status"] } == ["offline"])
        #expect(bench.course == ["status.sent", "detached", "offline", "agent.stopped"].filter { $0 != "status.sent" })
        bench.run(for: .seconds(60))
        #expect(bench.query("module")["phase"] == "stopped")
        bench.forget()
        bench.act("start")
        bench.run(for: .seconds(20))
        #expect(bench.count("online") == 1 && bench.requests.isEmpty)
        bench.forget()
        let start = bench.act("start", ["factory_new": true])
        #expect(bench.given(start) == ["device": "QT_001", "serial_no": "QT_001"])
        bench.run(for: .seconds(20))
        #expect(bench.requests.count == 1 && bench.last("registered")?["again"] == true)
    }

    @Test("a power cut of the host ends its actions; it comes back by itself with its credentials")
    func hostPower() {
        var bench = ModuleBench.started()
        let action = bench.act("locate")
        bench.forget()
        bench.loseHostPower()
        #expect(bench.failure(action)?.reason == "power_lost")
        #expect(bench.notes.isEmpty)
        bench.run(for: .seconds(60))
        bench.give(.poweredOn)
        bench.run(for: .seconds(30))
        #expect(bench.count("online") == 1 && bench.requests.isEmpty)
        #expect(bench.last("agent.started") == ["device": "QT_001", "credentials": true])
    }

    @Test("waits for a port that is not there yet, a second apart, then three; says once that it is missing after 3 minutes")
    func noPort() {
        var bench = ModuleBench()
        bench.act("start")
        bench.run(for: .seconds(400))
        #expect(bench.course == ["agent.started", "power_cycle.needed"])
        #expect(bench.last("power_cycle.needed") == ["reason": "no_port"])
        #expect(bench.at("power_cycle.needed") == RunInstant(nanoseconds: 180_000_000_000))
        bench.actModule("power_on")
        bench.run(for: .seconds(30))
        #expect(bench.count("online") == 1)
    }
}
