import LabCore
import Testing

@testable import Emulators

@Suite("Badge: anything that comes over the wire (issue, \"Bad input\")")
struct BadgeFuzzTests {
    private static let templates: [[UInt8]] = [
        #"{"config_key":"volume","config_value":"5","config_type":"integer","config_version":7}"#,
        #"{"config":{"volume":{"value":1,"type":"integer"}},"config_version":9}"#,
        #"{"command_id":"c1","command":"restart_module","module":"yolo","parameters":{"module":"tts"}}"#,
        #"{"code":0,"data":{"device_id":"luna_badge_0007","device_secret":"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI","key_epoch":1,"token":"t","token_expires_at":1},"message":"success"}"#,
        "", "null", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ].map { Array($0.utf8) }

    /// Random bytes, or a message of the protocol with some of its bytes changed, cut off or doubled.
    private static func bytes(_ generator: inout SeededGenerator) -> [UInt8] {
        if generator.chance(0.2) { return generator.bytes(Int(generator.integer(below: 300))) }
        var bytes = templates[Int(generator.integer(below: UInt64(templates.count)))]
        for _ in 0..<generator.integer(below: 4) where !bytes.isEmpty {
            let place = Int(generator.integer(below: UInt64(bytes.count)))
            switch generator.integer(below: 4) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return bytes
    }

    @Test("never crashes it, never stops it for good", arguments: 0..<40)
    func anything(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "badge fuzz")
        var bench = BadgeBench(seed: seed)
        bench.replies = (0..<5).map { _ in
            .raw([200, 201, 401, 403, 500, 0, -1, 999][Int(generator.integer(below: 8))], Self.bytes(&generator))
        }
        bench.give(.poweredOn)
        for _ in 0..<200 {
            let payload = Self.bytes(&generator)
            switch generator.integer(below: 9) {
            case 0, 1: bench.deliver("config/update", payload)
            case 2, 3: bench.deliver("command", payload)
            case 4: bench.give(.mqtt(.message(topic: String(decoding: payload, as: UTF8.self), payload: payload, quality: 2, isRetained: true)))
            case 5: bench.give(.answered(Token(rawValue: UInt32(generator.integer(below: 20))), .success(HTTPAnswer(status: 201, body: payload))))
            case 6: bench.give(.timerFired(TimerName(rawValue: UInt16(generator.integer(below: 12)))))
            case 7:
                let notices: [MQTTNotice] = [
                    .connected(sessionPresent: true), .refused(code: UInt8(generator.integer(below: 256))), .disconnected("x"),
                    .acknowledged(Token(rawValue: UInt32(generator.integer(below: 50)))),
                    .subscribed(filter: "luna/device/luna_badge_0007/command", code: UInt8(generator.integer(below: 256))),
                ]
                bench.give(.mqtt(notices[Int(generator.integer(below: 5))]))
            default: bench.run(for: .milliseconds(Int(generator.integer(below: 3_000))))
            }
        }
        bench.replies = []
        bench.refusals = []
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1_500))
        #expect(bench.state["online"] == true, "seed \(seed)")
    }

    @Test("arguments of actions and faults of any type are answered", arguments: 0..<20)
    func arguments(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "badge arguments")
        let values: [FieldValue] = [
            nil, true, -1, 0, 1, 9_223_372_036_854_775_807, -9_223_372_036_854_775_807, 1e308, "", "x", "/x", .bytes([1]),
            .duration(.max), .duration(-1), .duration(0), [], [:], [1, "a"],
        ]
        var bench = BadgeBench.online(seed: seed)
        for _ in 0..<100 {
            let isFault = generator.chance(0.3)
            let kinds = isFault ? Badge.kind.faults : Badge.kind.actions
            let kind = kinds[Int(generator.integer(below: UInt64(kinds.count)))]
            var fields = Fields()
            for field in kind.takes where generator.chance(0.8) { fields[field.name] = values[Int(generator.integer(below: UInt64(values.count)))] }
            if isFault {
                bench.fault(kind.name, fields, isActive: generator.chance(0.5))
            } else {
                let token = bench.act(kind.name, fields)
                bench.run(for: .seconds(30))
                #expect(bench.result(token) != nil, "seed \(seed): \(kind.name) \(fields)")
            }
            _ = bench.state
        }
    }
}

@Suite("Badge: the same seed gives the same life (architecture.md §4)")
struct BadgeDeterminismTests {
    private func life(seed: UInt64) -> [String] {
        var bench = BadgeBench(seed: seed)
        bench.keepsTranscript = true
        bench.replies = [.failure(.timedOut), .refusal(503, "BUSY")]
        bench.refusals = [3]
        bench.give(.poweredOn)
        bench.run(for: .seconds(300))
        bench.deliver("config/update", #"{"config":{"heartbeat_interval":10,"volume":3},"config_version":1}"#)
        bench.deliver("command", #"{"command_id":"c1","command":"reboot"}"#)
        bench.run(for: .seconds(300))
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.fault("sensor.overheat", ["celsius": 90])
        bench.run(for: .seconds(300))
        return bench.transcript
    }

    @Test("byte for byte, and another seed gives another one")
    func same() {
        let first = life(seed: 4)
        #expect(first.count > 100)
        #expect(first == life(seed: 4))
        #expect(first != life(seed: 5))
    }
}

@Suite("Badge: size (issue, \"Measured\")")
struct BadgeSizeTests {
    @Test("flash takes a few KiB at most, after many writes too")
    func flash() {
        var bench = BadgeBench.online()
        #expect(bench.badge.flash.footprint < 1_024)
        for number in 0..<400 { bench.deliver("command", #"{"command_id":"\#(number)","command":"identify"}"#) }
        #expect(bench.badge.flash.footprint < 6_144)
    }

    @Test("the largest things that a badge keeps fit into one sector together")
    func capacity() {
        // Each value takes 12 bytes more, filled up to 8: credentials 4 + 32 + 1 + 75, configuration 8 + 6 + 4 + 1 + 5,
        // boot count 4, and 16 commands of 4 + 1 + 1 + 1 + 64.
        let sizes = [112, 24, 4] + Array(repeating: 71, count: 16)
        let needed = sizes.reduce(0) { $0 + RecordStore.recordSize(valueLength: $1, writeUnit: 8) }
        #expect(needed == 128 + 40 + 16 + 16 * 88)
        #expect(needed <= RecordStore.capacity(of: .badge))
    }
}
