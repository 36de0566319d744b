import LabCore
import Simulation

/// How the cloud reaches a service that is none of its own, such as a payment service.
protocol ServiceDoor: AnyObject {
    func request(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure>
    /// The world ends: what waits for an answer gets none.
    func close()
}

/// What can be disturbed on a node's way to the cloud.
protocol FaultyWay: AnyObject {
    /// Begins a fault of the link.
    func apply(_ fault: LinkFault, id: Int)
    /// Ends it; the others stay as they are.
    func clear(_ id: Int)
}
