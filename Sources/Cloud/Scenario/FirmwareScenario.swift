import GRDB
import LabCore
import Synchronization

/// An image with what lies beside it, as a scenario names it.
struct ScenarioImage {
    var path: String
    var image: [UInt8]
    var manifest: [UInt8]?
    var delta: [UInt8]?
    /// A delta that only happens to lie beside the image is left alone where the manifest does not know it.
    var isDeltaNamed: Bool

    /// - Throws: `missing_field`.
    init(_ arguments: Fields) throws(ActionFailure) {
        let file = try CloudScenario.file("image", in: arguments)
        path = file["path"]?.text ?? "the image"
        image = CloudScenario.bytes(file["bytes"]) ?? []
        manifest = CloudScenario.bytes(file["manifest"])
        delta = CloudScenario.bytes(file["delta"])
        if arguments["manifest"] != nil { manifest = CloudScenario.bytes(try CloudScenario.file("manifest", in: arguments)["bytes"]) }
        isDeltaNamed = arguments["delta"] != nil
        if isDeltaNamed { delta = CloudScenario.bytes(try CloudScenario.file("delta", in: arguments)["bytes"]) }
    }
}

extension CloudScenario {
    static func file(_ name: String, in arguments: Fields) throws(ActionFailure) -> Fields {
        guard let file = arguments[name]?.record, file["bytes"] != nil else {
            throw ActionFailure("missing_field", "The field '\(name)' is missing or is not a file.")
        }
        return file
    }

    /// Bytes as they are, or as a log gives them back.
    static func bytes(_ value: FieldValue?) -> [UInt8]? {
        switch value {
        case .bytes(let bytes)?: bytes
        case .text(let text)?: Hexadecimal.bytes(text)
        default: nil
        }
    }
}

extension Cloud {
    func performFirmware(_ action: String, _ arguments: Fields) async throws -> Fields {
        switch action {
        case "ota.start": return try await startUpdate(arguments)
        case "ota.cancel": return try await cancelUpdate(arguments)
        case "firmware.release":
            let version = try await publish(
                try ScenarioImage(arguments), arguments, deviceType: arguments["device_type"]?.text ?? "luna_badge", base: arguments["base_version"]?.text)
            return ["version": .text(version.number)]
        case "firmware.withdraw": return try await withdraw(arguments)
        case "firmware.root":
            let bytes = CloudScenario.bytes(try CloudScenario.file("root", in: arguments)["bytes"]) ?? []
            return ["number": .integer(try await firmware.putRoot(bytes, expecting: nil))]
        case "firmware.unblock": return try await unblock(arguments)
        case "firmware.group":
            try await firmware.setGroup(
                try CloudScenario.text("group", in: arguments), devices: arguments["devices"]?.list?.compactMap(\.text) ?? [],
                channel: arguments["channel"]?.text.flatMap(ReleaseChannel.init), tenant: tenant)
            return [:]
        case "firmware.channel":
            let channel = arguments["channel"]?.text.flatMap(ReleaseChannel.init) ?? .stable
            try await firmware.setChannel(channel, of: try CloudScenario.text("device", in: arguments), tenant: tenant)
            return [:]
        case "rollout.create":
            let rollout = try await firmware.create(arguments, tenant: tenant, actor: "lab")
            let shown = try storage.read { db in try FirmwareService.show(rollout, in: db) }
            return ["rollout": .text(rollout.id), "total": shown["total"] ?? 0]
        default: return try await controlRollout(String(action.dropFirst("rollout.".count)), arguments)
        }
    }

    func answerFirmware(_ query: String, _ arguments: Fields) throws -> Fields {
        try storage.read { db in
            switch query {
            case "rollout": return try FirmwareService.show(try rollout(arguments, in: db), in: db)
            case "rollout.statistics": return try UpdateStatistics.of(rollout: try rollout(arguments, in: db).row, in: db)
            case "execution":
                let device = try DeviceStore.active(try CloudScenario.text("device", in: arguments), tenant: tenant, in: db)
                let version = try arguments["version"]?.text.map { try VersionStore.known($0, type: device.type, tenant: tenant, in: db).row }
                guard let execution = try RolloutStore.newest(of: device.id, version: version, in: db) else {
                    throw ActionFailure("unknown_execution", "The device '\(device.id)' has had no such update.")
                }
                return try FirmwareService.show(execution, in: db)
            default:
                let version = try self.version(arguments, in: db)
                var fields = FirmwareService.show(version)
                if let device = arguments["device"]?.text { fields["blocked"] = .bool(try VersionStore.isBlocked(version.row, for: device, in: db)) }
                return fields
            }
        }
    }

