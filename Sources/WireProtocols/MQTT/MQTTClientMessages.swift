package import LabCore

/// The timers of one client session.
package enum MQTTClientTimer: UInt8, Sendable, Hashable, CaseIterable {
    /// The server did not answer the CONNECT in time.
    case connack
    /// Nothing went over the connection for the keep-alive time.
    case ping
    /// The server did not answer the PINGREQ in time.
    case pingResponse
}

package enum MQTTClientInput: Sendable, Equatable {
    /// What the device asks for.
    case command(MQTTCommand)
    case subscribe([MQTTSubscription], Token?)
    case unsubscribe([MQTTTopicFilter], Token?)
    /// The owner has made the message with this packet identifier safe: with `acknowledgesByHand` it is acknowledged now.
    /// Only for messages of the present connection; an identifier that does not wait is ignored, also one of an earlier
    /// connection, unless a message of this one has it too: who acknowledges late counts connections.
    case acknowledge(UInt16)
    /// The transport that `.openTransport` asked for is there.
    case transportOpened
    case received([UInt8])
    /// The transport ended, or could not be opened, with the reason in a few words. Not given after `.closeTransport`.
    case transportClosed(String)
    case timerFired(MQTTClientTimer)
}

package enum MQTTClientEffect: Sendable, Equatable {
    case openTransport
    case send([UInt8])
    case closeTransport
    /// Starts the timer, or starts it anew if it runs.
    case startTimer(MQTTClientTimer, at: RunInstant)
    case cancelTimer(MQTTClientTimer)
    case connected(sessionPresent: Bool)
    case refused(MQTTConnectReturnCode)
    /// A message from a subscription; its packet identifier and DUP are as received. With `acknowledgesByHand` a message
    /// with QoS 1 or 2 waits for `.acknowledge` with this identifier; if the connection ends before, the server sends it
    /// again and it comes again.
    case message(MQTTPublish)
    /// A publish with QoS 1 or 2 is complete.
    case acknowledged(Token)
    /// A publish that will not be completed.
    case dropped(Token, MQTTClientDrop)
    case subscribed([MQTTSubscription], codes: [UInt8], Token?)
    case unsubscribed([MQTTTopicFilter], Token?)
    case disconnected(MQTTClientDisconnect)
    /// A command that was not carried out.
    case failed(MQTTClientFailure, Token?)
}

package enum MQTTClientDrop: String, Sendable, CustomStringConvertible {
    /// QoS 0 without a connection.
    case notConnected = "not connected"
    /// `queueLimit` messages wait already.
    case queueFull = "queue full"
    /// QoS 2 in a clean session that ended: whether it arrived cannot be known any more [MQTT-3.1.2-6].
    case sessionEnded = "session ended"
    package var description: String { rawValue }
}

package enum MQTTClientDisconnect: Sendable, Equatable, CustomStringConvertible {
    case requested
    case transportClosed(String)
    case connackTimeout
    case pingTimeout
    case violation(MQTTDecodingError)

    package var description: String {
        switch self {
        case .requested: "requested"
        case .transportClosed(let reason): reason
        case .connackTimeout: "the server did not answer CONNECT"
        case .pingTimeout: "the server did not answer PINGREQ"
        case .violation(let error): error.description
        }
    }
}

package enum MQTTClientFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case alreadyConnected
    case notConnected
    case invalidQoS(UInt8)
    case topic(MQTTTopicError)
    case encoding(MQTTEncodingError)

    package var description: String {
        switch self {
        case .alreadyConnected: "The client is connected or connecting; disconnect first."
        case .notConnected: "The client is not connected; connect first."
        case .invalidQoS(let qos): "QoS \(qos) does not exist; use 0, 1 or 2."
        case .topic(let error): error.description
        case .encoding(let error): error.description
        }
    }
}

extension MQTTClientEffect {
    /// The effect as a device sees it; nothing for what only the host performs.
    package func appendNotices(to notices: inout [MQTTNotice]) {
        switch self {
        case .connected(let sessionPresent): notices.append(.connected(sessionPresent: sessionPresent))
        case .refused(let code): notices.append(.refused(code: code.rawValue))
        case .disconnected(let reason): notices.append(.disconnected(reason.description))
        case .message(let message):
            notices.append(
                .message(
                    topic: message.topic.text, payload: message.payload, quality: message.qos.rawValue, isRetained: message.retain))
        case .acknowledged(let token): notices.append(.acknowledged(token))
        case .subscribed(let subscriptions, let codes, _):
            for (subscription, code) in zip(subscriptions, codes) {
                notices.append(.subscribed(filter: subscription.filter.text, code: code))
            }
        case .openTransport, .send, .closeTransport, .startTimer, .cancelTimer, .dropped, .unsubscribed, .failed: break
        }
    }
}
