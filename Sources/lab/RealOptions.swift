import Foundation
import LabCore
import Runner
import ScenarioLanguage
import Verdicts

/// The options of `lab run` that only worlds in real time have, with what lab.yaml says where they are missing.
struct RealOptions {
    var settings = RealSettings()
    /// One world at a time: its ports are fixed.
    private(set) var hasFixedPorts = false

    private static let speeds = 1.0...1_000.0

    /// - Throws: `Stop` with what is wrong.
    init(speed: String?, broker: String?, sides: [String] = [], world: WorldKind, lab: LabFile?) throws {
        settings.bench.sides = try sides.map(Self.side)
        if world != .sim, let cloud = lab?.cloud {
            settings.bench.cloudName = cloud.address
            settings.bench.factoryKey = try FactoryKeyFile.read(cloud)
            settings.listening = Listening(host: cloud.host ?? "127.0.0.1", http: cloud.http ?? 0, mqtt: cloud.mqtt ?? 0, piles: cloud.piles ?? 0)
            hasFixedPorts = cloud.hasFixedPorts
        }
        if let speed {
            guard world != .sim else { throw Stop(.wrongInput, "--speed needs --on emu: in sim the clock jumps.") }
            settings.speed = try Self.speed(speed)
        }
        if let broker {
            guard world != .sim else { throw Stop(.wrongInput, "--broker needs --on emu: in sim the broker is always the embedded one.") }
            settings.broker = try Self.broker(broker, "--broker '\(broker)'")
        } else if world != .sim, let written = lab?.broker?.scalar {
            settings.broker = try Self.broker(written.text, "\(lab?.broker?.location.description ?? Workplace.labFile): error: broker '\(written.text)'")
        }
    }

    /// Reads the keys of lab.yaml's payment services, for a cloud that is going to use them.
    ///
    /// - Throws: `Stop` with the place of what is wrong.
    mutating func takePayments(of lab: LabFile?) throws {
        guard let places = lab?.payments else { return }
        guard settings.speed == 1 else { throw Stop(.wrongInput, "--speed: real payment services have the time of day, and refuse another.") }
        do throws(Diagnostic) {
            settings.payments = try RealPayments(
                places, read: { try Descriptor.read($0, atMost: 1 << 20) }, environment: { ProcessInfo.processInfo.environment[$0] })
        } catch { throw Stop(.wrongInput, error.description) }
    }

    /// `--node badge=emu`
    static func side(_ text: String) throws -> (word: String, side: WorldKind) {
        let pair = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        guard pair.count == 2, !pair[0].isEmpty, let side = WorldKind(rawValue: pair[1]), side != .sim else {
            throw Stop(.wrongInput, "--node '\(text)' must be a role or a kind with its side, such as pile=hw or badge=emu")
        }
        return (pair[0], side)
    }

    static func speed(_ text: String) throws -> Double {
        let digits = text.hasSuffix("x") ? text.dropLast() : text[...]
        guard let speed = Double(digits), speeds.contains(speed) else {
            throw Stop(.wrongInput, "--speed '\(text)' must be 1x to 1000x, such as 60x")
        }
        return speed
    }

    static func broker(_ text: String, _ place: String) throws -> BrokerChoice {
        switch text {
        case "embedded": return .embedded
        case "mosquitto": return .mosquitto
        default:
            guard let external = ExternalBroker(text) else {
                throw Stop(.wrongInput, "\(place) must be embedded, mosquitto or an address such as mqtt://user:password@host:1883")
            }
            return .external(external)
        }
    }
}

extension ExternalBroker {
    /// Reads `mqtt://user:password@host:port` or `mqtts://…`; the port may be left out.
    init?(_ text: String) {
        let usesTLS = text.hasPrefix("mqtts://")
        guard usesTLS || text.hasPrefix("mqtt://"), let slashes = text.range(of: "://") else { return nil }
        var rest = text[slashes.upperBound...]
        var credentials: [Substring] = []
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[rest.index(after: at)...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        var port: Int? = usesTLS ? 8883 : 1883
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            port = Int(rest[rest.index(after: colon)...]).flatMap { (1...65_535).contains($0) ? $0 : nil }
            rest = rest[..<colon]
        }
        let host = rest.hasPrefix("[") && rest.hasSuffix("]") ? String(rest.dropFirst().dropLast()) : String(rest)
        guard let port, !host.isEmpty, !host.contains("/") else { return nil }
        self.init(
            host: host, port: port, usesTLS: usesTLS, username: credentials.first.map(String.init),
            password: credentials.count > 1 ? String(credentials[1]) : nil)
    }
}

extension BrokerChoice {
    /// Without credentials.
    var name: String {
        switch self {
        case .embedded: "embedded"
        case .mosquitto: "mosquitto"
        case .external(let broker): "\(broker.usesTLS ? "mqtts" : "mqtt")://\(broker.host):\(broker.port)"
        }
    }
}

extension RealSettings {
    /// What `lab run` was told beside the world, without passwords.
    var options: String {
        var words: [String] = []
        if speed != 1 { words.append("--speed \(speed == speed.rounded() ? String(Int(speed)) : String(speed))x") }
        for choice in bench.sides { words.append("--node \(choice.word)=\(choice.side.rawValue)") }
        if broker != .embedded { words.append("--broker \(broker.name)") }
        return words.joined(separator: " ")
    }
}
