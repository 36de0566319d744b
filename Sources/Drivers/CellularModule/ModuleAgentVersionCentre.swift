import CloudClient
import LabCore
import WireProtocols

/// The agent's requests to the version centre: the token, the check, the reports (badge protocol, "Firmware").
extension ModuleAgent {
    /// A token that ends within so many seconds is not used any more.
    private static let tokenReserve: Int64 = 60
    private static let firstCheckRetry = Duration.seconds(5)
    private static let longestCheckRetry = Duration.seconds(600)
    private static let dayOfChecks = Duration.seconds(86_400)
    /// Devices that come back in one moment do not ask in one moment.
    private static let checkDelay = Duration.seconds(2)...(.seconds(10))
    private static let noticeDelay = Duration.milliseconds(100)...(.seconds(2))

    // MARK: When

    func isMissing(_ errand: VersionCentreMemory.Errand) -> Bool {
        if case .errand(errand)? = ram.centre.exchange?.purpose { return false }
        return !ram.centre.errands.contains(errand)
    }

    mutating func planCheck(_ delay: ClosedRange<Duration>, _ effects: inout [DeviceEffect]) {
        let span = delay.lowerBound.nanoseconds...delay.upperBound.nanoseconds
        effects.append(.startTimer(.updateCheck, after: .nanoseconds(generator.nanoseconds(in: span))))
    }

    private mutating func planDailyCheck(_ effects: inout [DeviceEffect]) {
        planCheck(Self.dayOfChecks - .seconds(8_640)...Self.dayOfChecks, &effects)
    }

    /// Online: what the cloud may not have is told, then it is asked.
    mutating func centreIsReachable(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if disk.update?.phase == .settling { report("testing", at: now, &effects) }
        sendResult(at: now, &effects)
        planCheck(Self.checkDelay, &effects)
    }

    /// A notice is a hint: only the check counts.
    mutating func noticeArrived(_ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let notice = Self.record(payload) else { return }
        if notice["action"]?.text == "cancel" {
            if let execution = notice["execution_id"]?.text { cancelUpdate(execution, at: now, &effects) }
        } else {
            planCheck(Self.noticeDelay, &effects)
        }
    }

    mutating func check(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Offline the next connection brings one; in the middle of an update nothing else could be begun.
        guard ram.phase == .online, disk.update?.isInModule != true, disk.update?.phase != .settling else { return }
        run(.check, at: now, &effects)
    }

    /// The action `check_update`.
    mutating func check(for action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .online else {
            return finish(action, .failure(ActionFailure("not_connected", "The agent has no connection to the cloud now.")), &effects)
        }
        guard disk.update?.isInModule != true, disk.update?.phase != .settling else { return finish(action, .failure(.updating), &effects) }
        ram.centre.actions.append(action)
        check(at: now, &effects)
    }

    // MARK: Reports

    /// Tells the cloud how far it is; a state that does not get through is not repeated.
    mutating func report(_ state: String, reason: String? = nil, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .online, disk.update != nil else { return }
        run(.report(state, reason: reason), at: now, &effects)
    }

    /// Tells the cloud how it ended, until it is acknowledged.
    mutating func sendResult(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .online, let result = disk.updateResults.first(where: { !$0.isAcknowledged }) else { return }
        run(.result(execution: result.execution), at: now, &effects)
    }

    private func body(_ state: String, _ version: String, _ sequence: Int64, reason: String?, running: String) -> Fields {
        var body: Fields = ["sequence": .integer(sequence), "state": .text(state), "version": .text(version)]
        if !running.isEmpty { body["running_version"] = .text(running) }
        if let reason { body["reason"] = .text(reason) }
        return body
    }

    /// The running version in the words of the wanted one, where that leaves the sub-version open.
    func runningVersion(for wanted: String) -> String {
        ATModuleVersion.matches(running: ram.firmware, wanted: wanted) ? wanted : Self.version(ram.firmware)
    }

    // MARK: Requests

    private mutating func run(_ errand: VersionCentreMemory.Errand, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if isMissing(errand) { ram.centre.errands.append(errand) }
        goOnWithErrands(at: now, &effects)
    }

