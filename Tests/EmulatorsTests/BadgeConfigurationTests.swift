import LabCore
import Testing

@testable import Emulators

@Suite("Badge: configuration (badge protocol, \"MQTT\")")
struct BadgeConfigurationTests {
    private func bench(_ messages: String...) -> BadgeBench {
        var bench = BadgeBench.online()
        bench.forget()
        for message in messages { bench.deliver("config/update", message) }
        return bench
    }

    private func acknowledgements(_ bench: BadgeBench) -> [Fields] { bench.messages("config/ack").map(\.json) }

    @Test("takes the Luna form, keeps it, acknowledges it with quality 1")
    func luna() {
        var bench = bench(
            #"{"config_key":"detection_interval","config_value":"7","config_type":"integer","config_version":1,"timestamp":"2026-01-01T00:00:00Z"}"#)
        #expect(bench.last("config.applied") == ["key": "detection_interval", "value": "7", "version": 1])
        #expect(acknowledgements(bench) == [["config_version": 1, "status": "applied", "timestamp": "2026-01-01T00:00:01Z"]])
        #expect(bench.messages("config/ack").first?.quality == 1)
        #expect(bench.state["config_version"] == 1)
        bench.give(.powerLost)
        #expect(bench.setting("detection_interval") == "7")
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        #expect(bench.setting("detection_interval") == "7")
        #expect(bench.messages("status").last?.json["config_version"] == 1)
    }

    @Test("takes the Quectel form, with plain values or values with their type")
    func quectel() {
        let bench = bench(#"{"config":{"volume":30,"tts_enabled":{"value":"false","type":"boolean"}},"config_version":"4","timestamp":"x"}"#)
        #expect(bench.notes.filter { $0.name == "config.applied" }.map(\.fields) == [
            ["key": "volume", "value": "30", "version": 4], ["key": "tts_enabled", "value": "false", "version": 4],
        ])
        #expect(acknowledgements(bench).map { $0["status"] } == ["applied"])
        #expect(bench.setting("volume") == "30")
        #expect(bench.setting("tts_enabled") == "false")
    }

