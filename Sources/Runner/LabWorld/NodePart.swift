import LabCore
import Simulation

/// One part of a node: a device or a driver with its host, or what a bench does to a real device.
protocol NodePart: AnyObject {
    func act(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure>
    func answer(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure>
    /// A fault that it publishes begins or ends. What cannot be done at once is tried, and told in the log where it fails.
    func setFault(_ name: String, _ arguments: Fields, isActive: Bool)
    func losePower()
    func regainPower()
    /// Faults of its own requests; does nothing for a part that makes none.
    func apply(_ fault: HTTPFault, id: Int)
    func clearHTTPFault(_ id: Int)
    /// Waits until the faults that it was told of have begun or ended, where that takes time.
    func settled() async
    /// Before the first step: whatever earlier runs have left behind is put away.
    func prepare() async
}

extension NodePart {
    func apply(_ fault: HTTPFault, id: Int) {}
    func clearHTTPFault(_ id: Int) {}
    func settled() async {}
    func prepare() async {}
}

extension DeviceHost: NodePart {
    func answer(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> { state(name, arguments) }
    func setFault(_ name: String, _ arguments: Fields, isActive: Bool) { handle(.fault(name, arguments, isActive: isActive)) }
}
