import Cloud
import LabCore
import MQTTBroker
import Testing
import WireProtocols

@testable import Runner

@Suite("The gateway to a broker that is none of ours (Docs/Decisions/0006)")
struct GatewayTests {
    /// The host of a gateway as the tests want it.
    final class Host: GatewayOwner {
        var decision = MQTTDecision.accepted(deviceID: "luna_badge_0007")
        var deviceAccount: (username: String?, password: [UInt8]?) = ("lab-device", Array("secret".utf8))
        var hasTranscript = false
        var asked: [String] = []
        var notes: [String] = []
        var ended: [String] = []

        func authenticate(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision {
            asked.append("\(clientID) \(username ?? "-") \(String(decoding: password ?? [], as: UTF8.self))")
            return decision
        }

        func gateway(_ connection: GatewayConnection, notes note: BrokerNote) { notes.append("\(note.name) \(JSONWriter.text(.record(note.fields)))") }
        func gatewayAccepted(_ connection: GatewayConnection, _ note: BrokerNote) { notes.append(note.name) }
        func gatewayEnded(_ connection: GatewayConnection, reason: CloseReason) { ended.append(reason.description) }
    }

    private let host = Host()
    private let device = ScriptedStream("device", isOpen: true)
    private let broker = ScriptedStream("broker")

    private func gateway() -> GatewayConnection { GatewayConnection(owner: host, device: device, broker: broker, peer: "badge") }

    /// CONNECT of MQTT 3.1.1 §3.1 by hand: level 4, user name, password and clean session, keep alive 60 s.
    static func connect(client: String, user: String, password: String) -> [UInt8] {
        func field(_ text: String) -> [UInt8] { [0, UInt8(text.utf8.count)] + Array(text.utf8) }
        let body = field("MQTT") + [4, 0b1100_0010, 0, 60] + field(client) + field(user) + field(password)
        return [0x10, UInt8(body.count)] + body
    }

    /// CONNACK, §3.2.
    static func connack(_ code: UInt8) -> [UInt8] { [0x20, 2, 0, code] }

    @Test("the device's own password goes to the cloud, the broker's account to the broker; the rest of CONNECT stays")
    func rewritten() {
        let gateway = gateway()
        device.brings(Self.connect(client: "luna_badge_0007", user: "luna_badge_0007", password: "v1:1:n:ff"))
        #expect(host.asked == ["luna_badge_0007 luna_badge_0007 v1:1:n:ff"])
        #expect(broker.openings == 1)
        broker.becomesOpen()
        #expect(broker.sent == Self.connect(client: "luna_badge_0007", user: "lab-device", password: "secret"))
        broker.brings(Self.connack(0))
        #expect(device.sent == Self.connack(0))
        #expect(host.notes == ["mqtt.accepted"] && gateway.isOnline)
    }

    @Test("whom the cloud refuses gets its code, and the broker never hears of it")
    func refused() {
        let gateway = gateway()
        host.decision = .refused(code: 5, reason: "clock skew")
        device.brings(Self.connect(client: "luna_badge_0007", user: "luna_badge_0007", password: "v1:1:n:ff"))
        #expect(device.sent == Self.connack(5) && device.isClosed)
        #expect(broker.openings == 0)
        #expect(host.notes.count == 1 && host.notes[0].hasPrefix("mqtt.refused") && host.notes[0].contains("clock skew"))
        _ = gateway
    }

    @Test("while the broker is down the device is told 3, server unavailable")
    func brokerDown() {
        let gateway = gateway()
        device.brings(Self.connect(client: "c", user: "c", password: "p"))
        broker.ends(.refused)
        #expect(device.sent == Self.connack(3) && device.isClosed)
        _ = gateway
    }

    @Test("a subscription's answer is told with its filter; messages pass as they are, whole or in pieces")
    func passes() {
        let gateway = gateway()
        device.brings(Self.connect(client: "c", user: "c", password: "p"))
        broker.becomesOpen()
        broker.brings(Self.connack(0))
        let before = broker.sent.count
        // SUBSCRIBE of "a/b" at QoS 1 with identifier 10 (§3.8), byte by byte.
        let subscribe: [UInt8] = [0x82, 8, 0, 10, 0, 3, 0x61, 0x2f, 0x62, 1]
        for byte in subscribe { device.brings([byte]) }
        #expect(Array(broker.sent[before...]) == subscribe)
        broker.brings([0x90, 3, 0, 10, 0x80])
        #expect(host.notes.last == #"mqtt.subscribed {"client":"c","filter":"a/b","code":128}"#)
        // PUBLISH QoS 0 to the device.
        let publish: [UInt8] = [0x30, 6, 0, 3, 0x61, 0x2f, 0x62, 0x21]
        broker.brings(publish)
        #expect(Array(device.sent.suffix(publish.count)) == publish)
        _ = gateway
    }

    @Test("DISCONNECT ends it in order, a lost connection does not; each is told once")
    func ending() {
        let first = gateway()
        device.brings(Self.connect(client: "c", user: "c", password: "p"))
        broker.becomesOpen()
        broker.brings(Self.connack(0))
        device.brings([0xe0, 0])
        device.ends()
        #expect(host.ended == ["disconnected"] && broker.isClosed)
        _ = first

        let (other, upstream) = (ScriptedStream("device", isOpen: true), ScriptedStream("broker"))
        let second = GatewayConnection(owner: host, device: other, broker: upstream, peer: "badge")
        other.brings(Self.connect(client: "c", user: "c", password: "p"))
        upstream.becomesOpen()
        upstream.brings(Self.connack(0))
        other.ends(.vanished)
        upstream.ends()
        #expect(host.ended == ["disconnected", "connection lost"])
        _ = second
    }

    @Test("what is no MQTT ends the connection and is told with its place")
    func malformed() {
        let gateway = gateway()
        device.brings("GET / HTTP/1.1\r\n")
        #expect(device.isClosed && broker.openings == 0)
        #expect(host.notes.first?.hasPrefix("mqtt.malformed") == true)
        _ = gateway
    }
}
