import LabCore
import MQTTBroker
import Runner
import Transports

/// What `lab serve` prints when everything is up: addresses, and commands that work as they stand.
struct ServePage {
    /// The last line, for programs that wait until everything is up.
    static let ready = "Ctrl-C stops it."

    var addresses: [(scheme: String, address: StreamAddress)]
    /// Real payment services that the cloud asks.
    var payments: [(service: String, address: String)] = []
    var nodes: [NamedNode]
    /// Emulated serial ports by name.
    var ports: [(name: String, path: String)]
    /// A file with the authority that the lab made.
    var authority: String?
    var token: (role: String, text: String)?
    /// Whether the broker knows the cloud's users, so that they can hear the devices.
    var hasListeners = false

    var lines: [String] {
        var entries = addresses.map { (word: $0.scheme, text: "\($0.scheme)://\($0.address)\($0.scheme == "ws" ? "/mqtt" : "")") }
        entries += payments.map { (word: $0.service, text: "\($0.address) (real)") }
        if let authority { entries.append(("CA", authority)) }
        let devices = nodes.map { (word: $0.name, text: "\($0.kind)\(Self.facts($0))") } + ports.map { (word: $0.name, text: $0.path) }
        let width = (entries + devices + commands).map(\.word.count).max() ?? 0
        var lines = ["lab \(Lab.version) · serve · cloud, broker and \(counted(nodes.count, "device"))"]
        for block in [entries, devices, commands] where !block.isEmpty {
            lines += [""] + block.map { Self.line($0.word, $0.text, width: width) }
        }
        return lines + ["", Self.ready]
    }

    private var commands: [(word: String, text: String)] {
        var commands: [(String, String)] = []
        // The AT port belongs to the program at the module's side; the modem port answers people.
        if let port = ports.first(where: { $0.name.hasSuffix(".modem") }) {
            commands.append(("speak", "picocom --omap crcrlf \(port.path)   # once the module has booted"))
        }
        if let address = self["http"] {
            let base = "http://\(address)"
            commands += [("health", "curl \(base)/health"), ("openapi", "curl \(base)/openapi.json")]
            if let token {
                commands.append((token.role, "curl -H 'authorization: Bearer \(token.text)' \(base)/api/v1/devices"))
            } else {
                commands.append(("devices", "with --token guest: curl -H 'authorization: Bearer …' \(base)/api/v1/devices"))
            }
        }
        if let token, hasListeners, let address = self["mqtt"] {
            // The token's user is the lab's own for that role.
            let account = "-u lab-\(token.role) -P \(token.text)"
            commands.append(("hear", "mosquitto_sub -h \(address.host) -p \(address.port) \(account) -t 'luna/device/#' -v"))
        }
        if let address = self["https"], let authority {
            commands.append(("over TLS", "curl --cacert \(authority) https://\(address)/health"))
        }
        return commands
    }

    /// An address as clients on this machine use it.
    private subscript(scheme: String) -> StreamAddress? {
        addresses.first { $0.scheme == scheme }.map { StreamAddress(Self.reachable($0.address.host), $0.address.port) }
    }

    private static func facts(_ node: NamedNode) -> String {
        node.facts["serial_no"].map { "  \($0)" } ?? ""
    }

    private static func line(_ word: String, _ text: String, width: Int = 6) -> String {
        "  \(word)\(String(repeating: " ", count: max(0, width - word.count) + 2))\(text)"
    }

    // MARK: The broker alone

    static func broker(_ listeners: [BrokerServiceSettings.Listener], _ settings: BrokerServiceSettings, authority: String?) -> [String] {
        var lines = ["lab \(Lab.version) · serve · broker only", ""]
        lines += listeners.map { line($0.medium.scheme, $0.url) }
        if let authority { lines.append(line("CA", authority)) }
        lines.append("")
        if let listener = listeners.first(where: { !$0.medium.isWebSocket }) {
            let client = mosquitto(listener, settings, authority: authority)
            let (hears, says) = topics(for: named(settings))
            lines += [
                line("hear", "mosquitto_sub \(client) -i hearer -t '\(hears)' -v"), line("say", "mosquitto_pub \(client) -i sayer -t \(says) -m hello"), "",
            ]
        }
        return lines + [ready]
    }

    /// Who is meant where nobody may come without a name.
    private static func named(_ settings: BrokerServiceSettings) -> StaticAuthorizer.User? {
        settings.allowsAnonymous ? nil : settings.users.first { $0.password != nil }
    }

    /// A topic that this user may publish to, and a filter that it may subscribe to.
    private static func topics(for user: StaticAuthorizer.User?) -> (hears: String, says: String) {
        func first(_ access: TopicRightPattern.Access, _ client: String) -> String? {
            user?.rights.first { $0.access == access || $0.access == .both }?.pattern
                .replacing("%c", with: client).replacing("%u", with: user?.name ?? "")
        }
        let said = first(.publish, "sayer").flatMap { $0 == "#" ? nil : $0.replacing("+", with: "demo").replacing("#", with: "greeting") }
        let heard = first(.receive, "hearer")
        guard heard == nil || heard == "#" else { return (heard ?? "", said ?? "demo/greeting") }
        return (said ?? "demo/#", said ?? "demo/greeting")
    }

    /// The options of Mosquitto's clients for a listener.
    private static func mosquitto(
        _ listener: BrokerServiceSettings.Listener, _ settings: BrokerServiceSettings, authority: String?
    ) -> String {
        var options = "-h \(reachable(listener.address.host)) -p \(listener.address.port)"
        if listener.medium.isSecure { options += " --cafile \(authority ?? "AUTHORITY.pem")" }
        // A password that lab.yaml holds is not for the scrollback.
        if let user = named(settings) {
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
