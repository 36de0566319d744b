import LabCore
import Runner
import Transports
import Verdicts

/// What `lab serve` can offer, with the port that is usual for it.
enum ServedPort: String, CaseIterable {
    case mqtt, mqtts, ws, wss, http, https
    /// The gateway of charging piles.
    case piles

    var usual: Int {
        switch self {
        case .mqtt: 1_883
        case .mqtts: 8_883
        case .ws: 8_083
        case .wss: 8_084
        case .http: 8_080
        case .https: 8_443
        case .piles: 7_054
        }
    }

    /// How the broker speaks there; `nil` for ports of the cloud.
    var medium: BrokerServiceSettings.Medium? {
        switch self {
        case .mqtt: .tcp
        case .mqtts: .tls
        case .ws: .webSocket
        case .wss: .secureWebSocket
        case .http, .https, .piles: nil
        }
    }
}

/// `--ports mqtt=1883,mqtts,ws=0`: a name alone takes its usual port, 0 any free one.
struct ServedPorts {
    private(set) var entries: [(name: ServedPort, port: Int)] = []

    /// - Throws: `Stop` with what is wrong.
    init(_ text: String) throws {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let word = String(pair[0])
            guard let name = ServedPort(rawValue: word) else {
                let known = ServedPort.allCases.map(\.rawValue)
                let hint = DidYouMean.suggestion(for: word, among: known).map { " — did you mean '\($0)'?" } ?? ""
                throw Stop(
                    .wrongInput,
                    "--ports '\(text)': unknown name '\(word)'\(hint) (known: \(known.joined(separator: ", "))), such as mqtt=1883,ws=0")
            }
            guard !entries.contains(where: { $0.name == name }) else {
                throw Stop(.wrongInput, "--ports '\(text)': '\(name)' occurs twice")
            }
            guard pair.count > 1 else {
                entries.append((name, name.usual))
                continue
            }
            guard let port = Int(pair[1]), (0...65_535).contains(port), !pair[1].hasPrefix("+") else {
                throw Stop(.wrongInput, "--ports '\(text)': '\(pair[1])' must be a port from 0 to 65535; 0 takes any free one")
            }
            entries.append((name, port))
        }
    }

    subscript(name: ServedPort) -> Int? { entries.first { $0.name == name }?.port }
}

extension BrokerServiceSettings.Listener {
    /// Reads `mqtt://127.0.0.1:1883`, `wss://[::1]:8084/mqtt`; without a port it is the usual one.
    init?(_ text: String) {
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let scheme = ServedPort(rawValue: String(parts[0])), let medium = scheme.medium else { return nil }
        var rest = parts[1]
        if medium.isWebSocket, rest.hasSuffix("/mqtt") { rest.removeLast(5) }
        if rest.hasSuffix("/") { rest.removeLast() }
        var port: Int? = scheme.usual
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            port = Int(rest[rest.index(after: colon)...]).flatMap { (0...65_535).contains($0) ? $0 : nil }
            rest = rest[..<colon]
        }
        let isBracketed = rest.hasPrefix("[") && rest.hasSuffix("]")
        let host = isBracketed ? rest.dropFirst().dropLast() : rest
        guard let port, !host.isEmpty, !host.contains(where: { "/@ []".contains($0) }), isBracketed || !host.contains(":") else {
            return nil
        }
        self.init(medium, StreamAddress(String(host), port))
    }
}