    private mutating func goOnWithErrands(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.centre.exchange == nil, ram.phase == .online, let credentials = disk.credentials else { return }
        while let errand = ram.centre.errands.first {
            guard let token = ram.centre.token, ram.centre.tokenExpiry - Self.tokenReserve > clock(at: now) else {
                return send("POST", "/api/v1/auth/device/token", Array("{}".utf8), nil, credentials, for: .renewal, at: now, &effects)
            }
            ram.centre.errands.removeFirst()
            if send(errand, token, credentials, at: now, &effects) { return }
        }
    }

    /// - Returns: false for an errand that has nothing to say any more.
    private mutating func send(
        _ errand: VersionCentreMemory.Errand, _ token: String, _ credentials: AgentDisk.Credentials, at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) -> Bool {
        let (path, body): (String, Fields)
        switch errand {
        case .check:
            let isConfirmed = disk.update?.phase != .settling
            let query =
                "current_version=\(Self.version(ram.firmware))&hardware_version=\(Self.version(ram.model))&format=dfota&security_counter=0"
            send(
                "GET", "/api/v1/versions/check?\(query)&confirmed=\(isConfirmed)", [], token, credentials, for: .errand(errand), at: now,
                &effects)
            return true
        case .report(let state, let reason):
            guard let update = disk.update else { return false }
            disk.update?.sequence += 1
            let running = runningVersion(for: update.offer.version)
            path = update.offer.execution
            body = self.body(state, update.offer.version, update.sequence + 1, reason: reason, running: running)
        case .result(let execution):
            guard let result = disk.updateResults.first(where: { $0.execution == execution && !$0.isAcknowledged }) else { return false }
            path = execution
            body = self.body(result.state, result.version, result.sequence, reason: result.reason, running: result.running)
        }
        send(
            "POST", "/api/v1/firmware/executions/\(path)/report", JSONWriter.bytes(.record(body)), token, credentials, for: .errand(errand),
            at: now, &effects)
        return true
    }

    private mutating func send(
        _ method: String, _ path: String, _ body: [UInt8], _ bearer: String?, _ credentials: AgentDisk.Credentials,
        for purpose: VersionCentreMemory.Purpose, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        let signing = RequestSigning(signer: identity.serialNumber, key: credentials.secret, host: cloudHost, tenant: tenant)
        let token = nextToken()
        ram.centre.exchange = (token, purpose)
        let call = signing.call(method, path, body: body, bearer: bearer, timestamp: clock(at: now), nonce: nonce())
        effects.append(.request(token, call))
    }

