import LabCore
import Testing

@testable import Drivers

@Suite("Agent of a module: cloud (badge protocol, \"Modules\")")
struct ModuleCloudTests {
    // MARK: Configuration

    private static let settings = #"{"config":{"cellular":{"apn":"iot.example"}},"config_version":3,"timestamp":"2026-01-01T00:01:00Z"}"#

    @Test("an access point name is written to the module, read back, attached with, and acknowledged")
    func configure() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(1))
        #expect(bench.sent.hasPrefix("AT+CGDCONT=1,\"IPV4V6\",\"iot.example\"\rAT+CGDCONT?\rAT+CGATT=0\r"))
        #expect(bench.course.prefix(3) == ["config.tried", "detached", "offline"])
        #expect(bench.last("detached") == ["reason": "configuration"])
        #expect(bench.messages("config/ack").isEmpty)
        bench.run(for: .seconds(20))
        #expect(bench.truth["active_apn"] == "iot.example")
        #expect(bench.course.suffix(3) == ["attached", "config.applied", "online"])
        #expect(bench.messages("status").map { $0["config_version"] } == [3])
        #expect(bench.last("config.applied") == ["apn": "iot.example", "interval": 30, "config_version": 3])
        let ack = bench.messages("config/ack")
        #expect(ack.count == 1)
        #expect(ack.first?["config_version"] == 3 && ack.first?["status"] == "applied" && ack.first?["reason"] == nil)
        #expect(bench.query("config") == ["apn": "iot.example", "username": "", "interval": 30, "config_version": 3])
    }

    @Test("a version that is not newer is acknowledged as applied and not applied")
    func older() {
        var bench = ModuleBench.started()
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(20))
        bench.forget()
        bench.message("config/update", #"{"config":{"cellular":{"apn":"other"}},"config_version":3}"#)
        bench.run(for: .seconds(2))
        #expect(!bench.sent.contains("CGDCONT"))
        #expect(bench.last("config.ignored") == ["config_version": 3, "current": 3])
        #expect(bench.messages("config/ack").map { $0["status"] } == ["applied"])
        #expect(bench.query("config")["apn"] == "iot.example")
    }

    @Test(
        "what cannot be is rejected with a word, and nothing of it is applied",
        arguments: [
            (#"{"config":{"wifi":{"ssid":"x"}},"config_version":3}"#, "unknown_key"),
            (#"{"config":{"cellular":{"apn":"a"},"wifi":{"ssid":"x"}},"config_version":3}"#, "unknown_key"),
            (#"{"config":{"cellular":{"apn":"a\"b"}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{"cellular":{"apn":"a b"}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{"cellular":{"apn":7}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{"cellular":{"password":"x\r\nAT+CFUN=0"}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{"reporting":{"interval":4}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{"reporting":{"interval":3601}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{"reporting":{"interval":"often"}},"config_version":3}"#, "invalid_value"),
            (#"{"config":{},"config_version":3}"#, "invalid_value"),
            (#"{"config":7,"config_version":3}"#, "invalid_value"), (#"{"config_version":3}"#, "invalid_value"),
        ])
    func rejected(message: String, reason: String) {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("config/update", message)
        bench.run(for: .seconds(2))
        #expect(bench.last("config.rejected")?["reason"] == .text(reason))
        #expect(bench.messages("config/ack").first?["status"] == "rejected")
        #expect(bench.messages("config/ack").first?["reason"] == .text(reason))
        #expect(bench.messages("logs").count == 1)
        #expect(bench.sent.isEmpty)
        #expect(bench.query("config")["config_version"] == 0)
    }

    @Test(
        "what is no configuration at all cannot be acknowledged",
        arguments: ["", "{", "[]", #"{"config":{}}"#, #"{"config":{},"config_version":0}"#, #"{"config":{},"config_version":"3"}"#])
    func malformed(message: String) {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("config/update", message)
        bench.run(for: .seconds(2))
        #expect(bench.last("config.rejected")?["reason"] == "malformed")
        #expect(bench.messages("config/ack").isEmpty)
    }

    @Test("a user and password that the module does not take leave the old access point name, and stay out of every event")
    func password() {
        var bench = ModuleBench.started(apn: "internet")
        bench.forget()
        bench.message("config/update", #"{"config":{"cellular":{"apn":"iot","username":"user","password":"s3cret"}},"config_version":4}"#)
        bench.run(for: .seconds(5))
        if bench.last("config.applied") == nil {
            // The commands for it are not among those that the series documents.
            #expect(bench.last("config.rejected")?["reason"] == "module_error")
            #expect(bench.truth["apn"] == "internet")
            #expect(bench.query("config") == ["apn": "internet", "username": "", "interval": 30, "config_version": 0])
        } else {
            #expect(bench.truth["apn"] == "iot")
        }
        #expect(bench.sent.contains("s3cret"))
        #expect(bench.all("at.sent").contains(["command": "AT+QICSGP=***"]))
    }

    @Test("a module that does not answer is silent, and the version is rejected once the agent is online again")
    func silent() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.fault("hang")
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(20))
        #expect(bench.last("config.rejected")?["reason"] == "module_silent")
        #expect(bench.query("config")["config_version"] == 0)
    }

    @Test("a name that the network has nothing for is taken back, told to the cloud, and not tried again")
    func trialFails() {
        var bench = ModuleBench.started(apn: "internet")
        bench.forget()
        bench.message("config/update", Self.settings)
        bench.run(for: .milliseconds(500))
        // With the new name there is no network; with the old one there is.
        bench.fault("attach.lost")
        bench.run(for: .seconds(185))
        #expect(bench.truth["apn"] == "internet" && bench.messages("config/ack").isEmpty)
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(200))
        #expect(bench.truth["active_apn"] == "internet")
        #expect(bench.messages("config/ack").map { $0["status"] } == ["rejected"])
        #expect(bench.messages("config/ack").first?["reason"] == "module_error")
        #expect(bench.messages("status").first?["config_version"] == 0)
        bench.forget()
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(1))
        #expect(bench.messages("config/ack").map { $0["status"] } == ["rejected"])
        #expect(bench.count("config.tried") == 0)
        bench.message("config/update", #"{"config":{"cellular":{"apn":"other"}},"config_version":4}"#)
        bench.run(for: .seconds(20))
        #expect(bench.last("config.applied")?["apn"] == "other")
    }

    @Test("a module that resets while it attaches with new settings has the old ones, until the cloud sends the new ones again")
    func resetInTrial() {
        var bench = ModuleBench.started(apn: "internet")
        bench.forget()
        bench.message("config/update", Self.settings)
        bench.run(for: .milliseconds(500))
        bench.actModule("reset")
        bench.run(for: .seconds(60))
        #expect(bench.truth["active_apn"] == "internet")
        #expect(bench.messages("status").last?["config_version"] == 0 && bench.messages("config/ack").isEmpty)
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(20))
        #expect(bench.truth["active_apn"] == "iot.example")
    }

    @Test("a module that took another name than it was given is not trusted")
    func readBack() {
        var bench = ModuleBench.started(apn: "internet")
        bench.forget()
        bench.line = { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            return text.contains("+CGDCONT: ") ? Array("\r\n+CGDCONT: 1,\"IP\",\"cmnet\"\r\n\r\nOK\r\n".utf8) : bytes
        }
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(2))
        #expect(
            bench.last("config.rejected") == [
                "reason": "module_error", "message": "the module has 'cmnet' as access point name", "config_version": 3,
            ])
        #expect(bench.truth["apn"] == "internet")
    }

    @Test("the interval of the heartbeats needs no command and holds at once")
    func interval() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("config/update", #"{"config":{"reporting":{"interval":10}},"config_version":2}"#)
        #expect(bench.sent.isEmpty)
        bench.run(for: .seconds(60))
        #expect((5...6).contains(bench.count("heartbeat.sent")))
    }

    @Test("the configuration is set again after a reset of the module")
    func afterReset() {
        var bench = ModuleBench.started()
        bench.message("config/update", Self.settings)
        bench.run(for: .seconds(20))
        bench.actModule("reset")
        bench.run(for: .seconds(40))
        #expect(bench.truth["active_apn"] == "iot.example")
        #expect(bench.messages("status").last?["config_version"] == 3)
    }

    // MARK: Commands

    @Test("identify tells what the module is")
    func identify() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("command", #"{"command_id":"c1","command":"identify"}"#)
        #expect(bench.messages("command/result").first?["status"] == "done")
        #expect(bench.messages("command/result").first?["result"]?.record?["model"] == "RG500Q-EA")
        #expect(bench.last("command.executed") == ["command": "identify", "command_id": "c1", "status": "done"])
    }

    @Test("reboot restarts the module and is done once it answers again")
    func reboot() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("command", #"{"command_id":"c2","command":"reboot"}"#)
        #expect(bench.messages("status").map { $0["status"] } == ["restarting"])
        #expect(bench.messages("command/result").isEmpty)
        bench.run(for: .seconds(40))
        #expect(bench.all("reset.sent") == [["reason": "command"]])
        #expect(bench.last("recovered")?["from"] == "reset")
        #expect(bench.messages("command/result").map { $0["status"] } == ["done"])
        #expect(bench.messages("status").last?["boot_count"] == 2)
    }

    @Test("an unknown command fails; one that comes again is answered again and not carried out again")
    func commands() {
        var bench = ModuleBench.started()
        bench.forget()
        bench.message("command", #"{"command_id":"c3","command":"dance"}"#)
        bench.message("command", #"{"command_id":"c3","command":"dance"}"#)
        #expect(bench.messages("command/result").map { $0["reason"] } == ["unknown_command", "unknown_command"])
        #expect(bench.count("command.executed") == 1 && bench.count("command.duplicate") == 1)
        for wrong in ["", "{}", #"{"command_id":"a b","command":"x"}"#, #"{"command_id":"c4"}"#] { bench.message("command", wrong) }
        #expect(bench.all("command.rejected").map { $0["reason"] } == ["malformed", "no_command_id", "no_command_id", "no_command"])
    }

    // MARK: Registration and connection

    @Test(
        "a refusal is tried again, soon or late; a clone is believed the second time",
        arguments: [
            (503, "UNAVAILABLE", "soon"), (401, "SIGNATURE_INVALID", "soon"), (403, "DEVICE_NOT_PROVISIONED", "late"),
        ])
    func refusals(status: Int, error: String, retry: String) {
        var bench = ModuleBench()
        bench.replies = [.refusal(status, error)]
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: .seconds(15))
        #expect(
            bench.last("registration.failed") == [
                "status": .integer(Int64(status)), "error": .text(error), "attempt": 1, "retry": .text(retry),
            ])
        #expect(bench.count("online") == (retry == "soon" ? 1 : 0))
        bench.run(for: .seconds(600))
        #expect(bench.count("online") == 1)
    }

    @Test("another module with this identity")
    func clone() {
        var bench = ModuleBench()
        bench.replies = [.refusal(409, "DEVICE_CLONED"), .refusal(409, "DEVICE_CLONED")]
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: .seconds(3_600))
        #expect(bench.all("registration.failed").map { $0["retry"] } == ["soon", "never"])
        #expect(bench.requests.count == 2)
    }

    @Test("credentials that the broker refuses are renewed by another registration", arguments: [4, 5])
    func refusedConnection(code: UInt8) {
        var bench = ModuleBench()
        bench.refusals = [code]
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: .seconds(20))
        #expect(bench.last("connection.refused") == ["code": .integer(Int64(code))])
        #expect(bench.requests.count == 2 && bench.last("registered")?["again"] == true)
        #expect(bench.count("online") == 1)
    }

    @Test("a lost connection comes back after a back-off while the module stays attached")
    func lostConnection() {
        var bench = ModuleBench.started(after: .seconds(60))
        bench.forget()
        bench.give(.mqtt(.disconnected("cut")))
        #expect(bench.last("offline") == ["reason": "cut"])
        bench.run(for: .seconds(1))
        #expect(bench.course == ["offline", "online"])
    }

    @Test("an answer that comes after the module was detached is not used")
    func lateRegistration() {
        var bench = ModuleBench()
        bench.replies = [.silence]
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: .seconds(15))
        #expect(bench.count("attached") == 1)
        bench.fault("attach.lost")
        bench.run(for: .seconds(60))
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(60))
        #expect(bench.count("online") == 1 && bench.requests.count == 2)
    }
}

