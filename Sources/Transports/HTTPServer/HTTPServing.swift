import LabCore
import NIOCore

/// What all connections of a server have in common.
final class HTTPServing: Sendable {
    let limits: HTTPServerLimits
    let respond: HTTPServer.Respond
    let largeBodies = LargeBodies()
    let idleTime: TimeAmount
    /// How long a client that has its last answer may take to close.
    let lingerTime: TimeAmount
    /// What is read from such a client meanwhile.
    let lingerBytes = 4 << 20

    init(_ limits: HTTPServerLimits, _ respond: @escaping HTTPServer.Respond) {
        self.limits = limits
        self.respond = respond
        idleTime = TimeAmount(limits.idleTime)
        lingerTime = TimeAmount(min(limits.transferTime, .seconds(2)))
    }

    /// For a body of which the limits take so many bytes.
    func receivingTime(_ most: Int) -> TimeAmount { transferTime(for: most - limits.bodyBytes) }

    /// For taking an answer with a body of that size.
    func sendingTime(_ bytes: Int) -> TimeAmount { transferTime(for: bytes) }

    private func transferTime(for bytes: Int) -> TimeAmount { TimeAmount(limits.transferTime + .seconds(bytes >> 20)) }
}
