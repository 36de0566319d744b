import LabCore
import WireProtocols

/// The reduced system that installs the package, and the ways back from a loss of power (specs/rg500q.md §4.2, §4.4).
///
/// AT is not answered in it. What it has reached is in flash, so that the next start goes on where this one was lost.
extension CellularModule {
    /// From the ports to `START`: a host needs a moment to open them, and one that needs longer loses it (§4.2).
    private static let announceTime = Duration.seconds(4)
    /// From `START` to the first result where there is no progress.
    private static let checkTime = Duration.seconds(3)
    /// From `END` to the disappearance of the ports.
    private static let endTime = Duration.seconds(2)

    // MARK: In flash

    /// Reads what the flash knows of an update, at each start.
    mutating func loadUpdate() {
        installed = record(.moduleFirmware).flatMap { fields in
            guard let firmware = fields["firmware"]?.text, let sub = fields["sub_version"]?.text else { return nil }
            return InstalledFirmware(firmware: firmware, subVersion: sub, subEdition: fields["sub_edition"]?.text ?? setup.subEdition)
        }
        job = record(.moduleUpdate).flatMap { UpdateJob(fields: $0) }
    }

    private func record(_ key: RecordStore.Key) -> Fields? {
        ram.store.value(key, in: flash).flatMap { try? JSONReader.read($0).record }
    }

    /// - Returns: false if the flash takes no more; what it held stays.
    mutating func save(_ job: UpdateJob) -> Bool {
        guard put(JSONWriter.bytes(.record(job.asFields)), at: .moduleUpdate) else { return false }
        self.job = job
        return true
    }

    mutating func forgetJob() {
        job = nil
        try? ram.store.remove(.moduleUpdate, in: &flash)
    }

    /// The new version and the end of the update at once: after a loss of power both are there or neither.
    private mutating func install(_ package: UpdatePackage, _ ended: UpdateJob) -> Bool {
        let fields: Fields = [
            "firmware": .text(package.target), "sub_version": .text(package.targetSubVersion), "sub_edition": .text(package.subEdition),
        ]
        do throws(FlashError) {
            try ram.store.commit(
                [
                    (.moduleFirmware, JSONWriter.bytes(.record(fields))), (.moduleUpdate, JSONWriter.bytes(.record(ended.asFields))),
                ], in: &flash)
        } catch { return false }
        loadUpdate()
        return true
    }

    // MARK: Start

    /// Called at power; takes the start over if there is an update to go on with.
    mutating func startsUpdate(_ effects: inout [DeviceEffect]) -> Bool {
        guard var job else { return false }
        switch job.phase {
        case .ended: return false
        case .ruined: ram.isRecovering = true
        case .pending:
            job.attempts += 1
            _ = save(job)
            ram.isRecovering = true
            ram.update.stage = .recovering
        }
        effects.append(.startTimer(.usb, after: setup.update.recoveryTime))
        return true
    }

    mutating func recoveryPortsAppear(_ effects: inout [DeviceEffect]) {
        guard let job, job.phase == .pending else {
            // The download mode: one port that never answers (§1.3).
            effects.append(.note("update.stuck", ["reason": "download_mode"]))
            return appear(.diagnosis, &effects)
        }
        effects.append(
            .note("update.recovery", ["attempt": .integer(Int64(job.attempts)), "percent": .integer(Int64(job.percent))]))
        for port in Self.ports where !faults.vanished.contains(port) { appear(port, &effects) }
        effects.append(.startTimer(.update, after: Self.announceTime))
    }

    // MARK: Steps

    mutating func recoveryTick(_ effects: inout [DeviceEffect]) {
        switch ram.update.stage {
        case .recovering: announce(&effects)
        case .updating: updateStep(&effects)
        case .ended: leaveRecovery(&effects)
        default: break
        }
    }

    private mutating func announce(_ effects: inout [DeviceEffect]) {
        guard let job else { return }
        if !faults.update.isStartLost { tellUpdate("\"START\"", &effects) }
        if losesPower(at: .start, percent: 0, &effects) { return }
        ram.update.stage = .updating
        ram.update.percent = job.percent
        effects.append(.startTimer(.update, after: Self.checkTime))
    }

    private mutating func updateStep(_ effects: inout [DeviceEffect]) {
        guard var job else { return }
        guard let package = ram.update.package else { return checkPackage(job, &effects) }
        if let failure = updateFailure, ram.update.percent >= failure.percent {
            faults.update.failure?.times -= 1
            return end(job, failure.code, &effects)
        }
        ram.update.percent += 1
        let percent = ram.update.percent
        if percent % 10 == 0, percent < 100 {
            job.percent = percent
            _ = save(job)
        }
        effects.append(.note("update.progress", ["percent": .integer(Int64(percent))]))
        tellUpdate("\"UPDATING\",\(percent)", &effects)
        if losesPower(at: .updating, percent: percent, &effects) { return }
        guard percent < 100 else { return succeed(package, job, &effects) }
        effects.append(.startTimer(.update, after: setup.update.updateTime / 100))
    }

