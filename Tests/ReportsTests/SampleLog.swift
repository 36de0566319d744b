import LabCore

/// Writes logs by hand, in the form that the runner writes, with times in milliseconds.
struct SampleLog {
    private(set) var events: [RunEvent] = []
    private var now: Int64 = 0
    let file: String

    init(scenario: String, file: String, cell: Fields = [:]) {
        self.file = file
        lab("run.started", ["scenario": .text(scenario), "file": .text(file), "world": "sim", "seed": "0x5eed1a7e", "cell": .record(cell)])
    }

    @discardableResult
    mutating func event(_ node: String, _ name: String, _ fields: Fields = [:], at milliseconds: Int64? = nil, cause: Int? = nil) -> Int {
        if let milliseconds { now = milliseconds }
        events.append(
            RunEvent(
                sequence: events.count + 1, at: RunInstant(nanoseconds: now * 1_000_000), node: node, name: name, fields: fields, cause: cause))
        return events.count
    }

    @discardableResult
    mutating func lab(_ name: String, _ fields: Fields = [:], at milliseconds: Int64? = nil) -> Int {
        event("lab", name, fields, at: milliseconds)
    }

    @discardableResult
    mutating func begin(_ step: String, line: Int, _ text: String, _ fields: Fields = [:], at milliseconds: Int64? = nil) -> Int {
        let verb = text.prefix { $0 != " " }
        let place: Fields = [
            "step": .text(step), "file": .text(file), "line": .integer(Int64(line)), "column": 5, "verb": .text(String(verb)), "text": .text(text),
        ]
        return lab("step.started", place.merging(fields), at: milliseconds)
    }

    mutating func end(_ step: String, _ outcome: String = "passed", _ fields: Fields = [:], at milliseconds: Int64? = nil) {
        lab("step.ended", (["step": .text(step), "outcome": .text(outcome)] as Fields).merging(fields), at: milliseconds)
    }

    func sequence(of name: String, last: Bool = false) -> Int {
        (last ? events.last { $0.name == name } : events.first { $0.name == name })?.sequence ?? 0
    }
}

extension SampleLog {
    /// A badge registers over a lossy link, goes online and reboots.
    static func registration() -> [RunEvent] {
        var log = SampleLog(scenario: "badge/register", file: "scenarios/badge/register.yaml", cell: ["loss": "20%"])
        log.lab("phase.started", ["phase": "setup"])
        log.begin("setup.1", line: 27, "do cloud.factory.provision", ["action": "cloud.factory.provision", "arguments": ["serial_no": "BDG-0007"]])
        log.event("cloud", "factory.provisioned", ["serial_no": "BDG-0007"], at: 2, cause: 3)
        log.end("setup.1")
        log.begin("setup.2", line: 29, "fault badge.link.loss", ["fault": "badge.link.loss"])
        log.lab("fault.started", ["fault": "badge.link.loss", "handle": 1, "arguments": ["rate": "20%"]])
        log.end("setup.2")
        log.lab("phase.started", ["phase": "steps"])
        let boot = log.begin("steps.1", line: 33, "do badge.boot", ["action": "badge.boot", "arguments": ["factory_new": true]])
        log.event("badge", "boot.started", ["slot": "A", "firmware": "2.3.0"], at: 3, cause: boot)
        log.event("badge", "log", ["line": "flash: credentials absent, factory new"], at: 210)
        log.end("steps.1")
        log.begin("steps.2", line: 35, "expect cloud.device.registered")
        let request = log.event("badge", "http.request", ["method": "POST", "path": "/api/v1/devices/register"], at: 415)
        log.event("badge", "link.dropped", ["bytes": 412], at: 416, cause: request)
        let again = log.event("badge", "http.request", ["method": "POST", "path": "/api/v1/devices/register", "attempt": 2], at: 1310)
        let accepted = log.event("cloud", "device.registered", ["serial_no": "BDG-0007", "device": "dev_8fk2", "firmware": "2.3.0"], at: 1352, cause: again)
        log.end("steps.2", fields: accepted)
        log.lab("measured", ["name": "registered.latency", "value": 1_349_000_000, "unit": "ns"])
        log.begin("steps.3", line: 43, "expect cloud.mqtt.online")
        log.event("badge", "http.answer", ["status": 201, "device": "dev_8fk2"], at: 1394, cause: accepted)
        log.event("badge", "flash.written", ["what": "credentials", "bytes": 96], at: 1402)
        let connect = log.event("badge", "mqtt.connect", ["client_id": "dev_8fk2", "clean": false], at: 1440)
        let isOnline = log.event("cloud", "mqtt.online", ["device": "dev_8fk2"], at: 1482, cause: connect)
        log.end("steps.3", fields: isOnline)
        log.lab("measured", ["name": "online.latency", "value": 1_479_000_000, "unit": "ns"])
        log.event("badge", "mqtt.connected", ["session_present": false], at: 1520, cause: isOnline)
        log.begin("steps.4", line: 48, "check cloud.device", ["query": "cloud.device"])
        log.end("steps.4")
        let reboot = log.begin("steps.5", line: 52, "do badge.reboot", ["action": "badge.reboot"])
        log.event("badge", "boot.started", ["slot": "A", "firmware": "2.3.0", "reason": "requested"], at: 1521, cause: reboot)
        log.end("steps.5")
        log.begin("steps.6", line: 53, "expect cloud.mqtt.online")
        let offline = log.event("badge", "mqtt.connect", ["client_id": "dev_8fk2", "clean": false], at: 3210)
        let back = log.event("cloud", "mqtt.online", ["device": "dev_8fk2", "session_present": true], at: 3251, cause: offline)
        log.end("steps.6", fields: back)
        log.lab("fault.ended", ["fault": "badge.link.loss", "handle": 1])
        log.lab("run.ended", ["reason": "done"])
        return log.events
    }

