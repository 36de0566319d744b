import LabCore
import WireProtocols

/// Updates of the module's firmware by its own download, DFOTA (specs/rg500q.md §4; badge protocol, "Firmware", "Modules").
///
/// The agent gives the command and then only listens: the module downloads, starts into its recovery system, which answers no AT,
/// and starts again. What has happened is judged by the version that runs in the end; lines can be lost on the way.
extension ModuleAgent {
    /// From `OK` to `HTTPSTART` (§4.2).
    static let startLimit = Duration.seconds(60)
    /// From `HTTPSTART` to `HTTPEND` (§4.2).
    static let downloadLimit = Duration.seconds(300)
    /// From `HTTPEND,0` to a first word of the recovery system: the limit after a reset (§5.4).
    static let restartLimit = Duration.seconds(180)
    /// From one word of the recovery system to the next, and from `END` to the boot (§4.2, §5.4).
    static let updateLimit = Duration.seconds(300)
    /// From the module's first answer to the comparison of versions (§4.4, good practice).
    static let settleTime = Duration.seconds(60)
    /// The first time and three times more.
    static let mostTries = 4
    static let firstUpdateRetry = Duration.seconds(30)
    /// Time until it is looked again whether the port is free for an update.
    static let freePortPause = Duration.seconds(10)

    /// The module may be at work on an update: nothing else may use the port.
    var isUpdating: Bool { disk.update?.isInModule == true }

    // MARK: What the cloud offers

    mutating func take(_ offer: ModuleUpdateOffer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if let place = disk.updateResults.firstIndex(where: { $0.execution == offer.execution }) {
            // It has ended; the cloud has missed how.
            return repeatResult(place, at: now, &effects)
        }
        if let update = disk.update {
            guard !update.isInModule, update.phase != .settling else { return }
            if update.offer.execution != offer.execution {
                // The cloud wants something else now.
                endUpdate("cancelled", "cancelled", at: now, &effects)
            } else {
                disk.update?.offer = offer
                return beginUpdate(at: now, &effects)
            }
        }
        disk.update = ModuleUpdateAttempt(offer: offer, since: now)
        guard !ATModuleVersion.matches(running: ram.firmware, wanted: offer.version) else {
            return endUpdate("rejected", "already_installed", at: now, &effects)
        }
        guard ATUpdateCommand.command(url: url(of: offer)) != nil else { return endUpdate("rejected", "url_too_long", at: now, &effects) }
        beginUpdate(at: now, &effects)
    }

    private mutating func repeatResult(_ place: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        disk.updateResults[place].isRepeated = disk.updateResults[place].isAcknowledged
        disk.updateResults[place].isAcknowledged = false
        sendResult(at: now, &effects)
    }

    private func url(of offer: ModuleUpdateOffer) -> String {
        offer.address.hasPrefix("/") ? "https://\(cloudHost)\(offer.address)" : offer.address
    }

    /// The cloud has nothing for this module any more: what was not begun is dropped.
    mutating func withdrawOffer(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update, update.phase == .offered else { return }
        if update.tries > 0 { endUpdate("failed", "download_failed", at: now, &effects) } else { disk.update = nil }
    }

    /// The module has no command that ends an update: once it was told, it goes its way.
    mutating func cancelUpdate(_ execution: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if let place = disk.updateResults.firstIndex(where: { $0.execution == execution }) {
            return repeatResult(place, at: now, &effects)
        }
        guard let update = disk.update, update.offer.execution == execution else { return }
        guard update.phase > .offered else { return endUpdate("cancelled", "cancelled", at: now, &effects) }
        effects.append(.note("ota.cancel_rejected", ["version": .text(update.offer.version), "execution": .text(execution)]))
        let state =
            switch update.phase {
            case .offered, .commanded, .downloading: "downloading"
            case .downloaded: "installing"
            case .updating, .ended: "rebooting"
            case .settling: "testing"
            }
        if isMissing(.report(state, reason: "cancel_rejected")) { report(state, reason: "cancel_rejected", at: now, &effects) }
    }

    // MARK: The command

