package import LabCore
package import Transports

/// Ports of this machine, for what is done outside of runs.
package enum LocalPorts {
    /// - Throws: where the port is not there, is one of several that match, or lies on another machine.
    package static func path(of source: PortSource) throws(StreamFailure) -> String {
        switch source.place {
        case .path(let path): path
        case .match: throw StreamFailure(.unsupported, "\(source.place)", "ports cannot be searched here", remedy: "give the path of the port")
        case .rfc2217, .tcp, .labgrid: throw StreamFailure(.unsupported, "\(source.place)", "the port is not one of this machine", remedy: "give a port of this machine")
        }
    }

    package static func stream(to source: PortSource, on reactor: Reactor) throws(StreamFailure) -> any ByteStream {
        let path = try path(of: source)
        guard let settings = SerialSettings(baud: source.baud, framing: source.framing) else {
            throw StreamFailure(.unsupported, path, "there is no framing '\(source.framing)' at \(source.baud)", remedy: "write it as 8N1, 7E1 or 8N2")
        }
        return SerialPort(path: path, settings: settings, on: reactor)
    }
}
