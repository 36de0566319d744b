package import LabCore

/// What a scenario can do to a module and its surroundings, and ask it.
extension CellularModule {
    mutating func act(
        _ name: String, _ arguments: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Result<Fields, ActionFailure> {
        switch name {
        case "power_on": switchOn(&effects)
        case "power_off":
            if isPowered { effects.append(.note("power.lost", ["reason": "switched_off"])) }
            switchOff(isOrderly: false, &effects)
        case "power_key":
            guard isPowered else { return .failure(Self.withoutPower) }
            unsolicited("NORMAL POWER DOWN", &effects)
            beginPowerDown(after: Self.powerDownTime, &effects)
        case "reset":
            guard isPowered else { return .failure(Self.withoutPower) }
            effects.append(.cancelTimer(.shutdown))
            isSwitchedOff = false
            resetCause = .line
            shutDown(&effects)
        case "sim.insert": return insertCard(arguments, &effects)
        case "sim.remove":
            let wasThere = cardInSlot != nil
            card = nil
            if wasThere { cardRemoved(at: now, &effects) }
        case "network": return changeNetwork(arguments, at: now, &effects)
        case "sms.receive":
            guard isPowered else { return .failure(Self.withoutPower) }
            return receiveMessage(arguments, at: now, &effects)
        case "move": return move(arguments)
        case "rescue": return rescue(&effects)
        default: return .failure(ActionFailure("unknown_action", "The module cannot do '\(name)'."))
        }
        return .success([:])
    }

    private static let withoutPower = ActionFailure("powered_off", "The module has no power; use power_on.")

    private mutating func insertCard(_ arguments: Fields, _ effects: inout [DeviceEffect]) -> Result<Fields, ActionFailure> {
        guard card == nil else { return .failure(ActionFailure("occupied", "There is a SIM in the module; use sim.remove first.")) }
        var facts = arguments
        facts["sim"] = true
        do throws(ActionFailure) {
            card = try ModuleSetup(facts: facts, epoch: 0).card
        } catch { return .failure(ActionFailure("bad_argument", error.message)) }
        if cardInSlot != nil { cardInserted(&effects) }
        return .success(["imsi": .text(card?.imsi ?? "")])
    }

    private mutating func changeNetwork(
        _ arguments: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Result<Fields, ActionFailure> {
        var next = network
        if let mode = arguments["mode"]?.text {
            guard let known = RadioNetwork.Mode(rawValue: mode) else {
                return .failure(
                    ActionFailure("bad_argument", "mode is one of \(RadioNetwork.Mode.allCases.map(\.rawValue).joined(separator: ", "))."))
            }
            next.mode = known
        }
        let plmn = arguments["plmn"]?.description
        next.setOperator(name: arguments["operator"]?.text, shortName: arguments["short_name"]?.text, plmn: plmn)
        if let plmn, next.plmn != plmn { return .failure(ActionFailure("bad_argument", "plmn needs 5 or 6 digits.")) }
        if let failure = Self.set(&next.lte, arguments, prefix: "") ?? Self.set(&next.nr, arguments, prefix: "nr_") {
            return .failure(failure)
        }
        // One number for a network that has one kind of cell only.
        if next.mode == .standalone, let failure = Self.set(&next.nr, arguments, prefix: "") { return .failure(failure) }
        let isOther = next.plmn != network.plmn
        network = next
        if isOther, ram.registration.isRegistered {
            // Another network is another registration.
            leaveNetwork(reason: "network_changed", at: now, &effects)
        }
        updateRegistration(at: now, &effects)
        return .success([:])
    }

    private static func set(_ cell: inout RadioNetwork.Cell, _ arguments: Fields, prefix: String) -> ActionFailure? {
        func number(_ name: String, _ range: ClosedRange<Double>) throws(ActionFailure) -> Double? {
            guard let value = arguments[prefix + name] else { return nil }
            guard let number = value.asNumber, range.contains(number) else {
                throw ActionFailure("bad_argument", "\(prefix + name) is a number of \(Int(range.lowerBound)) to \(Int(range.upperBound)).")
            }
            return number
        }
        do throws(ActionFailure) {
            cell.rsrp = try number("rsrp", -140 ... -44) ?? cell.rsrp
            cell.rsrq = try number("rsrq", -20 ... -3) ?? cell.rsrq
            cell.sinr = try number("sinr", -20...40) ?? cell.sinr
            cell.band = try number("band", 1...512).map { Int($0) } ?? cell.band
            cell.channel = try number("channel", 0...3_279_165).map { Int($0) } ?? cell.channel
            cell.physicalID = try number("pci", 0...1_007).map { Int($0) } ?? cell.physicalID
        } catch { return error }
        return nil
    }

    private mutating func move(_ arguments: Fields) -> Result<Fields, ActionFailure> {
        guard let latitude = arguments["lat"]?.asNumber, let longitude = arguments["lon"]?.asNumber, (-90...90).contains(latitude),
            (-180...180).contains(longitude)
        else { return .failure(ActionFailure("bad_argument", "move needs lat of -90 to 90 and lon of -180 to 180 degrees.")) }
        position.latitude = latitude
        position.longitude = longitude
        position.altitude = arguments["altitude"]?.asNumber.map { min(max($0, -1_000), 20_000) } ?? position.altitude
        return .success([:])
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        if query == "firmware" { return .success(firmwareFields) }
        guard query == "truth" else { return .failure(ActionFailure("unknown_query", "The module has no query '\(query)'.")) }
        let registration = ram.registration
        let cell = servingMeasurement(at: now)
        return .success([
            "powered": .bool(isPowered), "ports": .integer(Int64(ram.openPorts.count)), "sim": .bool(cardInSlot != nil),
            "attached": .bool(registration.isRegistered), "roaming": .bool(registration.isRoaming),
            "rat": .text(registration.isRegistered ? registration.mode.rawValue : "none"),
            "operator": .text(network.longName), "rsrp": cell.map { .integer(Int64($0.rsrp)) } ?? .null,
            "sinr": cell.map { .integer(Int64($0.sinr)) } ?? .null,
            "apn": .text(ram.settings.contexts[1]?.accessPoint ?? ""), "active_apn": .text(ram.contexts[1]?.accessPoint ?? ""),
            "address": .text(ram.contexts[1]?.address ?? ""), "temperature": .integer(Int64(temperature(at: now))),
            "firmware": .text(firmware), "imei": .text(setup.imei), "imsi": .text(card?.imsi ?? ""),
            "messages": .integer(Int64(isPowered ? storedMessages.count : 0)), "files": .integer(Int64(disk.files.count)),
            "lat": .number(position.latitude), "lon": .number(position.longitude),
        ])
    }
}
