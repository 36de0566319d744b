import LabCore
import WireProtocols

/// Extended authentication (5.0 §4.12): the authorizer decides, the broker carries the words.
extension Broker {
    mutating func beginAuthentication(_ connect: MQTTConnect, _ credentials: MQTTCredentials, _ method: String, _ slot: Int) {
        connections[slot].five?.value.pendingConnect = connect
        let exchange = MQTTAuthenticationExchange(
            method: method, data: connect.properties.authenticationData, state: nil, isReauthentication: false)
        take(authorizer.authenticate(credentials, exchange, at: now), method, slot)
    }

    mutating func authArrived(_ auth: MQTTAuth, _ slot: Int) {
        guard let five = connections[slot].five?.value else { return }
        // Only a client that named a method in CONNECT may send AUTH, always with that method [MQTT-4.12.0-5], [MQTT-4.12.0-6].
        guard let method = five.authenticationMethod, let named = auth.properties.authenticationMethod, ExactText(named) == ExactText(method)
        else { return close(slot, .protocolError(.protocolError)) }
        let isReauthentication = connections[slot].session >= 0
        let begins = auth.reason == .reauthenticate
        // A new exchange only after the first is over [MQTT-4.12.1-1], a next step only within one [MQTT-4.12.0-3].
        guard begins ? isReauthentication : auth.reason == .continueAuthentication && five.authenticationState != nil else {
            return close(slot, .protocolError(.protocolError))
        }
        let credentials: MQTTCredentials
        if let connect = five.pendingConnect {
            credentials = self.credentials(connect, isAssignedID: five.isAssignedID, slot)
        } else {
            let identity = sessions[connections[slot].session].identity
            credentials = MQTTCredentials(
                clientID: identity.clientID, isAssignedID: false, username: identity.username, password: nil, peer: connections[slot].peer,
                certificateSubject: connections[slot].certificateSubject)
        }
        let exchange = MQTTAuthenticationExchange(
            method: method, data: auth.properties.authenticationData, state: begins ? nil : five.authenticationState,
            isReauthentication: isReauthentication)
        take(authorizer.authenticate(credentials, exchange, at: now), method, slot)
    }

    private mutating func take(_ step: MQTTAuthenticationStep, _ method: String, _ slot: Int) {
        let session = connections[slot].session
        switch step {
        case .challenge(let data, let state):
            connections[slot].five?.value.authenticationState = state
            writeAuth(.continueAuthentication, method, data, slot)  // [MQTT-4.12.0-2]
        case .refused(let reason, let text):
            // [MQTT-4.12.0-4]; a failed re-authentication ends the connection [MQTT-4.12.1-2].
            let reason = reason.isFailure ? reason : .notAuthorized
            if session < 0 {
                refuse(slot, connections[slot].five?.value.pendingConnect?.clientID ?? "", reason, text)
            } else {
                note(.refused(client: sessions[session].clientID, peer: connections[slot].peer, code: reason.rawValue, reason: text))
                close(slot, .refused(reason))
            }
        case .accepted(let identity, let data):
            connections[slot].five?.value.authenticationState = nil
            if session < 0 {
                guard let connect = connections[slot].five?.value.pendingConnect else { return }
                admit(connect, identity, data: data, slot)
            } else {
                reauthenticated(as: identity, data, method, session, slot)
            }
        }
    }

    /// The session stays its owner's: another subject cannot take it over this way.
    private mutating func reauthenticated(
        as identity: MQTTIdentity, _ data: [UInt8]?, _ method: String, _ session: Int, _ slot: Int
    ) {
        guard identity.subject == sessions[session].identity.subject, let id = connections[slot].id else {
            return close(slot, .refused(.notAuthorized))
        }
        if sessions[session].identity != identity {
            sessions[session].identity = identity
            router.invalidate()
            recheckRights(session)
        }
        if let validUntil = identity.validUntil { schedule(.credentials(id), at: validUntil) }
        writeAuth(.success, method, data, slot)
    }

    private mutating func writeAuth(_ reason: MQTTReasonCode, _ method: String, _ data: [UInt8]?, _ slot: Int) {
        var auth = MQTTAuth(reason: reason)
        auth.properties.authenticationMethod = method
        auth.properties.authenticationData = data
        write(.auth(auth), to: slot)
    }
}
