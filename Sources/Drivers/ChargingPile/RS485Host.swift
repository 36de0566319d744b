package import LabCore
import WireProtocols

/// How a host of an RS-485 bus works (charging-protocols.md 4.8).
package struct RS485HostSettings: Sendable, Equatable {
    /// The host's own physical ID; its code is 09.
    package var physicalID: UInt32
    package var slaves: Int
    /// Time for an answer to begin, and to go on after each byte.
    package var turnAround = Duration.milliseconds(60)
    /// Silence after an answer that did not come in time; what comes in it is lost.
    package var guardTime = Duration.milliseconds(5)
    /// bit/s, 10 bits to a byte: how long its own bytes keep the line. `nil` for a medium without pace.
    package var baud: UInt32? = 9_600
    package var heartbeat = Duration.seconds(1_800)
    /// From the last slave that was found to the list of their versions.
    package var versions = Duration.seconds(60)
    package var firmware: UInt16 = 616
    /// 50: AP262 combined.
    package var hostType: UInt8 = 0x50
    package var uplink: PileUplinkSettings

    /// - Parameter slaves: 1 to 50; others are brought into that range.
    package init(physicalID: UInt32, slaves: Int, iccid: String) {
        self.physicalID = physicalID
        self.slaves = min(max(slaves, 1), 50)
        uplink = .dny(iccid: iccid)
    }
}

