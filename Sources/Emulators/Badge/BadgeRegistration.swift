import CloudClient
import LabCore

/// Registration over REST, and the token (badge protocol, "Signed requests" and "REST").
extension Badge {
    static let firstRetry = Duration.milliseconds(500)
    static let longestRetry = Duration.seconds(60)
    /// After a refusal that will not change soon: the factory has not provisioned the badge, the cloud is another version.
    static let lateRetry = Duration.seconds(600)
    /// A token that ends within so many seconds is not used any more.
    static let tokenReserve: Int64 = 60

    enum Retry: String { case soon, late, never }

    mutating func register(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let factory = factoryData else { return }
        ram.phase = .registering
        let body: Fields = [
            "device_id": .text(factory.deviceID), "device_name": .text(factory.deviceName), "hardware_version": .text(hardwareVersion),
            "mac_address": .text(factory.macAddress), "serial_no": .text(factory.serialNumber), "hardware_id": .text(factory.hardwareID),
            "device_type": "luna_badge", "software_version": .text(reportedVersion),
        ]
        let signing = RequestSigning(signer: factory.serialNumber, key: factory.factoryKey, host: cloud.host, tenant: cloud.tenant)
        send("POST", "/api/v1/devices/register", body: JSONWriter.bytes(.record(body)), signing, for: .registration, at: now, &effects)
    }

    /// Signs a request, remembers what it is for, and sends it.
    private mutating func send(
        _ method: String, _ path: String, body: [UInt8], bearer: String? = nil, _ signing: RequestSigning,
        for purpose: Memory.Exchange.Purpose, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        let (token, nonce) = (nextToken(), nonce())
        let call = signing.call(method, path, body: body, bearer: bearer, timestamp: clock(at: now), nonce: nonce)
        ram.exchanges.append(Memory.Exchange(token: token, purpose: purpose, nonce: nonce))
        transmit(token, call, &effects)
    }

    mutating func registrationAnswered(
        _ answer: CloudAnswer, nonce: String, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard ram.phase == .registering, let factory = factoryData else { return }
        if answer.error == "CLOCK_SKEW", correctClock(answer, nonce: nonce, key: factory.factoryKey, at: now, &effects) {
            return register(at: now, &effects)
        }
        guard answer.succeeded else { return registrationFailed(answer, at: now, &effects) }
        guard let grant = RegistrationGrant(answer.data, for: factory.deviceID) else {
            return registrationFailed(answer, error: "malformed_answer", at: now, &effects)
        }
        guard try save([(.credentials, grant.credentials.bytes)], &effects) else {
            return registrationFailed(answer, error: "flash_failed", at: now, &effects)
        }
        takeName(grant.credentials.deviceID)
        (ram.token, ram.tokenExpiry) = (grant.token, grant.tokenExpiry)
        (ram.hasCorrectedClock, ram.mustVerify, ram.conflicts) = (false, false, 0)
        ram.registrations.reset()
        let epoch = FieldValue.integer(Int64(grant.credentials.keyEpoch))
        effects.append(
            .note("registered", ["device": .text(ram.deviceID), "key_epoch": epoch, "again": .bool(answer.status == 200)]))
        connect(at: now, &effects)
    }

    private mutating func registrationFailed(
        _ answer: CloudAnswer, error: String? = nil, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        ram.conflicts = answer.status == 409 ? ram.conflicts + 1 : 0
        let retry = error == "flash_failed" ? .late : retry(after: answer)
        let waiting = ram.registrations.next(first: Self.firstRetry, longest: Self.longestRetry, &generator)
        effects.append(
            .note(
                "registration.failed",
                [
                    "status": .integer(Int64(answer.status)), "error": .text(error ?? answer.error ?? "unnamed"),
                    "attempt": .integer(Int64(ram.registrations.attempts)), "retry": .text(retry.rawValue),
                ]))
        switch retry {
        case .never: ram.phase = .refused
        case .late:
            let span = Self.lateRetry.nanoseconds
            effects.append(.startTimer(.registration, after: .nanoseconds(generator.nanoseconds(in: span / 2...span))))
        case .soon:
            let asked = Duration.seconds(min(max(0, answer.retryAfter ?? 0), 3_600))
            effects.append(.startTimer(.registration, after: max(asked, waiting)))
        }
    }

    /// What a refusal means for the next attempt.
    private func retry(after answer: CloudAnswer) -> Retry {
        switch answer.status {
        // Another device has this identity. A single 409 may be a damaged answer; a second one is believed until the next boot.
        case 409: ram.conflicts >= 2 ? .never : .soon
        // Signature or clock: often the link's fault, else a matter for the factory.
        case 401, 408, 425, 429: .soon
        case 400..<500: .late
        default: .soon
        }
    }

