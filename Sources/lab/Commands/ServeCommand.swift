import ArgumentParser
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Transports
import Verdicts

/// `lab serve`: keeps cloud, broker and emulators up for clients of any kind, until Ctrl-C or SIGTERM.
///
/// To be stopped is how it ends well: the exit code is 0 then.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Keeps cloud, broker and emulated devices up for manual work and for other programs.",
        discussion: """
            The devices are the nodes of lab.yaml. Ctrl-C or SIGTERM stops everything in order, with the exit code 0; \
            3 where a port is taken or not permitted, 2 where lab.yaml or an option is wrong.
            """)

    @Flag(help: "The MQTT broker alone, with the settings of lab.yaml's `broker`.")
    var brokerOnly = false

    @Option(
        help: """
            Ports by name: http=8080,https=8443,mqtt=1883,mqtts=8883,ws=8083, with --broker-only also wss=8084. A name alone \
            takes that port, 0 any free one. Without it lab.yaml's listeners, or http, https and mqtt.
            """)
    var ports: String?

    @Option(help: "The address that the ports are opened on; 0.0.0.0 for all of IPv4, :: for all.")
    var host = "127.0.0.1"

    @Option(name: .customLong("lab"), help: "The file with nodes and settings; lab.yaml where it is left out.")
    var labFile: String?

    @Option(help: "Prints a token for the REST surface, with this role: admin, user or guest.")
    var token: String?

    @Option(help: "A folder for the names of emulated serial ports; a temporary one where it is left out.")
    var serialPorts: String?

    @Flag(help: "Prints every event as it happens.")
    var events = false

    @Option(help: "How fast the clock of cloud and devices runs: 60x, up to 1000x.")
    var speed: String?

    @Option(help: "The broker of the devices: embedded, mosquitto or mqtt://user:password@host:port; the default is lab.yaml's.")
    var broker: String?

    @Option(help: "A file for the cloud's database, in memory where it is left out. Its seed is kept beside it (FILE.seed), so that what is in it can be used again.")
    var database: String?

    @Option(help: "The number that keys and tokens follow from; chance where it is left out. Whoever knows it can sign for every device.")
    var seed: UInt64?

    @Flag(help: "No caller is held back by rate limits: for measurements, where one stands for thousands.")
    var noRateLimits = false

    @Option(help: "Processor time that each request costs on top (40us), to see whether a comparison notices.")
    var cpuPerRequest: String?

    func run() throws {
        let ports = try ports.map { try ServedPorts($0) }
        let settings = try ServeSettings(labFile)
        if brokerOnly {
            try refuseOptionsOfTheWorld()
            try settings.refuseOtherBroker()
            try BrokerOnly(settings: try settings.broker(ports, host: host), certificateLocation: settings.section.certificateLocation)
                .run()
        } else {
            try WholeWorld(
                nodes: settings.nodes, settings: try realSettings(settings, ports), seed: seed, tokenRole: token, showsEvents: events,
                certificateLocation: settings.section.certificateLocation
            ).run()
        }
    }

    private func realSettings(_ settings: ServeSettings, _ ports: ServedPorts?) throws -> RealSettings {
        if let token, !WholeWorld.roles.contains(token) {
            throw Stop(.wrongInput, "--token '\(token)' must be one of \(WholeWorld.roles.joined(separator: ", "))")
        }
        var options = try RealOptions(speed: speed, broker: broker, world: .emu, lab: settings.lab)
        try settings.refuseTwoPaymentServices()
        try options.takePayments(of: settings.lab)
        var real = options.settings
        real.listening = try settings.listening(ports, host: host)
        real.portFolder = serialPorts
        real.cloud.database = database
        real.cloud.limitsRates = !noRateLimits
        if let cpuPerRequest {
            guard let cost = DurationText.parse(cpuPerRequest), cost <= 1_000_000_000 else {
                throw Stop(.wrongInput, "--cpu-per-request '\(cpuPerRequest)' must be a duration up to 1s, such as 40us")
            }
            real.cloud.extraCost = .nanoseconds(cost)
        }
        return real
    }

    private func refuseOptionsOfTheWorld() throws {
        let given = [
            ("--token", token != nil), ("--serial-ports", serialPorts != nil), ("--events", events), ("--speed", speed != nil),
            ("--broker", broker != nil), ("--database", database != nil), ("--seed", seed != nil), ("--no-rate-limits", noRateLimits),
            ("--cpu-per-request", cpuPerRequest != nil),
        ]
        if let option = given.first(where: \.1) { throw Stop(.wrongInput, "\(option.0) has no meaning with --broker-only") }
    }
}

