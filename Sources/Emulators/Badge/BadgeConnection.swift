import CloudClient
import LabCore

/// The MQTT connection: persistent session, will, back-off (badge protocol, "MQTT").
extension Badge {
    static let firstReconnection = Duration.milliseconds(500)
    static let longestReconnection = Duration.seconds(60)
    /// A connection that lasts so long starts the back-off anew. A shorter one does not, so that two badges with one identity
    /// do not throw each other out without an end.
    static let stableConnection = Duration.seconds(30)
    static let connectionLimit = Duration.seconds(20)
    static let keepAliveSeconds: UInt16 = 60
    static let subscriptions = ["config/update", "command", "update"]

    mutating func connect(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let credentials else { return register(at: now, &effects) }
        ram.phase = .connecting
        let password = RequestSigning.password(
            clientID: ram.deviceID, secret: credentials.secret, timestamp: clock(at: now), nonce: nonce())
        let will = MQTTConnection.Will(
            topic: ram.topicPrefix + "status", payload: Array(#"{"status":"offline"}"#.utf8), quality: 1, retain: false)
        let connection = MQTTConnection(
            clientID: ram.deviceID, username: ram.deviceID, password: Array(password.utf8), isClean: false, keepAlive: Self.keepAliveSeconds,
            will: will)
        if hasBroker { effects.append(.mqtt(.connect(connection))) }
        effects.append(.startTimer(.connectionGuard, after: Self.connectionLimit))
    }

    mutating func notified(_ notice: MQTTNotice, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        switch notice {
        case .connected(let sessionPresent): connected(sessionPresent, &effects)
        case .refused(let code): refused(code, at: now, &effects)
        case .disconnected(let reason): disconnected(reason, at: now, &effects)
        case .subscribed(let filter, let code): subscribed(filter, code, at: now, &effects)
        case .acknowledged(let token): try acknowledged(token, &effects)
        case .message(let topic, let payload, _, _): try received(topic, payload, at: now, &effects)
        }
    }

    private mutating func connected(_ sessionPresent: Bool, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .connecting else { return }
        ram.phase = .subscribing
        ram.isSessionPresent = sessionPresent
        ram.grantedSubscriptions = 0
        // Also where the session is present: after a power cut the badge cannot know what it had subscribed to.
        for name in Self.subscriptions { effects.append(.mqtt(.subscribe(filter: ram.topicPrefix + name, quality: 1))) }
    }

    private mutating func subscribed(_ filter: String, _ code: UInt8, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if let place = ram.subscriptions.firstIndex(where: { $0.filter == filter }) {
            let action = ram.subscriptions.remove(at: place).action
            let refusal = ActionFailure("refused", "The broker refused the subscription.", ["code": .integer(Int64(code))])
            finish(action, code < 0x80 ? .success(["code": .integer(Int64(code))]) : .failure(refusal), &effects)
        }
        guard ram.phase == .subscribing, Self.subscriptions.contains(where: { ram.topicPrefix + $0 == filter }) else { return }
        if code >= 0x80 {
            effects.append(.mqtt(.disconnect))
            return waitToReconnect(at: now, &effects)
        }
        ram.grantedSubscriptions += 1
        if ram.grantedSubscriptions == Self.subscriptions.count { online(at: now, &effects) }
    }

    private mutating func online(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.phase = .online
        ram.onlineSince = now
        ram.mustVerify = false
        effects.append(.cancelTimer(.connectionGuard))
        publishStatus("online", at: now, &effects)
        effects.append(.note("online", ["device": .text(ram.deviceID), "session_present": .bool(ram.isSessionPresent)]))
        reportResults(at: now, &effects)
        log(.info, "system", "Online", details: onlineDetails, at: now, &effects)
        sendWaitingLogs(&effects)
        // A part of the interval by chance, so that a fleet that comes up together does not beat together.
        let interval = Int64(ram.configuration.heartbeatInterval) * 1_000_000_000
        effects.append(.startTimer(.heartbeat, after: .nanoseconds(generator.nanoseconds(in: 1_000_000...interval))))
        updateOnline(at: now, &effects)
    }

    private var onlineDetails: Fields {
        ["boot_count": .integer(Int64(ram.bootCount)), "reason": .text(ram.bootCause.rawValue), "firmware": .text(runningVersion)]
    }

    private mutating func refused(_ code: UInt8, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .connecting else { return }
        effects.append(.note("connection.refused", ["code": .integer(Int64(code))]))
        // 4 and 5: bad user name or password, not authorized (MQTT 3.1.1, table 3.1).
        if code == 4 || code == 5 { ram.mustVerify = true }
        waitToReconnect(at: now, &effects)
    }

    private mutating func disconnected(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch ram.phase {
        case .online:
            effects.append(.note("offline", ["reason": .text(reason)]))
            if ram.onlineSince.duration(to: now) >= Self.stableConnection { ram.connections.reset() }
        case .connecting, .subscribing: break
        default: return
        }
        effects.append(.cancelTimer(.heartbeat))
        dropDeliveries(&effects)
        if ram.reset != nil { return resetNow(&effects) }
        waitToReconnect(at: now, &effects)
    }

    /// Scenarios learn that a publish or subscription came to nothing; the client sends what it kept when it is back.
    mutating func dropDeliveries(_ effects: inout [DeviceEffect]) {
        let failure = ActionFailure("disconnected", "The connection ended before the broker answered.")
        for delivery in ram.deliveries {
            if case .action(let action) = delivery.purpose { finish(action, .failure(failure), &effects) }
        }
        ram.deliveries.removeAll { if case .action = $0.purpose { true } else { false } }
        for subscription in ram.subscriptions { finish(subscription.action, .failure(failure), &effects) }
        ram.subscriptions = []
    }

    mutating func waitToReconnect(at now: RunInstant, atLeast pause: Duration = .zero, _ effects: inout [DeviceEffect]) {
        ram.phase = .offline
        effects.append(.cancelTimer(.connectionGuard))
        let waiting = ram.connections.next(first: Self.firstReconnection, longest: Self.longestReconnection, &generator)
        effects.append(.startTimer(.reconnection, after: max(waiting, pause)))
    }

    mutating func reconnect(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .offline else { return }
        if ram.mustVerify { run(.connect, at: now, &effects) } else { connect(at: now, &effects) }
    }

    mutating func connectionTimedOut(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.phase == .connecting || ram.phase == .subscribing else { return }
        effects.append(.mqtt(.disconnect))
        waitToReconnect(at: now, &effects)
    }

    private mutating func acknowledged(_ token: Token, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        if let place = ram.deliveries.firstIndex(where: { $0.token == token }) {
            switch ram.deliveries.remove(at: place).purpose {
            case .action(let action): finish(action, .success([:]), &effects)
            case .result(let slot): try resultDelivered(slot: slot, &effects)
            }
        }
        if let reset = ram.reset, reset.delivery == token { resetNow(&effects) }
    }

    private mutating func received(
        _ topic: String, _ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        effects.append(.note("message.received", ["topic": .text(topic)]))
        guard topic.hasPrefix(ram.topicPrefix), !ram.deviceID.isEmpty else { return }
        switch topic.dropFirst(ram.topicPrefix.count) {
        case "config/update": try configurationArrived(payload, at: now, &effects)
        case "command": try commandArrived(payload, at: now, &effects)
        case "update": try noticeArrived(payload, at: now, &effects)
        default: break
        }
    }
}
