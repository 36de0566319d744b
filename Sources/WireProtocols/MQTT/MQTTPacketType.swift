/// The protocol's versions; the raw value is the protocol level of CONNECT.
package enum MQTTProtocolVersion: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case v3_1_1 = 4
    case v5_0 = 5

    package var description: String {
        switch self {
        case .v3_1_1: "MQTT 3.1.1"
        case .v5_0: "MQTT 5.0"
        }
    }
}

/// Control packet types (MQTT 3.1.1 table 2.1, MQTT 5.0 table 2-1).
package enum MQTTPacketType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case connect = 1, connack, publish, puback, pubrec, pubrel, pubcomp
    case subscribe, suback, unsubscribe, unsuback, pingreq, pingresp, disconnect
    /// Only in MQTT 5.0; 3.1.1 reserves the number.
    case auth

    package var description: String {
        switch self {
        case .connect: "CONNECT"
        case .connack: "CONNACK"
        case .publish: "PUBLISH"
        case .puback: "PUBACK"
        case .pubrec: "PUBREC"
        case .pubrel: "PUBREL"
        case .pubcomp: "PUBCOMP"
        case .subscribe: "SUBSCRIBE"
        case .suback: "SUBACK"
        case .unsubscribe: "UNSUBSCRIBE"
        case .unsuback: "UNSUBACK"
        case .pingreq: "PINGREQ"
        case .pingresp: "PINGRESP"
        case .disconnect: "DISCONNECT"
        case .auth: "AUTH"
        }
    }

    /// The flags of the fixed header (table 2.2); nil for PUBLISH, where they vary.
    var fixedFlags: UInt8? {
        switch self {
        case .publish: nil
        case .pubrel, .subscribe, .unsubscribe: 0b0010
        default: 0
        }
    }

    /// Bytes after the fixed header where the specification leaves no choice.
    func fixedLength(_ version: MQTTProtocolVersion) -> Int? {
        switch self {
        case .connack, .puback, .pubrec, .pubrel, .pubcomp, .unsuback: version == .v3_1_1 ? 2 : nil
        case .disconnect: version == .v3_1_1 ? 0 : nil
        case .pingreq, .pingresp: 0
        case .connect, .publish, .subscribe, .suback, .unsubscribe, .auth: nil
        }
    }

    func mayReach(_ role: MQTTRole, _ version: MQTTProtocolVersion) -> Bool {
        switch (role, self) {
        case (.server, .connack), (.server, .suback), (.server, .unsuback), (.server, .pingresp): false
        case (.client, .connect), (.client, .subscribe), (.client, .unsubscribe), (.client, .pingreq): false
        case (.client, .disconnect): version == .v5_0
        default: true
        }
    }
}

/// The end of the connection that decodes.
package enum MQTTRole: Sendable {
    /// Takes packets from a client; the first must be a CONNECT.
    case server
    /// Takes packets from a server; the first must be a CONNACK.
    case client
}

package enum MQTTQoS: UInt8, Sendable, Comparable {
    case atMostOnce = 0, atLeastOnce, exactlyOnce
    package static func < (left: MQTTQoS, right: MQTTQoS) -> Bool { left.rawValue < right.rawValue }
}

/// CONNACK return codes (MQTT 3.1.1 table 3.1).
package enum MQTTConnectReturnCode: UInt8, Sendable, CustomStringConvertible {
    case accepted = 0, unacceptableProtocolVersion, identifierRejected, serverUnavailable, badUserNameOrPassword, notAuthorized

    package var description: String {
        switch self {
        case .accepted: "accepted"
        case .unacceptableProtocolVersion: "unacceptable protocol version"
        case .identifierRejected: "identifier rejected"
        case .serverUnavailable: "server unavailable"
        case .badUserNameOrPassword: "bad user name or password"
        case .notAuthorized: "not authorized"
        }
    }
}
