package import LabCore

/// A transparent bridge: the lab stands where the modem of a DNY pile or of a BKV gateway stood, and passes bytes in both directions
/// between its serial port and the cloud's gateway (charging-protocols.md 2.17, 4.2).
///
/// The connection is opened when the serial port is, and again after each end; at once when the board speaks, but not more often than once a second.
/// What the board says meanwhile is kept, as far as it fits; a board that repeats itself loses nothing by that.
package struct PileBridge: Device {
    /// Bytes that wait for the connection. Source: chosen, four of the largest frames.
    static let longestWait = 2_048

    private var uplink: PileUplink
    private var waiting: [UInt8] = []
    private var isRunning = false
    private var isSerialOpen = false
    private var counts = (up: 0, down: 0, dropped: 0)

    package init(_ settings: PileUplinkSettings) { uplink = PileUplink(settings) }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn: start(&effects)
        case .powerLost: stop(nil)
        case .action(let token, "driver.start", _):
            start(&effects)
            effects.append(.finish(token, .success([:])))
        case .action(let token, "driver.stop", _):
            stop(&effects)
            effects.append(.finish(token, .success([:])))
        case .action(let token, let name, _): effects.append(.finish(token, .failure(ActionFailure("unknown_action", "A bridge has no action '\(name)'."))))
        case _ where !isRunning: break
        case .timerFired(.serialReopen): effects.append(.link(PileDriverLink.serial, .open))
        case .timerFired(let timer): _ = uplink.timerFired(timer, at: now, &effects)
        case .link(PileDriverLink.serial, let event): serial(event, at: now, &effects)
        case .link(PileDriverLink.gateway, let event): gateway(event, &effects)
        case .link, .mqtt, .answered, .served, .fault: break
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        guard query == "driver" else { return .failure(ActionFailure("unknown_query", "A bridge has no query '\(query)'.")) }
        return .success([
            "running": .bool(isRunning), "serial": .bool(isSerialOpen), "connected": .bool(uplink.isOpen), "up": .integer(Int64(counts.up)),
            "down": .integer(Int64(counts.down)), "dropped": .integer(Int64(counts.dropped)),
        ])
    }

    private mutating func start(_ effects: inout [DeviceEffect]) {
        guard !isRunning else { return }
        isRunning = true
        effects.append(.link(PileDriverLink.serial, .open))
    }

    private mutating func stop(_ effects: inout [DeviceEffect]) {
        guard isRunning else { return }
        uplink.leave(&effects)
        effects += [.link(PileDriverLink.serial, .close), .cancelTimer(.serialReopen)]
        stop(nil)
    }

    private mutating func stop(_: Void?) {
        uplink = PileUplink(uplink.settings)
        waiting = []
        isRunning = false
        isSerialOpen = false
    }

    private mutating func serial(_ event: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            isSerialOpen = true
            effects.append(.note("serial.opened", [:]))
            uplink.want(at: now, &effects)
        case .bytes(let bytes):
            counts.up += bytes.count
            guard !uplink.isOpen else { return uplink.send(bytes, &effects) }
            uplink.hurry(at: now, &effects)
            waiting += bytes
            guard waiting.count > Self.longestWait else { return }
            counts.dropped += waiting.count
            effects.append(.note("bytes.dropped", ["bytes": .bytes(waiting)]))
            waiting = []
        case .closed:
            if isSerialOpen { effects.append(.note("serial.closed", [:])) }
            isSerialOpen = false
            waiting = []
            uplink.leave(&effects)
            effects.append(.startTimer(.serialReopen, after: PileDriverLink.reopenPause))
        }
    }

    private mutating func gateway(_ event: LinkInput, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            uplink.opened(&effects)
            guard !waiting.isEmpty else { return }
            uplink.send(waiting, &effects)
            waiting = []
        case .bytes(let bytes):
            counts.down += bytes.count
            uplink.traffic(&effects)
            effects.append(.note("bytes.down", ["bytes": .bytes(bytes)]))
            effects.append(.link(PileDriverLink.serial, .send(bytes)))
        case .closed: uplink.closed(&effects)
        }
    }
}