@Suite("Agent of a module: what scenarios ask (issue point 5)")
struct ModuleActionTests {
    @Test("at gives lines and final result; an error is a failure with its number")
    func raw() {
        var bench = ModuleBench.started()
        let good = bench.act("at", ["command": "AT+CSQ"])
        let bad = bench.act("at", ["command": "AT+QGPSLOC=2"])
        let unknown = bench.act("at", ["command": "AT+QMTCFG=?"])
        bench.run(for: .seconds(2))
        #expect(bench.given(good)?["final"] == "OK")
        #expect(bench.given(good)?["lines"]?.list?.count == 1)
        #expect(bench.failure(bad)?.reason == "at_error" && bench.failure(bad)?.fields["code"] == 505)
        #expect(bench.failure(unknown)?.fields["final"] == "ERROR")
    }

    @Test("numbers stay masked in the answer too")
    func masked() {
        var bench = ModuleBench.started()
        let action = bench.act("at", ["command": "AT+CGSN"])
        bench.run(for: .seconds(1))
        #expect(bench.given(action)?["lines"] == ["***********0009"])
    }

    @Test("what is no command is refused", arguments: ["", "CSQ", "AT+CSQ\r\nAT", "AT\u{1a}", "ATé"])
    func noCommand(text: String) {
        var bench = ModuleBench.started()
        let action = bench.act("at", ["command": .text(text)])
        #expect(bench.failure(action)?.reason == "bad_argument")
    }

