package import LabCore
import Transports
import WireProtocols

/// Asks a port whether a module is behind it: `AT`, then `ATI` (specs/rg500q.md §2.2). Blocks the calling thread for at most 2 s.
package enum PortQuestion {
    /// What a module says of itself.
    package struct Answer: Sendable, Hashable {
        /// The information lines of `ATI`.
        package var lines: [String]

        package init(lines: [String]) { self.lines = lines }

        package var manufacturer: String? { lines.first }
        package var model: String? { lines.count > 1 ? lines[1] : nil }
        package var firmware: String? { lines.first { $0.hasPrefix("Revision:") }.map { String($0.dropFirst("Revision:".count).drop { $0 == " " }) } }
    }

    package enum Result: Sendable, Hashable {
        case module(Answer)
        /// Bytes came, but none that end a command; the first of them.
        case garbage([UInt8])
        case silent
    }

    /// A port for all of it: opening, both commands.
    package static let limit = Duration.seconds(2)
    /// The first `AT` after a port came can stay without an answer (§5.4).
    private static let patience = Duration.milliseconds(600)
    private static let openingTime = Duration.milliseconds(500)

    /// - Throws: where the port does not open, somebody else has claimed it, or it goes away.
    package static func ask(_ path: String) throws(StreamFailure) -> Result {
        let reactor = try Reactor()
        let port = SerialPort(path: path, settings: SerialSettings(baud: 115_200), on: reactor, claim: LockFileClaim(path) { _ in })
        let conversation = PortConversation(port, on: reactor)
        defer { conversation.close() }
        let end = conversation.now.advanced(by: limit)
        try conversation.open(within: openingTime)
        var talk = Talk(conversation: conversation, end: end)
        var answer = try talk.ask("AT", within: patience)
        while answer == nil, conversation.now < end { answer = try talk.ask("AT", within: patience) }
        guard answer != nil else { return talk.heard.isEmpty ? .silent : .garbage(talk.heard) }
        let identity = try talk.ask("ATI", within: limit)
        return .module(Answer(lines: identity?.isSuccess == true ? identity?.lines ?? [] : []))
    }

    private struct Talk {
        let conversation: PortConversation
        let end: RunInstant
        var dialogue = ATDialogue()
        /// The first bytes that came, for the message about a device that is no module.
        var heard: [UInt8] = []

        /// - Returns: `nil` when the time is over.
        mutating func ask(_ command: String, within limit: Duration) throws(StreamFailure) -> ATResponse? {
            try conversation.send(dialogue.begin(ATCommand(command, limit: limit)))
            let deadline = min(end, conversation.now.advanced(by: limit))
            while conversation.now < deadline {
                let bytes = try conversation.wait(within: conversation.now.duration(to: deadline))
                heard += bytes.prefix(max(0, 16 - heard.count))
                for case .finished(let response) in dialogue.receive(bytes) { return response }
            }
            dialogue.abandon()
            return nil
        }
    }
}
