import LabCore
import MQTTBroker
import Runner
import Testing
import Transports

/// Bytes by hand on a socket.
private final class RawClient: Sendable {
    private let loop = StreamLoop()
    private let stream: TCPStream
    private let events: AsyncStream<ByteStreamEvent>

    /// - Parameter greeting: sent on the loop's thread as soon as it is open: a test that waits for its turn in a busy process
    ///   must not be the reason that the broker loses its patience.
    init(_ address: StreamAddress, greeting: [UInt8]) {
        let stream = TCPStream(to: TCPTarget(address), on: loop, reportingTo: loop, clock: { .start })
        self.stream = stream
        let (events, continuation) = AsyncStream<ByteStreamEvent>.makeStream()
        self.events = events
        stream.onEvent = { [unowned stream] event in
            if event == .opened { stream.send(greeting) }
            continuation.yield(event)
        }
        loop.post { [stream] in stream.open() }
    }

    func send(_ bytes: [UInt8]) { loop.post { [stream] in stream.send(bytes) } }

    /// At least that many bytes, or all until the end.
    func bytes(_ count: Int) async -> [UInt8] {
        var all: [UInt8] = []
        for await event in events {
            if case .bytes(let bytes, _) = event { all += bytes }
            if case .closed = event { break }
            if all.count >= count { break }
        }
        return all
    }

    /// Everything until the broker closes.
    func rest() async -> [UInt8] { await bytes(.max) }
}

@Suite("The broker on sockets", .timeLimit(.minutes(2)))
struct BrokerServiceTests {
    /// CONNECT of MQTT 5.0, client "a", clean start, without keep alive.
    private static let connect5: [UInt8] = [0x10, 0x0E, 0, 4, 0x4D, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 1, 0x61]
    /// CONNECT of MQTT 3.1.1, the same.
    private static let connect3: [UInt8] = [0x10, 0x0D, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x61]

