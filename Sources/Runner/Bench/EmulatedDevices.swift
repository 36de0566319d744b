import Bench
package import LabCore
import Simulation
package import Transports

/// Emulated devices alone, on real ports: what stands on a bench, without anything that drives it (`lab emulate`).
///
/// Belongs to the thread that made it, which also runs it. Each device has a socket at which one fixture program at a time can act on it.
package final class EmulatedDevices {
    /// Where the devices find the cloud that they speak to over their own network.
    package struct CloudAddress: Sendable, Equatable {
        package var http: StreamAddress
        package var mqtt: StreamAddress?
        package var piles: StreamAddress?

        package init(http: StreamAddress, mqtt: StreamAddress? = nil, piles: StreamAddress? = nil) {
            (self.http, self.mqtt, self.piles) = (http, mqtt, piles)
        }
    }

    private let kernel: Kernel
    private let reactor: Reactor
    private let folder: PortFolder
    private let recorder: EventRecorder
    private let net: EmulatedNet
    private var devices: [EmulatedDevice] = []
    private var listeners: [LocalListener] = []

    /// - Parameters:
    ///   - speed: seconds of the devices for each real second.
    ///   - ports: the folder for the names of ports.
    ///   - factoryKey: from which keys of badges follow, 32 bytes; from the seed where it is nil.
    ///   - control: the folder for the sockets of fixtures; `nil` for none.
    /// - Throws: `StreamFailure`, `ActionFailure` for what cannot be had or made.
    package init(
        nodes: [NamedNode], seed: UInt64, speed: Double, ports: String, control: String?, cloud: CloudAddress?, factoryKey: [UInt8]? = nil, firmware: FirmwareSupply,
        onEvent: @escaping (RunEvent) -> Void = { _ in }
    ) throws {
        reactor = try Reactor(speed: speed)
        kernel = Kernel(pace: reactor, foreignJobs: .accept)
        folder = try PortFolder(ports)
        recorder = EventRecorder(on: kernel, keeping: .last(1_000))
        net = try EmulatedNet(reactor: reactor, kernel: kernel, cloud: cloud)
        recorder.addSink(onEvent)
        var randomness = SeededGenerator(seed: seed, purpose: "factory master key")
        let key = factoryKey ?? randomness.bytes(32)
        let setting = DeviceSetting(
            seed: seed, epoch: net.epoch, cloudHost: LabWorld.hostName, factoryMasterKey: key,
            firmware: try FactoryFirmware(supply: firmware, seed: seed, bugs: []))
        let sockets = try control.map { try PortFolder($0) }
        for node in nodes {
            let device = try EmulatedDevice(node, setting, kernel: kernel, recorder: recorder, net: net) { [folder, reactor, kernel] label, baud in
                let terminal = PseudoTerminal(name: folder.path(for: "\(node.name).\(label)"), on: reactor)
                // A port with a rate of its own is a line to an adapter; one without is the device's own on USB, and comes and goes with it.
                return baud.map { AdapterLine(PacedStream(terminal, kernel: kernel, baud: $0, seed: seed), kernel: kernel) } ?? terminal
            }
            devices.append(device)
            recorder.addSink { [weak device] event in device?.tell(event) }
            guard let sockets else { continue }
            listeners.append(try LocalListener(at: sockets.path(for: "\(node.name).sock"), on: reactor) { [weak device] in device?.attach($0) })
        }
    }

    /// The paths of all ports that the devices have while they are on.
    package var ports: [String] { devices.flatMap { device in device.labels.map { folder.path(for: "\(device.name).\($0)") } } }

    /// Switches every device on.
    package func switchOn() { for device in devices { device.switchOn() } }

    /// Runs until `isOver` says so; it is asked ten times a second.
    package func run(until isOver: @escaping () -> Bool) {
        var hasEnded = false
        func look() {
            hasEnded = isOver()
            if !hasEnded { kernel.schedule(after: .milliseconds(100) * reactor.speed) { look() } }
        }
        look()
        kernel.run { hasEnded }
    }

    package func close() {
        for listener in listeners { listener.close() }
        for device in devices { device.close() }
        kernel.shutDown()
        net.close()
    }
}