    private func version(_ arguments: Fields, in db: Database) throws -> VersionRecord {
        try VersionStore.known(
            try CloudScenario.text("version", in: arguments), type: arguments["device_type"]?.text ?? "luna_badge", tenant: tenant, in: db)
    }

    /// The rollout that is named, or the newest one of the version.
    private func rollout(_ arguments: Fields, in db: Database) throws -> RolloutRecord {
        if let id = arguments["rollout"]?.text { return try RolloutStore.known(id, tenant: tenant, in: db) }
        guard arguments["version"] != nil else { throw ActionFailure("missing_field", "Name the rollout with 'rollout' or 'version'.") }
        let version = try version(arguments, in: db)
        guard let rollout = try RolloutStore.newest(of: version.row, in: db) else {
            throw ActionFailure("rollout_not_found", "The version \(version.number) has not been handed out.")
        }
        return rollout
    }

    // MARK: Actions

    private func startUpdate(_ arguments: Fields) async throws -> Fields {
        let device = try storage.read { db in
            try DeviceStore.active(try CloudScenario.text("device", in: arguments), tenant: tenant, in: db)
        }
        let version = try await publish(
            try ScenarioImage(arguments), arguments, deviceType: device.type, base: arguments["base_version"]?.text ?? device.softwareVersion)
        var plan = RolloutPlan(version: version, kind: .devices, devices: [device.id], timeout: firmware.settings.deviceTimeout.nanoseconds / 1_000_000)
        if let timeout = arguments["device_timeout"]?.durationNanoseconds { plan.timeout = max(1, timeout / 1_000_000) }
        plan.gates = RolloutGates(success: 1_000_000, error: 1_000_000, minimumSamples: 1)
        plan.isForced = arguments["force"]?.bool ?? false
        let rollout = try await firmware.create(plan, tenant: tenant, actor: "lab")
        let execution = try storage.read { db in try RolloutStore.last(of: device.id, rollout: rollout.row, in: db) }
        return ["version": .text(version.number), "rollout": .text(rollout.id), "execution": .text(execution?.id ?? "")]
    }

    /// The released version with these bytes; made, uploaded and released where it is not there yet.
    private func publish(_ file: ScenarioImage, _ arguments: Fields, deviceType: String, base: String?) async throws -> VersionRecord {
        let isPackage = deviceType != "luna_badge" && file.manifest == nil
        var facts: ManifestFacts?
        if !isPackage {
            guard let manifest = file.manifest else {
                throw ActionFailure(
                    "missing_manifest",
                    "'\(file.path)' has no manifest beside it. Make one with `lab firmware manifest`, under the same name with the ending .manifest.json, or name it with 'manifest'.")
            }
            facts = try ManifestFacts(manifest)
        }
        guard let number = arguments["version"]?.text ?? facts?.firmware else {
            throw ActionFailure("missing_field", "A package of a module does not say its version: name it with 'version'.")
        }
        let known = try storage.read { db in try VersionStore.find(number, type: deviceType, tenant: tenant, in: db) }
        let delta = file.isDeltaNamed || facts?.delta != nil ? file.delta : nil
        let parts = VersionParts(image: file.image, manifest: file.manifest, delta: delta)
        if let known, known.state == .released, known.checksum == ImageFacts.checksum(file.image) {
            // The same image under a newer manifest is a renewal; any other manifest of it stays what it was.
            if let facts, facts.version > known.manifestVersion ?? 0 {
                try await firmware.put(VersionParts(manifest: file.manifest), to: known)
            }
            return known
        }
        let version: VersionRecord
        if let known { version = known } else { version = try await draft(number, arguments, deviceType: deviceType, base: base, isPackage: isPackage) }
        try await firmware.put(parts, to: version)
        return try await firmware.release(version)
    }

