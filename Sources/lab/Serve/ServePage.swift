import LabCore
import MQTTBroker
import Runner
import Transports

/// What `lab serve` prints when everything is up: addresses, and commands that work as they stand.
enum ServePage {
    static func broker(_ listeners: [BrokerServiceSettings.Listener], _ settings: BrokerServiceSettings, authority: String?) -> [String] {
        var lines = ["lab \(Lab.version) · serve · broker only", ""]
        lines += listeners.map { "  \(column($0.medium.scheme))\($0.url)" }
        if let authority { lines.append("  \(column("CA"))\(authority)") }
        lines.append("")
        if let listener = listeners.first(where: { !$0.medium.isWebSocket }) {
            let client = mosquitto(listener, settings, authority: authority)
            lines += [
                "  \(column("hear"))mosquitto_sub \(client) -t 'demo/#' -v",
                "  \(column("say"))mosquitto_pub \(client) -t demo/greeting -m hello",
                "",
            ]
        }
        return lines + ["Ctrl-C stops it."]
    }

    private static func column(_ text: String) -> String { text + String(repeating: " ", count: max(1, 8 - text.count)) }

    /// The options of Mosquitto's clients for a listener.
    private static func mosquitto(
        _ listener: BrokerServiceSettings.Listener, _ settings: BrokerServiceSettings, authority: String?
    ) -> String {
        var options = "-h \(reachable(listener.address.host)) -p \(listener.address.port)"
        if listener.medium.isSecure { options += " --cafile \(authority ?? "AUTHORITY.pem")" }
        // A password that lab.yaml holds is not for the scrollback.
        if !settings.allowsAnonymous, let user = settings.users.first(where: { $0.password != nil }) {
            options += " -u \(user.name) -P PASSWORD"
        }
        return options
    }

    /// An address that a client on this machine can use where the server listens on all of them.
    static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }
}
