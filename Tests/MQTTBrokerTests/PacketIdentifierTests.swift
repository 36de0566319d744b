import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("Packet identifiers (MQTT 3.1.1 §2.3.1)")
struct PacketIdentifierTests {
    /// The identifiers of the publishes among packets.
    private func identifiers(_ packets: [MQTTPacket]) -> [UInt16] {
        packets.compactMap { packet in if case .publish(let message) = packet { message.packetID } else { nil } }
    }

    @Test("after 65535 comes 1, and what is still on its way is stepped over, wherever it lies [MQTT-2.3.1-4]")
    func steppedOver() throws {
        var bench = Bench()
        try bench.connect(1, "subscriber")
        try bench.feed(1, subscribe(1, ("t", .atLeastOnce)))
        // These stay unacknowledged through two rounds of all identifiers.
        let stuck: [UInt16] = [1, 2, 700, 701, 65_535]
        var seen: [UInt16] = []
        for _ in 0..<131_000 {
            bench.give(.publish(InlinePublish(topic: try MQTTTopic("t"), payload: [], qos: .atLeastOnce)))
            for identifier in identifiers(try bench.take(1)) where identifier != 0 {
                seen.append(identifier)
                if !stuck.contains(identifier) { try bench.feed(1, puback(identifier)) }
            }
        }
        let round = (1...65_535).map { UInt16($0) }
        let free = round.filter { !stuck.contains($0) }
        #expect(seen == Array((round + free + free).prefix(131_000)))
    }
}
