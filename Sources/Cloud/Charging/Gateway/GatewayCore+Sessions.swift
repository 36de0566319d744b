import LabCore
import WireProtocols

/// Who is online: logins, takeovers, silence (charging-protocols.md 4.3; charging-orders.md F56 to F58).
extension GatewayCore {
    /// The session of a pile that has spoken; it logs in with that, or takes over from another connection.
    ///
    /// - Returns: `nil` for a pile that may not.
    mutating func session(_ key: PileKey, on connection: PileConnection, wire: PileProtocol, named name: () -> String) -> PileSession? {
        if let session = byKey[key], session.connection === connection {
            session.lastHeard = now
            return session
        }
        let id = byKey[key]?.id ?? name()
        guard let registered = registry?.pile(id) else { return nil }
        let session = byKey[key] ?? make(key, id, wire, registered)
        session.registered = registered
        session.lastHeard = now
        if session.connection != nil { takeOver(session, by: connection) }
        logIn(session, on: connection)
        return session
    }

    private mutating func make(_ key: PileKey, _ id: String, _ wire: PileProtocol, _ registered: RegisteredPile) -> PileSession {
        let line: PileLine
        if wire == .bkv {
            let gateway = key.number >> 8
            line = gateways[gateway] ?? PileLine(wire: wire, device: gateway, name: String(id.prefix(14)))
            gateways[gateway] = line
        } else {
            line = PileLine(wire: wire, device: key.number)
        }
        let session = PileSession(id: id, key: key, wire: wire, registered: registered, line: line)
        byKey[key] = session
        byName[id] = session
        return session
    }

    private mutating func logIn(_ session: PileSession, on connection: PileConnection) {
        session.connection = connection
        session.line.connection = connection
        connection.sessions.append(session)
        if connection.isStranger {
            connection.isStranger = false
            peers.loggedIn(connection.address)
        }
        session.facts.ports = max(1, session.registered.ports)
        if !connection.iccid.isEmpty { session.facts.iccid = connection.iccid }
        session.hasNewHeartbeat = false
        session.oldHeartbeats = 0
        session.recentBills = []
        session.lastCardAnswer = nil
        session.hasToldPorts = false
        if session.wire == .bkv { recallBindings(session) }
        var fields: Fields = [
            "pile": .text(session.id), "protocol": .text(session.wire.rawValue), "ports": .integer(Int64(session.facts.ports)),
        ]
        if !session.facts.firmware.isEmpty { fields["firmware"] = .text(session.facts.firmware) }
        fields["peer"] = .text(connection.peer)
        actions.append(.note("pile.online", fields))
        actions.append(.event(.online(pile: session.id, session.facts)))
        watchSilence(session)
        wakeLine(session.line)
    }

    /// The newer login wins (F56). Commands that wait go to the new connection.
    private mutating func takeOver(_ session: PileSession, by connection: PileConnection) {
        guard let old = session.connection else { return }
        counters.takeovers += 1
        session.takeovers = session.takeovers.filter { $0.advanced(by: .seconds(60)) > now } + [now]
        let isAlarm = old.address != connection.address || session.takeovers.count >= 3
        actions.append(
            .note(
                "pile.taken_over",
                [
                    "pile": .text(session.id), "protocol": .text(session.wire.rawValue), "peer": .text(connection.peer),
                    "previous_peer": .text(old.peer), "is_alarm": .bool(isAlarm),
                ]))
        if isAlarm { actions.append(.event(.alarm(pile: session.id, port: nil, .other, isOn: true))) }
        old.sessions.removeAll { $0 === session }
        session.connection = nil
        if old.sessions.isEmpty { close(old, "taken_over") }
    }

    mutating func goOffline(_ session: PileSession, _ reason: String) {
        guard session.connection != nil else { return }
        session.connection = nil
        abandonCommands(of: session)
        session.cards = []
        session.upgrade = nil
        actions.append(
            .note("pile.offline", ["pile": .text(session.id), "protocol": .text(session.wire.rawValue), "reason": .text(reason)]))
        actions.append(.event(.offline(pile: session.id, reason: reason)))
    }

    /// What a pile has said of itself; told where it is news.
    mutating func describe(_ session: PileSession, _ change: (inout PileFacts) -> Void) {
        let before = session.facts
        change(&session.facts)
        guard session.facts != before else { return }
        var fields: Fields = ["pile": .text(session.id), "ports": .integer(Int64(session.facts.ports))]
        for (name, value) in [("firmware", session.facts.firmware), ("model", session.facts.model), ("iccid", session.facts.iccid)] where !value.isEmpty {
            fields[name] = .text(value)
        }
        actions.append(.note("pile.described", fields))
        actions.append(.event(.described(pile: session.id, session.facts)))
    }

    mutating func sawClock(_ session: PileSession, _ pileTime: Int64, isStale: Bool = false) {
        // A bill that is sent again carries the time of its first sending, which says nothing about the clock.
        if isStale && PileClock.isPlausible(pileTime) { return }
        let word: String
        switch session.clock.saw(pileTime, at: unixSeconds) {
        case nil: return
        case .unset: word = "unset"
        case .jumped: word = "jump"
        case .set: word = "set"
        }
        actions.append(
            .note(
                "pile.clock",
                [
                    "pile": .text(session.id), "flag": .text(word),
                    "offset": .integer(pileTime.subtractingReportingOverflow(unixSeconds).partialValue),
                ]))
    }

    // MARK: Silence

    func silenceLimit(of session: PileSession) -> Duration {
        session.wire == .bkv ? settings.bkvSilence : (session.heartbeat ?? settings.dnyHeartbeat) * 2 + settings.heartbeatSlack
    }

    /// A BKV gateway speaks for its sockets: their own reports come too rarely to tell (2.10).
    private func silentAt(_ session: PileSession) -> RunInstant {
        let heard = session.wire == .bkv ? max(session.lastHeard, session.line.lastHeard) : session.lastHeard
        return heard.advanced(by: silenceLimit(of: session))
    }

    mutating func watchSilence(_ session: PileSession) { schedule(session, at: silentAt(session)) }

    mutating func tick(_ session: PileSession) {
        guard let connection = session.connection else { return }
        guard silentAt(session) <= now else { return watchSilence(session) }
        connection.sessions.removeAll { $0 === session }
        goOffline(session, "silent")
        // A connection on which nobody is heard any more is half open (F58).
        if connection.sessions.isEmpty { close(connection, "silent") }
    }

    // MARK: From inside the cloud

    mutating func disconnect(_ pile: String, _ reason: String) {
        guard let session = byName[pile], let connection = session.connection else { return }
        connection.sessions.removeAll { $0 === session }
        goOffline(session, reason)
        if connection.sessions.isEmpty { close(connection, reason) }
    }

    func view(of pile: String) -> PileView? {
        guard let session = byName[pile] else { return nil }
        return PileView(
            isOnline: session.isOnline, facts: session.facts, ports: session.ports.map(\.state),
            lastHeard: epoch + session.lastHeard.nanoseconds / 1_000_000, clockOffset: session.clock.offset)
    }
}
