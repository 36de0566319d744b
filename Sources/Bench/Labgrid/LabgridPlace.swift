import Foundation
import Glibc
package import LabCore
package import Transports

/// A place of labgrid as a source of a serial port and of power, through labgrid's own client.
///
/// labgrid keeps a place for whom has acquired it until that is released or the coordinator starts anew; it does not notice that the holder has died.
/// The lab acquires in a name of its own, `user.lab`, so that the next lab of the same user and host knows a place that a killed one left, takes it
/// over and releases it in the end. A place that the user has acquired by hand is used and stays acquired. All calls block.
package struct LabgridPlace: Sendable, Hashable {
    package let name: String
    /// The name of the serial port, where the place has several.
    package let resource: String?
    /// `host:port`; nil: LG_COORDINATOR, or 127.0.0.1:20408.
    package let coordinator: String?
    private let program: String

    /// - Parameters:
    ///   - name: of the place, or an alias of it, in full.
    ///   - program: labgrid's client: a name in PATH, or a path.
    package init(name: String, resource: String? = nil, coordinator: String? = nil, program: String = "labgrid-client") {
        self.name = name
        self.resource = resource
        self.coordinator = coordinator
        self.program = program
    }

    /// Where the place's serial port is.
    package struct Port: Sendable, Hashable {
        package var host: String
        package var port: Int
        package var wire: RemoteSerialPort.Wire
        /// Bits in a second, as the exporter has it; lab.yaml's `baud` is what counts.
        package var speed: UInt32?
        /// `exporter/group/class/name`
        package var resource: String
        /// Who holds the place, `host/user`: this lab, or its user.
        package var holder: String
        /// It was held before: by a lab that died, or by the user, by hand.
        package var wasHeld: Bool

        package var address: StreamAddress { StreamAddress(host, port) }
    }

    private var medium: String { "\(PortSource.Place.labgrid(place: name, resource: resource))" }
    private var client: LabgridClient { LabgridClient(program: program, coordinator: coordinator, place: name, medium: medium) }

    // MARK: Acquiring

    /// Acquires the place, and finds its serial port.
    ///
    /// - Throws: `.busy` with who has it; `.notFound` for a place, an exporter or a port that is not there, with the names of those that are; `.refused`
    ///   without a coordinator; `.unsupported` for a port that can be reached by SSH only. A place that this call acquired is released then.
    package func acquire() throws(StreamFailure) -> Port {
        let before = try listing()
        if let holder = before.holder {
            guard isOurs(holder) else {
                throw StreamFailure(
                    .busy, medium, "\(holder) has acquired it",
                    remedy: "wait, or ask for it: `labgrid-client -p \(before.name) release` there")
            }
            return try port(in: before, holder: holder, wasHeld: true)
        }
        _ = try client.run(["acquire"], as: labUser)
        // So that its user can look at it, and programs of lab.yaml such as `labgrid-client power` can do their part.
        _ = try? client.run(["allow", userHolder], as: labUser)
        do throws(StreamFailure) { return try portOnceServed() } catch {
            try? release()
            throw error
        }
    }

    /// Gives the place back, if this lab has it, or one of this user and host that died; leaves it to anybody else. Does nothing if nobody has it.
    ///
    /// - Throws: where labgrid cannot be asked.
    package func release() throws(StreamFailure) {
        do throws(StreamFailure) { _ = try client.run(["release-from", labHolder]) } catch {
            guard error.detail.contains("is not acquired") else { throw error }
        }
    }

    /// The coordinator tells of the port's server a moment after the place is acquired.
    private func portOnceServed() throws(StreamFailure) -> Port {
        var tries = 0
        while true {
            tries += 1
            let listing = try listing()
            guard listing.holder == labHolder else {
                throw StreamFailure(
                    .busy, medium, "somebody has taken it away: \(listing.holder ?? "nobody") has it now", remedy: "run it again")
            }
            let ports = try serialPorts(in: listing)
            if ports.port != nil || tries == Self.tries { return try port(in: listing, holder: labHolder, wasHeld: false) }
        }
    }

    private static let tries = 5

    // MARK: Places

    private func listing() throws(StreamFailure) -> LabgridListing {
        let text: String
        do throws(StreamFailure) { text = try client.run(["show"]) } catch {
            guard error.reason == .notFound, error.detail.contains("match") else { throw error }
            throw unknownPlace()
        }
        guard let listing = LabgridListing(text) else {
            throw StreamFailure(
                .malformed, medium, "labgrid-client says nothing of the place", remedy: "run `labgrid-client -p \(name) show` to see more")
        }
        // The client takes parts of names too; a lab must not get another device because one was renamed.
        guard listing.name == name || listing.aliases.contains(name) else { throw unknownPlace() }
        return listing
    }

    private func unknownPlace() -> StreamFailure {
        let names = (try? Self.names(coordinator: coordinator, program: program)) ?? []
        let list = names.isEmpty ? "there are none" : "there are: \(names.joined(separator: ", "))"
        return StreamFailure(.notFound, medium, "there is no such place; \(list)", remedy: "correct the name in lab.yaml")
    }

    /// The names of all places, sorted.
    ///
    /// - Throws: where labgrid cannot be asked.
    package static func names(coordinator: String? = nil, program: String = "labgrid-client") throws(StreamFailure) -> [String] {
        let client = LabgridClient(program: program, coordinator: coordinator, place: nil, medium: "labgrid")
        return LabgridListing.names(in: try client.run(["-v", "places"])).sorted()
    }

    /// Who has the place, `host/user`; nil: nobody.
    ///
    /// - Throws: as `acquire`.
    package func holder() throws(StreamFailure) -> String? { try listing().holder }

    // MARK: Ports

    private func serialPorts(in listing: LabgridListing) throws(StreamFailure) -> LabgridResource {
        let ports = listing.resources.filter { $0.kind == "NetworkSerialPort" }
        let names = ports.map(\.name).joined(separator: ", ")
        guard let resource else {
            if ports.count == 1 { return ports[0] }
            throw ports.isEmpty
                ? StreamFailure(.notFound, medium, "the place has no serial port", remedy: "add a match for a NetworkSerialPort to it")
                : StreamFailure(
                    .notFound, medium, "the place has several serial ports: \(names)",
                    remedy: "name one: {place: \(name), resource: \(ports[0].name)}")
        }
        guard let port = ports.first(where: { $0.name == resource }) else {
            throw StreamFailure(
                .notFound, medium, "the place has no serial port of that name\(ports.isEmpty ? "" : "; it has: \(names)")",
                remedy: "correct the name, or add a named match to the place")
        }
        return port
    }

    private func port(in listing: LabgridListing, holder: String, wasHeld: Bool) throws(StreamFailure) -> Port {
        let found = try serialPorts(in: listing)
        guard found.isAvailable else {
            throw StreamFailure(
                .vanished, medium, "the exporter says that the port is not there (\(found.path))", remedy: "plug the device in")
        }
        if let proxy = found.proxy {
            throw StreamFailure(
                .unsupported, medium, "the port can be reached by SSH through \(proxy) only",
                remedy: "start the exporter without --isolated, or forward the port and use rfc2217:")
        }
        guard let host = found.host, let number = found.port else {
            throw StreamFailure(
                .failed, medium, "the exporter does not say where the port is served (\(found.path))",
                remedy: "see the exporter's log; ser2net must be installed there")
        }
        let wire = try wire(of: found)
        return Port(
            host: host, port: number, wire: wire, speed: found.speed.flatMap { UInt32(exactly: $0) }, resource: found.path, holder: holder,
            wasHeld: wasHeld)
    }

    private func wire(of found: LabgridResource) throws(StreamFailure) -> RemoteSerialPort.Wire {
        switch found.wire {
        case "rfc2217": return .rfc2217
        case "raw": return .raw
        default:
            throw StreamFailure(.unsupported, medium, "the protocol \(found.wire) of the port is not known", remedy: "use rfc2217 or raw")
        }
    }

    // MARK: Power

    /// Switches the place's power; it must be acquired.
    ///
    /// - Parameter port: the name of the power port, where the place has several.
    /// - Throws: what labgrid says.
    package func setPower(_ isOn: Bool, port: String? = nil) throws(StreamFailure) { _ = try power(isOn ? "on" : "off", port) }

    /// Whether the power is on; nil where the power port does not tell.
    package func power(port: String? = nil) throws(StreamFailure) -> Bool? {
        let text = try power("get", port)
        let last = text.split(whereSeparator: \.isNewline).last ?? ""
        return last.hasSuffix(" is on") ? true : last.hasSuffix(" is off") ? false : nil
    }

    private func power(_ action: String, _ port: String?) throws(StreamFailure) -> String {
        guard let holder = try listing().holder, isOurs(holder) else {
            throw StreamFailure(.busy, medium, "its power is for whom has acquired it", remedy: "acquire the place first")
        }
        return try client.run(
            ["power"] + (port.map { ["--name", $0] } ?? []) + [action], as: String(holder.drop { $0 != "/" }.dropFirst()))
    }

    // MARK: Names

    /// As labgrid's client finds them: the variables first, then the system.
    private static var host: String {
        if let name = ProcessInfo.processInfo.environment["LG_HOSTNAME"] { return name }
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private var user: String {
        let variables = ProcessInfo.processInfo.environment
        return ["LG_USERNAME", "LOGNAME", "USER", "LNAME", "USERNAME"].lazy.compactMap { variables[$0] }.first { !$0.isEmpty }
            ?? NSUserName()
    }

    private var labUser: String { "\(user).lab" }
    private var labHolder: String { "\(Self.host)/\(labUser)" }
    private var userHolder: String { "\(Self.host)/\(user)" }
    private func isOurs(_ holder: String) -> Bool { holder == labHolder || holder == userHolder }
}
