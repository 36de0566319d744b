import LabCore
import WireProtocols

extension Broker {
    /// CONNECT (§3.1.4). The packet itself was checked by the decoder.
    mutating func connectArrived(_ connect: MQTTConnect, _ slot: Int) {
        var connect = connect
        if connect.version == .v5_0 {
            connections[slot].five = Boxed(FiveState(connect.properties, aliasLimit: configuration.topicAliasMaximumToClient))
        }
        let isAssignedID = connect.clientID.isEmpty
        connections[slot].five?.value.isAssignedID = isAssignedID
        if isAssignedID {
            // Without an identifier 3.1.1 has nothing to keep a session under [MQTT-3.1.3-7], [MQTT-3.1.3-8]; in 5.0 the
            // client is told the identifier that it has now (5.0 [MQTT-3.1.3-6], [MQTT-3.2.2-16]).
            guard connect.isClean || connect.version == .v5_0 else {
                return refuse(slot, "", .clientIdentifierNotValid, "no client identifier and no clean session")
            }
            connect.clientID = assignID()  // [MQTT-3.1.3-6]
        }
        if connect.clientID.utf8.count > configuration.maximumClientIDLength {
            return refuse(slot, connect.clientID, .clientIdentifierNotValid, "client identifier too long")  // [MQTT-3.1.3-9]
        }
        if let (reason, text) = objection(to: connect) { return refuse(slot, connect.clientID, reason, text) }
        let credentials = credentials(connect, isAssignedID: isAssignedID, slot)
        if let method = connect.properties.authenticationMethod {
            return beginAuthentication(connect, credentials, method, slot)
        }
        switch authorizer.authenticate(credentials, at: now) {
        case .refused(let code, let reason):
            refuse(slot, connect.clientID, code == .accepted ? .notAuthorized : MQTTReasonCode(code), reason)
        case .accepted(let identity): admit(connect, identity, slot)
        }
    }

    func credentials(_ connect: MQTTConnect, isAssignedID: Bool, _ slot: Int) -> MQTTCredentials {
        MQTTCredentials(
            clientID: connect.clientID, isAssignedID: isAssignedID, username: connect.username, password: connect.password,
            peer: connections[slot].peer, certificateSubject: connections[slot].certificateSubject)
    }

    /// Identifiers for clients without one: a counter, so that two runs give the same.
    private mutating func assignID() -> String {
        while true {
            lastAssignedID += 1
            let candidate = configuration.assignedIDPrefix + String(lastAssignedID)
            if sessionSlots[ExactText(candidate)] == nil { return candidate }
        }
    }

    /// What the broker does not do, asked for by the will (5.0 [MQTT-3.2.2-12], [MQTT-3.2.2-13], §3.1.3.2.3).
    private func objection(to connect: MQTTConnect) -> (MQTTReasonCode, String)? {
        guard connect.version == .v5_0, let will = connect.will else { return nil }
        if will.qos > configuration.maximumQoS { return (.qosNotSupported, "the will's QoS is over the maximum") }
        if will.retain, !configuration.isRetainAvailable { return (.retainNotSupported, "the will is to be retained") }
        if configuration.checksPayloadFormat, will.properties.payloadFormatIndicator == 1, !isText(will.payload) {
            return (.payloadFormatInvalid, "the will's payload is not UTF-8")
        }
        return nil
    }

    func isText(_ payload: [UInt8]) -> Bool { (try? UTF8Span(validating: payload.span)) != nil }

    /// CONNACK with a code and an end [MQTT-3.2.2-5]; session present is 0 then [MQTT-3.2.2-4].
    mutating func refuse(_ slot: Int, _ clientID: String, _ reason: MQTTReasonCode, _ text: String) {
        let isFive = connections[slot].five != nil
        let code = isFive ? reason.rawValue : MQTTConnectReturnCode(reason).rawValue
        note(.refused(client: clientID, peer: connections[slot].peer, code: code, reason: text))
        writeConnack(MQTTConnack(sessionPresent: false, reason: reason), slot)
        close(slot, .refused(reason))  // [MQTT-3.1.4-5]: what follows on this connection is not processed.
    }

    mutating func writeConnack(_ connack: MQTTConnack, _ slot: Int) { write(.connack(connack), to: slot) }

