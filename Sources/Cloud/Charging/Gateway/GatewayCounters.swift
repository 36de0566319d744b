import LabCore

/// Counts by protocol, command and reason, without building texts for each frame.
struct GatewayCounters: Sendable {
    struct FrameKey: Hashable, Sendable {
        var wire: PileProtocol
        /// 0 for commands that the protocol does not have: what strangers send must not make metrics without end.
        var command: UInt16
        var isKnown: Bool
    }

    struct RefusalKey: Hashable, Sendable {
        var wire: PileProtocol?
        var frame: UInt16?
        var reason: String
    }

    var received: [FrameKey: Int] = [:]
    var sent: [FrameKey: Int] = [:]
    var refused: [RefusalKey: Int] = [:]
    /// Connections that the gateway closed.
    var closed: [String: Int] = [:]
    /// Bytes that belonged to no frame.
    var garbage = 0
    var bills: [String: Int] = [:]
    var commands: [String: Int] = [:]
    var takeovers = 0

    static func label(_ command: UInt16) -> String {
        let digits = String(command, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, (command > 0xff ? 4 : 2) - digits.count)) + digits
    }

    /// The series of one metric, in a fixed order.
    static func frames(_ counts: [FrameKey: Int]) -> [MetricsRegistry.Series] {
        counts.map { key, value in
            MetricsRegistry.Series([("protocol", key.wire.rawValue), ("command", key.isKnown ? label(key.command) : "unknown")], value)
        }
    }

    static func refusals(_ counts: [RefusalKey: Int]) -> [MetricsRegistry.Series] {
        counts.map { key, value in
            MetricsRegistry.Series(
                [("protocol", key.wire?.rawValue ?? "unknown"), ("command", key.frame.map(label) ?? "none"), ("reason", key.reason)], value)
        }
    }

    static func words(_ counts: [String: Int], _ label: String) -> [MetricsRegistry.Series] {
        counts.map { MetricsRegistry.Series([(label, $0.key)], $0.value) }
    }
}
