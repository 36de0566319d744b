import LabCore

/// What scenarios do to a pile, ask it, and let go wrong.
extension PileUnit {
    static let withoutPower = ActionFailure("powered_off", "The pile has no power; use power_on.")

    // MARK: Actions

    mutating func act(_ name: String, _ arguments: Fields, isPowered: Bool, at now: RunInstant) -> Result<Fields, ActionFailure> {
        defer { settle(at: now) }
        do throws(ActionFailure) {
            switch name {
            case "plug": return .success(try plug(arguments, at: now))
            case "unplug":
                let port = try port(arguments)
                guard core.ports[port].isPlugged else { throw ActionFailure("not_plugged", "Nothing is plugged in at port \(port + 1).") }
                core.unplug(port, at: now)
                return .success([:])
            case "swipe":
                try needPower(isPowered)
                let port = arguments["port"] == nil ? nil : try port(arguments)
                core.swipe(port: port, card: try card(arguments))
                return .success([:])
            case "press_stop":
                try needPower(isPowered)
                let port = try port(arguments)
                guard core.ports[port].charge != nil else { throw ActionFailure("not_charging", "Port \(port + 1) does not charge.") }
                core.end(port, .user, at: now)
                return .success([:])
            case "set_clock":
                try needPower(isPowered)
                if let time = arguments["time"]?.integer { core.setClock(unix: time, at: now) }
                if let offset = arguments["offset"]?.durationNanoseconds { core.jumpClock(by: Self.signed(offset, arguments)) }
                return .success(["time": .integer(core.clock.seconds(at: now))])
            case "frame.send":
                try needPower(isPowered)
                return .success(try sendFrame(arguments, at: now))
            default: throw ActionFailure("unknown_action", "A pile has no action '\(name)'.")
            }
        } catch { return .failure(error) }
    }

    private func needPower(_ isPowered: Bool) throws(ActionFailure) {
        guard isPowered, core.isRunning else { throw Self.withoutPower }
    }

    private mutating func plug(_ arguments: Fields, at now: RunInstant) throws(ActionFailure) -> Fields {
        let port = try port(arguments)
        let watts = arguments["watts"]?.asNumber ?? 150
        guard watts >= 0, watts <= 1e6 else { throw ActionFailure("bad_argument", "watts is 0 to 1000000, not \(watts).") }
        core.plug(port, PileLoad(watts: watts, capacity: arguments["capacity"]?.asNumber, taper: arguments["taper"]?.asNumber), at: now)
        return [:]
    }

    private func card(_ arguments: Fields) throws(ActionFailure) -> UInt64 {
        if let number = arguments["card"]?.integer, number >= 0 { return UInt64(number) }
        if let text = arguments["card"]?.text, let number = UInt64(text) ?? UInt64(text, radix: 16) { return number }
        throw ActionFailure("bad_argument", "card is a number, decimal or hexadecimal.")
    }

    private mutating func sendFrame(_ arguments: Fields, at now: RunInstant) throws(ActionFailure) -> Fields {
        guard line.isOpen else { throw ActionFailure("offline", "The pile has no connection; expect online first.") }
        let frame: PileFrame
        if let value = arguments["bytes"] {
            guard let bytes = Self.bytes(value) else { throw ActionFailure("bad_argument", "bytes are pairs of hexadecimal digits.") }
            frame = personality.describe(bytes)
        } else {
            frame = try personality.forge(arguments, &core, at: now)
        }
        line.send(frame, &core, at: now)
        return ["bytes": .bytes(frame.bytes)]
    }

    private static func bytes(_ value: FieldValue) -> [UInt8]? {
        switch value {
        case .bytes(let bytes): bytes
        case .text(let text): Hexadecimal.bytes(text)
        default: nil
        }
    }

    /// The port, from 0.
    private func port(_ arguments: Fields) throws(ActionFailure) -> Int {
        let number = arguments["port"]?.integer ?? 1
        guard number >= 1, number <= Int64(core.ports.count) else {
            throw ActionFailure("no_such_port", "The pile has the ports 1 to \(core.ports.count), not \(number).")
        }
        return Int(number) - 1
    }

    /// Durations have no sign; `direction` tells it.
    private static func signed(_ nanoseconds: Int64, _ arguments: Fields) -> Int64 {
        arguments["direction"]?.text == "behind" ? -nanoseconds : nanoseconds
    }

    // MARK: Queries

    func answer(_ query: String, _ arguments: Fields, isPowered: Bool, at now: RunInstant) -> Result<Fields, ActionFailure> {
        switch query {
        case "port":
            do throws(ActionFailure) { return .success(state(of: try port(arguments), at: now)) } catch { return .failure(error) }
        case "bills":
            var orders: [FieldValue] = []
            for bill in core.memory.bills.pending { orders.append(.text(personality.text(bill.order))) }
            return .success(
                (["waiting": .integer(Int64(orders.count)), "orders": .list(orders)] as Fields).merging(personality.state(core, at: now)))
        case "clock":
            let time = core.clock.seconds(at: now)
            return .success(["time": .integer(time), "offset": .integer(time - core.setup.unix(now)), "set": .bool(core.clock.isSet)])
        case "state":
            return .success([
                "pile": .text(core.setup.id), "power": isPowered ? "on" : "off", "running": .bool(core.isRunning && !core.isHung),
                "connected": .bool(line.isOpen), "protocol": .text(personality.word),
            ])
        default: return .failure(ActionFailure("unknown_query", "A pile has no query '\(query)'."))
        }
    }

