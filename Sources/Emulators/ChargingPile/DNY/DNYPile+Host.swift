import LabCore
import WireProtocols

/// A combined unit: the pile is host and slave at once and uses one physical ID for both roles (charging-protocols.md 4.8, captured).
extension DNYPile {
    /// 12, 11 and 35 come before the registration, as captured (ap3000-047, 048, 051); on a serial line when that has been answered, since
    /// before it nobody may have the other end open.
    mutating func greetAsHost(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard settings.isHost else { return }
        hostClockID = send(DNYCommand.hostTime, [], &core, &line, at: now)
        hostBeat(&core, &line, at: now)
        var data: [UInt8] = [1, settings.deviceType, 0]
        data.append(littleEndian: firmware)
        data.append(littleEndian: settings.physicalID)
        send(DNYCommand.slaveVersions, data, &core, &line, at: now)
    }

    /// 11, every 30 min.
    mutating func hostBeat(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        core.agenda.set(.host, at: now.advanced(by: settings.hostHeartbeat))
        guard line.isOpen, !core.isHeartbeatStopped else { return }
        var data: [UInt8] = []
        data.reserveCapacity(71)
        data.append(littleEndian: settings.hostFirmware)
        data.append(settings.clockChip)
        data.append(littleEndian: UInt32(truncatingIfNeeded: core.clock.seconds(at: now)))
        data += [settings.signal, settings.module]
        data += Self.padded(settings.iccid, to: 20)
        data += [settings.hostType, 0, 0]
        data += Self.padded(settings.imei, to: 15)
        data += Self.padded(settings.moduleVersion, to: 24)
        send(DNYCommand.hostHeartbeat, data, &core, &line, at: now)
        tellMeter(&core, &line, at: now)
    }

    /// 17: the breaker counts as the ports' chips do; the meter counts what really went through.
    mutating func tellMeter(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard settings.hasMeter, line.isOpen else { return }
        var (shown, truth, power): (Int128, Int128, Int64) = (0, 0, 0)
        for port in core.ports.indices {
            core.count(port, at: now)
            shown += core.ports[port].meter.shown
            truth += core.ports[port].meter.truth
            power += core.ports[port].power / 100
        }
        let current = UInt16(clamping: power * 100 / max(1, core.setup.voltage))
        var data: [UInt8] = [0, Self.temperature(core.ambient)]
        data.append(littleEndian: UInt16(clamping: core.setup.voltage))
        data.append(littleEndian: current)
        data.append(littleEndian: Self.counter(shown))
        data.append(littleEndian: current)
        data.append(littleEndian: Self.counter(truth))
        send(DNYCommand.hostStatus, data, &core, &line, at: now)
    }

    /// 0.01 kWh in four bytes.
    private static func counter(_ picojoules: Int128) -> UInt32 { UInt32(truncatingIfNeeded: max(0, PileEnergy.deciwattHours(picojoules)) / 100) }

    private static func padded(_ text: String, to size: Int) -> [UInt8] {
        let bytes = Array(text.utf8.prefix(size))
        return bytes + Array(repeating: 0, count: size - bytes.count)
    }

    /// 31, 33, 34 and 3A; a pile that is no host does not know them and is silent.
    func hostCommand(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard settings.isHost else { return }
        answer(frame, [0], &core, &line, at: now)
        if frame.command == DNYCommand.rebootHost { line.restart = PileLine.Restart("host", after: PilePower.resetTime) }
    }
}
