import CloudClient
import LabCore
import Testing

@testable import Emulators

@Suite("Badge: connection (badge protocol, \"MQTT\")")
struct BadgeConnectionTests {
    @Test("a lost connection is noted and comes back after a back-off")
    func reconnects() {
        var bench = BadgeBench.online()
        bench.run(for: .seconds(60))
        bench.forget()
        bench.give(.mqtt(.disconnected("cut")))
        let cut = bench.now
        #expect(bench.last("offline") == ["reason": "cut"])
        bench.run(for: .seconds(1))
        let waited = cut.duration(to: bench.connections[0].at)
        #expect(waited >= .milliseconds(250) && waited <= .milliseconds(500))
        #expect(bench.state["online"] == true)
        #expect(bench.last("online")?["session_present"] == true)
        #expect(bench.requests.isEmpty)
    }

    @Test("connections that last less than 30 s do not start the back-off anew, so that twins do not fight for ever")
    func takeover() {
        var bench = BadgeBench.online()
        for _ in 0..<12 {
            bench.run(for: .seconds(61))
            // Thrown out as soon as it is online again.
            while bench.state["online"] != true { bench.run(for: .seconds(1)) }
            bench.give(.mqtt(.disconnected("taken over")))
            bench.run(for: .milliseconds(1))
        }
        bench.forget()
        bench.run(for: .seconds(1))
        #expect(bench.connections.count == 1, "every connection lasted long enough here")

        var twin = BadgeBench.online()
        var waits: [Duration] = []
        for _ in 0..<10 {
            twin.give(.mqtt(.disconnected("taken over")))
            let cut = twin.now
            while twin.state["online"] != true { twin.run(for: .milliseconds(100)) }
            waits.append(cut.duration(to: twin.now))
        }
        #expect(waits.last ?? .zero >= .seconds(30))
    }

    @Test("no CONNACK within 20 s is a failure")
    func silence() {
        var bench = BadgeBench()
        bench.brokerAnswers = false
        bench.give(.poweredOn)
        bench.run(for: .seconds(19))
        #expect(bench.connections.count == 1)
        bench.brokerAnswers = true
        bench.run(for: .seconds(3))
        #expect(bench.connections.count == 2)
        #expect(bench.state["online"] == true)
    }

    @Test("a refused subscription closes the connection and is tried again")
    func refusedSubscription() {
        var bench = BadgeBench()
        bench.give(.poweredOn)
        while bench.subscribed.isEmpty { bench.run(for: .milliseconds(1)) }
        bench.give(.mqtt(.subscribed(filter: "luna/device/luna_badge_0007/command", code: 0x80)))
        #expect(bench.count("online") == 0)
        bench.run(for: .seconds(2))
        #expect(bench.connections.count == 2)
        #expect(bench.state["online"] == true)
    }

    @Test("a broker that is not ready (code 3) is asked again without the cloud's help")
    func unavailable() {
        var bench = BadgeBench()
        bench.refusals = [3, 3, 3]
        bench.give(.poweredOn)
        bench.run(for: .seconds(10))
        #expect(bench.count("connection.refused") == 3)
        #expect(bench.last("connection.refused") == ["code": 3])
        #expect(bench.requests.count == 1)  // the registration
        #expect(bench.state["online"] == true)
    }

    @Test("credentials that are refused (codes 4 and 5) are shown to the cloud; if it knows them, the badge connects again", arguments: [4, 5])
    func refusedButKnown(code: UInt8) {
        var bench = BadgeBench()
        bench.refusals = [code]
        bench.give(.poweredOn)
        bench.run(for: .seconds(2))
        #expect(bench.requests.map(\.call.path) == ["/api/v1/devices/register", "/api/v1/auth/device/token"])
        #expect(bench.state["online"] == true)
    }