    @Test("without the program, the port or the module an action says so")
    func notReady() {
        var bench = ModuleBench()
        let stopped = bench.act("at", ["command": "AT"])
        #expect(bench.failure(stopped)?.reason == "not_running")
        bench.act("start")
        let closed = bench.act("at", ["command": "AT"])
        #expect(bench.failure(closed)?.reason == "no_port")
        let unknown = bench.act("fly")
        #expect(bench.failure(unknown)?.reason == "no_port")
        bench.actModule("power_on")
        bench.run(for: .seconds(20))
        let known = bench.act("fly")
        #expect(bench.failure(known)?.reason == "unknown_action")
    }

    @Test("report measures and sends")
    func report() {
        var bench = ModuleBench.started()
        bench.forget()
        let action = bench.act("report")
        bench.run(for: .seconds(1))
        #expect(bench.given(action)?["sent"] == true && bench.given(action)?["rat"] == "NR5G-NSA")
        #expect(bench.count("heartbeat.sent") == 1)
    }

    @Test("a message is sent with the prompt, and a received one is read")
    func messages() {
        var bench = ModuleBench.started()
        bench.forget()
        let action = bench.act("sms.send", ["to": "+15551234567", "text": "hello"])
        bench.run(for: .seconds(10))
        #expect(bench.given(action)?["reference"]?.integer != nil)
        #expect(bench.sent.contains("AT+CMGS=\"+15551234567\"\rhello\u{1a}"))
        #expect(bench.moduleNotes.contains { $0.name == "sms.sent" && $0.fields["text"] == "hello" })
        bench.actModule("sms.receive", ["from": "+15557654321", "text": "ping"])
        bench.run(for: .seconds(5))
        #expect(bench.last("sms.read")?["from"] == "+15557654321" && bench.last("sms.read")?["text"] == "ping")
        for (to, text) in [("", "x"), ("12a", "x"), ("1", ""), ("1", "a\nb"), ("1", String(repeating: "x", count: 161))] {
            let wrong = bench.act("sms.send", ["to": .text(to), "text": .text(text)])
            #expect(bench.failure(wrong)?.reason == "bad_argument")
        }
    }

    @Test("locate waits for a fix and switches positioning off again")
    func locate() throws {
        var bench = ModuleBench.started()
        bench.forget()
        let action = bench.act("locate")
        let second = bench.act("locate")
        #expect(bench.failure(second)?.reason == "busy")
        bench.run(for: .seconds(60))
        let place = try #require(bench.given(action))
        #expect((place["latitude"]?.asNumber).map { abs($0 - 52.52) < 0.01 } == true)
        #expect((place["longitude"]?.asNumber).map { abs($0 - 13.405) < 0.01 } == true)
        #expect(bench.sent.contains("AT+QGPSEND\r"))
        #expect(bench.messages("status").map { $0["modules"]?.record?["gps"] } == ["on", "off"])
        let soon = bench.act("locate", ["timeout": .duration(3_000_000_000)])
        bench.run(for: .seconds(10))
        #expect(bench.failure(soon)?.reason == "no_fix")
    }
}
