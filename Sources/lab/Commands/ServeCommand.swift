import ArgumentParser
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Transports
import Verdicts

/// `lab serve`: keeps a broker up for clients of any kind, until Ctrl-C or SIGTERM.
///
/// To be stopped is how it ends well: the exit code is 0 then.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Keeps the lab's servers up for manual work and for other programs.",
        discussion: """
            Ctrl-C or SIGTERM stops it in order, with the exit code 0; 3 where a port is taken or not permitted, 2 where \
            lab.yaml or an option is wrong.
            """)

    @Flag(help: "The MQTT broker alone, with the settings of lab.yaml's `broker`.")
    var brokerOnly = false

    @Option(
        help:
            "Ports by name, instead of lab.yaml's listeners: mqtt=1883,mqtts=8883,ws=8083,wss=8084. A name alone takes that port, 0 any free one."
    )
    var ports: String?

    @Option(help: "The address that the ports of --ports are opened on; 0.0.0.0 for all of IPv4, :: for all.")
    var host = "127.0.0.1"

    @Option(name: .customLong("lab"), help: "The file with the settings; lab.yaml where it is left out.")
    var labFile: String?

    func run() throws {
        try NotYet.refuse(option: "`lab serve` without --broker-only", !brokerOnly)
        let ports = try ports.map { try ServedPorts($0) }
        if let name = ports?.entries.first(where: { $0.name.medium == nil })?.name {
            throw Stop(.wrongInput, "--ports: with --broker-only there is no cloud, so there is no '\(name.rawValue)'")
        }
        let section = try Self.brokerSection(labFile)
        var settings = section.settings
        if let ports {
            settings.listeners = ports.entries.compactMap { entry in
                entry.name.medium.map { BrokerServiceSettings.Listener($0, StreamAddress(host, entry.port)) }
            }
        } else if settings.listeners.isEmpty {
            settings.listeners = [BrokerServiceSettings.Listener(.tcp, StreamAddress(host, ServedPort.mqtt.usual))]
        }
        try BrokerOnly(settings: settings, certificateLocation: section.certificateLocation).run()
    }

    /// The settings of lab.yaml; the usual ones where there is none.
    ///
    /// - Throws: `Stop` after everything that is wrong was printed.
    private static func brokerSection(_ path: String?) throws -> BrokerSection {
        guard path != nil || Descriptor.kind(of: Workplace.labFile) != nil else { return BrokerSection(nil, of: Workplace.labFile) }
        let loaded = LabFile.load(path ?? Workplace.labFile, catalogue: Workplace.schemaCatalogue, files: DiskFiles())
        var section = BrokerSection(loaded.lab?.broker, of: loaded.lab?.file ?? "")
        if let scalar = loaded.lab?.broker?.scalar, scalar.text != "embedded" {
            section.refuse(scalar)
        }
        let diagnostics = (loaded.diagnostics + section.diagnostics).sorted { $0.location < $1.location }
        for diagnostic in diagnostics { Console.error(VisibleText.clean(diagnostic.description)) }
        let errors = diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else { throw Stop(.wrongInput, Workplace.count(errors)) }
        return section
    }
}
