import LabCore
import WireProtocols

extension Broker {
    /// CONNECT (§3.1.4). The packet itself was checked by the decoder; a wrong one gets no CONNACK [MQTT-3.1.4-1].
    mutating func connectArrived(_ connect: MQTTConnect, _ slot: Int) {
        var clientID = connect.clientID
        let isAssignedID = clientID.isEmpty
        if isAssignedID {
            // Without an identifier there is nothing to keep a session under [MQTT-3.1.3-7], [MQTT-3.1.3-8].
            guard connect.isClean else { return refuse(slot, clientID, .identifierRejected, "no client identifier and no clean session") }
            clientID = assignID()  // [MQTT-3.1.3-6]
        }
        if clientID.utf8.count > configuration.maximumClientIDLength {
            return refuse(slot, clientID, .identifierRejected, "client identifier too long")  // [MQTT-3.1.3-9]
        }
        let credentials = MQTTCredentials(
            clientID: clientID, isAssignedID: isAssignedID, username: connect.username, password: connect.password,
            peer: connections[slot].peer)
        switch authorizer.authenticate(credentials, at: now) {
        case .refused(let code, let reason):
            refuse(slot, clientID, code == .accepted ? .notAuthorized : code, reason)
        case .accepted(let identity):
            if let will = connect.will, will.topic.isReserved || !authorizer.mayPublish(identity, to: will.topic) {
                return refuse(slot, clientID, .notAuthorized, "no right to publish the will to \(will.topic)")
            }
            accept(connect, clientID, identity, slot)
        }
    }

    /// Identifiers for clients without one: a counter, so that two runs give the same.
    private mutating func assignID() -> String {
        while true {
            lastAssignedID += 1
            let candidate = configuration.assignedIDPrefix + String(lastAssignedID)
            if sessionSlots[ExactText(candidate)] == nil { return candidate }
        }
    }

    /// CONNACK with a code and an end [MQTT-3.2.2-5]; session present is 0 then [MQTT-3.2.2-4].
    private mutating func refuse(_ slot: Int, _ clientID: String, _ code: MQTTConnectReturnCode, _ reason: String) {
        note(.refused(client: clientID, peer: connections[slot].peer, code, reason: reason))
        write(to: slot, .connack) { MQTTEncoder.appendConnack(sessionPresent: false, code: code, to: &$0) }
        close(slot, .refused(code))  // [MQTT-3.1.4-5]: what follows on this connection is not processed.
    }

    private mutating func accept(_ connect: MQTTConnect, _ clientID: String, _ identity: MQTTIdentity, _ slot: Int) {
        let key = ExactText(clientID)
        if let existing = sessionSlots[key], sessions[existing].isConnected {
            // The same client again: the older connection ends [MQTT-3.1.4-2], and its will is published.
            let old = sessions[existing].connection
            note(.takenOver(client: clientID, from: connections[old].peer, by: connections[slot].peer))
            close(old, .takenOver)
        }
        var session: Int
        var sessionPresent = false
        if let existing = sessionSlots[key] {
            if !connect.isClean, sessions[existing].identity.subject == identity.subject {
                session = existing
                sessionPresent = true  // [MQTT-3.1.2-4], [MQTT-3.2.2-2]
            } else {
                // Clean session [MQTT-3.1.2-6], or somebody else's: nobody inherits what another subject was sent.
                endSession(existing)
                session = makeSession(clientID, identity, isClean: connect.isClean)
            }
        } else {
            guard sessionSlots.count < configuration.maximumSessions else {
                return refuse(slot, clientID, .serverUnavailable, "the broker is full")
            }
            session = makeSession(clientID, identity, isClean: connect.isClean)
        }
        attach(session, slot, connect, identity)
        note(
            .accepted(
                client: clientID, username: connect.username, peer: connections[slot].peer, sessionPresent: sessionPresent,
                isClean: connect.isClean, keepAlive: connect.keepAlive))
        // The first packet to the client [MQTT-3.2.0-1], [MQTT-3.1.4-4]; [MQTT-3.2.2-1], [MQTT-3.2.2-3]
        write(to: slot, .connack) { MQTTEncoder.appendConnack(sessionPresent: sessionPresent, code: .accepted, to: &$0) }
        if sessionPresent {
            recheckRights(session)
            dropForbiddenInflight(session)
            resume(session)
        }
    }

    private mutating func attach(_ session: Int, _ slot: Int, _ connect: MQTTConnect, _ identity: MQTTIdentity) {
        // What others may send to it was decided for the old identity.
        if sessions[session].identity != identity { router.invalidate() }
        sessions[session].identity = identity
        sessions[session].connection = slot
        sessions[session].expiresAt = nil
        sessions[session].access = []
        connections[slot].session = session
        connections[slot].will = connect.will  // [MQTT-3.1.2-7], [MQTT-3.1.2-9]
        connections[slot].isTranscribed = transcript.includes(sessions[session].clientID)
        statistics.connected += 1
        statistics.connections += 1
        guard let id = connections[slot].id else { return }
        if let validUntil = identity.validUntil { schedule(.credentials(id), at: validUntil) }
        // One and a half times the keep-alive time [MQTT-3.1.2-24]; 0 switches it off (§3.1.2.10). The server may
        // end a silent client at any time, so a maximum is allowed to it.
        var keepAlive = connect.keepAlive
        if let maximum = configuration.maximumKeepAlive, keepAlive == 0 || keepAlive > maximum { keepAlive = maximum }
        connections[slot].silenceLimit = Int64(keepAlive) * 1_500_000_000
        if keepAlive > 0 { schedule(.keepAlive(id), at: now.advanced(byNanoseconds: connections[slot].silenceLimit)) }
    }
}
