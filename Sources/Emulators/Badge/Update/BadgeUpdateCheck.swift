import CloudClient
import FirmwareImages
import LabCore

/// Asking the version centre for updates (badge protocol, "Check"): after each connection, on a notice, when told to wait, and once a day.
extension Badge {
    static let firstCheckRetry = Duration.seconds(5)
    static let longestCheckRetry = Duration.seconds(600)

    /// Plans a check; one that was planned before is replaced.
    mutating func planCheck(_ delay: ClosedRange<Duration>, _ effects: inout [DeviceEffect]) {
        let span = delay.lowerBound.nanoseconds...delay.upperBound.nanoseconds
        effects.append(.startTimer(.updateCheck, after: .nanoseconds(chance.nanoseconds(in: span))))
    }

    mutating func planDailyCheck(_ effects: inout [DeviceEffect]) {
        let day = settings.checkInterval.nanoseconds
        planCheck(.nanoseconds(day - day / 10)...(.nanoseconds(day)), &effects)
    }

    /// The connection is there: what the cloud may not have is sent, then it is asked.
    mutating func updateOnline(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.update.stage == .testing {
            report("testing", at: now, &effects)
            probe(at: now, &effects)
        }
        sendResult(at: now, &effects)
        planCheck(settings.checkDelay, &effects)
    }

    /// A notice is a hint: only the check counts.
    mutating func noticeArrived(_ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard let notice = Self.record(payload) else { return }
        if notice.text("action") == "cancel" {
            guard let execution = notice.text("execution_id") else { return }
            return try cancelUpdate(execution, at: now, &effects)
        }
        planCheck(settings.noticeDelay, &effects)
    }

    mutating func checkDue(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Offline: the next connection brings a check.
        guard ram.phase == .online else { return }
        checkForUpdate(at: now, &effects)
    }

    /// The action `check_update`.
    mutating func checkForUpdate(_ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .online else {
            return finish(action, .failure(ActionFailure("not_connected", "The badge has no connection to the cloud now.")), &effects)
        }
        guard !isUpdateBusy else {
            return finish(action, .failure(ActionFailure("busy", "An update is under way: \(ram.update.stage.rawValue).")), &effects)
        }
        ram.update.checkActions.append(action)
        checkForUpdate(at: now, &effects)
    }

    /// Whether an answer to a check would come at the wrong time.
    private var isUpdateBusy: Bool {
        // A result first: what comes next must not make the cloud forget what was.
        (ram.update.stage != .idle && ram.update.stage != .renewing) || ram.update.result?.isAcknowledged == false
    }

    mutating func checkForUpdate(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !isUpdateBusy else { return ram.update.mustCheckAgain = true }
        guard !ram.update.isChecking else { return }
        ram.update.isChecking = true
        run(.update(.check), at: now, &effects)
    }

    var checkPath: String {
        let version = reportedVersion.replacingPlus
        return "/api/v1/versions/check?current_version=\(version)&hardware_version=\(hardwareVersion)&format=\(firmware.model.format.rawValue)"
            + "&security_counter=\(firmware.securityCounter)&confirmed=\(ram.running?.isConfirmed ?? true)"
    }

    mutating func checkAnswered(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.isChecking else { return }
        ram.update.isChecking = false
        guard answer.succeeded, let data = answer.data?.record, let hasUpdate = data["has_update"]?.bool else {
            return checkFailed(answer, at: now, &effects)
        }
        ram.update.checks.reset()
        let offer = hasUpdate ? data["update_info"]?.record.flatMap { UpdateOffer($0, host: cloud.host) } : nil
        var fields: Fields = ["has_update": .bool(offer != nil)]
        if let offer {
            fields["version"] = .text(offer.version.description)
            fields["execution"] = .text(offer.execution)
            fields["action"] = .text(offer.isRollback ? "rollback" : "install")
        } else if hasUpdate {
            fields["error"] = "malformed_offer"
        }
        effects.append(.note("ota.checked", fields))
        answerChecks(.success(fields), &effects)
        if let execution = data.text("cancel") { return try cancelUpdate(execution, at: now, &effects) }
        if let offer { return try take(offer, at: now, &effects) }
        if let seconds = data["retry_after"]?.integer {
            let wait = Duration.seconds(min(max(1, seconds), 86_400))
            planCheck(wait...(wait + settings.noticeDelay.upperBound), &effects)
        } else {
            try noOffer(at: now, &effects)
        }
    }

