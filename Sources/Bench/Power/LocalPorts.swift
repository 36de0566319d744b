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
    /// - Parameter places: of labgrid, that the caller has acquired.
    package static func stream(to source: PortSource, on reactor: Reactor, places: LabgridHoldings? = nil) throws(StreamFailure) -> any ByteStream {
        guard let settings = SerialSettings(baud: source.baud, framing: source.framing) else {
            throw StreamFailure(.unsupported, "\(source.place)", "\(source.baud) \(source.framing) are no line settings", remedy: "see \(source.location)")
        }
        switch source.place {
        case .match, .path: return SerialPort(path: try path(of: source) ?? "", settings: settings, on: reactor)
        case .rfc2217(let host, let port): return remote(.rfc2217, StreamAddress(host, port), settings, reactor)
        case .tcp(let host, let port): return remote(.raw, StreamAddress(host, port), settings, reactor)
        case .labgrid(let place, _):
            guard let port = places?.port(of: source) else {
                throw StreamFailure(.failed, "labgrid place \(place)", "it was not acquired", remedy: "acquire it by hand: `labgrid-client -p \(place) acquire`")
            }
            return remote(port.wire, port.address, settings, reactor)
        }
    }

    private static func remote(_ wire: RemoteSerialPort.Wire, _ address: StreamAddress, _ settings: SerialSettings, _ reactor: Reactor) -> RemoteSerialPort {
        RemoteSerialPort(wire, at: address, settings: settings, on: StreamLoop(), reportingTo: reactor, clock: { reactor.now })
    }
}
