import LabCore
import Synchronization

extension FirmwareService {
    static let updateFields = [
        FieldKind("has_update", .bool, required: true), FieldKind("retry_after", .integer, unit: "s", "it is the device's turn, but the rate has no room"),
        FieldKind("cancel", .text, "the execution that is not wanted any more"), FieldKind("latest_version", .text),
        FieldKind(
            "update_info",
            .record([
                FieldKind("execution_id", .text, required: true), FieldKind("action", .choice(RolloutRecord.Action.allCases.map(\.rawValue)), required: true),
                FieldKind("version", .text, required: true), FieldKind("version_type", .choice(ReleaseChannel.allCases.map(\.rawValue))),
                FieldKind("release_notes", .text), FieldKind("is_force_update", .bool), FieldKind("min_compatible_version", .text),
                FieldKind("file_size", .integer, unit: "bytes"), FieldKind("checksum", .text, "sha256: and 64 digits"),
                FieldKind("format", .choice(FirmwareFormat.allCases.map(\.rawValue))), FieldKind("download_url", .text),
                FieldKind("url_expires_at", .integer, unit: "Unix s"), FieldKind("manifest_url", .text), FieldKind("manifest_version", .integer),
                FieldKind("root_version", .integer),
                FieldKind(
                    "delta",
                    .record([
                        FieldKind("download_url", .text), FieldKind("file_size", .integer), FieldKind("checksum", .text),
                        FieldKind("base_version", .text), FieldKind("base_checksum", .text),
                    ])),
            ])),
    ]

    var checkEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/versions/check", "Tells a device whether there is an update for it.", access: .anyDevice(orUser: nil), rateClass: .device,
            query: [
                FieldKind("current_version", .text, required: true, "the version that runs"), FieldKind("hardware_version", .text),
                FieldKind("format", .choice(FirmwareFormat.allCases.map(\.rawValue))), FieldKind("security_counter", .integer),
                FieldKind("confirmed", .bool, "whether the image that runs is confirmed"),
            ], answer: Self.updateFields
        ) { [self] in APIAnswer(data: .record(try await check($0))) }
    }

    func check(_ request: CloudRequest) async throws -> Fields {
        guard case .device(let id, _) = request.identity else { throw APIError(.permissionDenied) }
        let record = try storage.read { db in try DeviceStore.active(id, tenant: request.tenant, in: db) }
        let current = request.query["current_version"]?.text ?? ""
        guard (1...64).contains(current.utf8.count), current.utf8.allSatisfy(Characters.isVisible) else {
            throw APIError.invalidField("current_version", "'current_version' must be 1 to 64 visible characters")
        }
        let counter = request.query["security_counter"]?.integer
        guard counter.map({ (0...Int64(UInt32.max)).contains($0) }) ?? true else {
            throw APIError.invalidField("security_counter", "'security_counter' must be 0 to 4294967295")
        }
        if let isConfirmed = request.query["confirmed"]?.bool { device(id, runs: current, isConfirmed: isConfirmed) }
        let question = UpdateQuestion(
            device: id, deviceType: record.type, current: VersionRecord.canonical(current),
            hardware: request.query["hardware_version"]?.text ?? record.hardwareVersion,
            format: request.query["format"]?.text.flatMap(FirmwareFormat.init), securityCounter: counter)
        return show(try await decide(question), question)
    }

    private func decide(_ question: UpdateQuestion) async throws -> UpdateDecision {
        let admitting = try catalogue().admitting
        // Most who ask get nothing, or what they had: that costs no commit.
        let first = try storage.read { db in
            var engine = engine(db, actor: "device \(question.device)")
            return try engine.decide(question, admitting: admitting, isReading: true, slot: wait(for:))
        }
        guard case .needsWrite(let hasSlot) = first else { return first }
        // A machine that loses power may forget an offer: the device asks again, or its first report says that it has begun. To wait for
        // the disk here would make a fleet that comes back at once wait for it ten thousand times.
        return try await change(
            "ota.offer", ["device": .text(question.device)], actor: "device \(question.device)", durability: .buffered
        ) { engine in
            try engine.decide(question, admitting: admitting, isReading: false, hasSlot: hasSlot, slot: wait(for:))
        }
    }

    /// Seconds until the rate has room; `nil` where a place was taken.
    private func wait(for rollout: RolloutRecord) -> Int64? {
        guard let wait = takeSlot(rollout) else { return nil }
        return max(1, (wait + 999_999_999) / 1_000_000_000)
    }

    // MARK: The answer

    private func show(_ decision: UpdateDecision, _ question: UpdateQuestion) -> Fields {
        switch decision {
        case .nothing, .needsWrite: return ["has_update": false]
        case .wait(let seconds): return ["has_update": false, "retry_after": .integer(seconds)]
        case .cancel(let execution): return ["has_update": false, "cancel": .text(execution.id)]
        case .offer(let execution, let version):
            if faults.withLock({ $0.deleted.contains(version.number) }) { return ["has_update": false] }
            return ["has_update": true, "latest_version": .text(version.number), "update_info": .record(information(execution, version, question))]
        }
    }

    private func information(_ execution: ExecutionRecord, _ version: VersionRecord, _ question: UpdateQuestion) -> Fields {
        let address = address(of: version, part: .image, device: execution.device)
        let isForced = (try? storage.read { db in try RolloutStore.find(execution.rollout, in: db)?.isForced }) ?? false
        var fields: Fields = [
            "execution_id": .text(execution.id), "action": .text(execution.action.rawValue), "version": .text(version.number),
            "version_type": .text(version.type.rawValue),
        ]
        if let notes = version.notes { fields["release_notes"] = .text(notes) }
        fields["is_force_update"] = .bool(version.isForced || isForced)
        // A version to go back to that the cloud does not have.
        guard version.state == .released else { return fields }
        if let minimum = version.minimumCompatible { fields["min_compatible_version"] = .text(minimum) }
        fields["file_size"] = .integer(Int64(version.size ?? 0))
        fields["checksum"] = .text("sha256:" + (version.checksum ?? ""))
        if let format = version.format { fields["format"] = .text(format.rawValue) }
        fields["download_url"] = .text(address.path)
        fields["url_expires_at"] = .integer(address.expires)
        if let manifest = version.manifestVersion {
            fields["manifest_url"] = .text("/api/v1/versions/\(DownloadAddress.encoded(version.number))/manifest")
            fields["manifest_version"] = .integer(manifest)
        }
        if let root = try? catalogue().newestRoot, root > 0 { fields["root_version"] = .integer(root) }
        if let delta = version.delta, delta.baseVersion == question.current {
            fields["delta"] = [
                "download_url": .text(self.address(of: version, part: .delta, device: execution.device).path), "file_size": .integer(Int64(delta.size)),
                "checksum": .text("sha256:" + delta.checksum), "base_version": .text(delta.baseVersion),
                "base_checksum": .text("sha256:" + delta.baseChecksum),
            ]
        }
        return fields
    }
}
