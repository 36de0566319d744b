import CloudClient
import LabCore

/// The way to the cloud: registration over HTTP and the MQTT connection, both only while the module is attached, since they lead
/// through it (badge protocol, "Signed requests" and "MQTT").
extension ModuleAgent {
    static let firstRetry = Duration.milliseconds(500)
    static let longestRetry = Duration.seconds(60)
    /// After a refusal that will not change soon: the factory has not provisioned the module.
    static let lateRetry = Duration.seconds(600)
    /// A connection that lasts so long starts the back-off anew.
    static let stableConnection = Duration.seconds(30)
    static let connectionLimit = Duration.seconds(20)
    static let keepAliveSeconds: UInt16 = 60
    static let subscriptions = ["config/update", "command", "update"]
    static let capabilities: [FieldValue] = ["cellular", "gps", "sms"]

    var topicPrefix: String { "luna/device/\(identity.serialNumber)/" }

    /// The module is attached: registers if that is needed, else connects.
    mutating func goToCloud(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isAttached, ram.phase == .idle else { return }
        let known = disk.credentials
        let isCurrent = known?.firmware == ram.firmware && known?.imei == ram.imei
        if known == nil || !isCurrent { registerWithCloud(at: now, &effects) } else { connect(at: now, &effects) }
    }

    /// The module is not attached any more: nothing may be sent, and what was under way comes to nothing.
    mutating func leaveCloud(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        for timer in [TimerName.registration, .reconnection, .connectionGuard] { effects.append(.cancelTimer(timer)) }
        ram.exchange = nil
        // Reports on the way are lost; results are sent again.
        (ram.centre.exchange, ram.centre.errands) = (nil, [])
        effects.append(.cancelTimer(.updateReport))
        switch ram.phase {
        case .online:
            effects.append(.note("offline", ["reason": .text(reason)]))
            effects.append(.mqtt(.disconnect))
        case .connecting, .subscribing: effects.append(.mqtt(.disconnect))
        default: break
        }
        ram.phase = .idle
    }

    // MARK: Registration

    mutating func registerWithCloud(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isAttached else { return }
        ram.phase = .registering
        let body: Fields = [
            "device_id": .text(identity.serialNumber), "device_type": "RG500Q", "firmware_version": .text(Self.version(ram.firmware)),
            "capabilities": .list(Self.capabilities), "hardware_id": .text(ram.imei),
        ]
        let signing = RequestSigning(signer: identity.serialNumber, key: identity.factoryKey, host: cloudHost, tenant: tenant)
        let (token, nonce) = (nextToken(), nonce())
        ram.exchange = AgentMemory.Exchange(token: token, nonce: nonce)
        let call = signing.call(
            "POST", "/api/v1/devices/register", body: JSONWriter.bytes(.record(body)), timestamp: clock(at: now), nonce: nonce)
        effects.append(.request(token, call))
    }

