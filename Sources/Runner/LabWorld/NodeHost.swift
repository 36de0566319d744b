import LabCore
import Simulation

/// One node of a run: a device, or a module with the program on its host that drives it.
///
/// Its parts note events under the node's name, and each carries out the actions, queries and faults that it publishes.
final class NodeHost {
    /// Who makes a device, or puts it up, tells the cloud of it: what is known already stays as it is.
    struct Introduction {
        /// The action of the node at which that happens.
        var at: String
        /// The cloud's action.
        var action: String
        var arguments: Fields
    }

    struct Part {
        var host: any NodePart
        var publishes: NodeKind
        /// Power cuts concern it; the host's program of a module goes on when the module loses its power.
        var isPowered: Bool
    }

    let node: String
    /// How the cloud comes to know it.
    let introductions: [Introduction]
    private let parts: [Part]
    private let way: (any FaultyWay)?

    /// - Parameter way: its way to the cloud, which faults can disturb; `nil` where it has none.
    init(node: String, introductions: [Introduction], parts: [Part], way: (any FaultyWay)?) {
        self.introductions = introductions
        self.node = node
        self.parts = parts
        self.way = way
    }

    func act(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        guard let part = parts.first(where: { $0.publishes.action(name) != nil }) else { return .failure(unknown("action", name)) }
        await settled()
        return await part.host.act(name, arguments)
    }

    func answer(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        guard let part = parts.first(where: { $0.publishes.query(name) != nil }) else { return .failure(unknown("query", name)) }
        await settled()
        return await part.host.answer(name, arguments)
    }

    /// A fault of a step before has begun, though another part of the node sees to it: a fixture takes its time.
    private func settled() async { for part in parts { await part.host.settled() } }

    func prepare() async { for part in parts { await part.host.prepare() } }

    func begin(_ name: String, _ arguments: Fields, handle: Int) throws(ActionFailure) {
        if name.hasPrefix("link.") {
            way?.apply(try LinkFaults.fault(name, arguments), id: handle)
            return
        }
        if name.hasPrefix("http.") {
            let fault = try HTTPFaults.fault(name, arguments)
            return parts.forEach { $0.host.apply(fault, id: handle) }
        }
        if name == Self.powerCut { return poweredHosts.forEach { $0.losePower() } }
        guard let part = parts.first(where: { $0.publishes.fault(name) != nil }) else { throw unknown("fault", name) }
        part.host.setFault(name, arguments, isActive: true)
    }

    func end(_ name: String, _ arguments: Fields, handle: Int) {
        if name.hasPrefix("link.") {
            way?.clear(handle)
            return
        }
        if name.hasPrefix("http.") { return parts.forEach { $0.host.clearHTTPFault(handle) } }
        if name == Self.powerCut { return poweredHosts.forEach { $0.regainPower() } }
        parts.first { $0.publishes.fault(name) != nil }?.host.setFault(name, arguments, isActive: false)
    }

    private static let powerCut = "power.cut"

    private var poweredHosts: [any NodePart] { parts.filter(\.isPowered).map(\.host) }

    /// The checker knows the whole kind; a part that is real cannot do what only its emulator could.
    private func unknown(_ what: String, _ name: String) -> ActionFailure {
        ActionFailure("not_possible_here", "The node '\(node)' has no \(what) '\(name)' in this world.")
    }
}