    private mutating func end(_ step: String, fields claimed: Int) { end(step, "passed", ["claimed": .list([.integer(Int64(claimed))])]) }

    /// An update whose image hangs; the badge should come back with the old firmware and does not.
    static func rollback() -> [RunEvent] {
        var log = SampleLog(scenario: "ota/rollback", file: "scenarios/ota/rollback.yaml", cell: ["injected": "badge.app.hang"])
        log.lab("phase.started", ["phase": "setup"])
        let flash = log.begin("setup.1", line: 30, "do badge.flash", ["action": "badge.flash"])
        log.event("badge", "boot.started", ["slot": "A", "firmware": "2.3.0"], at: 1200, cause: flash)
        log.event("badge", "boot.done", ["slot": "A", "firmware": "2.3.0", "signature": "valid"], at: 2050)
        log.end("setup.1")
        log.begin("setup.2", line: 32, "expect cloud.mqtt.online")
        let connect = log.event("badge", "mqtt.connect", ["client_id": "dev_8fk2"], at: 2310)
        let isOnline = log.event("cloud", "mqtt.online", ["device": "dev_8fk2"], at: 2352, cause: connect)
        log.end("setup.2", fields: isOnline)
        log.lab("phase.started", ["phase": "steps"])
        log.begin("steps.1", line: 37, "fault badge.app.hang", ["fault": "badge.app.hang"])
        log.lab("fault.armed", ["fault": "badge.app.hang", "handle": 1, "event": "badge.boot.started"])
        log.end("steps.1")
        let start = log.begin("steps.2", line: 42, "do cloud.ota.start", ["action": "cloud.ota.start"])
        let offered = log.event("cloud", "ota.offered", ["device": "dev_8fk2", "version": "2.4.0", "size": 262_144], at: 2360, cause: start)
        log.end("steps.2")
        log.begin("steps.3", line: 44, "expect badge.boot.done")
        log.event("badge", "ota.accepted", ["version": "2.4.0"], at: 2402, cause: offered)
        for block in 0..<64 {
            let asked = log.event("badge", "ota.block_requested", ["block": .integer(Int64(block))], at: 2500 + Int64(block) * 880)
            let sent = log.event("cloud", "ota.block_sent", ["block": .integer(Int64(block)), "bytes": 4096], at: 2540 + Int64(block) * 880, cause: asked)
            log.event("badge", "ota.block_written", ["block": .integer(Int64(block)), "slot": "B"], at: 2790 + Int64(block) * 880, cause: sent)
        }
        log.event("badge", "ota.verified", ["digest": "9f2c1b7ad04e", "signature": "valid"], at: 58_900)
        log.event("badge", "boot.started", ["slot": "B", "firmware": "2.4.0"], at: 60_400)
        log.lab("fault.started", ["fault": "badge.app.hang", "handle": 1, "arguments": [:]])
        log.event("badge", "boot.done", ["slot": "B", "firmware": "2.4.0", "signature": "valid", "attempts": 1], at: 61_200)
        log.event("badge", "log", ["line": "boot: slot B, attempt 1/3, confirm pending"], at: 61_210)
        log.event("cloud", "mqtt.offline", ["device": "dev_8fk2", "reason": "keepalive"], at: 96_400)
        log.event("badge", "watchdog.reset", ["after": .duration(60_000_000_000)], at: 121_200)
        log.event("badge", "boot.started", ["slot": "B", "firmware": "2.4.0", "attempts": 2], at: 121_700)
        log.event("badge", "log", ["line": "boot: slot B, attempt 2/3, confirm pending"], at: 121_710)
        log.end("steps.3", "failed", ["reason": "it did not happen in time"], at: 182_358)
        log.lab("fault.ended", ["fault": "badge.app.hang", "handle": 1])
        log.lab("run.ended", ["reason": "failed"])
        return log.events
    }
}
