import Cloud
package import LabCore
import Simulation

/// The devices of lab.yaml around the cloud, kept up for people to try by hand: `lab serve`.
///
/// Belongs to the thread that made it, which also runs it.
package final class ServedWorld {
    private let world: LabWorld
    private let media: RealMedia
    private let nodes: [NamedNode]

    /// Opens everything; nothing runs yet.
    ///
    /// - Throws: `StreamFailure` for addresses and ports that cannot be had, `ActionFailure` for nodes that cannot be made.
    package init(nodes: [NamedNode], seed: UInt64, settings: RealSettings, onEvent: @escaping (RunEvent) -> Void = { _ in }) throws {
        let place = SourceLocation(file: "lab.yaml", line: 1, column: 1)
        let roles = nodes.map { Role(name: $0.name, kind: $0.kind, location: place) } + [Role(name: "cloud", kind: "cloud", facts: Self.facts(of: settings), location: place)]
        let plan = Plan(scenario: "serve", file: "lab.yaml", about: "Kept up by hand.", world: .emu, seed: seed, roles: roles)
        self.nodes = nodes
        media = try RealMedia(seed: seed, settings: settings, devices: nodes.count)
        do { world = try LabWorld(plan: plan, named: nodes, media: media, payments: settings.payments, keeping: .last(10_000), database: settings.cloud.database) } catch {
            // What was opened before the failure is given back.
            media.kernel.shutDown()
            media.close()
            throw error
        }
        world.recorder.addSink(onEvent)
    }

    private static func facts(of settings: RealSettings) -> Match {
        var conditions: [Match.Condition] = []
        if !settings.cloud.limitsRates { conditions.append(Match.Condition(field: "rate_limits", test: .equals(.constant(.bool(false))))) }
        if settings.payments != nil { conditions.append(Match.Condition(field: "payments", test: .equals(.constant("real")))) }
        return Match(conditions)
    }

    /// What listens where: `http`, `https`, `mqtt`, `mqtts`, `ws`, in this order.
    package var addresses: [(scheme: String, host: String, port: Int)] { media.addresses }

    /// The emulated serial ports with the names that stay.
    package var ports: [(name: String, path: String)] { media.ports }

    /// Provisions every device in the cloud, as its factory would, and switches it on. What goes wrong comes back as text.
    package func switchOn() throws -> [String] {
        var failures: [String] = []
        try runBlocking { [self] in
            for (node, host) in zip(nodes, world.hosts) {
                for (target, name, arguments) in DeviceKinds.beginnings(of: node) {
                    if target == .device { await world.introduce(host, at: name) }
                    let result: Result<Fields, ActionFailure> =
                        target == .cloud ? await world.perform(NodeReference(role: "cloud", name: name), arguments) : await host.act(name, arguments)
                    if case .failure(let failure) = result { failures.append("\(node.name): \(failure.message)") }
                }
            }
        }
        return failures
    }

    /// A token for people who try the REST surface.
    ///
    /// - Parameter role: `admin`, `user` or `guest`.
    package func token(role: String) throws -> String {
        guard let role = UserRole(rawValue: role) else { throw ActionFailure("unknown_role", "There is no role '\(role)'; there are admin, user and guest.") }
        var token = ""
        try runBlocking { [self] in token = try world.operatorToken(role: role) }
        return token
    }

    private func runBlocking(_ work: @escaping () async throws -> Void) throws { try world.kernel.runBlocking("serve", work) }

    /// Runs until `isOver` says so; it is asked ten times a second.
    package func run(until isOver: @escaping () -> Bool) {
        var hasEnded = false
        func look() {
            hasEnded = isOver()
            if !hasEnded { world.kernel.schedule(after: .milliseconds(100)) { look() } }
        }
        look()
        world.kernel.run { hasEnded }
    }

    package func close() { world.close() }
}