    private func client(_ bench: BrokerBench, _ greeting: [UInt8]) -> RawClient { RawClient(bench.listeners[0].address, greeting: greeting) }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: part) }
    }

    @Test("CONNACK of 5.0 tells the keep alive 0x13, the receive maximum 0x21 and the topic alias maximum 0x22 of the settings (§3.2.2.3)")
    func limitsInConnack() async throws {
        var settings = BrokerServiceSettings()
        settings.serverKeepAlive = 60
        settings.receiveMaximum = 20
        settings.topicAliasMaximum = 3
        let bench = try BrokerBench(settings)
        defer { bench.stop() }
        // As `connect5`, but with a keep-alive time of 120 s: shorter ones than the broker's stay as they are asked for.
        var connect = Self.connect5
        connect[11] = 120
        let client = client(bench, connect)
        let connack = await client.bytes(5)
        try #require(connack.count > 4)
        #expect(connack[0] == 0x20)
        #expect(connack[3] == 0x00)
        for property in [[0x13, 0, 60], [0x21, 0, 20], [0x22, 0, 3]] as [[UInt8]] { #expect(contains(connack, property), "\(connack)") }
    }

    @Test("a denied filter is answered with the code of the settings in 5.0 and with 0x80 in 3.1.1", arguments: [UInt8(0x87), 0x80])
    func deniedFilter(_ code: UInt8) async throws {
        var settings = BrokerServiceSettings()
        settings.deniedFilters = ["test/nosubscribe"]
        settings.deniedFilterCode = code
        let bench = try BrokerBench(settings)
        defer { bench.stop() }
        let filter: [UInt8] = [0, 16] + Array("test/nosubscribe".utf8)
        let new = client(bench, Self.connect5)
        _ = await new.bytes(5)
        new.send([0x82, 22, 0, 7, 0] + filter + [1])
        #expect(await new.bytes(6) == [0x90, 4, 0, 7, 0, code])
        let old = client(bench, Self.connect3)
        #expect(await old.bytes(4) == [0x20, 2, 0, 0])
        old.send([0x82, 21, 0, 7] + filter + [1])
        #expect(await old.bytes(5) == [0x90, 3, 0, 7, 0x80])
    }

    @Test("a malformed packet ends its connection with the reason and no other")
    func malformed() async throws {
        let bench = try BrokerBench()
        defer { bench.stop() }
        let healthy = client(bench, [0x10, 0x0D, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x62])
        #expect(await healthy.bytes(4) == [0x20, 2, 0, 0])
        let client = client(bench, Self.connect5)
        _ = await client.bytes(5)
        client.send([0x36, 3, 0, 1, 0x61])  // QoS 3 [MQTT-3.3.1-4]
        let farewell = await client.rest()
        #expect(farewell.starts(with: [0xE0]))
        #expect(farewell.dropFirst(2).first == 0x81)
        healthy.send([0xC0, 0])
        #expect(await healthy.bytes(2) == [0xD0, 0])
    }

    @Test("when the service stops, clients of 5.0 are told 0x8B and everything is closed")
    func stop() async throws {
        let bench = try BrokerBench()
        let client = client(bench, Self.connect5)
        _ = await client.bytes(5)
        bench.stop()
        let farewell = await client.rest()
        #expect(farewell.first == 0xE0)
        #expect(farewell.dropFirst(2).first == 0x8B)
    }

    @Test("keep alive: a client that says nothing is let go after one and a half times its time [MQTT-3.1.2-24]")
    func keepAlive() async throws {
        // The clock of the broker runs a thousand times as fast as the machine's.
        let real = StreamLoop.clock()
        let fast: @Sendable () -> RunInstant = { RunInstant(nanoseconds: real().nanoseconds * 1_000) }
        let loop = StreamLoop()
        let service = try BrokerService(BrokerServiceSettings(), on: loop, clock: fast)
        defer { service.stop() }
        // As `connect3`, but with a keep-alive time of 10 s.
        var connect = Self.connect3
        connect[11] = 10
        let client = RawClient(try service.start()[0].address, greeting: connect)
        #expect(await client.rest() == [0x20, 2, 0, 0])
    }

    @Test("settings that cannot be are refused before anything is opened")
    func wrongSettings() throws {
        let loop = StreamLoop()
        func failure(_ change: (inout BrokerServiceSettings) -> Void) -> String? {
            var settings = BrokerServiceSettings()
            change(&settings)
            do throws(BrokerSettingsError) {
                _ = try BrokerService(settings, on: loop)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(failure { _ in } == nil)
        #expect(failure { $0.deniedFilters = ["a/#/b"] } == "\"a/#/b\" is no topic filter; write it as subscribers do: a/b, a/+, a/#")
        #expect(failure { $0.deniedFilterCode = 0x01 } == "0x1 is no reason code that SUBACK can carry for a failure; use 0x87 or 0x80")
        #expect(failure { $0.receiveMaximum = 0 }?.contains("use 1 to 65535") == true)
        #expect(
            failure { $0.listeners = [.init(.tls, StreamAddress("127.0.0.1", 8_883))] } == "mqtts://127.0.0.1:8883 needs a certificate and its key")
    }

    @Test("a port in use: busy, and the listeners before it are closed again")
    func portInUse() throws {
        let first = try BrokerBench()
        defer { first.stop() }
        let loop = StreamLoop()
        // An address of its own: nobody else takes its port when it is free.
        let free = try BrokerService(BrokerServiceSettings(listeners: [.init(.tcp, StreamAddress("127.0.0.77", 0))]), on: loop)
        let freed = try free.start()[0].address
        free.stop()
        let settings = BrokerServiceSettings(listeners: [.init(.tcp, freed), .init(.tcp, first.listeners[0].address)])
        let failure = #expect(throws: StreamFailure.self) { _ = try BrokerService(settings, on: loop).start() }
        #expect(failure?.reason == .busy)
        let again = try BrokerService(BrokerServiceSettings(listeners: [.init(.tcp, freed)]), on: loop)
        #expect(try again.start()[0].address == freed)
        again.stop()
    }

    @Test("addresses are told as clients name them")
    func urls() {
        let address = StreamAddress("127.0.0.1", 1_883)
        #expect(
            BrokerServiceSettings.Medium.allCases.map { BrokerServiceSettings.Listener($0, address).url } == [
                "mqtt://127.0.0.1:1883", "mqtts://127.0.0.1:1883", "ws://127.0.0.1:1883/mqtt", "wss://127.0.0.1:1883/mqtt",
            ])
    }
}