/// The host of an RS-485 bus with DNY slaves: polls them in turn, passes their frames to the cloud's gateway and its frames to them, and
/// speaks for itself with 11, 12 and 35.
package struct RS485Host: Device {
    struct Slave: Sendable {
        var physicalID: UInt32
        var deviceType: UInt8
        var firmware: UInt16
    }

    /// What the bus is doing.
    enum Phase: Equatable {
        case idle
        /// Waits for the polled slave.
        case waiting
        /// Its time is over; the line must fall silent.
        case guarding
        /// A frame of the server is going out.
        case sending
    }

    let settings: RS485HostSettings
    /// Unix seconds at the start of the run, by the host's clock.
    let epoch: Int64
    var uplink: PileUplink
    var isRunning = false
    var isSerialOpen = false
    var phase = Phase.idle
    var polled: UInt8 = 0
    /// The bus is busy with the host's own bytes until then.
    var busyUntil = RunInstant.start
    var busDecoder = DNYStreamDecoder()
    var gatewayDecoder = DNYStreamDecoder()
    /// By virtual ID; kept while the program runs.
    var slaves: [Slave?]
    var silent: Set<UInt8> = []
    /// Frames of the server that wait for the line.
    var toBus: [[UInt8]] = []
    var lastMessageID: UInt16 = 0
    /// Seconds by which the server's clock is ahead.
    var clockOffset: Int64 = 0
    var counts = (up: 0, down: 0, late: 0, rounds: 0)

    /// Frames of the server that wait at most.
    static let longestQueue = 128

    package init(_ settings: RS485HostSettings, epoch: Int64) {
        self.settings = settings
        self.epoch = epoch
        uplink = PileUplink(settings.uplink)
        slaves = Array(repeating: nil, count: settings.slaves)
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn: start(&effects)
        case .powerLost: self = RS485Host(settings, epoch: epoch)
        case .action(let token, "driver.start", _):
            start(&effects)
            effects.append(.finish(token, .success([:])))
        case .action(let token, "driver.stop", _):
            if isRunning {
                uplink.leave(&effects)
                effects.append(.link(PileDriverLink.serial, .close))
                for timer in [TimerName.serialReopen, .busStep, .hostHeartbeat, .hostVersions] { effects.append(.cancelTimer(timer)) }
            }
            self = RS485Host(settings, epoch: epoch)
            effects.append(.finish(token, .success([:])))
        case .action(let token, let name, _): effects.append(.finish(token, .failure(ActionFailure("unknown_action", "A host has no action '\(name)'."))))
        case _ where !isRunning: break
        case .timerFired(.serialReopen): effects.append(.link(PileDriverLink.serial, .open))
        case .timerFired(.busStep): step(at: now, &effects)
        case .timerFired(.hostHeartbeat): heartbeat(at: now, &effects)
        case .timerFired(.hostVersions): sendVersions(&effects)
        case .timerFired(let timer): _ = uplink.timerFired(timer, at: now, &effects)
        case .link(PileDriverLink.serial, let event): serial(event, at: now, &effects)
        case .link(PileDriverLink.gateway, let event): gateway(event, at: now, &effects)
        case .link, .mqtt, .answered, .served, .fault: break
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        guard query == "driver" else { return .failure(ActionFailure("unknown_query", "A host has no query '\(query)'.")) }
        return .success([
            "running": .bool(isRunning), "serial": .bool(isSerialOpen), "connected": .bool(uplink.isOpen), "up": .integer(Int64(counts.up)),
            "down": .integer(Int64(counts.down)), "slaves": .integer(Int64(slaves.count { $0 != nil })), "late": .integer(Int64(counts.late)),
            "rounds": .integer(Int64(counts.rounds)),
        ])
    }

    private mutating func start(_ effects: inout [DeviceEffect]) {
        guard !isRunning else { return }
        isRunning = true
        effects.append(.link(PileDriverLink.serial, .open))
    }

    // MARK: Bus

    private mutating func serial(_ event: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            isSerialOpen = true
            effects.append(.note("serial.opened", [:]))
            uplink.want(at: now, &effects)
            polled = UInt8(settings.slaves - 1)
            phase = .idle
            step(at: now, &effects)
        case .closed:
            if isSerialOpen { effects.append(.note("serial.closed", [:])) }
            isSerialOpen = false
            uplink.leave(&effects)
            effects += [.cancelTimer(.busStep), .startTimer(.serialReopen, after: PileDriverLink.reopenPause)]
        case .bytes(let bytes): heard(bytes, at: now, &effects)
        }
    }

    private mutating func heard(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard phase == .waiting, now >= busyUntil else { return late(bytes, &effects) }
        busDecoder.append(bytes)
        var hasAnswer = false
        while let item = busDecoder.next() {
            guard case .frame(let frame) = item else { continue }
            // A slave that answers for another was late.
            guard isOfPolled(frame) else {
                late((try? frame.encoded()) ?? [], &effects)
                continue
            }
            hasAnswer = true
            relay(frame, &effects)
        }
        if hasAnswer {
            phase = .idle
            effects.append(.startTimer(.busStep, after: settings.guardTime))
        } else {
            // Each byte restarts the turn-around time.
            effects.append(.startTimer(.busStep, after: settings.turnAround))
        }
    }

    private mutating func late(_ bytes: [UInt8], _ effects: inout [DeviceEffect]) {
        counts.late += 1
        effects.append(.note("slave.late", ["virtual_id": .integer(Int64(polled)), "bytes": .bytes(bytes)]))
    }

    private mutating func isOfPolled(_ frame: DNYFrame) -> Bool {
        if let known = slaves.firstIndex(where: { $0?.physicalID == frame.physicalID }) { return known == Int(polled) }
        guard frame.command == DNYCommand.registration, case .registration(let registration)? = try? DNYMessage(frame, from: .device) else {
            // An idle slave may echo the poll; one that has not registered yet is taken for the one that was asked.
            return true
        }
        return registration.virtualID == polled
    }

    /// The next thing on the line: a frame of the server, or the next slave's turn.
    private mutating func step(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isSerialOpen else { return }
        if phase == .waiting {
            if slaves[Int(polled)] != nil, silent.insert(polled).inserted { effects.append(.note("slave.silent", ["virtual_id": .integer(Int64(polled))])) }
            phase = .guarding
            busDecoder = DNYStreamDecoder()
            return effects.append(.startTimer(.busStep, after: settings.guardTime))
        }
        busDecoder = DNYStreamDecoder()
        if !toBus.isEmpty {
            phase = .sending
            let bytes = toBus.removeFirst()
            transmit(bytes, at: now, &effects)
            return effects.append(.startTimer(.busStep, after: airTime(bytes.count) + settings.guardTime))
        }
        polled = (polled + 1) % UInt8(settings.slaves)
        if polled == 0 { counts.rounds += 1 }
        phase = .waiting
        let time = unix(now)
        let poll = DNYFrame(physicalID: uplink.isOpen ? 0 : UInt32(truncatingIfNeeded: time), messageID: 1, command: DNYCommand.poll, data: [polled])
        guard let bytes = try? poll.encoded() else { return }
        transmit(bytes, at: now, &effects)
        effects.append(.startTimer(.busStep, after: airTime(bytes.count) + settings.turnAround))
    }

    private mutating func transmit(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        busyUntil = now.advanced(by: airTime(bytes.count))
        effects.append(.link(PileDriverLink.serial, .send(bytes)))
    }

    private func airTime(_ count: Int) -> Duration {
        settings.baud.map { .nanoseconds(Int64(count) * 10_000_000_000 / Int64(max(1, $0))) } ?? .zero
    }

    private mutating func relay(_ frame: DNYFrame, _ effects: inout [DeviceEffect]) {
        silent.remove(polled)
        guard frame.command != DNYCommand.poll else { return }
        if frame.command == DNYCommand.registration, case .registration(let registration)? = try? DNYMessage(frame, from: .device) {
            let isNew = slaves[Int(polled)]?.physicalID != frame.physicalID
            slaves[Int(polled)] = Slave(physicalID: frame.physicalID, deviceType: registration.deviceType.rawValue, firmware: registration.firmware)
            if isNew {
                effects.append(.note("slave.found", ["virtual_id": .integer(Int64(polled)), "physical_id": .text(DNYPhysicalID(frame.physicalID).text)]))
                effects.append(.startTimer(.hostVersions, after: settings.versions))
            }
        }
        // 09 and 0A are between slave and host only.
        guard frame.command != DNYCommand.testMode, frame.command != DNYCommand.slaveSetsServer, let bytes = try? frame.encoded() else { return }
        counts.up += bytes.count
        uplink.send(bytes, &effects)
    }

    // MARK: Gateway

    private mutating func gateway(_ event: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            gatewayDecoder = DNYStreamDecoder()
            toBus = []
            uplink.opened(&effects)
            send(.bare(DNYCommand.hostTime, DNYBare()), &effects)
            heartbeat(at: now, &effects)
            if slaves.contains(where: { $0 != nil }) { sendVersions(&effects) }
        case .closed: uplink.closed(&effects)
        case .bytes(let bytes):
            counts.down += bytes.count
            uplink.traffic(&effects)
            effects.append(.note("bytes.down", ["bytes": .bytes(bytes)]))
            gatewayDecoder.append(bytes)
            while let item = gatewayDecoder.next() { if case .frame(let frame) = item { received(frame, at: now, &effects) } }
        }
    }

    private mutating func received(_ frame: DNYFrame, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard frame.physicalID == settings.physicalID else {
            if let bytes = try? frame.encoded(), toBus.count < Self.longestQueue { toBus.append(bytes) }
            return
        }
        switch frame.command {
        case DNYCommand.hostTime:
            if case .time(_, let time)? = try? DNYMessage(frame, from: .platform) { clockOffset = Int64(time.unixSeconds) - (epoch + now.nanoseconds / 1_000_000_000) }
        case DNYCommand.rebootHost...DNYCommand.serverAddress, DNYCommand.radioParameters:
            answer(frame, &effects)
        default: break
        }
    }

    private mutating func answer(_ frame: DNYFrame, _ effects: inout [DeviceEffect]) {
        guard let bytes = try? DNYMessage.answer(frame.command, DNYAnswer()).frame(to: settings.physicalID, messageID: frame.messageID).encoded() else { return }
        uplink.send(bytes, &effects)
    }

    private mutating func send(_ message: DNYMessage, _ effects: inout [DeviceEffect]) {
        lastMessageID = lastMessageID == .max ? 1 : lastMessageID + 1
        if let bytes = try? message.frame(to: settings.physicalID, messageID: lastMessageID).encoded() { uplink.send(bytes, &effects) }
    }

    private func unix(_ now: RunInstant) -> Int64 { epoch + clockOffset + now.nanoseconds / 1_000_000_000 }

    private mutating func heartbeat(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var message = DNYHostHeartbeat()
        message.firmware = settings.firmware
        message.time = UInt32(truncatingIfNeeded: unix(now))
        message.signal = 26
        message.module = DNYModuleKind(rawValue: 7)
        message.iccid = settings.uplink.iccid ?? ""
        message.hostType = DNYHostType(rawValue: settings.hostType)
        send(.hostHeartbeat(message), &effects)
        effects.append(.startTimer(.hostHeartbeat, after: settings.heartbeat))
    }

    /// 35: the lowest firmware of each type, with one device that has it.
    private mutating func sendVersions(_ effects: inout [DeviceEffect]) {
        var lowest: [DNYSlaveVersions.Slave] = []
        for slave in slaves.compactMap({ $0 }) {
            var entry = DNYSlaveVersions.Slave()
            entry.deviceType = DNYDeviceType(rawValue: slave.deviceType)
            entry.lowestFirmware = slave.firmware
            entry.physicalID = slave.physicalID
            if let place = lowest.firstIndex(where: { $0.deviceType == entry.deviceType }) {
                if slave.firmware < lowest[place].lowestFirmware { lowest[place] = entry }
            } else {
                lowest.append(entry)
            }
        }
        var message = DNYSlaveVersions()
        message.slaves = lowest
        send(.slaveVersions(message), &effects)
    }
}

extension TimerName {
    static let busStep = TimerName(rawValue: 4)
    static let hostHeartbeat = TimerName(rawValue: 5)
    static let hostVersions = TimerName(rawValue: 6)
}
