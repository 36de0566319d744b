import LabCore
import Simulation
import Transports

/// A device's way to the cloud over real sockets: libmosquitto and an HTTP client, and where faults can come, a proxy in between.
final class SocketNetwork: DeviceNetwork {
    private let mqtt: any MessageClient
    private let http: any HTTPRequester
    private let proxy: LinkProxy?
    private let listeners: [TCPListener]

    var onNotice: ((MQTTNotice) -> Void)? {
        get { mqtt.onNotice }
        set { mqtt.onNotice = newValue }
    }

    /// - Parameter proxy: `nil` for members of large fleets, whose links cannot have faults.
    init(mqtt: any MessageClient, http: any HTTPRequester, proxy: LinkProxy? = nil, listeners: [TCPListener] = []) {
        self.mqtt = mqtt
        self.http = http
        self.proxy = proxy
        self.listeners = listeners
    }

    func perform(_ command: MQTTCommand) { mqtt.perform(command) }
    func send(_ call: HTTPCall, _ done: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void) { http.send(call, done) }

    /// The proxy first: it must not pass on that the device's sockets close.
    func vanish() {
        proxy?.vanish()
        mqtt.vanish()
    }

    func apply(_ fault: LinkFault, id: Int) { proxy?.apply(fault, id: id) }
    func clear(_ id: Int) { proxy?.clear(id) }

    func close() {
        mqtt.vanish()
        proxy?.close()
        for listener in listeners { listener.close() }
    }
}