    /// Gives the command if nothing else needs the port, right after a check, so that the address is fresh.
    private mutating func beginUpdate(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard var update = disk.update, update.phase == .offered else { return }
        let isFree = ram.isSetUp && channel.isReady && ram.configuration == nil && ram.location == nil && ram.actions.isEmpty
        guard isFree, now >= update.earliest, let command = ATUpdateCommand.command(url: url(of: update.offer)) else {
            let left = now.duration(to: update.earliest)
            return effects.append(.startTimer(.update, after: max(left, Self.freePortPause)))
        }
        update.tries += 1
        (update.hasVanished, update.hasWritten, update.code, update.percent, update.reached) = (false, false, nil, 0, .commanded)
        disk.update = update
        enter(.commanded, limit: Self.startLimit, at: now, &effects)
        effects.append(
            .note(
                "ota.started",
                [
                    "version": .text(update.offer.version), "execution": .text(update.offer.execution),
                    "attempt": .integer(Int64(update.tries)), "running": .text(ram.firmware),
                ]))
        report("downloading", at: now, &effects)
        ask(command, for: .update, at: now, &effects)
    }

    private mutating func enter(_ phase: ModuleUpdatePhase, limit: Duration, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        disk.update?.phase = phase
        let reached = disk.update?.reached ?? phase
        if phase < .settling { disk.update?.reached = max(reached, phase) }
        disk.update?.since = now
        ram.centre.isStalled = false
        effects.append(.startTimer(.update, after: limit))
    }

    mutating func updateCommandDone(_ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Without an answer nobody knows whether it was taken: the lines that follow tell, or their absence.
        guard case .answered(let response) = outcome, !response.isSuccess, disk.update?.phase == .commanded else { return }
        endUpdate("failed", "command_refused", at: now, &effects)
    }

    // MARK: What the module says

    mutating func heard(_ report: ATUpdateReport, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update else { return }
        // An end that the module tells once more after its boot, of which nothing was heard before.
        if case .ended(let code) = report, update.phase == .settling, update.code == nil { disk.update?.code = code }
        guard update.isInModule else { return }
        switch report {
        case .downloadStarted: enter(.downloading, limit: Self.downloadLimit, at: now, &effects)
        case .downloadEnded(code: 0):
            enter(.downloaded, limit: Self.restartLimit, at: now, &effects)
            effects.append(.note("ota.downloaded", ["version": .text(update.offer.version)]))
            self.report("installing", at: now, &effects)
        case .downloadEnded(let code): tryAgain("dfota_\(code)", isWorthwhile: [601, 701, 702].contains(code), at: now, &effects)
        // Any of these can be the first after the restart (§4.2).
        case .started: enter(.updating, limit: Self.updateLimit, at: now, &effects)
        case .updating(let percent):
            enter(.updating, limit: Self.updateLimit, at: now, &effects)
            disk.update?.percent = percent
            disk.update?.hasWritten = true
            effects.append(.note("ota.progress", ["version": .text(update.offer.version), "percent": .integer(Int64(percent))]))
        case .ended(let code):
            disk.update?.code = code
            enter(.ended, limit: Self.updateLimit, at: now, &effects)
            effects.append(.note("ota.ended", ["version": .text(update.offer.version), "error": .integer(Int64(code))]))
        }
    }

    /// The port went away, which is a part of every update.
    mutating func portLostInUpdate(_ effects: inout [DeviceEffect]) {
        guard let update = disk.update else { return }
        if update.isInModule { disk.update?.hasVanished = true }
        if update.phase == .settling { effects.append(.cancelTimer(.update)) }
    }

    /// The firmware runs and the agent has set it up: the update has come to an end, whatever was heard of it.
    mutating func moduleIsBack(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update, update.phase > .offered else { return }
        // The program itself has started anew, and the module may still be at work.
        let isUnknown = update.isInModule && update.phase <= .downloading && !update.hasVanished
        guard !isUnknown || ATModuleVersion.matches(running: ram.firmware, wanted: update.offer.version) else { return }
        enter(.settling, limit: Self.settleTime, at: now, &effects)
    }

    /// A program that starts goes on listening; it does not give the command again.
    mutating func resumeUpdate(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update, update.isInModule else { return }
        let whole = update.phase <= .downloading ? Self.startLimit + Self.downloadLimit : Self.updateLimit
        let left = now.duration(to: update.since.advanced(by: whole))
        effects.append(.startTimer(.update, after: max(left, .seconds(1))))
    }

    // MARK: Limits

    mutating func updateTimerFired(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update else { return }
        switch update.phase {
        case .offered: check(at: now, &effects)
        case .settling: ask("AT+QGMR", for: .updateVersion, needsInformation: true, at: now, &effects)
        case .commanded, .downloading, .downloaded, .updating, .ended: limitPassed(update, at: now, &effects)
        }
    }

