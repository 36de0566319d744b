import Crypto
import LabCore
import Synchronization

/// What the broker does with a client that wants to connect.
package enum MQTTDecision: Sendable, Equatable {
    case accepted(deviceID: String)
    /// - Parameters:
    ///   - code: the CONNACK return code (MQTT 3.1.1 table 3.1).
    ///   - reason: a word for the log, never for the client.
    case refused(code: UInt8, reason: String)
}

/// The password of a device: `v1:<timestamp>:<nonce>:<hex>` (badge-protocol.md, "MQTT").
struct MQTTPassword: Sendable, Equatable {
    var timestamp: Int64
    var nonce: String
    var digest: [UInt8]

    init?(_ bytes: [UInt8]) {
        guard bytes.count <= 256, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "v1", (1...12).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(Characters.isDigit),
            let timestamp = Int64(parts[1]), (16...64).contains(parts[2].utf8.count), parts[2].utf8.allSatisfy(Characters.isBase64URL),
            parts[3].utf8.count == 64, DeviceNames.isHexadecimal(parts[3]), let digest = Hexadecimal.bytes(parts[3])
        else { return nil }
        self.timestamp = timestamp
        nonce = String(parts[2])
        self.digest = digest
    }

    func signedBytes(clientID: String) -> [UInt8] { Array("mqtt-v1\n\(clientID)\n\(timestamp)\n\(nonce)".utf8) }
}

extension DeviceService {
    // MQTT 3.1.1 table 3.1.
    private static let serverUnavailable: UInt8 = 3
    private static let badUserNameOrPassword: UInt8 = 4
    private static let notAuthorized: UInt8 = 5

    /// Whether a client may connect: form, device, time, signature, nonce, in this order, so that nobody without the
    /// secret learns which devices there are or fills the memory of nonces.
    package func authenticateMQTT(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision {
        let decision = decide(clientID: clientID, username: username, password: password)
        if case .refused(let code, let reason) = decision {
            environment.note(
                "mqtt.refused", ["client": .text(String(clientID.prefix(64))), "reason": .text(reason), "code": .integer(Int64(code))])
        }
        return decision
    }

    private func decide(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision {
        guard DeviceNames.isDeviceID(clientID), let password = password.flatMap(MQTTPassword.init) else {
            return .refused(code: Self.badUserNameOrPassword, reason: "malformed")
        }
        guard username == clientID else { return .refused(code: Self.notAuthorized, reason: "foreign_client") }
        do {
            let known = try deviceKey(id: clientID)
            let isInTime = abs(environment.unixSeconds - password.timestamp) <= settings.signatureWindowSeconds
            // An unknown device costs the same work: its key is one that nobody has.
            let key = SymmetricKey(data: known?.secret ?? keyring.deviceSecret(id: clientID, epoch: 0))
            let isValid = HMAC<SHA256>.isValidAuthenticationCode(
                password.digest, authenticating: password.signedBytes(clientID: clientID), using: key)
            guard known != nil else { return .refused(code: Self.badUserNameOrPassword, reason: "unknown_device") }
            guard isValid else { return .refused(code: Self.badUserNameOrPassword, reason: "bad_signature") }
            guard isInTime else { return .refused(code: Self.notAuthorized, reason: "clock_skew") }
            guard try nonces.claim(device: "mqtt|" + clientID, nonce: password.nonce) else {
                return .refused(code: Self.notAuthorized, reason: "replayed")
            }
            // The broker answers at once, and the nonce must not be forgotten then.
            try storage.settle()
            return .accepted(deviceID: clientID)
        } catch {
            return .refused(code: Self.serverUnavailable, reason: "unavailable")
        }
    }

    /// Whether a device may send on the topic. Asked for every message.
    package func mayPublish(deviceID: String, topic: String) -> Bool {
        state.withLock { state in state.directory.route(topic).map { state.directory.entries[$0.device].id == deviceID } ?? false }
    }

    package func maySubscribe(deviceID: String, filter: String) -> Bool {
        state.withLock { $0.directory.number(of: deviceID) != nil } && Topics.maySubscribe(device: deviceID, filter: filter)
    }
}