    /// 1 to 64 letters, digits, `.`, `_` and `-`.
    static func version(_ text: String) -> String {
        let kept = text.utf8.filter { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
            }
        }
        return kept.isEmpty ? "unknown" : String(decoding: kept.prefix(64), as: UTF8.self)
    }

    /// 16 random bytes in base64url: 22 characters.
    mutating func nonce() -> String { Base64URL.text(generator.bytes(16)) }

    mutating func answered(
        _ token: Token, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        if centreAnswered(token, result, at: now, &effects) { return }
        guard let exchange = ram.exchange, exchange.token == token, ram.phase == .registering else { return }
        ram.exchange = nil
        let answer = CloudAnswer(result)
        if answer.error == "CLOCK_SKEW", correctClock(answer, nonce: exchange.nonce, at: now, &effects) {
            return registerWithCloud(at: now, &effects)
        }
        guard answer.succeeded, let grant = RegistrationGrant(answer.data, for: identity.serialNumber) else {
            return registrationFailed(answer, at: now, &effects)
        }
        disk.credentials = AgentDisk.Credentials(secret: grant.secret, keyEpoch: grant.keyEpoch, firmware: ram.firmware, imei: ram.imei)
        (ram.hasCorrectedClock, ram.conflicts) = (false, 0)
        (ram.centre.token, ram.centre.tokenExpiry) = (grant.token, grant.tokenExpiry)
        ram.registrationBackoff.reset()
        effects.append(
            .note(
                "registered",
                [
                    "device": .text(identity.serialNumber), "key_epoch": .integer(Int64(grant.keyEpoch)),
                    "again": .bool(answer.status == 200),
                ]))
        connect(at: now, &effects)
    }

    private enum Retry: String { case soon, late, never }

    private mutating func registrationFailed(_ answer: CloudAnswer, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.conflicts = answer.status == 409 ? ram.conflicts + 1 : 0
        let retry = retry(after: answer)
        let waiting = ram.registrationBackoff.next(first: Self.firstRetry, longest: Self.longestRetry, &generator)
        effects.append(
            .note(
                "registration.failed",
                [
                    "status": .integer(Int64(answer.status)), "error": .text(answer.error ?? "malformed_answer"),
                    "attempt": .integer(Int64(ram.registrationBackoff.attempts)), "retry": .text(retry.rawValue),
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

    private func retry(after answer: CloudAnswer) -> Retry {
        switch answer.status {
        // Another module has this identity. A single 409 may be a damaged answer.
        case 409: ram.conflicts >= 2 ? .never : .soon
        case 401, 408, 425, 429: .soon
        case 400..<500: .late
        default: .soon
        }
    }

    /// Sets the clock to the cloud's time if the cloud signed it for this request, once until a request succeeds.
    private mutating func correctClock(
        _ answer: CloudAnswer, nonce: String, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Bool {
        guard !ram.hasCorrectedClock, let time = answer.serverTime, time >= 0, let signature = answer.serverTimeSignature,
            RequestSigning.isServerTime(time, signature: signature, nonce: nonce, key: identity.factoryKey)
        else { return false }
        ram.hasCorrectedClock = true
        let change = time.subtractingReportingOverflow(clock(at: now))
        let error = disk.clockError.addingReportingOverflow(change.partialValue)
        guard !change.overflow, !error.overflow else { return false }
        disk.clockError = error.partialValue
        effects.append(.note("clock.corrected", ["by": .integer(change.partialValue)]))
        return true
    }

    // MARK: Connection

    private mutating func connect(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isAttached, let credentials = disk.credentials else { return }
        ram.phase = .connecting
        let password = RequestSigning.password(
            clientID: identity.serialNumber, secret: credentials.secret, timestamp: clock(at: now), nonce: nonce())
        let will = MQTTConnection.Will(
            topic: topicPrefix + "status", payload: Array(#"{"status":"offline"}"#.utf8), quality: 1, retain: false)
        effects.append(
            .mqtt(
                .connect(
                    MQTTConnection(
                        clientID: identity.serialNumber, username: identity.serialNumber, password: Array(password.utf8), isClean: false,
                        keepAlive: Self.keepAliveSeconds, will: will))))
        effects.append(.startTimer(.connectionGuard, after: Self.connectionLimit))
    }

    mutating func notified(_ notice: MQTTNotice, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch notice {
        case .connected(let sessionPresent):
            guard ram.phase == .connecting else { return }
            (ram.phase, ram.isSessionPresent, ram.granted) = (.subscribing, sessionPresent, 0)
            for name in Self.subscriptions { effects.append(.mqtt(.subscribe(filter: topicPrefix + name, quality: 1))) }
        case .refused(let code): refused(code, at: now, &effects)
        case .disconnected(let reason): disconnected(reason, at: now, &effects)
        case .subscribed(let filter, let code): subscribed(filter, code, at: now, &effects)
        case .acknowledged: break
        case .message(let topic, let payload, _, _): received(topic, payload, at: now, &effects)
        }
    }

    private mutating func subscribed(_ filter: String, _ code: UInt8, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .subscribing, Self.subscriptions.contains(where: { topicPrefix + $0 == filter }) else { return }
        if code >= 0x80 {
            effects.append(.mqtt(.disconnect))
            return waitToReconnect(&effects)
        }
        ram.granted += 1
        if ram.granted == Self.subscriptions.count { online(at: now, &effects) }
    }

    private mutating func online(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        (ram.phase, ram.onlineSince) = (.online, now)
        effects.append(.cancelTimer(.connectionGuard))
        // Before the status, which names the version in force.
        let isTrial = ram.configuration?.isTrying == true
        if isTrial { trialWorks(at: now, &effects) }
        publishStatus("online", at: now, &effects)
        effects.append(.note("online", ["device": .text(identity.serialNumber), "session_present": .bool(ram.isSessionPresent)]))
        finishReboot(at: now, &effects)
        centreIsReachable(at: now, &effects)
    }

    private mutating func refused(_ code: UInt8, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .connecting else { return }
        effects.append(.note("connection.refused", ["code": .integer(Int64(code))]))
        // 4 and 5: bad user name or password, not authorized (MQTT 3.1.1, table 3.1). A registration gives new credentials.
        if code == 4 || code == 5 { ram.mustRegister = true }
        waitToReconnect(&effects)
    }

    private mutating func disconnected(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch ram.phase {
        case .online:
            effects.append(.note("offline", ["reason": .text(reason)]))
            if ram.onlineSince.duration(to: now) >= Self.stableConnection { ram.connectionBackoff.reset() }
        case .connecting, .subscribing: break
        default: return
        }
        waitToReconnect(&effects)
    }

    private mutating func waitToReconnect(_ effects: inout [DeviceEffect]) {
        ram.phase = .offline
        effects.append(.cancelTimer(.connectionGuard))
        let waiting = ram.connectionBackoff.next(first: Self.firstRetry, longest: Self.longestRetry, &generator)
        effects.append(.startTimer(.reconnection, after: waiting))
    }

    mutating func reconnect(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .offline else { return }
        if !ram.mustRegister { return connect(at: now, &effects) }
        ram.mustRegister = false
        registerWithCloud(at: now, &effects)
    }

    mutating func connectionTimedOut(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .connecting || ram.phase == .subscribing else { return }
        effects.append(.mqtt(.disconnect))
        waitToReconnect(&effects)
    }

    private mutating func received(_ topic: String, _ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        effects.append(.note("message.received", ["topic": .text(topic)]))
        guard topic.hasPrefix(topicPrefix) else { return }
        switch topic.dropFirst(topicPrefix.count) {
        case "config/update": configurationArrived(payload, at: now, &effects)
        case "command": commandArrived(payload, at: now, &effects)
        case "update": noticeArrived(payload, at: now, &effects)
        default: break
        }
    }

    // MARK: What goes out

    /// Publishes a message of quality 1 below the module's own topic.
    mutating func publish(_ name: String, _ fields: Fields, _ effects: inout [DeviceEffect]) {
        effects.append(
            .mqtt(
                .publish(
                    topic: topicPrefix + name, payload: JSONWriter.bytes(.record(fields)), quality: 1, retain: false, token: nextToken())))
    }

    mutating func sendHeartbeat(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let fields = (["timestamp": timestamp(at: now), "status": "online"] as Fields).merging(ram.measurement.fields)
        effects.append(
            .mqtt(
                .publish(
                    topic: topicPrefix + "heartbeat", payload: JSONWriter.bytes(.record(fields)), quality: 0, retain: false,
                    token: Token(rawValue: 0))))
        effects.append(.note("heartbeat.sent", ram.measurement.fields))
    }

    /// - Parameter status: `online` goes with everything, the others alone.
    mutating func publishStatus(_ status: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var fields: Fields = ["timestamp": timestamp(at: now), "status": .text(status)]
        if status == "online" {
            var modules: Fields = ["network": .text(ram.network.rawValue), "gps": ram.isPositioning ? "on" : "off"]
            if ram.sim != .unknown { modules["sim"] = .text(ram.sim.rawValue) }
            fields["firmware"] = .text(Self.version(ram.firmware))
            fields["firmware_confirmed"] = .bool(disk.update?.phase != .settling)
            fields["config_version"] = .integer(disk.settings.version)
            fields["boot_count"] = .integer(disk.bootCount)
            fields["modules"] = .record(modules)
            fields = fields.merging(ram.measurement.fields)
        }
        publish("status", fields, &effects)
        effects.append(.note("status.sent", ["status": .text(status)]))
    }

    /// Something in the status but a measurement has changed.
    mutating func statusChanged(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.phase == .online { publishStatus("online", at: now, &effects) }
    }

    mutating func log(_ level: String, _ message: String, _ details: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .online else { return }
        publish(
            "logs",
            [
                "timestamp": timestamp(at: now), "level": .text(level), "module": "cellular", "message": .text(message),
                "details": .record(details),
            ], &effects)
        effects.append(.note("log.sent", ["level": .text(level), "message": .text(message)]))
    }
}
