package import LabCore
import WireProtocols

/// Several piles as slaves on one RS-485 line behind one serial port (charging-protocols.md 4.8, "RS-485 bus"): 9600 8N1, half duplex.
///
/// Everybody hears everything. A slave takes frames for its physical ID at any time, and speaks only when it is polled (a DNY frame of
/// command 00 with its virtual ID): one frame of those that wait, after the turn-around time. The host gives up after 60 ms.
package struct PileBus: Device {
    package struct Slave: Sendable {
        package internal(set) var unit: PileUnit
        package let physicalID: UInt32
        /// 0 to 49.
        package let virtualID: UInt8
        /// From a poll to the first byte of the answer.
        package var turnAround: Duration

        package init(_ unit: PileUnit, physicalID: UInt32, virtualID: UInt8, turnAround: Duration = .milliseconds(8)) {
            self.unit = unit
            self.physicalID = physicalID
            self.virtualID = virtualID
            self.turnAround = turnAround
        }
    }

    /// What a slave says that has nothing to say; the vendor does not tell (4.8).
    package enum IdleAnswer: String, Sendable, CaseIterable { case silence, poll }

    package internal(set) var slaves: [Slave]
    package let idleAnswer: IdleAnswer
    package internal(set) var power = PilePower()
    private var decoder = DNYStreamDecoder()
    /// The slave that was polled, and its poll.
    private var polled: (place: Int, frame: DNYFrame)?

    package init(_ slaves: [Slave], idleAnswer: IdleAnswer = .silence) {
        self.slaves = slaves
        self.idleAnswer = idleAnswer
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn:
            guard !power.isOn, !power.isSwitchedOff else { return }
            power.isOn = true
            power.isComing = false
            power.agenda = nil
            if power.hasLost { effects.append(.note("power.restored", [:])) }
            power.hasLost = false
            each(&effects) { unit, _ in unit.core.mainsReturned(at: now) }
            effects.append(.startTimer(.pileBoot, after: slaves.first?.unit.core.setup.bootTime ?? .zero))
        case .powerLost: powerLost("cut", at: now, &effects)
        case .action(let token, let name, let arguments):
            let result = act(name, arguments, at: now, &effects)
            effects.append(.finish(token, result))
        case .fault(let name, let arguments, let isActive): fault(name, arguments, isActive, at: now, &effects)
        case _ where !power.isOn: return
        case .timerFired(.pileBoot):
            each(&effects) { unit, _ in
                unit.line.note(
                    "booted", ["pile": .text(unit.core.setup.id), "waiting": .integer(Int64(unit.core.memory.bills.pending.count))])
                unit.boot(at: now)
            }
            effects.append(.link(.serial, .open))
        case .timerFired(.pileAgenda):
            power.agenda = nil
            each(&effects) { unit, _ in unit.due(at: now) }
        case .timerFired(.pileBusReply): reply(at: now, &effects)
        case .link(.serial, .opened): each(&effects) { unit, _ in unit.connected(at: now) }
        case .link(.serial, .closed):
            polled = nil
            each(&effects) { unit, _ in unit.disconnected(at: now) }
        case .link(.serial, .bytes(let bytes)): received(bytes, at: now, &effects)
        case .timerFired, .link, .mqtt, .answered, .served: return
        }
        finish(at: now, &effects)
    }

    /// Does something with every slave, whose notes go to the effects.
    private mutating func each(_ effects: inout [DeviceEffect], _ body: (inout PileUnit, Int) -> Void) {
        for place in slaves.indices { with(place, &effects) { body(&$0, place) } }
    }

    private mutating func with<Result>(_ place: Int, _ effects: inout [DeviceEffect], _ body: (inout PileUnit) -> Result) -> Result {
        swap(&slaves[place].unit.line.effects, &effects)
        let result = body(&slaves[place].unit)
        swap(&slaves[place].unit.line.effects, &effects)
        return result
    }

    private mutating func finish(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if power.isOn, slaves.contains(where: { $0.unit.core.hasFlashLostPower }) {
            effects.removeAll { if case .link = $0 { true } else { false } }
            powerLost("flash_cut", at: now, &effects)
            effects.append(.reboot(after: power.flashOutage))
        }
        for place in slaves.indices {
            slaves[place].unit.line.wantsClose = false
            guard slaves[place].unit.line.restart != nil else { continue }
            slaves[place].unit.line.restart = nil
            restart(place, at: now, &effects)
        }
        guard power.isOn else { return }
        let next = slaves.compactMap(\.unit.core.agenda.next).min()
        if let timer = power.plan(next, at: now) { effects.append(timer) }
    }

    /// One slave begins anew; the others go on.
    private mutating func restart(_ place: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        with(place, &effects) { unit in
            let wasOpen = unit.line.isOpen
            unit.powerLost(at: now)
            unit.core.mainsReturned(at: now)
            unit.line.note("booted", ["pile": .text(unit.core.setup.id), "waiting": .integer(Int64(unit.core.memory.bills.pending.count))])
            unit.boot(at: now)
            if wasOpen { unit.connected(at: now) }
        }
    }

    private mutating func powerLost(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let had = power.isOn || (power.isComing && !power.hasLost)
        power.isComing = false
        guard had else { return }
        power.isOn = false
        power.hasLost = true
        polled = nil
        decoder = DNYStreamDecoder()
        each(&effects) { unit, _ in unit.powerLost(at: now) }
        effects.append(.note("power.lost", ["reason": .text(reason)]))
    }

    // MARK: Line

    private mutating func received(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        decoder.append(bytes)
        while let item = decoder.next() {
            switch item {
            case .frame(let frame) where frame.command == DNYCommand.poll: poll(frame, &effects)
            case .frame(let frame):
                guard let place = slaves.firstIndex(where: { $0.physicalID == frame.physicalID }), let whole = try? frame.encoded() else {
                    continue
                }
                with(place, &effects) { $0.received(whole, at: now) }
            case .refused(let fault, let bytes, _):
                effects.append(.note("frame.refused", ["reason": .text(fault.word), "bytes": .bytes(bytes)]))
            case .garbage(let bytes, _): effects.append(.note("frame.refused", ["reason": "garbage", "bytes": .bytes(bytes)]))
            case .iccid, .link: break
            }
        }
    }

    private mutating func poll(_ frame: DNYFrame, _ effects: inout [DeviceEffect]) {
        guard let virtual = frame.data.first, let place = slaves.firstIndex(where: { $0.virtualID == virtual }) else { return }
        let unit = slaves[place].unit
        guard unit.core.isRunning, !unit.core.isHung else { return }
        effects.append(.note("bus.polled", ["unit": .integer(Int64(place) + 1)]))
        polled = (place, frame)
        effects.append(.startTimer(.pileBusReply, after: slaves[place].turnAround))
    }

    private mutating func reply(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let (place, frame) = polled else { return }
        polled = nil
        let idle = idleAnswer
        with(place, &effects) { unit in
            guard unit.line.isOpen else { return }
            if !unit.line.outbox.isEmpty {
                let frame = unit.line.outbox.removeFirst()
                unit.line.transmit(frame, &unit.core, at: now)
            } else if idle == .poll, let bytes = try? frame.encoded() {
                unit.line.sendUnframed(bytes, at: now)
            }
        }
    }

    // MARK: Scenario

    private func place(_ arguments: Fields) -> Int? {
        let unit = arguments["unit"]?.integer ?? 1
        return unit >= 1 && unit <= Int64(slaves.count) ? Int(unit) - 1 : nil
    }

    private static func noSuchUnit(_ count: Int) -> ActionFailure { ActionFailure("no_such_unit", "The bus has the units 1 to \(count).") }

    private mutating func act(
        _ name: String, _ arguments: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Result<Fields, ActionFailure> {
        switch name {
        case "power_on":
            power.isSwitchedOff = false
            if !power.isOn, !power.isComing {
                power.isComing = true
                effects.append(.reboot(after: .zero))
            }
            return .success(["pile": .text(slaves.first?.unit.core.setup.id ?? "")])
        case "power_off":
            let wasOn = power.isOn
            power.isSwitchedOff = true
            powerLost("switched_off", at: now, &effects)
            if wasOn { effects.append(.reboot(after: PilePower.never)) }
            return .success([:])
        case "reboot":
            guard power.isOn else { return .failure(PileUnit.withoutPower) }
            each(&effects) { unit, _ in unit.line.restart = PileLine.Restart("scenario", after: PilePower.resetTime) }
            return .success([:])
        default:
            guard let place = place(arguments) else { return .failure(Self.noSuchUnit(slaves.count)) }
            let isOn = power.isOn
            return with(place, &effects) { $0.act(name, arguments, isPowered: isOn, at: now) }
        }
    }

    private mutating func fault(_ name: String, _ arguments: Fields, _ isActive: Bool, at now: RunInstant, _ effects: inout [DeviceEffect])
    {
        for index in slaves.indices where arguments["unit"] == nil || place(arguments) == index {
            if with(index, &effects, { $0.fault(name, arguments, isActive, at: now) }) { restart(index, at: now, &effects) }
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        guard let place = place(arguments) else { return .failure(Self.noSuchUnit(slaves.count)) }
        return slaves[place].unit.answer(query, arguments, isPowered: power.isOn, at: now)
    }
}

extension TimerName {
    static let pileBusReply = TimerName(rawValue: 4)
}
