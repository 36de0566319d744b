package import LabCore

/// The devices of a bench beside the ports that there are: what `lab devices` shows.
package struct Inventory: Sendable {
    /// A node of lab.yaml that has a real device.
    package struct Node: Sendable {
        package var name: String
        package var kind: String
        package var hardware: HardwareSide

        package init(name: String, kind: String, hardware: HardwareSide) { (self.name, self.kind, self.hardware) = (name, kind, hardware) }
    }

    /// From the one that asks for most attention to the one that asks for none.
    package enum State: String, Sendable, Hashable, CaseIterable, Comparable {
        /// Another node means the same port.
        case shared
        /// Several ports are what lab.yaml says.
        case ambiguous
        case absent
        /// A program that is not the holder of a lease has it open.
        case busy
        case present
        /// On another machine: it is looked at when it is used.
        case remote
        /// Reached over the network alone.
        case network

        package static func < (left: State, right: State) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    package struct Port: Sendable {
        package var purpose: PortPurpose
        package var source: PortSource
        package var state: State
        /// By which it can be opened now.
        package var path: String?
        package var record: PortRecord?
        /// Programs that have it open.
        package var users: [PortUsers.User] = []
        /// What is wrong, and what to do.
        package var problem: String?
    }

    package struct Device: Sendable {
        package var node: String
        package var kind: String
        package var ports: [Port]
        /// Who holds the lease of it: `anna, run 0611-1 … (pid 4242)`.
        package var holder: String?
        package var notes: Notes

        package var state: State { ports.map(\.state).min() ?? .network }
    }

    /// What is known from the last time that somebody looked.
    package struct Notes: Sendable, Hashable {
        /// As the device says it.
        package var firmware: String?
        /// `healthy 02:14`, `sick: no answer to AT`
        package var health: String?
        package init(firmware: String? = nil, health: String? = nil) { (self.firmware, self.health) = (firmware, health) }
    }

    package private(set) var devices: [Device]
    /// Ports that no node and no relay board names.
    package private(set) var unnamed: [PortRecord]
    /// Modules by their place in the device tree, and the nodes that have a port of them.
    private let owners: [String: String]
    /// Two things on one port, at both places of lab.yaml.
    package private(set) var problems: [Diagnostic]

    /// - Parameters:
    ///   - ports: that there are now.
    ///   - users: of those ports.
    ///   - holder: who holds the lease of a node whose ports are these.
    ///   - notes: of a node, by the last health check.
    package init(
        _ nodes: [Node], ports: [PortRecord], users: PortUsers = PortUsers(), holder: (Node, [PortRecord]) -> String? = { _, _ in nil },
        notes: (Node) -> Notes = { _ in Notes() }
    ) {
        var claims = PortClaims()
        devices = nodes.map { node in
            let found = node.hardware.ports.map { Self.port($0, ports, users) }
            for port in found { claims.add(port, "'\(port.purpose.rawValue)' of \(node.name)") }
            if case .relay(let board, _)? = node.hardware.power?.kind {
                let port = Self.port(HardwareSide.NamedPort(.serial, board.port), ports, users)
                claims.add(port, "relay board \(board.name)")
            }
            return Device(
                node: node.name, kind: node.kind, ports: found, holder: holder(node, found.compactMap(\.record)), notes: notes(node))
        }
        let named = devices.flatMap { device in device.ports.compactMap { port in port.record.map { (device.node, $0) } } }
        owners = Dictionary(named.compactMap { node, port in port.isOfModule ? port.usbDevice.map { ($0, node) } : nil }) { first, _ in first }
        problems = claims.problems
        unnamed = ports.filter { !claims.paths.contains($0.path) }
        let problems = problems
        for device in devices.indices {
            for index in devices[device].ports.indices {
                let port = devices[device].ports[index]
                guard let problem = problems.first(where: { $0.location == port.source.location }) else { continue }
                devices[device].ports[index].state = .shared
                devices[device].ports[index].problem = problem.message
            }
            // What the holder of the lease has open is as it should be.
            if let holder = devices[device].holder {
                for index in devices[device].ports.indices where devices[device].ports[index].state == .busy {
                    let users = devices[device].ports[index].users
                    guard users.allSatisfy({ holder.contains("(pid \($0.process))") }) else { continue }
                    devices[device].ports[index].state = .present
                    devices[device].ports[index].problem = nil
                }
            }
        }
    }

    /// The node that the module belongs to which this port is a part of; `nil` for a port of a module that no node names.
    package func owner(of port: PortRecord) -> String? { port.isOfModule ? port.usbDevice.flatMap { owners[$0] } : nil }

    private static func port(_ named: HardwareSide.NamedPort, _ ports: [PortRecord], _ users: PortUsers) -> Port {
        var port = Port(purpose: named.purpose, source: named.source, state: .present)
        do throws(StreamFailure) {
            let path = try PortLookup.resolve(named.source, among: ports)
            port.path = path
            port.record = ports.first { $0.path == path }
            port.users = users.users(of: path)
            if !port.users.isEmpty {
                port.state = .busy
                port.problem = "used by \(port.users.map(\.description).joined(separator: ", ")); end it, or wait"
            }
        } catch {
            switch error.reason {
            case .unsupported: port.state = .remote
            case .busy: port.state = .ambiguous
            default: port.state = .absent
            }
            if port.state != .remote { port.problem = "\(error.detail); \(error.remedy)" }
        }
        return port
    }
}

/// Who means which port; the same for several is a mistake that would show as a device that answers for another one.
struct PortClaims {
    private struct Claim {
        var path: String
        var title: String
        var location: SourceLocation
    }

    /// By what the paths are links to in the end: a port has as many names as people give it.
    private var claims: [(target: String, claims: [Claim])] = []
    var paths: Set<String> { Set(claims.flatMap { $0.claims.map(\.path) }) }

    mutating func add(_ port: Inventory.Port, _ title: String) {
        guard let path = port.path else { return }
        let claim = Claim(path: path, title: title, location: port.source.location)
        let target = SystemText.real(path)
        guard let index = claims.firstIndex(where: { $0.target == target }) else { return claims.append((target, [claim])) }
        // A relay board with several channels is named by several nodes.
        if !claims[index].claims.contains(where: { $0.title == title && $0.location == claim.location }) { claims[index].claims.append(claim) }
    }

    /// At the place of each, with the place of another one.
    var problems: [Diagnostic] {
        claims.flatMap { _, claims in
            claims.compactMap { claim in
                claims.first { $0.title != claim.title }.map { other in
                    let name = other.path == claim.path ? "" : " as \(other.path)"
                    return Diagnostic(
                        at: claim.location, "\(claim.path) is \(claim.title) and also\(name) \(other.title) (\(other.location)); each needs its own port")
                }
            }
        }
        .sorted { $0.location < $1.location }
    }
}
