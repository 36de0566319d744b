package import LabCore

/// Faults, and what scenarios can ask about the state.
extension Badge {
    mutating func fault(_ name: String, _ arguments: Fields, _ isActive: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch name {
        case "app.hang":
            faults.isHanging = isActive
            // A hung application does not recover when the fault ends: only the watchdog helps.
            if isActive { hang(&effects) }
        case "clock.wrong":
            let seconds = (arguments["by"]?.durationNanoseconds ?? 0) / 1_000_000_000
            backup.clockError = isActive ? (arguments.text("direction") == "behind" ? -seconds : seconds) : 0
            ram.hasCorrectedClock = false
        case "flash.cut":
            if let away = arguments["away"]?.durationNanoseconds { faults.flashOutage = .nanoseconds(max(0, away)) }
            guard isActive else { return flash.cancelCut() }
            let operation = max(1, arguments["at_operation"]?.integer ?? 1)
            flash.cutPower(atOperation: UInt64(operation), tear: Self.tear(arguments.text("tear")))
        case "sensor.overheat": faults.celsius = isActive ? arguments["celsius"]?.asNumber : nil
        default: break
        }
    }

    private static func tear(_ word: String?) -> VirtualFlash.Tear {
        switch word {
        case "nothing": .nothing
        case "one_byte": .oneByte
        case "all_but_one_byte": .allButOneByte
        case "everything": .everything
        default: .half
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        switch query {
        case "state": return .success(state)
        case "config":
            let configuration = isPowered ? ram.configuration : storedConfiguration
            guard let key = arguments.text("key").flatMap(BadgeConfiguration.Key.init) else {
                let known = BadgeConfiguration.Key.allCases.map(\.rawValue).joined(separator: ", ")
                return .failure(ActionFailure("unknown_key", "A badge has no such setting; there are \(known)."))
            }
            return .success(
                ["key": .text(key.rawValue), "value": .text(configuration.text(key)), "version": .integer(configuration.version)])
        default: return .failure(ActionFailure("unknown_query", "A badge has no query '\(query)'."))
        }
    }

    /// The store as the next boot will find it.
    private var mounted: RecordStore { RecordStore(mounting: Self.storeSectors, of: flash) }

    private var storedConfiguration: BadgeConfiguration {
        mounted.value(.configuration, in: flash).flatMap { BadgeConfiguration(bytes: $0) } ?? BadgeConfiguration()
    }

    /// Also without power: what the chip holds.
    private var state: Fields {
        let store = mounted
        let credentials = store.value(.credentials, in: flash).flatMap { BadgeCredentials(bytes: $0) }
        var cursor = ByteCursor(store.value(.bootCount, in: flash) ?? [])
        let configuration = isPowered ? ram.configuration : storedConfiguration
        var fields: Fields = [
            "power": isPowered ? "on" : "off", "phase": isPowered ? .text(ram.phase.rawValue) : "off",
            "registered": .bool(credentials != nil), "online": .bool(isPowered && ram.phase == .online),
        ]
        if let credentials {
            fields["device"] = .text(credentials.deviceID)
            fields["key_epoch"] = .integer(Int64(credentials.keyEpoch))
        }
        if let factoryData {
            fields["serial_no"] = .text(factoryData.serialNumber)
            fields["hardware_id"] = .text(factoryData.hardwareID)
        }
        fields["firmware"] = .text(firmware)
        fields["boot_count"] = .integer(Int64(cursor.integer(UInt32.self) ?? 0))
        fields["config_version"] = .integer(configuration.version)
        return fields
    }
}