    /// The client is who it says: it gets its session, if it may have its will.
    ///
    /// - Parameter data: the last word of an extended authentication, for CONNACK.
    mutating func admit(_ connect: MQTTConnect, _ identity: MQTTIdentity, data: [UInt8]? = nil, _ slot: Int) {
        if let will = connect.will, will.topic.isReserved || !authorizer.mayPublish(identity, to: will.topic) {
            return refuse(slot, connect.clientID, .notAuthorized, "no right to publish the will to \(will.topic)")
        }
        let clientID = connect.clientID
        let key = ExactText(clientID)
        if let existing = sessionSlots[key], sessions[existing].isConnected {
            // The same client again: the older connection ends [MQTT-3.1.4-2], and is told 0x8E (5.0 [MQTT-3.1.4-3]).
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
                session = makeSession(clientID, identity)
            }
        } else {
            guard sessionSlots.count < configuration.maximumSessions else {
                return refuse(slot, clientID, .serverUnavailable, "the broker is full")
            }
            session = makeSession(clientID, identity)
        }
        let keepAlive = attach(session, slot, connect, identity)
        note(
            .accepted(
                client: clientID, username: connect.username, peer: connections[slot].peer, sessionPresent: sessionPresent,
                isClean: connect.isClean, keepAlive: connect.keepAlive))
        // The first packet to the client [MQTT-3.2.0-1], [MQTT-3.1.4-4]; [MQTT-3.2.2-1], [MQTT-3.2.2-3]
        var connack = MQTTConnack(sessionPresent: sessionPresent, reason: .success)
        if let five = connections[slot].five?.value {
            connack.properties = offer(
                to: connect, isAssignedID: five.isAssignedID, keepAlive: keepAlive, lifetime: sessions[session].lifetime)
            connack.properties.authenticationData = data
        }
        writeConnack(connack, slot)
        if sessionPresent {
            recheckRights(session)
            dropForbiddenInflight(session)
            resume(session)
        }
    }

    /// - Returns: the keep-alive time that holds, in seconds.
    private mutating func attach(_ session: Int, _ slot: Int, _ connect: MQTTConnect, _ identity: MQTTIdentity) -> UInt16 {
        // What others may send to it was decided for the old identity.
        if sessions[session].identity != identity { router.invalidate() }
        sessions[session].identity = identity
        sessions[session].connection = slot
        sessions[session].lifetime = lifetime(connect)
        sessions[session].window = Int32(clamping: min(configuration.maximumInflight, Int(connect.properties.receiveMaximum ?? .max)))
        sessions[session].expiresAt = nil
        // The client is back before the delay was over (5.0 [MQTT-3.1.3-9]).
        sessions[session].pendingWill = nil
        sessions[session].access = []
        connections[slot].session = session
        connections[slot].will = connect.will.map { Boxed($0) }  // [MQTT-3.1.2-7], [MQTT-3.1.2-9]
        connections[slot].five?.value.pendingConnect = nil
        connections[slot].isTranscribed = transcript.includes(sessions[session].clientID)
        statistics.connected += 1
        statistics.connections += 1
        let keepAlive = keepAlive(connect)
        guard let id = connections[slot].id else { return keepAlive }
        if let validUntil = identity.validUntil { schedule(.credentials(id), at: validUntil) }
        // One and a half times the keep-alive time [MQTT-3.1.2-24]; 0 switches it off (§3.1.2.10).
        connections[slot].silenceLimit = clientTime(Int64(keepAlive) * 1_500_000_000)
        if keepAlive > 0 { schedule(.keepAlive(id), at: now.advanced(byNanoseconds: connections[slot].silenceLimit)) }
        return keepAlive
    }

    /// Nanoseconds that the session outlives its connection (5.0 §3.1.2.11.2).
    private func lifetime(_ connect: MQTTConnect) -> Int64 {
        if connect.version == .v5_0 { return lifetime(seconds: connect.properties.sessionExpiryInterval ?? 0) }
        return connect.isClean ? 0 : configuration.sessionExpiry?.nanoseconds ?? .max
    }

    func lifetime(seconds: UInt32) -> Int64 {
        min(seconds == .max ? .max : Int64(seconds) * 1_000_000_000, configuration.sessionExpiry?.nanoseconds ?? .max)
    }

    /// The server may end a silent client at any time, so a maximum is allowed to it; in 5.0 the client is told
    /// (5.0 [MQTT-3.1.2-21], [MQTT-3.2.2-21]).
    private func keepAlive(_ connect: MQTTConnect) -> UInt16 {
        let own = connect.version == .v5_0 ? configuration.serverKeepAlive : nil
        guard let maximum = own ?? configuration.maximumKeepAlive else { return connect.keepAlive }
        return connect.keepAlive == 0 || connect.keepAlive > maximum ? maximum : connect.keepAlive
    }

    /// The properties of CONNACK (5.0 §3.2.2.3): what differs from what a client assumes without them.
    private func offer(to connect: MQTTConnect, isAssignedID: Bool, keepAlive: UInt16, lifetime: Int64) -> MQTTProperties {
        var properties = MQTTProperties()
        let asked = connect.properties.sessionExpiryInterval ?? 0
        let granted = lifetime == .max ? UInt32.max : UInt32(clamping: lifetime / 1_000_000_000)
        if granted != asked { properties.sessionExpiryInterval = granted }
        if configuration.receiveMaximum < .max { properties.receiveMaximum = configuration.receiveMaximum }
        if configuration.maximumQoS < .exactlyOnce { properties.maximumQoS = configuration.maximumQoS }
        if !configuration.isRetainAvailable { properties.retainAvailable = false }
        if configuration.maximumPacketSize < MQTTPacketDecoder.largestPacket {
            properties.maximumPacketSize = UInt32(clamping: configuration.maximumPacketSize)
        }
        if isAssignedID { properties.assignedClientIdentifier = connect.clientID }
        if configuration.topicAliasMaximum > 0 { properties.topicAliasMaximum = configuration.topicAliasMaximum }
        if !configuration.areWildcardSubscriptionsAvailable { properties.wildcardSubscriptionAvailable = false }
        if !configuration.areSubscriptionIdentifiersAvailable { properties.subscriptionIdentifierAvailable = false }
        if !configuration.areSharedSubscriptionsAvailable { properties.sharedSubscriptionAvailable = false }
        if keepAlive != connect.keepAlive { properties.serverKeepAlive = keepAlive }
        if connect.properties.requestResponseInformation == true, let prefix = configuration.responseTopicPrefix {
            properties.responseInformation = prefix + connect.clientID
        }
        properties.authenticationMethod = connect.properties.authenticationMethod
        return properties
    }
}
