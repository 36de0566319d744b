import Cloud
import LabCore
import MQTTBroker
import WireProtocols

/// What the gateway tells its host about a connection.
protocol GatewayOwner: AnyObject {
    /// Who the client is, and with that whether it may connect.
    func authenticate(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision
    /// What the external broker knows the devices by.
    var deviceAccount: (username: String?, password: [UInt8]?) { get }
    var hasTranscript: Bool { get }
    func gateway(_ connection: GatewayConnection, notes note: BrokerNote)
    /// The broker has accepted the client.
    func gatewayAccepted(_ connection: GatewayConnection, _ note: BrokerNote)
    func gatewayEnded(_ connection: GatewayConnection, reason: CloseReason)
}

/// One device's connection on its way to a broker that is none of ours.
///
/// Devices prove who they are with passwords that only the cloud can check, so the gateway asks the cloud and then speaks
/// for the device with the broker's own account. It reads along, so that the log tells the same of every broker.
final class GatewayConnection {
    let peer: String
    private(set) var client: String?
    /// The broker has accepted it, and neither side has gone.
    private(set) var isOnline = false
    private unowned let owner: any GatewayOwner
    private let device: any ByteStream
    private let broker: any ByteStream
    private var deviceDecoder = MQTTPacketDecoder(role: .server)
    private var brokerDecoder = MQTTPacketDecoder(role: .client)
    private var connect: MQTTConnect?
    /// What waits until the connection to the broker is there.
    private var waiting: [UInt8] = []
    private var subscribing: [UInt16: [MQTTTopicFilter]] = [:]
    private var isDisconnecting = false
    private var isOver = false

    init(owner: any GatewayOwner, device: any ByteStream, broker: any ByteStream, peer: String) {
        self.owner = owner
        self.device = device
        self.broker = broker
        self.peer = peer
        device.onEvent = { [weak self] event in self?.deviceTold(event) }
        broker.onEvent = { [weak self] event in self?.brokerTold(event) }
    }

    /// Ends it from the lab's side.
    func end(_ reason: CloseReason) {
        guard !isOver else { return }
        isOver = true
        device.close()
        broker.close()
        owner.gatewayEnded(self, reason: reason)
    }

    // MARK: From the device

    private func deviceTold(_ event: ByteStreamEvent) {
        switch event {
        case .opened: break
        case .bytes(let bytes, _): read(bytes, &deviceDecoder, .toBroker) { frame, bytes throws(MQTTDecodingError) in try fromDevice(frame, bytes) }
        case .closed: end(isDisconnecting ? .disconnected : .closedByPeer("connection lost"))
        }
    }

    private func fromDevice(_ frame: MQTTFrame, _ bytes: [UInt8]) throws(MQTTDecodingError) {
        let packet = try MQTTPacket(frame, in: bytes)
        switch packet {
        case .connect(let connect): return admit(connect)
        case .subscribe(let subscribe): subscribing[subscribe.packetID] = subscribe.subscriptions.map(\.filter)
        case .unsubscribe(let unsubscribe):
            for filter in unsubscribe.filters { owner.gateway(self, notes: .unsubscribed(client: client ?? "", filter: filter.text)) }
        case .disconnect: isDisconnecting = true
        default: break
        }
        forward(Array(bytes[frame.range]))
    }

    private func admit(_ connect: MQTTConnect) {
        self.connect = connect
        client = connect.clientID
        switch owner.authenticate(clientID: connect.clientID, username: connect.username, password: connect.password) {
        case .accepted:
            var rewritten = connect
            (rewritten.username, rewritten.password) = owner.deviceAccount
            guard let bytes = try? MQTTPacket.connect(rewritten).encoded() else { return end(.administrative("the gateway could not encode CONNECT")) }
            forward(bytes)
            broker.open()
        case .refused(let code, let reason): refuse(MQTTConnectReturnCode(rawValue: code) ?? .notAuthorized, reason)
        }
    }

    private func refuse(_ code: MQTTConnectReturnCode, _ reason: String) {
        if let bytes = try? MQTTPacket.connack(MQTTConnack(sessionPresent: false, code: code)).encoded() { device.send(bytes) }
        owner.gateway(self, notes: .refused(client: client ?? "", peer: peer, code: code.rawValue, reason: reason))
        end(.administrative("refused: \(reason)"))
    }

    private func forward(_ bytes: [UInt8]) { if broker.isOpen { broker.send(bytes) } else { waiting += bytes } }

    // MARK: From the broker

    private func brokerTold(_ event: ByteStreamEvent) {
        switch event {
        case .opened:
            broker.send(waiting)
            waiting = []
        case .bytes(let bytes, _): read(bytes, &brokerDecoder, .toClient) { frame, bytes throws(MQTTDecodingError) in try fromBroker(frame, bytes) }
        case .closed(let failure):
            // Before its CONNACK the device is told what a broker that is down would tell it.
            if !isOnline, failure.reason != .ended { return refuse(.serverUnavailable, failure.description) }
            end(isDisconnecting ? .disconnected : .closedByPeer("closed by the broker"))
        }
    }

    private func fromBroker(_ frame: MQTTFrame, _ bytes: [UInt8]) throws(MQTTDecodingError) {
        let raw = Array(bytes[frame.range])
        switch try MQTTPacket(frame, in: bytes) {
        case .connack(let connack): answer(connack)
        case .suback(let suback):
            for (filter, code) in zip(subscribing.removeValue(forKey: suback.packetID) ?? [], suback.codes) {
                owner.gateway(self, notes: .subscribed(client: client ?? "", filter: filter.text, code: code))
            }
        default: break
        }
        device.send(raw)
    }

    private func answer(_ connack: MQTTConnack) {
        guard let connect else { return }
        guard connack.code == .accepted else {
            return owner.gateway(self, notes: .refused(client: connect.clientID, peer: peer, code: connack.code.rawValue, reason: "refused by the broker"))
        }
        isOnline = true
        owner.gatewayAccepted(
            self,
            .accepted(
                client: connect.clientID, username: connect.username, peer: peer, sessionPresent: connack.sessionPresent,
                isClean: connect.isClean, keepAlive: connect.keepAlive))
    }

    // MARK: Both

    private func read(
        _ bytes: [UInt8], _ decoder: inout MQTTPacketDecoder, _ direction: PacketFault.Direction,
        _ handle: (MQTTFrame, [UInt8]) throws(MQTTDecodingError) -> Void
    ) {
        guard !isOver else { return }
        decoder.append(bytes)
        do throws(MQTTDecodingError) {
            while !isOver, let frame = try decoder.nextFrame() {
                if owner.hasTranscript { owner.gateway(self, notes: .packet(PacketNote(client, direction, frame, decoder.bytes))) }
                try handle(frame, decoder.bytes)
            }
        } catch {
            owner.gateway(self, notes: .malformed(client: client, peer: peer, error))
            end(.violation(error))
        }
    }
}
