import FirmwareImages
package import LabCore

/// Faults, and what scenarios can ask about the state.
extension Badge {
    mutating func fault(_ name: String, _ arguments: Fields, _ isActive: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch name {
        case "app.hang":
            faults.isHanging = isActive
            // A hung application does not recover when the fault ends: only the watchdog helps.
            if isActive { hang(&effects) }
        case "app.crash":
            faults.isCrashing = isActive
            if isActive { crash(&effects) }
        case "watchdog.fire": if isActive { resetByWatchdog(at: now, &effects) }
        case "clock.wrong":
            let seconds = (arguments["by"]?.durationNanoseconds ?? 0) / 1_000_000_000
            backup.clockError = isActive ? (arguments.text("direction") == "behind" ? -seconds : seconds) : 0
            ram.hasCorrectedClock = false
        case "flash.cut": cutFlash(arguments, isActive)
        case "flash.corrupt": faults.isUpdateSlotCorrupting = isActive
        case "flash.full": faults.isUpdateSlotFull = isActive
        case "flash.bad_sector": if isActive { spoilSector(arguments["sector"]?.integer ?? 0) }
        case "slot.damage": if isActive { damageSlot(arguments.text("slot")) }
        case "self_test.fail": faults.failingCheck = isActive ? arguments.text("check") : nil
        case "settings.later": faults.schema = isActive ? Int(clamping: arguments["form"]?.integer ?? 2) : nil
        case "self_test.hang": faults.isSelfTestHanging = isActive
        case "sensor.overheat": faults.celsius = isActive ? arguments["celsius"]?.asNumber : nil
        default: break
        }
    }

    private mutating func cutFlash(_ arguments: Fields, _ isActive: Bool) {
        let isFirmware = arguments.text("part") == "firmware"
        guard isActive else { return isFirmware ? firmware.flash.cancelCut() : flash.cancelCut() }
        if let away = arguments["away"]?.durationNanoseconds { faults.flashOutage = .nanoseconds(max(0, away)) }
        let operation = UInt64(max(1, arguments["at_operation"]?.integer ?? 1))
        let tear = Self.tear(arguments.text("tear"), seed: operation)
        if isFirmware { firmware.flash.cutPower(atOperation: operation, tear: tear) } else { flash.cutPower(atOperation: operation, tear: tear) }
    }

    /// A sector of the update slot neither programs nor erases any more.
    private mutating func spoilSector(_ index: Int64) {
        guard index >= 0, index < firmware.layout.imageSectors else { return }
        firmware.flash.markBad(firmware.sectors(firmware.updateSlot).lowerBound + Int(index))
    }

    /// Clears bits in the middle of the image in a slot, as a worn or hit cell does.
    private mutating func damageSlot(_ name: String?) {
        let slot: FirmwareSlot =
            switch name {
            case "a": .a
            case "b": .b
            case "running": firmware.running
            default: firmware.updateSlot
            }
        let length = firmware.slots.first { $0.name == slot.rawValue }?.image?.length ?? firmware.updateSectorSize
        let unit = firmware.layout.writeUnit
        let isPowered = firmware.flash.isPowered
        firmware.flash.restorePower()
        // A payload without its bundle's hashes is recognised by its beginning only.
        for offset in firmware.model == .rauc ? [0, length / 2] : [length / 2] {
            try? firmware.flash.program(at: firmware.address(slot) + offset / unit * unit, Array(repeating: 0, count: unit))
        }
        if !isPowered { firmware.flash.cutPower(atOperation: 1, tear: .nothing) }
    }

    private static func tear(_ word: String?, seed: UInt64) -> VirtualFlash.Tear {
        switch word {
        case "nothing": .nothing
        case "one_byte": .oneByte
        case "all_but_one_byte": .allButOneByte
        case "everything": .everything
        case "scattered": .scattered(seed: seed)
        default: .half
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        switch query {
        case "state": return .success(state)
        case "firmware": return .success(firmwareState)
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
        fields["firmware"] = .text(shownVersion)
        fields["boot_count"] = .integer(Int64(cursor.integer(UInt32.self) ?? 0))
        fields["config_version"] = .integer(configuration.version)
        return fields
    }
}
