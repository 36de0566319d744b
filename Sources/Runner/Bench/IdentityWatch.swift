import Bench
import LabCore

/// Hears on the driver's line whether the device is the one that lab.yaml means: what another one does says nothing of this.
///
/// A board is told by its first frame after the port was opened, before a scenario can make it send in another's name; a module by its answer to
/// AT+CGSN (specs/rg500q.md §2.2).
struct IdentityWatch {
    private let written: (id: String, key: String)
    private let start: Voice
    private var voice: Voice

    private enum Voice {
        case board(BoardVoice)
        case module(LineCollector, isAsked: Bool)
        /// It has said who it is.
        case known
    }

    private static let question = Array("+CGSN".utf8)
    private static let longestLine = 4_096

    /// - Returns: `nil` where lab.yaml does not say who it is, or the device does not.
    init?(of node: NamedNode, _ side: HardwareSide) {
        switch node.kind {
        // Boards of a bus have an id each.
        case "pile" where node.facts["line"]?.text != "bus":
            guard let written = BoardVoice.written(node.facts, side.health), let board = BoardVoice(node.facts) else { return nil }
            self.written = written
            start = .board(board)
        case "rg500q":
            guard let identity = side.health.identity else { return nil }
            written = (identity, "identity")
            start = .module(LineCollector(limit: Self.longestLine), isAsked: false)
        default: return nil
        }
        voice = start
    }

    /// Behind a port that is opened once more there can be another device.
    mutating func opened() { voice = start }

    mutating func sent(_ bytes: [UInt8]) {
        guard case .module(let lines, _) = voice, bytes.contains(Self.question) else { return }
        voice = .module(lines, isAsked: true)
    }

    /// - Returns: what is wrong, once, where it says that it is another device.
    mutating func heard(_ bytes: [UInt8]) -> (detail: String, key: String)? {
        let identity: String?
        switch voice {
        case .known: return nil
        case .board(var board):
            board.hear(bytes)
            voice = .board(board)
            identity = board.identity
        case .module(var lines, let isAsked):
            let whole = lines.take(bytes)
            // What has no end is not the answer that is waited for.
            voice = .module(whole == nil ? LineCollector(limit: Self.longestLine) : lines, isAsked: isAsked)
            identity = isAsked ? whole?.first { $0.count == 15 && $0.allSatisfy { (0x30...0x39).contains($0) } }.map { String(decoding: $0, as: UTF8.self) } : nil
        }
        guard let identity else { return nil }
        voice = .known
        guard identity.lowercased() != written.id.lowercased() else { return nil }
        return ("another device is plugged in here: it is \(identity), not \(written.id)", written.key)
    }
}
