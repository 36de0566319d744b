package import LabCore

/// What happened to the serial ports of this machine.
package enum PortChange: Sendable, Hashable, CustomStringConvertible {
    case added(PortRecord)
    /// With all that was known of the port: events of the system say little about what is gone.
    case removed(PortRecord)

    package var port: PortRecord {
        switch self {
        case .added(let port), .removed(let port): port
        }
    }

    package var description: String {
        switch self {
        case .added(let port): "added \(port.path)"
        case .removed(let port): "removed \(port.path)"
        }
    }
}