    private func draft(
        _ number: String, _ arguments: Fields, deviceType: String, base: String?, isPackage: Bool
    ) async throws -> VersionRecord {
        var fields: Fields = ["version": .text(number), "type": arguments["type"] ?? "stable", "device_type": .text(deviceType)]
        if isPackage {
            fields["format"] = "dfota"
            fields["base_version"] = base.map { .text($0) }
        }
        fields["release_notes"] = arguments["notes"]
        fields["is_force_update"] = arguments["force"]
        fields["min_compatible_version"] = arguments["min_compatible"]
        let draft = try VersionDraft(fields)
        let (now, tenant) = (devices.milliseconds, tenant)
        return try await storage.commitPoint("firmware.create", ["version": .text(draft.number)]) { db in
            try VersionStore.insert(draft, tenant: tenant, at: now, in: db)
        }
    }

    private func cancelUpdate(_ arguments: Fields) async throws -> Fields {
        let device = try CloudScenario.text("device", in: arguments)
        let open = try storage.read { db in
            _ = try DeviceStore.active(device, tenant: tenant, in: db)
            return try RolloutStore.open(of: device, in: db)
        }
        guard let execution = open.first(where: \.hasBegun) ?? open.last else {
            throw ActionFailure("unknown_execution", "The device '\(device)' has no update to cancel.")
        }
        let cancelled = try await firmware.cancel(execution.id, tenant: tenant, actor: "lab")
        return ["execution": .text(cancelled.id), "state": .text(cancelled.state.rawValue)]
    }

    private func withdraw(_ arguments: Fields) async throws -> Fields {
        let version = try storage.read { db in try self.version(arguments, in: db) }
        try await firmware.withdraw(version, actor: "lab")
        return [:]
    }

    private func unblock(_ arguments: Fields) async throws -> Fields {
        try await firmware.unblock(
            try CloudScenario.text("version", in: arguments), for: try CloudScenario.text("device", in: arguments), tenant: tenant)
        return [:]
    }

    private func controlRollout(_ word: String, _ arguments: Fields) async throws -> Fields {
        let id = try storage.read { db in try self.rollout(arguments, in: db).id }
        let changed = try await firmware.control(id, word, tenant: tenant, actor: "lab") { engine, rollout in
            switch word {
            case "pause":
                if rollout.state != .running { throw engine.refuse(rollout) }
                try engine.pause(rollout, reason: "operator")
            case "resume": try engine.resume(rollout, reason: nil)
            case "abort": try engine.abort(rollout, reason: "operator")
            default: try engine.rollBack(rollout, reason: "operator")
            }
        }
        var fields: Fields = ["rollout": .text(changed.id), "state": .text(changed.state.rawValue)]
        if word == "rollback", let back = try storage.read({ db in try RolloutStore.takingBack(changed.row, in: db) }) {
            fields["rollback"] = .text(back.id)
        }
        return fields
    }
}

extension FirmwareService {
    /// Begins or ends a fault of the vocabulary.
    func setFault(_ fault: String, _ arguments: Fields, isActive: Bool) {
        let version = VersionRecord.canonical(arguments["version"]?.text ?? "")
        faults.withLock { faults in
            switch fault {
            case "firmware.switch":
                faults.switched.removeAll { $0.version == version }
                if isActive, let bytes = CloudScenario.bytes(arguments["image"]?.record?["bytes"]) {
                    faults.switched.append((version, FirmwareFiles.File(checksum: ImageFacts.checksum(bytes), bytes: bytes)))
                }
            case "firmware.delete":
                faults.deleted.removeAll { $0 == version }
                if isActive { faults.deleted.append(version) }
            case "report.lost":
                faults.losesReports = isActive
                faults.takesLostReports = arguments["taken"]?.bool ?? false
                faults.reportsLeft = isActive ? arguments["times"]?.integer : nil
            case "report.error":
                let status = arguments["status"]?.integer.flatMap { Int(exactly: $0) } ?? 500
                faults.reportStatus = isActive ? min(599, max(400, status)) : nil
                faults.reportsLeft = isActive ? arguments["times"]?.integer : nil
            default: break
            }
        }
    }
}
