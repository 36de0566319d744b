import LabCore
import WireProtocols

/// An upgrade that is coming in: what has come is summed up, not kept.
struct DNYUpgrade: Sendable, Equatable {
    var command: UInt8
    var total: UInt16
    /// Last good packet.
    var index: UInt16
    var size: Int
    var sum: UInt32
    /// Of the check packet.
    var firmware: UInt16?
}

/// E0 and F8 (charging-protocols.md 4.9).
extension DNYPile {
    static let firmwareSetting: UInt8 = 0x3e
    private static let checkMark: [UInt8] = [0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]
    /// From the last packet to the restart, unless a check packet comes. Source: chosen, two times the server's 30 s would be too long.
    static let checkWait = Duration.seconds(5)

    private enum Result {
        static let next: UInt8 = 0
        static let bad: UInt8 = 1
        static let sum: UInt8 = 2
        static let type: UInt8 = 3
    }

    mutating func upgradePacket(_ frame: DNYFrame, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        var cursor = ByteCursor(frame.data)
        guard let total = cursor.integer(UInt16.self), let index = cursor.integer(UInt16.self) else { return }
        let payload = Array(frame.data.dropFirst(4))
        let way = DNYDeviceType(rawValue: settings.deviceType).upgrade ?? (command: DNYCommand.upgradeSlave, packetSize: 200)
        guard way.command == frame.command else {
            return upgradeAnswer(frame, Result.type, 0, &core, &line, at: now)
        }
        if index == 1, upgrade?.index != 1 || upgrade?.total != total {
            upgrade = DNYUpgrade(command: frame.command, total: total, index: 0, size: 0, sum: 0)
        }
        guard var job = upgrade, job.total == total, total > 0 else {
            return upgradeAnswer(frame, Result.bad, upgrade?.index ?? 0, &core, &line, at: now)
        }
        if payload.starts(with: Self.checkMark), index >= total, index == job.index + 1 {
            return check(frame, payload, job, &core, &line, at: now)
        }
        // A packet that came before is acknowledged again.
        if index != 0, index <= job.index { return upgradeAnswer(frame, Result.next, index, &core, &line, at: now) }
        guard index == job.index + 1, index <= total, !payload.isEmpty, payload.count <= way.packetSize else {
            return upgradeAnswer(frame, Result.bad, job.index, &core, &line, at: now)
        }
        job.index = index
        job.size += payload.count
        job.sum = payload.reduce(job.sum) { $0 &+ UInt32($1) }
        upgrade = job
        upgradeAnswer(frame, Result.next, index, &core, &line, at: now)
        if index == total { core.agenda.set(.upgrade, at: now.advanced(by: Self.checkWait)) }
    }

    private mutating func check(
        _ frame: DNYFrame, _ payload: [UInt8], _ job: DNYUpgrade, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) {
        var cursor = ByteCursor(Array(payload.dropFirst(Self.checkMark.count)))
        guard let sum = cursor.integer(UInt32.self), let type = cursor.integer(UInt8.self), let version = cursor.integer(UInt16.self) else {
            return upgradeAnswer(frame, Result.bad, job.index, &core, &line, at: now)
        }
        let result = sum != job.sum ? Result.sum : (type != settings.deviceType ? Result.type : Result.next)
        guard result == Result.next else {
            upgrade = nil
            core.agenda.cancel(.upgrade)
            line.note("upgrade.failed", ["result": .integer(Int64(result))])
            return upgradeAnswer(frame, result, job.index, &core, &line, at: now)
        }
        upgrade?.firmware = version
        upgradeAnswer(frame, Result.next, job.index + 1, &core, &line, at: now)
        core.agenda.set(.upgrade, at: now.advanced(by: .milliseconds(500)))
    }

    private func upgradeAnswer(
        _ frame: DNYFrame, _ result: UInt8, _ index: UInt16, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant
    ) {
        var data = [result]
        data.append(littleEndian: index)
        answer(frame, data, &core, &line, at: now)
    }

    /// The image is complete: the new firmware counts from the next boot.
    mutating func upgradeDue(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard let job = upgrade, job.index >= job.total || job.firmware != nil else { return }
        upgrade = nil
        var bytes: [UInt8] = []
        bytes.append(littleEndian: job.firmware ?? firmware &+ 1)
        do { try core.memory.keepSetting(Self.firmwareSetting, bytes) } catch { return line.note("upgrade.failed", ["result": 1]) }
        line.note("upgrade.done", ["packets": .integer(Int64(job.total)), "size": .integer(Int64(job.size))])
        line.restart = PileLine.Restart("upgrade", after: .seconds(3))
    }
}
