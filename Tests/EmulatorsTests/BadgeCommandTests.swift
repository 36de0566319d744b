import LabCore
import Testing

@testable import Emulators

@Suite("Badge: commands (badge protocol, \"MQTT\")")
struct BadgeCommandTests {
    private func command(_ name: String, id: String, _ more: String = "") -> String {
        #"{"command_id":"\#(id)","command":"\#(name)"\#(more),"timestamp":"2026-01-01T00:00:00Z"}"#
    }

    private func results(_ bench: BadgeBench) -> [Fields] {
        bench.messages("command/result").map { message in
            var fields = message.json
            fields["timestamp"] = nil
            return fields
        }
    }

    @Test("restart_module restarts a module and says so")
    func restartModule() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("command", command("restart_module", id: "c1", #","module":"yolo""#))
        #expect(bench.last("command.executed") == ["command": "restart_module", "command_id": "c1", "status": "done"])
        #expect(results(bench) == [["command_id": "c1", "status": "done", "result": ["module": "yolo", "state": "restarting"]]])
        bench.run(for: .seconds(3))
        #expect(bench.messages("status").last?.json["modules"] == ["yolo": "running", "whisper": "running", "tts": "idle"])
        #expect(bench.messages("logs").contains { $0.json["message"] == "Module restarted" })
    }

    @Test("the module may stand in parameters; one that there is not fails")
    func modules() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("command", command("restart_module", id: "c1", #","parameters":{"module":"tts"}"#))
        bench.deliver("command", command("restart_module", id: "c2", #","module":"kernel""#))
        bench.deliver("command", command("restart_module", id: "c3"))
        #expect(results(bench).map { $0["status"] } == ["done", "failed", "failed"])
        #expect(results(bench).map { $0["reason"] } == [nil, "unknown_module", "unknown_module"])
    }

    @Test("identify and report_status are done")
    func others() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("command", command("identify", id: "c1"))
        bench.deliver("command", command("report_status", id: "c2"))
        #expect(results(bench).map { $0["status"] } == ["done", "done"])
        #expect(bench.messages("status").count == 1)
    }

    @Test("an unknown command fails with unknown_command")
    func unknown() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("command", command("make_coffee", id: "c1"))
        #expect(results(bench) == [["command_id": "c1", "status": "failed", "reason": "unknown_command"]])
        #expect(bench.last("command.executed") == [
            "command": "make_coffee", "command_id": "c1", "status": "failed", "reason": "unknown_command",
        ])
    }

    @Test("a command is carried out once, however often it arrives, also after a power cut")
    func once() {
        var bench = BadgeBench.online()
        bench.forget()
        let text = command("report_status", id: "c1")
        bench.deliver("command", text)
        bench.deliver("command", text)
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        bench.deliver("command", text)
        #expect(bench.count("command.executed") == 1)
        #expect(bench.count("command.duplicate") == 2)
        #expect(results(bench).allSatisfy { $0["command_id"] == "c1" && $0["status"] == "done" })
    }

    @Test("16 commands are remembered")
    func ring() {
        var bench = BadgeBench.online()
        let long = String(repeating: "x", count: 60)
        for number in 0..<40 { bench.deliver("command", command("identify", id: "\(long)-\(number)")) }
        bench.run(for: .seconds(1))
        #expect(bench.count("command.executed") == 40)
        for number in 24..<40 { bench.deliver("command", command("identify", id: "\(long)-\(number)")) }
        #expect(bench.count("command.duplicate") == 16)
        #expect(bench.count("flash.failed") == 0)
        bench.deliver("command", command("identify", id: "\(long)-23"))
        #expect(bench.count("command.executed") == 41)
    }

    @Test("reboot answers, waits until the answer is delivered, and boots")
    func reboot() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("command", command("reboot", id: "c1"))
        #expect(results(bench) == [["command_id": "c1", "status": "done"]])
        bench.run(for: .milliseconds(15))
        #expect(bench.state["power"] == "off")
        bench.run(for: .seconds(2))
        #expect(bench.last("boot.done")?["reason"] == "reboot")
        #expect(bench.state["online"] == true)
        #expect(results(bench).count == 1)
    }

    @Test("a result that was not acknowledged before a reset is sent again after it, once")
    func unreported() {
        var bench = BadgeBench.online()
        bench.acknowledges = false
        bench.forget()
        bench.deliver("command", command("reboot", id: "c1"))
        bench.run(for: .milliseconds(1_999))
        #expect(bench.count("boot.started") == 0)
        bench.acknowledges = true
        bench.run(for: .seconds(3))
        #expect(bench.count("boot.started") == 1)
        #expect(results(bench) == [["command_id": "c1", "status": "done"], ["command_id": "c1", "status": "done"]])
        bench.act("reboot")
        bench.run(for: .seconds(3))
        #expect(results(bench).count == 2)
    }

    @Test("a command that cannot be read is not carried out", arguments: [
        ("", "malformed"), ("[]", "malformed"), ("{}", "no_command_id"), (#"{"command":"reboot"}"#, "no_command_id"),
        (#"{"command_id":7,"command":"reboot"}"#, "no_command_id"), (#"{"command_id":"","command":"reboot"}"#, "no_command_id"),
        (#"{"command_id":"a b","command":"reboot"}"#, "no_command_id"), (#"{"command_id":"a"}"#, "no_command"),
        (#"{"command_id":"a","command":""}"#, "no_command"), (#"{"command_id":"a","command":{}}"#, "no_command"),
        (#"{"command_id":"\#(String(repeating: "a", count: 65))","command":"reboot"}"#, "no_command_id"),
    ])
    func malformed(message: String, reason: String) {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("command", message)
        #expect(bench.last("command.rejected") == ["reason": .text(reason)])
        #expect(bench.messages("command/result").isEmpty)
        #expect(bench.count("command.executed") == 0)
    }

    @Test("messages on other topics, and of other devices, are seen and left alone")
    func otherTopics() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.deliver("update", "{}")
        for topic in ["luna/device/luna_badge_0008/command", "command", "", "luna/device/luna_badge_0007/"] {
            bench.give(.mqtt(.message(topic: topic, payload: Array(command("reboot", id: "c").utf8), quality: 0, isRetained: true)))
        }
        #expect(bench.count("message.received") == 5)
        #expect(bench.count("command.executed") == 0)
    }
}
