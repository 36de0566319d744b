package import LabCore
package import Transports

/// The way to a port for what is done outside of runs: switching power, examining, a console.
package enum LocalPorts {
    /// The path by which the port can be opened now; `nil` for one of another machine.
    ///
    /// - Throws: where no port is what is meant, or several are.
    package static func path(of source: PortSource) throws(StreamFailure) -> String? {
        switch source.place {
        case .match, .path: try PortLookup.resolve(source, among: try PortDirectory.scan())
        case .rfc2217, .tcp, .labgrid: nil
        }
    }

    /// What the system tells of the port at a path.
    package static func record(of path: String) -> PortRecord? { (try? PortDirectory.scan()).flatMap { PortLookup.record(of: path, among: $0) } }

    /// The stream to a port, not yet opened.
    ///
    /// - Parameters:
    ///   - places: of labgrid, that the caller has acquired.
    ///   - tell: gets what was found of the port's lock file and done with it.
    package static func stream(
        to source: PortSource, on reactor: Reactor, places: LabgridHoldings? = nil, tell: @escaping (String) -> Void = { _ in }
    ) throws(StreamFailure) -> any ByteStream {
        try PortStreams(
            ports: { () throws(StreamFailure) in try PortDirectory.scan() }, on: reactor, sockets: { StreamLoop() }, reportingTo: reactor, places: places,
            clock: { reactor.now }, tell: tell
        ).stream(to: source)
    }
}