    @Test("acknowledges an equal or an older version without applying it")
    func notNewer() {
        let bench = bench(
            #"{"config_key":"volume","config_value":50,"config_version":5}"#, #"{"config_key":"volume","config_value":51,"config_version":5}"#,
            #"{"config_key":"volume","config_value":52,"config_version":4}"#, #"{"config_key":"volume","config_value":53,"config_version":6}"#)
        #expect(bench.notes.filter { $0.name == "config.applied" }.map { $0.fields["version"] } == [5, 6])
        #expect(bench.notes.filter { $0.name == "config.ignored" }.map { $0.fields["version"] } == [5, 4])
        #expect(acknowledgements(bench).map { $0["config_version"] } == [5, 5, 4, 6])
        #expect(acknowledgements(bench).map { $0["status"] } == ["applied", "applied", "applied", "applied"])
        #expect(acknowledgements(bench).map { $0["reason"] } == [nil, "not_newer", "not_newer", nil])
        #expect(bench.setting("volume") == "53")
    }

    @Test("takes every setting within its limits", arguments: [
        ("heartbeat_interval", "5"), ("heartbeat_interval", "3600"), ("detection_interval", "1"), ("detection_interval", "3600"),
        ("log_level", "debug"), ("log_level", "error"), ("volume", "0"), ("volume", "100"), ("brightness", "0"), ("brightness", "100"),
        ("language", "en"), ("language", "de-CH"), ("tts_enabled", "true"), ("tts_enabled", "false"), ("temperature_limit", "40.0"),
        ("temperature_limit", "95.0"), ("temperature_limit", "61.5"),
    ])
    func accepted(key: String, value: String) {
        let bench = bench(#"{"config_key":"\#(key)","config_value":"\#(value)","config_type":"string","config_version":1}"#)
        #expect(bench.last("config.applied") == ["key": .text(key), "value": .text(value), "version": 1])
        #expect(bench.setting(key) == value)
    }

    @Test("refuses a setting beyond its limits, of another type, or unknown, with the reason", arguments: [
        ("heartbeat_interval", "4", "out_of_range: heartbeat_interval takes 5 to 3600"),
        ("heartbeat_interval", "3601", "out_of_range: heartbeat_interval takes 5 to 3600"),
        ("heartbeat_interval", "-9223372036854775808", "out_of_range: heartbeat_interval takes 5 to 3600"),
        ("heartbeat_interval", "1.5", "wrong_type: heartbeat_interval takes a whole number"),
        ("heartbeat_interval", "", "wrong_type: heartbeat_interval takes a whole number"),
        ("detection_interval", "0", "out_of_range: detection_interval takes 1 to 3600"),
        ("volume", "101", "out_of_range: volume takes 0 to 100"), ("brightness", "-1", "out_of_range: brightness takes 0 to 100"),
        ("language", "deutsch", "out_of_range: language takes a language such as zh-CN or en"),
        ("language", "zh-cn", "out_of_range: language takes a language such as zh-CN or en"),
        ("log_level", "fatal", "out_of_range: log_level takes one of debug, info, warning, error"),
        ("tts_enabled", "yes", "wrong_type: tts_enabled takes true or false"),
        ("temperature_limit", "39.9", "out_of_range: temperature_limit takes 40 to 95"),
        ("temperature_limit", "nan", "out_of_range: temperature_limit takes 40 to 95"),
        ("temperature_limit", "hot", "wrong_type: temperature_limit takes a number"),
        ("colour", "red", """
            unknown_key: 'colour' is no setting; there are heartbeat_interval, detection_interval, log_level, volume, brightness, \
            language, tts_enabled, temperature_limit
            """),
    ])
    func refused(key: String, value: String, reason: String) {
        let bench = bench(#"{"config_key":"\#(key)","config_value":"\#(value)","config_version":1}"#)
        #expect(acknowledgements(bench) == [
            ["config_version": 1, "status": "rejected", "reason": .text(reason), "timestamp": "2026-01-01T00:00:01Z"],
        ])
        #expect(bench.count("config.applied") == 0)
        #expect(bench.count("config.rejected") == 1)
        #expect(bench.state["config_version"] == 0)
    }

    @Test("refuses a config_type that the setting does not have")
    func wrongType() {
        let bench = bench(#"{"config_key":"volume","config_value":"5","config_type":"boolean","config_version":1}"#)
        #expect(acknowledgements(bench).first?["reason"] == "wrong_type: volume is of type integer, not boolean")
    }

    @Test("takes all settings of a message or none")
    func allOrNone() {
        let bench = bench(#"{"config":{"volume":30,"cellular":{"apn":"internet"}},"config_version":1}"#)
        #expect(acknowledgements(bench).first?["status"] == "rejected")
        #expect(bench.last("config.rejected")?["message"]?.text?.hasPrefix("'cellular.apn' is no setting") == true)
        #expect(bench.setting("volume") == "60")
    }

    @Test("refuses a message without a version that can be read, and acknowledges nothing", arguments: [
        "", "null", "[]", "{", "{}", #"{"config_key":"volume"}"#, #"{"config_key":"volume","config_value":1}"#,
        #"{"config_key":"volume","config_value":1,"config_version":0}"#, #"{"config_key":"volume","config_value":1,"config_version":1.5}"#,
        #"{"config_key":"volume","config_value":1,"config_version":"one"}"#,
        #"{"config_key":"volume","config_key":"volume","config_value":1,"config_version":1}"#,
    ])
    func unreadable(message: String) {
        let bench = bench(message)
        #expect(bench.last("config.rejected")?["reason"] == "malformed")
        #expect(acknowledgements(bench).isEmpty)
        #expect(bench.state["config_version"] == 0)
    }

    @Test("refuses a message without settings, and says so", arguments: [
        #"{"config_version":1}"#, #"{"config":{},"config_version":1}"#, #"{"config":[],"config_version":1}"#,
        #"{"config_key":1,"config_value":1,"config_version":1}"#, #"{"config_key":"volume","config_version":1}"#,
    ])
    func malformed(message: String) {
        let bench = bench(message)
        #expect(bench.last("config.rejected")?["reason"] == "malformed")
        #expect(acknowledgements(bench).first?["status"] == "rejected")
        #expect(bench.state["config_version"] == 0)
    }

    @Test("keeps its reasons short, whatever the name of the setting", arguments: [
        String(repeating: "k", count: 4_000), String(repeating: "键", count: 1_000), "e" + String(repeating: "\u{301}", count: 2_000),
    ])
    func longNames(name: String) throws {
        let bench = bench(#"{"config_key":"\#(name)","config_value":"1","config_version":1}"#)
        let reason = try #require(acknowledgements(bench).first?["reason"]?.text)
        #expect(reason.hasPrefix("unknown_key: '"))
        #expect(reason.utf8.count <= 240)
    }

    @Test("refuses a message that is too long or has too many settings")
    func tooMuch() {
        let many = (0..<65).map { "\"volume\($0)\":1" }.joined(separator: ",")
        let bench = bench(
            #"{"config":{\#(many)},"config_version":1}"#,
            #"{"config_key":"volume","config_value":1,"config_version":1,"pad":"\#(String(repeating: " ", count: 8_192))"}"#)
        #expect(bench.notes.filter { $0.name == "config.rejected" }.map { $0.fields["reason"] } == ["malformed", "malformed"])
    }

    @Test("a new heartbeat_interval takes effect at once")
    func heartbeatInterval() {
        var bench = bench(#"{"config_key":"heartbeat_interval","config_value":"5","config_version":1}"#)
        bench.forget()
        bench.run(for: .seconds(60))
        #expect(bench.messages("heartbeat").count == 12)
    }

    @Test("a new log_level takes effect at once")
    func logLevel() {
        var bench = bench(#"{"config_key":"log_level","config_value":"error","config_version":1}"#)
        #expect(bench.givenNow("log", ["level": "warning", "message": "x"]) == ["sent": false])
    }

    @Test("a query for a setting that there is not names those that there are")
    func unknownQuery() {
        let bench = BadgeBench()
        guard case .failure(let failure) = bench.badge.answer("config", ["key": "colour"], at: .start) else {
            Issue.record("it was answered")
            return
        }
        #expect(failure.reason == "unknown_key")
        #expect(failure.message.contains("heartbeat_interval"))
        #expect(bench.badge.answer("mood", [:], at: .start) == .failure(ActionFailure("unknown_query", "A badge has no query 'mood'.")))
    }
}
