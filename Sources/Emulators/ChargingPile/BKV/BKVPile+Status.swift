import LabCore
import WireProtocols

/// Heartbeats, the state of the sockets, exceptions (charging-protocols.md 2.4, 2.10).
extension BKVPile {
    mutating func heartbeat(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if isHeartbeatOpen, settings.needsHeartbeatAnswer, line.kind == .tcp { return line.wantsClose = true }
        core.agenda.set(.bkvHeartbeat, at: now.advanced(by: settings.heartbeat))
        guard !core.isHeartbeatStopped else { return }
        isHeartbeatOpen = true
        let message = BKVHeartbeat(iccid: settings.iccid, firmware: String(firmware.prefix(8)), signal: settings.signal)
        send(.heartbeat(message), &core, &line, at: now)
    }

    /// The answer to the heartbeat: the gateway is logged in.
    mutating func clockCame(_ time: BKVTime, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        isHeartbeatOpen = false
        if let seconds = time.unixSeconds() {
            let before = core.clock.seconds(at: now)
            core.setClock(unix: seconds, at: now)
            if before != seconds { line.note("clock.set", ["by": .integer(seconds - before)]) }
        }
        guard !isOnline else { return }
        isOnline = true
        line.note("online", ["pile": .text(core.setup.id)])
    }

    // MARK: Status

    func status(_ port: Int, _ core: inout PileCore, at now: RunInstant) -> BKVPortStatus {
        let reading = core.reading(port, at: now)
        var status = BKVPortStatus()
        status.port = wirePort(of: port)
        status.voltage = UInt16(clamping: reading.voltage)
        status.power = UInt16(clamping: reading.power)
        // The captured sockets show a few mA with nothing plugged in.
        status.current = reading.power == 0 ? 1 : UInt16(clamping: reading.current)
        if core.ports[port].charge != nil {
            status.status = .charging
            status.business = BKVOrder(reading.order).business
            status.energy = UInt16(truncatingIfNeeded: reading.energy / 100)
            status.minutes = UInt16(truncatingIfNeeded: reading.seconds / 60)
        } else if reading.condition == .fault {
            status.status = fault(port, core)
        }
        return status
    }

    private func fault(_ port: Int, _ core: PileCore) -> BKVStatus {
        if core.ports[port].isOverCurrent { return BKVStatus(rawValue: 0x82) }
        return BKVStatus(rawValue: core.ports[port].isStuck ? 0x81 : 0x84)
    }

    func socketStatus(_ socket: UInt8, _ core: inout PileCore, at now: RunInstant) -> BKVSocketStatus {
        var status = BKVSocketStatus()
        status.socket = socket
        status.temperature = UInt8(clamping: core.ambient)
        status.rssi = settings.rssi
        for port: UInt8 in 0..<2 { if let index = self.port(socket, port, core) { status.ports.append(self.status(index, &core, at: now)) } }
        return status
    }

    /// A 1017 of one socket; of the queried or charging one first, since a frame has room for three.
    func cluster(_ core: inout PileCore, at now: RunInstant, socket: UInt8? = nil) -> BKVMessage {
        let charging = core.ports.indices.first { core.ports[$0].charge != nil }.map { self.socket(of: $0) }
        return .record(BKVRecord(status: [socketStatus(socket ?? charging ?? firstSocket, &core, at: now)], gateway: settings.gateway))
    }

    /// One 1017 for each socket that charges, or for the one whose state has changed.
    mutating func statusDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if line.isOpen {
            for index in 0..<sockets(core) {
                let socket = firstSocket &+ UInt8(clamping: index)
                let isCharging = (0..<2).contains { port in self.port(socket, port, core).map { core.ports[$0].charge != nil } ?? false }
                if isCharging || changed.contains(socket) { send(cluster(&core, at: now, socket: socket), &core, &line, at: now) }
            }
            changed = []
        }
        if let period = settings.status, core.isCharging { core.agenda.set(.bkvStatus, at: now.advanced(by: period)) }
    }

    // MARK: Exceptions

    /// 1010, in the order of the guide's example; what the reasons mean is not written down.
    mutating func exception(_ port: Int?, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        for index in 0..<sockets(core) {
            let socket = firstSocket &+ UInt8(clamping: index)
            guard port.map({ self.socket(of: $0) == socket }) ?? true else { continue }
            let statuses = (0..<2).map { number in self.port(socket, UInt8(number), core).map { status($0, &core, at: now).status } ?? .idle }
            let concerns = (0..<2).map { number in port.map { Int(wirePort(of: $0)) == number } ?? false }
            var record = BKVRecord(command: 0x1010, gateway: settings.gateway)
            func pair(_ key: UInt8, _ number: UInt64) { record.pairs.append(BKVPair(BKVKey(key), number: number)) }
            pair(BKVKey.socket.rawValue, UInt64(socket))
            for (place, keys) in [(nil, (0x54, 0x4b)), (0, (0x55, 0x4c)), (1, (0x56, 0x4d))] as [(Int?, (UInt8, UInt8))] {
                let isRaised = place.map { concerns[$0] } ?? (port == nil)
                pair(keys.0, isRaised ? 8 : 0)
                pair(keys.1, isRaised ? 1 : 0)
            }
            for key: UInt8 in [0x4e, 0x4f, 0x50, 0x51] { pair(key, 0) }
            pair(0x52, UInt64(clamping: core.temperature(min(index * 2, core.ports.count - 1))))
            pair(0x53, UInt64(clamping: core.temperature(min(index * 2 + 1, core.ports.count - 1))))
            pair(0x57, UInt64(exceptional(statuses[0], concerns[0] || port == nil)))
            pair(0x58, UInt64(exceptional(statuses[1], concerns[1] || port == nil)))
            send(.record(record), &core, &line, at: now)
        }
    }

    /// The fault's bit is there from the first report on, also while the relay still opens.
    private func exceptional(_ status: BKVStatus, _ isConcerned: Bool) -> UInt8 {
        isConcerned && !status.hasFault ? status.rawValue | 0x01 : status.rawValue
    }
}