    /// Sets the clock to the cloud's time if the cloud signed it for this request, once until a request succeeds.
    private mutating func correctClock(
        _ answer: CloudAnswer, nonce: String, key: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Bool {
        guard !ram.hasCorrectedClock, let time = answer.serverTime, time >= 0, let signature = answer.serverTimeSignature,
            RequestSigning.isServerTime(time, signature: signature, nonce: nonce, key: key)
        else { return false }
        ram.hasCorrectedClock = true
        let change = time.subtractingReportingOverflow(clock(at: now))
        let error = backup.clockError.addingReportingOverflow(change.partialValue)
        guard !change.overflow, !error.overflow else { return false }
        backup.clockError = error.partialValue
        effects.append(.note("clock.corrected", ["by": .integer(change.partialValue)]))
        return true
    }

    // MARK: The token

    /// Does the errand with a valid token, which is fetched first where there is none.
    mutating func run(_ errand: Memory.Errand, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let needsNew = if case .connect = errand { true } else { ram.token == nil || ram.tokenExpiry - Self.tokenReserve <= clock(at: now) }
        guard needsNew else { return complete(errand, at: now, &effects) }
        ram.errands.append(errand)
        if ram.errands.count == 1 { renewToken(at: now, &effects) }
    }

    private mutating func renewToken(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let credentials else { return dropErrands("not_registered", &effects) }
        send(
            "POST", "/api/v1/auth/device/token", body: Array("{}".utf8), signing(credentials), for: .renewal, at: now, &effects)
    }

    func signing(_ credentials: BadgeCredentials) -> RequestSigning {
        RequestSigning(signer: credentials.deviceID, key: credentials.secret, host: cloud.host, tenant: cloud.tenant)
    }

    mutating func renewalAnswered(
        _ answer: CloudAnswer, nonce: String, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        if answer.error == "CLOCK_SKEW", let secret = credentials?.secret,
            correctClock(answer, nonce: nonce, key: secret, at: now, &effects) {
            return renewToken(at: now, &effects)
        }
        let errands = ram.errands
        if answer.succeeded, let grant = TokenGrant(answer.data) {
            (ram.token, ram.tokenExpiry) = (grant.token, grant.expiry)
            (ram.hasCorrectedClock, ram.mustVerify) = (false, false)
            effects.append(.note("token.renewed", ["expires_at": .integer(grant.expiry)]))
            ram.errands = []
            for errand in errands { complete(errand, at: now, &effects) }
            return
        }
        let error = answer.error ?? "malformed_answer"
        effects.append(.note("token.refused", ["status": .integer(Int64(answer.status)), "error": .text(error)]))
        let wantsConnection = errands.contains { if case .connect = $0 { true } else { false } }
        dropErrands(error, &effects)
        for case .update(let request) in errands { try updateAnswered(request, nil, answer.asFailure, at: now, &effects) }
        guard wantsConnection else { return }
        // The cloud does not know these credentials any more: a new registration gives new ones.
        if [401, 403, 404].contains(answer.status), error != "CLOCK_SKEW" {
            register(at: now, &effects)
        } else {
            waitToReconnect(at: now, &effects)
        }
    }

    private mutating func dropErrands(_ reason: String, _ effects: inout [DeviceEffect]) {
        let errands = ram.errands
        ram.errands = []
        let failure = ActionFailure("no_token", "The badge got no token from the cloud: \(reason).", ["error": .text(reason)])
        for errand in errands {
            switch errand {
            case .connect, .update: break
            case .reveal(let action), .call(let action, _): finish(action, .failure(failure), &effects)
            }
        }
    }

    private mutating func complete(_ errand: Memory.Errand, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch errand {
        case .connect: connect(at: now, &effects)
        case .reveal(let action):
            finish(action, .success(["token": .text(ram.token ?? ""), "expires_at": .integer(ram.tokenExpiry)]), &effects)
        case .call(let action, let call): perform(call, bearer: ram.token, for: action, at: now, &effects)
        case .update(let request): send(request, at: now, &effects)
        }
    }

    /// Sends a scenario's request with the badge's own signature and this token.
    mutating func perform(
        _ call: Memory.PlainCall, bearer: String?, for action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard let credentials else {
            return finish(action, .failure(.notRegistered), &effects)
        }
        let (token, nonce) = (nextToken(), nonce())
        var request = signing(credentials).call(
            call.method, call.path, body: call.body, bearer: bearer, timestamp: clock(at: now), nonce: nonce)
        if !call.isSigned { request.headers.removeAll { $0.name.hasPrefix("x-") && $0.name != "x-tenant" } }
        ram.exchanges.append(Memory.Exchange(token: token, purpose: .call(action), nonce: nonce))
        transmit(token, request, &effects)
    }
}