    /// A module that answers is restarted, which drops what it may still do; one that does not is waited for.
    private mutating func limitPassed(_ update: ModuleUpdateAttempt, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if !ram.centre.isStalled {
            effects.append(.note("ota.stalled", ["phase": .text(update.phase.rawValue), "version": .text(update.offer.version)]))
        }
        ram.centre.isStalled = true
        effects.append(.startTimer(.update, after: Self.updateLimit))
        if ram.isSetUp { return resetModule("update", at: now, &effects) }
        // Nothing is written yet that a loss of power could harm.
        guard update.phase < .downloaded, !ram.needsPower else { return }
        ram.needsPower = true
        effects.append(.note("power_cycle.needed", ["reason": channel.port == .open ? "no_answer" : "no_port"]))
    }

    // MARK: The end

    mutating func versionRead(_ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update, update.phase == .settling else { return }
        guard case .answered(let response) = outcome else {
            // A port that is gone comes back with another set-up.
            if outcome == .timedOut { effects.append(.startTimer(.update, after: Self.freePortPause)) }
            return
        }
        if response.isSuccess, let line = response.lines.first { ram.firmware = line }
        let wanted = update.offer.version
        if ATModuleVersion.matches(running: ram.firmware, wanted: wanted) { return endUpdate("succeeded", nil, at: now, &effects) }
        switch update.code {
        case 0?: endUpdate("failed", "version_unchanged", at: now, &effects)
        case let code?: endUpdate(update.hasWritten ? "rolled_back" : "failed", "dfota_\(code)", at: now, &effects)
        // It never got as far as its recovery system: it was restarted in the download.
        case nil where update.reached <= .downloading: tryAgain("power", isWorthwhile: true, at: now, &effects)
        case nil: endUpdate(update.hasWritten ? "rolled_back" : "failed", "power", at: now, &effects)
        }
    }

    private mutating func tryAgain(_ reason: String, isWorthwhile: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update else { return }
        guard isWorthwhile, update.tries < Self.mostTries else { return endUpdate("failed", reason, at: now, &effects) }
        let most = Self.firstUpdateRetry.nanoseconds << Int64(max(0, update.tries - 1))
        let wait = Duration.nanoseconds(generator.nanoseconds(in: most / 2...most))
        effects.append(
            .note("ota.retry", ["reason": .text(reason), "attempt": .integer(Int64(update.tries)), "wait": .duration(wait.nanoseconds)]))
        enter(.offered, limit: wait, at: now, &effects)
        disk.update?.earliest = now.advanced(by: wait)
        releasePort(at: now, &effects)
    }

    private mutating func endUpdate(_ state: String, _ reason: String?, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let update = disk.update else { return }
        disk.update = nil
        effects.append(.cancelTimer(.update))
        if disk.updateResults.count == ModuleUpdateResult.kept { disk.updateResults.removeFirst() }
        disk.updateResults.append(
            ModuleUpdateResult(
                execution: update.offer.execution, version: update.offer.version, state: state, reason: reason,
                running: runningVersion(for: update.offer.version), sequence: update.sequence + 1))
        var fields: Fields = [
            "version": .text(update.offer.version), "execution": .text(update.offer.execution), "result": .text(state),
            "running": .text(ram.firmware),
        ]
        if let reason { fields["reason"] = .text(reason) }
        effects.append(.note("ota.finished", fields))
        sendResult(at: now, &effects)
        releasePort(at: now, &effects)
    }

    /// The port is free again: what was put off is done now.
    private mutating func releasePort(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp else { return }
        lookAtNetwork(at: now, &effects)
        statusChanged(at: now, &effects)
    }

    /// For the query `update`.
    var updateFields: Fields {
        var fields: Fields = ["phase": .text(disk.update?.phase.rawValue ?? "idle")]
        if let update = disk.update {
            fields["version"] = .text(update.offer.version)
            fields["execution"] = .text(update.offer.execution)
            fields["attempts"] = .integer(Int64(update.tries))
            fields["percent"] = .integer(Int64(update.percent))
        } else if let last = disk.updateResults.last {
            fields["version"] = .text(last.version)
            fields["execution"] = .text(last.execution)
            fields["result"] = .text(last.state)
            if let reason = last.reason { fields["reason"] = .text(reason) }
            fields["reported"] = .bool(last.isAcknowledged)
        }
        return fields
    }
}

extension ActionFailure {
    static let updating = ActionFailure("updating", "The module is being updated; wait for ota.finished.")
}
