import Foundation
import LabCore
import Reports
import Runner
import Transports
import Verdicts

/// Cloud, broker and the devices of lab.yaml: opened, switched on, told of, kept up until somebody stops them.
struct WholeWorld {
    static let roles = ["admin", "user", "guest"]

    var nodes: [NamedNode]
    var settings: RealSettings
    /// From which keys and tokens follow; that of the database, or chance, where it is `nil`.
    var seed: UInt64?
    /// Whose token is printed; `nil` for none.
    var tokenRole: String?
    var showsEvents: Bool
    /// Where lab.yaml names the certificate; `nil` where the lab makes one.
    var certificateLocation: SourceLocation?

    /// - Throws: `Stop` with 2 for nodes and certificates that are wrong, 3 for what the machine does not give.
    func run() throws {
        Interrupts.watch()
        try onLargeStack { try serve() }
    }

    private func serve() throws {
        var settings = settings
        var authority: LabAuthority?
        if settings.listening.identity == nil, settings.listening.https != nil || settings.listening.mqtts != nil {
            let made = try LabAuthority(hosts: [settings.listening.host])
            settings.listening.identity = made.server
            authority = made
        }
        defer { authority?.remove() }
        let world = try open(settings)
        defer { world.close() }
        let failures = try world.switchOn()
        let page = ServePage(
            addresses: world.addresses.map { ($0.scheme, StreamAddress($0.host, $0.port)) },
            payments: (settings.payments?.endpoints ?? []).map { ($0.service, $0.address.description) }, nodes: nodes, ports: world.ports,
            authority: authority?.path, token: try tokenRole.map { ($0, try world.token(role: $0)) },
            hasListeners: settings.broker == .embedded)
        for line in page.lines { Console.print(line) }
        for failure in failures { Console.error(VisibleText.clean(failure)) }
        let guardian = Guardian()
        world.run { Interrupts.signalNumber != nil || guardian.isGone }
        Console.print("stopped")
    }

    private func open(_ settings: RealSettings) throws -> ServedWorld {
        do {
            // Keys and tokens follow from the seed: a fixed one would be everybody's.
            let seed = try SeedFile.seed(beside: settings.cloud.database, given: seed)
            return try ServedWorld(nodes: nodes, seed: seed, settings: settings) { [showsEvents] event in
                if showsEvents { Self.show(event) }
            }
        } catch let failure as StreamFailure {
            guard failure.reason == .certificate, let certificateLocation else { throw Stop(.blocked, failure.description) }
            throw Stop(.wrongInput, Diagnostic(at: certificateLocation, "\(failure.detail); \(failure.remedy)").description)
        } catch let failure as ActionFailure {
            throw Stop(.wrongInput, VisibleText.clean(failure.message))
        }
    }

    private static func show(_ event: RunEvent) {
        Console.print("\(EventText.time(event.at))  \(VisibleText.clean(event.node)).\(EventText.line(event))")
    }
}
