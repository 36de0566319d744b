import FirmwareImages
import LabCore

/// How an update ends: exactly one result for each execution, kept in flash until the cloud has it (O5).
extension Badge {
    /// Refused before anything in the badge was changed.
    mutating func refuseUpdate(
        _ reason: String, attack: ManifestRefusal.Attack?, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        var fields: Fields = ["version": .text(wantedVersion), "reason": .text(reason)]
        if let execution = ram.update.offer?.execution { fields["execution"] = .text(execution) }
        if let attack { fields["attack"] = .text(attack.rawValue) }
        effects.append(.note("ota.refused", fields))
        try finishUpdate(.rejected, reason, at: now, &effects)
    }

    /// Failed before the bootloader was told: the image that runs goes on, the slot is given back.
    mutating func failUpdate(
        _ reason: String, attack: ManifestRefusal.Attack? = nil, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        let name = attack == nil ? "ota.failed" : "ota.refused"
        var fields: Fields = ["version": .text(wantedVersion), "reason": .text(reason)]
        if let execution = ram.update.attempt?.execution ?? ram.update.offer?.execution { fields["execution"] = .text(execution) }
        if let attack { fields["attack"] = .text(attack.rawValue) }
        effects.append(.note(name, fields))
        try finishUpdate(.failed, reason, at: now, &effects)
    }

    private var wantedVersion: String { ram.update.attempt?.version ?? ram.update.offer?.version.description ?? "" }

    /// Keeps the result, forgets the attempt, tells the cloud.
    mutating func finishUpdate(
        _ state: UpdateResult.State, _ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard let execution = ram.update.attempt?.execution ?? ram.update.offer?.execution else { return ram.update.clear() }
        var result = UpdateResult(
            state: state, sequence: ram.update.sequence &+ 1, execution: execution, version: wantedVersion, reason: reason)
        if let last = ram.update.result { result.earlier = Array((last.earlier + [last.tag]).suffix(UpdateResult.rememberedExecutions)) }
        let attempt = ram.update.attempt
        let isSlotBegun = ram.update.download.stored > 0 || attempt.map { checkpoint(of: $0) > 0 } ?? false
        ram.update.clear()
        ram.update.result = result
        for timer in [TimerName.updateNext, .updateGuard] { effects.append(.cancelTimer(timer)) }
        // The result first: an attempt that has one is over, also where power goes in between.
        _ = try save([(.updateResult, result.bytes)], &effects)
        if attempt != nil { _ = try save([(.updateAttempt, nil)], &effects) }
        // Nobody is to take half an image for a whole one.
        if attempt?.phase == .downloading, isSlotBegun, !settings.bugs.contains(.activateBeforeVerify) { try giveSlotBack() }
        sendResult(at: now, &effects)
    }

    // MARK: Cancelling

    /// The cloud does not want an execution any more (M4): until activation that is the end of it.
    mutating func cancelUpdate(_ execution: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        if let result = ram.update.result, result.execution == execution {
            ram.update.result?.isAcknowledged = false
            return sendResult(at: now, &effects)
        }
        guard (ram.update.attempt?.execution ?? ram.update.offer?.execution) == execution, ram.update.stage != .idle || ram.update.attempt != nil
        else { return }
        let isTooLate = ram.update.attempt.map { $0.phase != .downloading } ?? false
        guard !isTooLate || settings.bugs.contains(.cancelAfterInstall) else {
            effects.append(.note("ota.cancel_rejected", ["version": .text(wantedVersion), "execution": .text(execution)]))
            let state = ram.update.stage == .testing ? "testing" : "rebooting"
            return report(state, reason: "cancel_rejected", at: now, &effects)
        }
        effects.append(.note("ota.cancelled", ["version": .text(wantedVersion), "execution": .text(execution)]))
        try finishUpdate(.cancelled, "cancelled", at: now, &effects)
    }
}