    private var updateFailure: UpdateFaults.Failure? {
        guard let failure = faults.update.failure, failure.times > 0, UpdateFaults.updateCodes.contains(failure.code) else { return nil }
        return failure
    }

    private mutating func checkPackage(_ job: UpdateJob, _ effects: inout [DeviceEffect]) {
        // The tries before this one were all lost; the backup is put back in place of what they left.
        if setup.update.hasBackup, job.attempts > UpdateJob.attemptLimit { return end(job, 502, result: "rolled_back", &effects) }
        do throws(UpdatePackage.Refusal) {
            ram.update.package = try checkedPackage(job)
        } catch { return end(job, error.code, &effects) }
        updateStep(&effects)
    }

    private func checkedPackage(_ job: UpdateJob) throws(UpdatePackage.Refusal) -> UpdatePackage {
        guard let bytes = disk.contents(job.file) else { throw UpdatePackage.Refusal(code: 505, text: "the package is missing") }
        let package = try UpdatePackage(bytes)
        guard firmware.hasPrefix(package.model) else { throw UpdatePackage.Refusal(code: 504, text: "the package is for \(package.model)") }
        guard package.base == firmware, package.baseSubVersion == nil || package.baseSubVersion == subVersion else {
            throw UpdatePackage.Refusal(code: 510, text: "the package changes \(package.base)")
        }
        guard package.space <= disk.free else { throw UpdatePackage.Refusal(code: 511, text: "\(package.space) bytes are needed") }
        return package
    }

    private mutating func succeed(_ package: UpdatePackage, _ before: UpdateJob, _ effects: inout [DeviceEffect]) {
        var job = before
        (job.phase, job.code, job.percent) = (.ended, 0, 100)
        guard install(package, job) else { return end(before, 502, &effects) }
        finish(before, "succeeded", 0, &effects)
    }

    /// The old firmware stays.
    private mutating func end(_ before: UpdateJob, _ code: Int, result: String = "failed", _ effects: inout [DeviceEffect]) {
        var job = before
        (job.phase, job.code) = (.ended, code)
        if !save(job) { self.job = job }
        // What was written is put back before the end is told.
        finish(before, before.percent > 0 || ram.update.percent > 0 ? "rolled_back" : result, code, &effects)
    }

    private mutating func finish(_ job: UpdateJob, _ result: String, _ code: Int, _ effects: inout [DeviceEffect]) {
        ram.update.stage = .ended
        if !job.isLocal {
            disk.remove(job.file)
            _ = put(disk.list, at: .moduleFiles)
        }
        noteFinish(result, code, phase: "update", was: job.base, &effects)
        tellUpdate("\"END\",\(code)", &effects)
        if losesPower(at: .end, percent: 100, &effects) { return }
        effects.append(.startTimer(.update, after: Self.endTime))
    }

    private mutating func leaveRecovery(_ effects: inout [DeviceEffect]) {
        forgetJob()
        resetCause = .update
        shutDown(&effects)
    }

    // MARK: What scenarios see

    /// Writes a whole firmware over the download mode, as QFirehose does.
    mutating func rescue(_ effects: inout [DeviceEffect]) -> Result<Fields, ActionFailure> {
        guard job?.phase == .ruined else {
            return .failure(ActionFailure("not_needed", "The module is not in its download mode; it can be updated as usual."))
        }
        let store = RecordStore(mounting: 0..<flash.geometry.sectorCount, of: flash)
        ram.store = store
        forgetJob()
        try? ram.store.remove(.moduleFirmware, in: &flash)
        installed = nil
        resetCause = .line
        if isPowered { shutDown(&effects) }
        return .success(["firmware": .text(firmware)])
    }

    var firmwareFields: Fields {
        let state: FieldValue =
            switch ram.update.stage {
            case .none, .repeating: job?.phase == .ruined ? "ruined" : job?.phase == .pending ? "pending" : "idle"
            case .accepted, .waiting, .asking, .receiving, .failing: "downloading"
            case .restarting: "pending"
            case .recovering, .updating, .ended: "updating"
            }
        return [
            "firmware": .text(firmware), "sub_version": .text(subVersion), "full": .text("\(firmware)_\(subVersion)"),
            "sub_edition": .text(subEdition), "update": state,
            "percent": .integer(Int64(ram.update.stage == .updating ? ram.update.percent : job?.percent ?? 0)),
            "attempts": .integer(Int64(job?.attempts ?? 0)),
        ]
    }
}
