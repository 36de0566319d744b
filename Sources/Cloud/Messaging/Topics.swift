/// The topics of one device, `luna/device/{device_id}/…` (badge-protocol.md, "MQTT").
package enum Topics {
    static let prefix = "luna/device/"

    /// What devices send.
    enum Upward: String, Sendable, CaseIterable {
        case heartbeat, logs, status
        case configurationAck = "config/ack"
        case commandResult = "command/result"
    }

    /// What the cloud subscribes to at its broker.
    package static let subscriptions = Upward.allCases.map { "\(prefix)+/\($0.rawValue)" }

    /// Device and kind of a message that a device sent; `nil` for a topic of another form.
    static func parse(_ topic: String) -> (device: Substring, kind: Upward)? {
        guard topic.hasPrefix(prefix) else { return nil }
        let rest = topic.dropFirst(prefix.count)
        guard let slash = rest.firstIndex(of: "/"), let kind = Upward(rawValue: String(rest[rest.index(after: slash)...])) else {
            return nil
        }
        return (rest[..<slash], kind)
    }

    /// The device below whose name a topic stands; `nil` for a topic of another form.
    package static func device(of topic: String) -> String? { parse(topic).map { String($0.device) } }

    static func configuration(_ device: String) -> String { "\(prefix)\(device)/config/update" }
    static func update(_ device: String) -> String { "\(prefix)\(device)/update" }
    static func command(_ device: String) -> String { "\(prefix)\(device)/command" }

    /// Whether a device may send on the topic: one of the upward ones below its own name, and nothing else.
    package static func mayPublish(device: String, topic: String) -> Bool {
        parse(topic).map { $0.device == device } ?? false
    }

    /// Whether a device may subscribe to the filter: anything below its own name.
    ///
    /// The prefix is compared as text, so that a wildcard in it matches no device; names of devices have none.
    package static func maySubscribe(device: String, filter: String) -> Bool {
        DeviceNames.isDeviceID(device) && filter.hasPrefix("\(prefix)\(device)/")
    }
}