    /// - Returns: false if the answer belongs to something else.
    mutating func centreAnswered(
        _ token: Token, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Bool {
        guard let exchange = ram.centre.exchange, exchange.token == token else { return false }
        ram.centre.exchange = nil
        let answer = CloudAnswer(result)
        // The cloud has another secret now: what helps is registering again, which the next connection brings.
        if answer.status == 401 { ram.centre.token = nil }
        switch exchange.purpose {
        case .renewal: renewed(answer, at: now, &effects)
        case .errand(.check): checkAnswered(answer, at: now, &effects)
        case .errand(.report(let state, let reason)): reportAnswered(state, reason, answer, at: now, &effects)
        case .errand(.result(let execution)): resultAnswered(execution, answer, at: now, &effects)
        }
        goOnWithErrands(at: now, &effects)
        return true
    }

    private mutating func renewed(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard answer.succeeded, let grant = TokenGrant(answer.data) else {
            let errands = ram.centre.errands
            ram.centre.errands = []
            if errands.contains(.check) { checkFailed(answer, at: now, &effects) }
            return retryReports(answer, &effects)
        }
        (ram.centre.token, ram.centre.tokenExpiry) = (grant.token, grant.expiry)
    }

    // MARK: Answers

    private mutating func checkAnswered(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard answer.succeeded, let data = answer.data?.record, let hasUpdate = data["has_update"]?.bool else {
            return checkFailed(answer, at: now, &effects)
        }
        ram.centre.checks.reset()
        let offer = hasUpdate ? data["update_info"]?.record.flatMap { ModuleUpdateOffer($0) } : nil
        var fields: Fields = ["has_update": .bool(offer != nil)]
        if let offer {
            fields["version"] = .text(offer.version)
            fields["execution"] = .text(offer.execution)
            fields["action"] = offer.isRollback ? "rollback" : "install"
        } else if hasUpdate {
            fields["error"] = "malformed_offer"
        }
        effects.append(.note("ota.checked", fields))
        answerChecks(.success(fields), &effects)
        if let execution = data["cancel"]?.text { cancelUpdate(execution, at: now, &effects) }
        if let offer { return take(offer, at: now, &effects) }
        if let seconds = data["retry_after"]?.integer {
            let wait = Duration.seconds(min(max(1, seconds), 86_400))
            return planCheck(wait...(wait + Self.noticeDelay.upperBound), &effects)
        }
        withdrawOffer(at: now, &effects)
        planDailyCheck(&effects)
    }

    private mutating func checkFailed(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let error = answer.error ?? "malformed_answer"
        effects.append(.note("ota.checked", ["has_update": false, "error": .text(error)]))
        answerChecks(
            .failure(
                ActionFailure(
                    "no_answer", "The cloud did not say whether there is an update: \(error).", ["status": .integer(Int64(answer.status))])),
            &effects)
        // A cloud without a version centre will not have one in a minute.
        let isHopeless = [400, 403, 404].contains(answer.status) || ram.centre.checks.attempts >= 8
        if isHopeless, disk.update == nil { return planDailyCheck(&effects) }
        let waiting = ram.centre.checks.next(first: Self.firstCheckRetry, longest: Self.longestCheckRetry, &generator)
        effects.append(.startTimer(.updateCheck, after: max(waiting, Self.asked(answer))))
    }

    /// How long the cloud asks to wait, at most an hour.
    private static func asked(_ answer: CloudAnswer) -> Duration { .seconds(min(max(0, answer.retryAfter ?? 0), 3_600)) }

    private mutating func answerChecks(_ result: Result<Fields, ActionFailure>, _ effects: inout [DeviceEffect]) {
        let actions = ram.centre.actions
        ram.centre.actions = []
        for action in actions { finish(action, result, &effects) }
    }

    private mutating func reportAnswered(
        _ state: String, _ reason: String?, _ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        noteReport(state, disk.update?.offer.execution ?? "", answer, &effects)
        // Once is enough to say that it cannot be cancelled.
        if reason == nil, answer.succeeded, answer.data?.record?["cancel"]?.bool == true, let execution = disk.update?.offer.execution {
            cancelUpdate(execution, at: now, &effects)
        }
    }

    private mutating func resultAnswered(_ execution: String, _ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let place = disk.updateResults.firstIndex(where: { $0.execution == execution && !$0.isAcknowledged }) else { return }
        noteReport(disk.updateResults[place].state, execution, answer, &effects)
        guard answer.succeeded || answer.status == 404 || answer.status == 409 else { return retryReports(answer, &effects) }
        disk.updateResults[place].isAcknowledged = true
        ram.centre.reports.reset()
        sendResult(at: now, &effects)
        // Something else may be wanted now; a cloud that offers the same for ever is not asked all the time.
        if disk.updateResults[place].isRepeated { planDailyCheck(&effects) } else { planCheck(Self.checkDelay, &effects) }
    }

    private func noteReport(_ state: String, _ execution: String, _ answer: CloudAnswer, _ effects: inout [DeviceEffect]) {
        var fields: Fields = ["state": .text(state), "execution": .text(execution), "status": .integer(Int64(answer.status))]
        if let recorded = answer.data?.record?["state"]?.text { fields["recorded"] = .text(recorded) }
        effects.append(.note("ota.reported", fields))
    }

    private mutating func retryReports(_ answer: CloudAnswer, _ effects: inout [DeviceEffect]) {
        guard disk.updateResults.contains(where: { !$0.isAcknowledged }) else { return }
        let waiting = ram.centre.reports.next(first: Self.firstCheckRetry, longest: Self.longestCheckRetry, &generator)
        effects.append(.startTimer(.updateReport, after: max(waiting, Self.asked(answer))))
    }
}
