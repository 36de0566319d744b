import LabCore
import Simulation
import Transports

/// What distinguishes the worlds: the clock, and what carries bytes between devices, broker and cloud.
protocol WorldMedia: AnyObject {
    var kernel: Kernel { get }
    /// Unix seconds at the start of the run.
    var epoch: Int64 { get }

    /// Where the cloud listens for requests, and how many seconds of the run each real second has; `nil` in memory.
    var front: (address: StreamAddress, speed: Double)? { get }

    /// The run's clock as finely as it can be read.
    var instant: RunInstant { get }

    /// Makes the broker, and makes cloud and broker reachable. Called once, before the devices are made.
    ///
    /// - Throws: `StreamFailure`, `ActionFailure` where that is not possible.
    func open(cloud: CloudHost, setting: BrokerSetting) throws -> any WorldBroker

    /// Waits until what is outside of the kernel is there, such as a broker that was just started.
    ///
    /// - Throws: `StreamFailure` where it does not come.
    func settle() throws

    /// A device's way to the cloud.
    ///
    /// - Throws: `ActionFailure`, `StreamFailure` where there is no such way.
    func network(for node: String, role: Role, _ wish: NetworkWish) throws -> any DeviceNetwork

    /// A pile's way to the cloud's gateway: the stream that the pile, or its host, opens, and what can disturb it.
    func pileLine(for node: String, role: Role, hasFaults: Bool) throws -> (stream: any ByteStream, way: any FaultyWay)

    /// How the cloud reaches a node that is a service of its own.
    ///
    /// - Parameter network: the node's own way to the cloud.
    func service(_ host: DeviceHost, network: any DeviceNetwork) throws -> any ServiceDoor

    /// How the cloud reaches payment services that are not the lab's, by its names for them.
    ///
    /// - Throws: `not_possible_here` in memory, `StreamFailure` for authorities that cannot be used.
    func doors(to payments: RealPayments, onFailure: @escaping (_ service: String, StreamFailure) -> Void) throws -> [(name: String?, door: any ServiceDoor)]

    /// Both ends of a serial port: the module's, where the port exists while it is open, and its host's.
    ///
    /// - Parameter baud: the pace of the line; `nil` for ports on USB, which ignore the rate.
    func serialPort(_ name: String, of node: String, baud: UInt32?) throws -> (module: any ByteStream, host: any ByteStream)

    /// The bench with its real devices; asked for where a role is filled by one of them.
    ///
    /// - Throws: where there can be none, as in memory.
    func bench() throws -> BenchAccess

    /// Whether the cloud accepts connections; it does not after a crash.
    ///
    /// - Throws: `StreamFailure` where its port cannot be had again.
    func setCloudReachable(_ isReachable: Bool) throws

    /// What the world has lost that no step took away; the case is blocked then.
    var loss: StreamFailure? { get }

    /// Ends everything outside of the kernel. The kernel has come to its end.
    func close()

    /// How late timers fired; `nil` where time is virtual.
    var timing: TimingReport? { get }
}

/// What a device's way to the cloud has to be.
struct NetworkWish {
    /// The scenario disturbs its link or its power.
    var hasFaults: Bool
    /// It has no sockets, also where others have.
    var isInProcess = false
}

/// What a broker needs to know of the run that it serves.
struct BrokerSetting {
    var recorder: EventRecorder
    var node: String
    var seed: UInt64
    var hasTranscript: Bool
    var plan: Plan
}
