package import LabCore
package import Transports

/// From what lab.yaml says of a port to the stream that can be opened now; the one place that knows every kind of place.
package struct PortStreams {
    /// What is plugged into this machine now.
    package var ports: () throws(StreamFailure) -> [PortRecord]
    package var reactor: Reactor
    /// Whose thread carries connections to other machines.
    package var sockets: () -> StreamLoop
    /// Where they are told what happens.
    package var loop: any Loop
    /// The places of labgrid that the caller has acquired.
    package var places: LabgridHoldings?
    package var clock: @Sendable () -> RunInstant
    /// Gets what was found of a port's lock file and done with it, in sentences.
    package var tell: (String) -> Void

    package init(
        ports: @escaping () throws(StreamFailure) -> [PortRecord], on reactor: Reactor, sockets: @escaping () -> StreamLoop, reportingTo loop: any Loop,
        places: LabgridHoldings?, clock: @escaping @Sendable () -> RunInstant, tell: @escaping (String) -> Void
    ) {
        self.ports = ports
        self.reactor = reactor
        self.sockets = sockets
        self.loop = loop
        self.places = places
        self.clock = clock
        self.tell = tell
    }

    /// The stream to a port, not yet opened.
    ///
    /// - Throws: where no port is what is meant, or several are; where its settings are none, or its place was not acquired.
    package func stream(to source: PortSource) throws(StreamFailure) -> any ByteStream {
        guard let settings = SerialSettings(baud: source.baud, framing: source.framing) else {
            throw StreamFailure(.unsupported, "\(source.place)", "\(source.baud) \(source.framing) are no line settings", remedy: "see \(source.location)")
        }
        switch source.place {
        case .match, .path:
            let path = try PortLookup.resolve(source, among: try ports())
            return SerialPort(path: path, settings: settings, on: reactor, claim: LockFileClaim(path, tell: tell))
        case .rfc2217(let host, let port): return remote(.rfc2217, StreamAddress(host, port), settings)
        case .tcp(let host, let port): return remote(.raw, StreamAddress(host, port), settings)
        case .labgrid(let place, _):
            guard let port = places?.port(of: source) else {
                throw StreamFailure(.failed, "labgrid place \(place)", "it was not acquired", remedy: "acquire it by hand: `labgrid-client -p \(place) acquire`")
            }
            return remote(port.wire, port.address, settings)
        }
    }

    private func remote(_ wire: RemoteSerialPort.Wire, _ address: StreamAddress, _ settings: SerialSettings) -> RemoteSerialPort {
        RemoteSerialPort(wire, at: address, settings: settings, on: sockets(), reportingTo: loop, clock: clock)
    }
}