    private func state(of port: Int, at now: RunInstant) -> Fields {
        var copy = core
        let reading = copy.reading(port, at: now)
        var fields: Fields = [
            "port": .integer(Int64(port) + 1), "state": .text(reading.condition.rawValue), "plugged": .bool(reading.isPlugged),
            "power": .integer(reading.power), "energy": .integer(reading.energy), "register": .integer(reading.register),
            "true_register": .integer(PileEnergy.deciwattHours(copy.ports[port].meter.truth)), "seconds": .integer(reading.seconds),
            "temperature": .integer(reading.temperature),
        ]
        if copy.ports[port].charge != nil { fields["order"] = .text(personality.text(reading.order)) }
        return fields
    }

    // MARK: Faults

    /// - Returns: true where the watchdog has to reset the pile now.
    mutating func fault(_ name: String, _ arguments: Fields, _ isActive: Bool, at now: RunInstant) -> Bool {
        defer { settle(at: now) }
        let port = arguments["port"]?.integer.map { Int(clamping: $0 - 1) }
        switch name {
        case "over_current": core.overCurrent(port, isActive, at: now)
        case "over_temperature": core.overTemperature(port, isActive, at: now)
        case "smoke": core.smoke(isActive, at: now)
        case "water": core.water(isActive, at: now)
        case "relay.stuck": core.relayStuck(port ?? 0, isActive, at: now)
        case "register.reset": if isActive { core.resetRegister(port ?? 0, at: now) }
        case "register.rollback": core.shiftRegister(port ?? 0, by: (isActive ? -1 : 1) * Self.energy(arguments), at: now)
        case "register.spike": core.shiftRegister(port ?? 0, by: (isActive ? 1 : -1) * Self.energy(arguments), at: now)
        case "register.loses":
            if isActive { core.loseRegister(of: .nanoseconds(arguments["time"]?.durationNanoseconds ?? 10_000_000_000), at: now) }
        case "clock.drift": core.driftClock(isActive ? arguments["ppm"]?.integer ?? 100 : core.setup.drift, at: now)
        case "clock.jump": if isActive { core.jumpClock(by: Self.signed(arguments["by"]?.durationNanoseconds ?? 0, arguments)) }
        case "clock.unset": if isActive { core.unsetClock(at: now) }
        case "start.refuse": core.refuseStarts(with: isActive ? UInt8(clamping: arguments["result"]?.integer ?? 3) : nil)
        case "start.slow": core.startDelay = isActive ? .nanoseconds(arguments["by"]?.durationNanoseconds ?? 5_000_000_000) : .zero
        case "heartbeat.stop": core.isHeartbeatStopped = isActive
        case "frame.lose", "frame.duplicate", "frame.corrupt", "frame.delay": frameFault(String(name.dropFirst(6)), arguments, isActive)
        case "flash.cut": cutFlash(arguments, isActive)
        case "bill.lose":
            if isActive, let bill = core.loseBill() {
                line.note("bill.lost", ["port": .integer(Int64(bill.port) + 1), "order": .text(personality.text(bill.order))])
            }
        case "hang":
            if isActive {
                if core.isRunning { core.hang(at: now) }
            } else {
                return core.isHung
            }
        default: break
        }
        return false
    }

    /// `by` in dWh, within what a counter of this world can mean.
    private static func energy(_ arguments: Fields) -> Int64 { min(max(arguments["by"]?.integer ?? 1_000, -1 << 50), 1 << 50) }

    private mutating func frameFault(_ word: String, _ arguments: Fields, _ isActive: Bool) {
        guard let kind = FrameFault.Kind(rawValue: word) else { return }
        guard isActive else {
            if let place = line.faults.firstIndex(where: { $0.kind == kind && $0.arguments == arguments }) { line.faults.remove(at: place) }
            return
        }
        let time = (arguments["by"] ?? arguments["after"])?.durationNanoseconds ?? 1_000_000_000
        line.faults.append(
            FrameFault(
                kind: kind, command: arguments["command"]?.integer.map { Int(clamping: $0) },
                isIncoming: arguments["direction"]?.text == "in",
                left: arguments["times"]?.integer.map { Int(clamping: max(0, $0)) } ?? -1, time: .nanoseconds(max(0, time)),
                arguments: arguments))
    }

    private mutating func cutFlash(_ arguments: Fields, _ isActive: Bool) {
        guard isActive else { return core.cancelFlashCut() }
        let operation = UInt64(max(1, arguments["at_operation"]?.integer ?? 1))
        let tear: VirtualFlash.Tear =
            switch arguments["tear"]?.text {
            case "nothing": .nothing
            case "one_byte": .oneByte
            case "all_but_one_byte": .allButOneByte
            case "everything": .everything
            case "scattered": .scattered(seed: operation)
            default: .half
            }
        core.cutFlash(atOperation: operation, tear: tear)
    }
}
