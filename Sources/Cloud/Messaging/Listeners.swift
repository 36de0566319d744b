package import LabCore
import Synchronization

/// A user who hears what devices and cloud say to each other, and says nothing.
package struct MQTTListener: Sendable, Equatable {
    package var username: String
    /// When the token ends, and the connection with it.
    package var validUntil: RunInstant
}

extension Cloud {
    /// What users may subscribe to.
    package static let listenersFilter = Topics.prefix + "#"

    /// Whether a client is a user who may listen: the password is a token for the REST surface, the user name its user's, and
    /// the client identifier no device's, since that device would lose its connection.
    ///
    /// - Returns: `nil` for everybody else, devices included: those are asked with `authenticateMQTT`.
    package func listener(clientID: String, username: String?, password: [UInt8]?) -> MQTTListener? {
        guard let username, let token = password.flatMap({ String(validating: $0, as: UTF8.self) }),
            let claims = try? tokens.verify(token, for: [.user]), claims.sub == username,
            let user = try? users.find(username), user.isActive, user.epoch == claims.epoch, user.role.has(.read),
            devices.state.withLock({ $0.directory.number(of: clientID) }) == nil
        else { return nil }
        return MQTTListener(username: username, validUntil: devices.instant(ofMilliseconds: claims.exp * 1000))
    }
}