    private mutating func noOffer(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        // What was begun is not wanted any more: the version or its rollout is gone (M5).
        if ram.update.attempt?.phase == .downloading { return try failUpdate("download_failed", at: now, &effects) }
        planDailyCheck(&effects)
    }

    mutating func checkFailed(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.update.isChecking = false
        let error = answer.error ?? "malformed_answer"
        effects.append(.note("ota.checked", ["has_update": false, "error": .text(error)]))
        answerChecks(
            .failure(ActionFailure("no_answer", "The cloud did not say whether there is an update: \(error).", ["status": .integer(Int64(answer.status))])),
            &effects)
        if answer.status == 401 { ram.token = nil }
        // A cloud without a version centre will not have one in a minute.
        let isHopeless = [400, 403, 404].contains(answer.status) || ram.update.checks.attempts >= 8
        if isHopeless, ram.update.attempt == nil { return planDailyCheck(&effects) }
        let waiting = ram.update.checks.next(first: Self.firstCheckRetry, longest: Self.longestCheckRetry, &chance)
        effects.append(.startTimer(.updateCheck, after: max(waiting, answer.asked)))
    }

    private mutating func answerChecks(_ result: Result<Fields, ActionFailure>, _ effects: inout [DeviceEffect]) {
        let actions = ram.update.checkActions
        ram.update.checkActions = []
        for action in actions { finish(action, result, &effects) }
    }

    // MARK: What the cloud offers

    private mutating func take(_ offer: UpdateOffer, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        if let result = ram.update.result, result.tag == CRC32.of(offer.execution.utf8) || result.earlier.contains(CRC32.of(offer.execution.utf8)) {
            return repeatResult(of: offer, result, at: now, &effects)
        }
        if let attempt = ram.update.attempt, attempt.execution != offer.execution {
            // The cloud wants something else now; what was begun ends first, then the next check brings it again.
            return try finishUpdate(.cancelled, "cancelled", at: now, &effects)
        }
        ram.update.offer = offer
        if ram.update.stage == .renewing, ram.update.manifest != nil {
            ram.update.stage = .downloading
            ram.update.download.address = ram.update.download.isDelta ? offer.delta ?? offer.download : offer.download
            return requestBlock(at: now, &effects)
        }
        if ram.update.attempt == nil {
            ram.update.sequence = 0
            if offer.version.description == runningVersion {
                return try refuseUpdate("already_installed", attack: nil, at: now, &effects)
            }
            if isBlocked(offer, at: now) { return try refuseUpdate("backing_off", attack: nil, at: now, &effects) }
        }
        ram.update.stage = .preparing
        ram.update.retries.reset()
        if offer.isRollback, try rollBackLocally(offer, at: now, &effects) { return }
        try prepareUpdate(at: now, &effects)
    }

    /// An execution that has ended is not carried out again: the cloud has missed the result, or has forgotten it.
    private mutating func repeatResult(of offer: UpdateOffer, _ result: UpdateResult, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard result.execution == offer.execution else { return planDailyCheck(&effects) }
        ram.update.result?.isAcknowledged = false
        ram.update.isRepeating = true
        sendResult(at: now, &effects)
    }

    /// A version that this badge rolled back is not tried again at once, whatever the cloud says (A8).
    private func isBlocked(_ offer: UpdateOffer, at now: RunInstant) -> Bool {
        let trust = ram.update.trust
        return !offer.isForced && !offer.isRollback && trust.blockedVersion == offer.version.description && clock(at: now) < trust.blockedUntil
    }
}

extension CloudAnswer {
    /// How long the cloud asks to wait, at most an hour.
    var asked: Duration { .seconds(min(max(0, retryAfter ?? 0), 3_600)) }
}

extension String {
    /// For a query: the plus of a build number would read as a space.
    fileprivate var replacingPlus: String { split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%2B") }
}
