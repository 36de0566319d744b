package import LabCore
import WireProtocols

/// Makes piles from the facts of a scenario or of `lab.yaml`. A new protocol gets its word here.
package enum PileFactory {
    /// - Parameters:
    ///   - node: the node's name, such as `pile` or `piles#17`; a pile without the fact `pile` has an id made from it.
    ///   - epoch: Unix seconds at the start of the run.
    ///   - recordsFrames: false for a pile by itself whose frames nobody reads in the log.
    /// - Throws: `bad_fact` with the fact and what it may be.
    package static func make(_ facts: Fields, node: String, epoch: Int64, recordsFrames: Bool = true) throws(ActionFailure) -> any Device {
        let device = try device(facts, node: node, epoch: epoch)
        guard !recordsFrames, var pile = device as? ChargingPile else { return device }
        pile.unit.line.recordsFrames = false
        return pile
    }

    private static func device(_ facts: Fields, node: String, epoch: Int64) throws(ActionFailure) -> any Device {
        let line = facts["line"]?.text.flatMap { PileLine.Kind(rawValue: $0) } ?? .tcp
        switch facts["protocol"]?.text ?? "dny" {
        case "dny":
            if line == .bus { return try bus(facts, node: node, epoch: epoch) }
            return ChargingPile(try dnyUnit(facts, node: node, epoch: epoch, line: PileLine(line), place: 0))
        case "bkv", "gn": return try bkv(facts, node: node, epoch: epoch, line: line)
        case "ee66": return try ee66(facts, node: node, epoch: epoch)
        case let word:
            throw ActionFailure("bad_fact", "There is no emulated pile with the protocol '\(word)'; there are dny, bkv and ee66.")
        }
    }

    private static func bus(_ facts: Fields, node: String, epoch: Int64) throws(ActionFailure) -> PileBus {
        let count = facts["slaves"]?.integer ?? 2
        guard (1...50).contains(count) else { throw ActionFailure("bad_fact", "slaves is 1 to 50, not \(count).") }
        var slaves: [PileBus.Slave] = []
        for place in 0..<Int(count) {
            let unit = try dnyUnit(facts, node: node, epoch: epoch, line: PileLine(.bus, unit: place + 1), place: place)
            let physicalID = DNYPhysicalID(unit.core.setup.id)?.rawValue ?? 0
            let turnAround = facts["turn_around"]?.durationNanoseconds ?? 8_000_000
            slaves.append(PileBus.Slave(unit, physicalID: physicalID, virtualID: UInt8(place), turnAround: .nanoseconds(turnAround)))
        }
        return PileBus(slaves)
    }

    private static func dnyUnit(_ facts: Fields, node: String, epoch: Int64, line: PileLine, place: Int) throws(ActionFailure) -> PileUnit {
        let ports = facts["ports"]?.integer ?? 2
        let id = try physicalID(facts["pile"]?.text, node, ports: ports, place: place)
        let core = PileCore(try setup(facts, id: id.text, epoch: epoch))
        return PileUnit(
            core, DNYPile(try dnySettings(facts, id: id.rawValue, ports: ports, virtualID: line.kind == .bus ? UInt8(clamping: place) : 0)),
            line)
    }

    static func checkMeter(_ address: String) throws(ActionFailure) {
        guard address.utf8.count == 12, address.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw ActionFailure("bad_fact", "meter is an address of 12 digits, not '\(address)'.")
        }
    }

    /// What every protocol has.
    package static func setup(_ facts: Fields, id: String, epoch: Int64) throws(ActionFailure) -> PileSetup {
        let ports = facts["ports"]?.integer ?? 2
        guard (1...20).contains(ports) else { throw ActionFailure("bad_fact", "ports is 1 to 20, not \(ports).") }
        var setup = PileSetup(id: id, ports: Int(ports), epoch: epoch)
        if let watts = facts["rated_power"]?.integer {
            guard (1...100_000).contains(watts) else { throw ActionFailure("bad_fact", "rated_power is 1 to 100000 W, not \(watts).") }
            setup.ratedPower = watts * 10
        }
        if let register = facts["register"]?.integer { setup.register = min(max(register, 0), 1 << 40) }
        if let watts = facts["idle_power"]?.asNumber { setup.idlePower = Int64((min(max(watts, 0), 1_000) * 1_000).rounded()) }
        if let resumes = facts["resumes"]?.bool { setup.resumes = resumes }
        if let drift = facts["drift"]?.integer { setup.drift = drift }
        if let time = facts["boot_time"]?.durationNanoseconds { setup.bootTime = .nanoseconds(time) }
        if let metered = facts["metered"]?.bool { setup.metersHalfHours = metered }
        return setup
    }

    private static func dnySettings(_ facts: Fields, id: UInt32, ports: Int64, virtualID: UInt8) throws(ActionFailure) -> DNYPileSettings {
        var settings = DNYPileSettings(physicalID: id)
        settings.virtualID = virtualID
        settings.deviceType = ports <= 2 ? 0x27 : (ports == 12 ? 0x30 : 0x20)
        if let text = facts["firmware"]?.text {
            // 6.40 is 640, and so is 6.4.
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard let major = parts.first.flatMap({ UInt16($0) }), major < 600,
                let minor = parts.dropFirst().first.map({ UInt16($0) }) ?? 0, minor < 100
            else {
                throw ActionFailure("bad_fact", "firmware of dny is a number such as 6.40, not '\(text)'.")
            }
            settings.firmware = major * 100 + (parts.count > 1 && parts[1].utf8.count == 1 ? minor * 10 : minor)
        }
        if facts["dialect"]?.text == "iot-server-cdz" { settings.wire.dialect = .iotServerCDZ }
        settings.reportsEarly = facts["early_heartbeat"]?.bool ?? false
        settings.confirmsOrders = facts["order_confirm"]?.bool ?? false
        settings.sendsOldHeartbeat = facts["old_heartbeat"]?.bool ?? false
        settings.isHost = facts["host"]?.bool ?? false
        if let address = facts["meter"]?.text {
            try checkMeter(address)
            guard settings.isHost else { throw ActionFailure("bad_fact", "A dny pile with a meter is a host: add host: true.") }
            settings.hasMeter = true
        }
        settings.stopNeedsOrder = facts["stop_needs_order"]?.bool ?? true
        if let time = facts["heartbeat"]?.durationNanoseconds { settings.heartbeat = .nanoseconds(max(1_000_000_000, time)) }
        if let time = facts["report"]?.durationNanoseconds { settings.report = .nanoseconds(max(1_000_000_000, time)) }
        if let time = facts["late_start"]?.durationNanoseconds { settings.lateStart = .nanoseconds(time) }
        if facts["keep_alive"]?.bool == false { settings.linkAfter = nil }
        return settings
    }

    /// The fact, counted up by the member of a fleet and the place on a bus; else an id that follows from the node's name.
    private static func physicalID(_ fact: String?, _ node: String, ports: Int64, place: Int) throws(ActionFailure) -> DNYPhysicalID {
        let member = UInt32(clamping: node.split(separator: "#").dropFirst().first.flatMap { Int($0) } ?? 1)
        let offset = (member > 0 ? member - 1 : 0) &+ UInt32(clamping: place)
        if let fact {
            guard let id = DNYPhysicalID(fact) else {
                throw ActionFailure("bad_fact", "pile of dny has 8 hexadecimal digits such as 04ceaa40, not '\(fact)'.")
            }
            return DNYPhysicalID(id.rawValue & 0xff00_0000 | (id.number &+ offset) & 0xff_ffff)
        }
        let code: DNYDeviceCode =
            switch ports {
            case 1: .single
            case 10: .tenPorts
            case 12: .twelvePorts
            case 16: .sixteenPorts
            default: .double
            }
        var generator = SeededGenerator(seed: 0, purpose: "id of pile \(node.prefix { $0 != "#" })")
        return DNYPhysicalID(code, number: (UInt32(truncatingIfNeeded: generator.next()) & 0xff_0000) &+ offset &+ 1)
    }
}
