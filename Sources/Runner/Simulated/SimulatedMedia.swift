import LabCore
import Simulation
import Transports

/// The media of `sim`: links in memory and virtual time.
final class SimulatedMedia: WorldMedia {
    let kernel = Kernel()
    /// 2026-01-01T00:00:00Z: where virtual time begins.
    let epoch: Int64 = 1_767_225_600
    let front: (address: StreamAddress, speed: Double)? = nil
    var instant: RunInstant { kernel.now }
    let timing: TimingReport? = nil
    let loss: StreamFailure? = nil
    private let seed: UInt64
    private let profile = SharedProfile(LinkProfile(delay: linkDelay))
    private var cloud: CloudHost?
    private var broker: BrokerHost?

    /// Half of a round trip on a link without faults.
    private static let linkDelay = Duration.milliseconds(10)

    init(seed: UInt64) { self.seed = seed }

    func open(cloud: CloudHost, setting: BrokerSetting) -> any WorldBroker {
        let broker = BrokerHost(
            kernel: kernel, recorder: setting.recorder, node: setting.node, cloud: cloud, seed: setting.seed, hasTranscript: setting.hasTranscript)
        (self.cloud, self.broker) = (cloud, broker)
        return broker
    }

    func network(for node: String, role: Role, _ wish: NetworkWish) throws -> any DeviceNetwork {
        guard let cloud, let broker else { throw ActionFailure("no_cloud", "A world needs its cloud before its devices.") }
        return SimulatedNetwork.connected(to: cloud, broker, node: node, on: kernel, profile: profile, seed: seed)
    }

    func pileLine(for node: String, role: Role, hasFaults: Bool) throws -> (stream: any ByteStream, way: any FaultyWay) {
        guard let cloud else { throw ActionFailure("no_cloud", "A world needs its cloud before its devices.") }
        let line = SimulatedPileLine(
            link: Link(on: kernel, name: "\(node).gateway", up: profile, down: profile, seed: seed), door: cloud.piles, peer: node)
        return (line.stream, line)
    }

    func service(_ host: DeviceHost, network: any DeviceNetwork) throws -> any ServiceDoor {
        guard let network = network as? SimulatedNetwork else { throw ActionFailure("no_network", "A service needs a network in memory.") }
        return SimulatedService(link: network.link, host: host)
    }

    func doors(to payments: RealPayments, onFailure: @escaping (String, StreamFailure) -> Void) throws -> [(name: String?, door: any ServiceDoor)] {
        throw ActionFailure("not_possible_here", RealPayments.notInMemory)
    }

    func serialPort(_ name: String, of node: String, baud: UInt32?) -> (module: any ByteStream, host: any ByteStream) {
        let profile = LinkProfile(delay: .microseconds(100), speed: baud.map { .serial(baud: $0) })
        let line = SerialLine(on: kernel, name: "\(node).\(name)", profile: profile, seed: seed)
        return (line.module, line.host)
    }

    /// There is nothing outside.
    func settle() {}

    /// A cloud that is down answers nothing; that is all that can be seen of it in memory.
    func bench() throws -> BenchAccess { throw ActionFailure("not_possible_here", "Real devices need real time: --on hw or --on emu.") }
    func setCloudReachable(_ isReachable: Bool) {}
    func close() {}
}
