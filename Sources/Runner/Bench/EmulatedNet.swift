import Foundation
import LabCore
import LoadGenerator
import Simulation
import Transports

/// The network that emulated devices on a bench have of their own; without a cloud's address their requests find nobody.
final class EmulatedNet {
    /// Unix seconds when the devices were made.
    let epoch: Int64
    private let reactor: Reactor
    private let kernel: Kernel
    private let cloud: EmulatedDevices.CloudAddress?
    private let sockets = StreamLoop()
    private let clients: MosquittoClients
    private let requests: HTTPClientPool

    /// - Throws: `StreamFailure`.
    init(reactor: Reactor, kernel: Kernel, cloud: EmulatedDevices.CloudAddress?) throws {
        self.reactor = reactor
        self.kernel = kernel
        self.cloud = cloud
        // The one look at the machine's calendar: the devices' clock counts from here.
        epoch = MachineClock.unixSeconds
        clients = try MosquittoClients(on: reactor)
        requests = try HTTPClientPool(on: sockets, reportingTo: kernel)
    }

    func network() -> (any DeviceNetwork)? {
        guard let cloud else { return nil }
        let mqtt = cloud.mqtt ?? StreamAddress(cloud.http.host, 1_883)
        return SocketNetwork(mqtt: clients.client(host: mqtt.host, port: mqtt.port), http: requests.requester(to: cloud.http, isFresh: true))
    }

    func gateway() -> (any ByteStream)? {
        guard let address = cloud?.piles else { return nil }
        return TCPStream(to: TCPTarget(address), on: sockets, reportingTo: kernel) { [reactor] in reactor.now }
    }

    func close() { requests.close() }
}