    @Test("if the cloud does not know them either, the badge registers again and keeps its settings", arguments: [401, 403, 404])
    func refusedAndUnknown(status: Int) {
        var bench = BadgeBench.online()
        bench.deliver("config/update", #"{"config_key":"volume","config_value":"10","config_version":2}"#)
        bench.forget()
        bench.refusals = [5]
        bench.replies = [.refusal(status, "SIGNATURE_INVALID")]
        bench.give(.mqtt(.disconnected("cut")))
        bench.run(for: .seconds(5))
        #expect(bench.last("token.refused") == ["status": .integer(Int64(status)), "error": "SIGNATURE_INVALID"])
        #expect(bench.last("registered") == ["device": "luna_badge_0007", "key_epoch": 1, "again": true])
        #expect(bench.setting("volume") == "10")
        #expect(bench.state["online"] == true)
    }

    @Test("a clock that went wrong is found out by the refused password and set by the cloud")
    func wrongClock() {
        var bench = BadgeBench.online()
        bench.fault("clock.wrong", ["by": .duration(86_400_000_000_000), "direction": "behind"])
        bench.forget()
        bench.refusals = [5]
        bench.replies = [.clockSkew(BadgeBench.epoch + 2, isSigned: true)]
        bench.give(.mqtt(.disconnected("cut")))
        bench.run(for: .seconds(3))
        #expect(bench.last("clock.corrected")?["by"]?.integer.map { (86_399...86_402).contains($0) } == true)
        #expect(bench.count("registered") == 0)
        #expect(bench.state["online"] == true)
    }

    @Test("the cloud that does not answer leaves the badge in its back-off, not without a plan")
    func cloudAway() {
        var bench = BadgeBench.online()
        bench.refusals = [5, 5, 5]
        bench.replies = [.failure(.unreachable), .failure(.timedOut)]
        bench.give(.mqtt(.disconnected("cut")))
        bench.run(for: .seconds(120))
        #expect(bench.state["online"] == true)
    }
}

@Suite("Badge: heartbeats, logs and status (seed, \"MQTT Topic\")")
struct BadgeTelemetryTests {
    @Test("a heartbeat every 30 s, with the fields of the seed in their order")
    func heartbeat() throws {
        var bench = BadgeBench.online()
        bench.run(for: .seconds(3_600))
        let beats = bench.messages("heartbeat")
        #expect((119...120).contains(beats.count))
        let times = bench.times("heartbeat.sent")
        for (one, next) in zip(times, times.dropFirst()) { #expect(one.duration(to: next) == .seconds(30)) }
        for beat in beats {
            #expect(beat.quality == 0)
            let fields = try #require(try JSONReader.read(beat.payload).record)
            #expect(fields.map(\.name) == ["timestamp", "status", "cpu_usage", "memory_usage", "temperature"])
            #expect(fields["status"] == "online")
            #expect((1.0...99.0).contains(try #require(fields["cpu_usage"]?.asNumber)))
            #expect((20.0...98.0).contains(try #require(fields["memory_usage"]?.asNumber)))
            #expect((20.0...75.0).contains(try #require(fields["temperature"]?.asNumber)))
        }
        let first = try #require(times.first).nanoseconds / 1_000_000_000
        #expect(beats[0].json["timestamp"] == .text(Timestamp.text(unixSeconds: BadgeBench.epoch + first)))
    }

    @Test("the values change slowly and do change")
    func walk() {
        var sensors = BadgeSensors(SeededGenerator(seed: 3))
        var cpu: Set<Int32> = []
        for _ in 0..<10_000 {
            let before = sensors
            sensors.step(celsius: nil)
            #expect(abs(sensors.cpuUsage - before.cpuUsage) <= 70)
            #expect(abs(sensors.memoryUsage - before.memoryUsage) <= 40)
            #expect(abs(sensors.temperature - before.temperature) <= 40)
            cpu.insert(sensors.cpuUsage)
        }
        #expect(cpu.count > 100)
    }

    @Test("tenths are written as decimals", arguments: [
        (Int32(0), "0.0"), (5, "0.5"), (-5, "-0.5"), (99, "9.9"), (452, "45.2"), (1_000, "100.0"), (-550, "-55.0"), (1_500, "150.0"),
    ])
    func tenths(value: Int32, text: String) {
        var output: [UInt8] = []
        BadgeSensors.append(tenths: value, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == text)
    }

    @Test("a sensor that shows heat is in the next heartbeat, and logged once until it has cooled", arguments: [
        (95.5, 95.5), (1e300, 150), (-1e300, -55),
    ])
    func overheat(celsius: Double, shown: Double) {
        var bench = BadgeBench.online()
        bench.fault("sensor.overheat", ["celsius": .number(celsius)])
        bench.run(for: .seconds(90))
        #expect(bench.messages("heartbeat").last?.json["temperature"]?.asNumber == shown)
        let hot = bench.messages("logs").filter { $0.json["message"] == "Temperature above limit" }
        #expect(hot.count == (celsius > 80 ? 1 : 0))
        bench.fault("sensor.overheat", isActive: false)
        bench.run(for: .seconds(90))
        #expect(bench.messages("logs").count { $0.json["message"] == "Temperature normal again" } == hot.count)
    }

    @Test("heartbeats stop without a connection and go on with it")
    func offline() {
        var bench = BadgeBench.online()
        bench.brokerAnswers = false
        bench.give(.mqtt(.disconnected("cut")))
        bench.forget()
        bench.run(for: .seconds(300))
        #expect(bench.messages("heartbeat").isEmpty)
        bench.brokerAnswers = true
        bench.run(for: .seconds(180))
        #expect(!bench.messages("heartbeat").isEmpty)
    }

    @Test("`heartbeat` sends one more at once, and fails without a connection")
    func heartbeatNow() {
        var bench = BadgeBench.online()
        bench.forget()
        #expect(bench.givenNow("heartbeat") == [:])
        #expect(bench.messages("heartbeat").count == 1)
        bench.give(.mqtt(.disconnected("cut")))
        #expect(bench.failureNow("heartbeat") == "not_connected")
    }

    @Test("a log line has the seed's fields; one below log_level is kept back")
    func logs() {
        var bench = BadgeBench.online()
        bench.forget()
        let action = bench.act(
            "log", ["level": "error", "module": "yolo", "message": "Say \"hi\"\n", "details": ["objects_detected": 3]])
        #expect(bench.given(action) == ["sent": true])
        #expect(bench.messages("logs").first?.json == [
            "timestamp": "2026-01-01T00:00:01Z", "level": "error", "module": "yolo", "message": "Say \"hi\"\n",
            "details": ["objects_detected": 3],
        ])
        #expect(bench.last("log.sent") == ["level": "error", "module": "yolo", "message": "Say \"hi\"\n"])
        #expect(bench.givenNow("log", ["level": "debug", "message": "x"]) == ["sent": false])
        #expect(bench.failureNow("log", ["level": "fatal", "message": "x"]) == "bad_argument")
        #expect(bench.failureNow("log", ["level": "info"]) == "bad_argument")
        #expect(bench.failureNow("log", ["message": .text(String(repeating: "x", count: 1_025))]) == "bad_argument")
        #expect(bench.messages("logs").count == 1)
    }

    @Test("16 log lines wait for the connection, the oldest go first")
    func logQueue() {
        var bench = BadgeBench.online()
        bench.give(.mqtt(.disconnected("cut")))
        bench.forget()
        for number in 0..<20 { bench.act("log", ["message": .text("line \(number)")]) }
        #expect(bench.messages("logs").isEmpty)
        bench.run(for: .seconds(2))
        let lines = bench.messages("logs").compactMap { $0.json["message"]?.text }
        #expect(lines == (5..<20).map { "line \($0)" } + ["Online"])
    }
}