/// What lab.yaml says about servers; the usual things where there is no lab.yaml.
struct ServeSettings {
    let lab: LabFile?
    let section: BrokerSection

    /// - Throws: `Stop` after everything that is wrong was printed.
    init(_ path: String?) throws {
        guard path != nil || Descriptor.kind(of: Workplace.labFile) != nil else {
            (lab, section) = (nil, BrokerSection(nil, of: Workplace.labFile))
            return
        }
        let loaded = LabFile.load(path ?? Workplace.labFile, catalogue: Workplace.schemaCatalogue, files: DiskFiles())
        (lab, section) = (loaded.lab, BrokerSection(loaded.lab?.broker, of: loaded.lab?.file ?? ""))
        let diagnostics = (loaded.diagnostics + section.diagnostics).sorted { $0.location < $1.location }
        for diagnostic in diagnostics { Console.error(VisibleText.clean(diagnostic.description)) }
        let errors = diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else { throw Stop(.wrongInput, Workplace.count(errors)) }
    }

    var nodes: [NamedNode] {
        (lab?.nodes ?? []).map { NamedNode(name: $0.name, kind: $0.kind, facts: $0.facts, abilities: $0.abilities) }
    }

    /// The cloud asks one of them, and which one is nobody's guess.
    func refuseTwoPaymentServices() throws {
        guard let payments = lab?.payments, let emulated = lab?.nodes.first(where: { $0.kind == "payments" }) else { return }
        throw Stop(
            .wrongInput,
            Diagnostic(
                at: payments.location, "'payments' names real services, and the node '\(emulated.name)' is an emulated one: `lab serve` needs one of the two").description)
    }

    /// A broker that is named instead of settings is another one than the lab's own.
    func refuseOtherBroker() throws {
        guard let scalar = lab?.broker?.scalar, scalar.text != "embedded" else { return }
        throw Stop(
            .wrongInput,
            Diagnostic(
                at: scalar.location,
                "broker '\(scalar.text)': `lab serve --broker-only` is the lab's own broker; write 'embedded' or settings"
            ).description)
    }

    /// The broker's settings with the listeners of the option, of lab.yaml, or the usual one.
    func broker(_ ports: ServedPorts?, host: String) throws -> BrokerServiceSettings {
        if let name = ports?.entries.first(where: { $0.name.medium == nil })?.name {
            throw Stop(.wrongInput, "--ports: with --broker-only there is no cloud, so there is no '\(name.rawValue)'")
        }
        var settings = section.settings
        if let ports {
            settings.listeners = ports.entries.compactMap { entry in
                entry.name.medium.map { BrokerServiceSettings.Listener($0, StreamAddress(host, entry.port)) }
            }
        } else if settings.listeners.isEmpty {
            settings.listeners = [BrokerServiceSettings.Listener(.tcp, StreamAddress(host, ServedPort.mqtt.usual))]
        }
        return settings
    }

    /// Where the servers of a whole world listen.
    func listening(_ ports: ServedPorts?, host: String) throws -> Listening {
        if ports?[.wss] != nil { throw Stop(.wrongInput, "--ports: 'wss' is there with --broker-only; use 'ws' here") }
        func broker(_ name: ServedPort) -> Int? {
            if let ports { return ports[name] }
            let listeners = section.settings.listeners
            return listeners.first { $0.medium == name.medium }?.address.port ?? (listeners.isEmpty && name == .mqtt ? name.usual : nil)
        }
        // What is not asked for is still needed by the devices: on a port that nobody has to know.
        return Listening(
            host: host, http: ports.map { $0[.http] ?? 0 } ?? ServedPort.http.usual,
            https: ports.map { $0[.https] } ?? ServedPort.https.usual, mqtt: broker(.mqtt) ?? 0, mqtts: broker(.mqtts),
            webSocket: broker(.ws), piles: ports.map { $0[.piles] ?? 0 } ?? ServedPort.piles.usual, identity: section.settings.security?.identity)
    }
}
