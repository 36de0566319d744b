import LabCore
import MQTTBroker
import Testing
import WireProtocols

/// What a client sent and what mosquitto 2.0.11 answered, recorded by a proxy between them on Debian 12.
struct Conversation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Pieces in their order; `true` for the client's.
    var pieces: [(isClient: Bool, hex: String)]
}

@Suite("Conversations of Mosquitto's clients with Mosquitto: this broker answers the same bytes")
struct CapturedConversationTests {
    static let conversations: [Conversation] = [
        Conversation(
            testDescription: "mosquitto_pub -V 311 -i badge-1 -t luna/device/badge-1/heartbeat -m {\"cpu\":45.2}",
            pieces: [
                (true, "101300044d5154540402003c000762616467652d31"), (false, "20020000"),
                (true, "302b001d6c756e612f6465766963652f62616467652d312f6865617274626561747b22637075223a34352e327de000"),
            ]),
        Conversation(
            testDescription: "mosquitto_pub -V 311 -i badge-1 -q 1 -t a/b -m hello",
            pieces: [
                (true, "101300044d5154540402003c000762616467652d31"), (false, "20020000"), (true, "320c0003612f62000168656c6c6f"),
                (false, "40020001"), (true, "e000"),
            ]),
        Conversation(
            testDescription: "mosquitto_pub -V 311 -i badge-1 -q 2 -r -t a/b -m hello",
            pieces: [
                (true, "101300044d5154540402003c000762616467652d31"), (false, "20020000"), (true, "350c0003612f62000168656c6c6f"),
                (false, "50020001"), (true, "62020001"), (false, "70020001"), (true, "e000"),
            ]),
        Conversation(
            testDescription: "mosquitto_pub with user, password and will, -k 10 -q 1",
            pieces: [
                (true, "102f00044d51545404ee000a000762616467652d310003772f310004676f6e65000762616467652d310006736563726574"),
                (false, "20020000"), (true, "3206000161000178"), (false, "40020001"), (true, "e000"),
            ]),
        Conversation(
            testDescription: "mosquitto_sub -V 311 -i cl2 -q 1 -t q -U zz",
            pieces: [
                (true, "100f00044d515454040200050003636c32"), (false, "20020000"), (true, "8206000100017101"), (false, "9003000101"),
                (true, "a206000200027a7a"), (false, "b0020002"), (true, "e000"),
            ]),
        Conversation(
            testDescription: "mosquitto_pub -V 311 without an identifier",
            pieces: [(true, "100c00044d5154540402003c0000"), (false, "20020000"), (true, "300400016178e000")]),
    ]

    @Test("publishing, subscribing, leaving", arguments: conversations)
    func replay(_ conversation: Conversation) throws {
        var bench = Bench()
        bench.open(1)
        for piece in conversation.pieces {
            if piece.isClient {
                bench.bytes(1, hexBytes(piece.hex))
            } else {
                #expect(bench.sent.removeValue(forKey: 1) == hexBytes(piece.hex))
            }
        }
        #expect(bench.sent[1] == nil)
        #expect(bench.closed[1] == .disconnected)
    }

    @Test("mosquitto_sub -c -q 2 and mosquitto_pub -q 2, then mosquitto_sub -c again")
    func delivery() throws {
        var bench = Bench()
        bench.open(1)
        bench.bytes(1, hexBytes("101100044d5154540400003c0005636c6f7564"))
        #expect(bench.sent.removeValue(forKey: 1) == hexBytes("20020000"))
        bench.bytes(1, hexBytes("8222000100176c756e612f6465766963652f2b2f686561727462656174020003612f2302"))
        #expect(bench.sent.removeValue(forKey: 1) == hexBytes("900400010202"))
        bench.open(2)
        bench.bytes(2, hexBytes("101300044d5154540402003c000762616467652d32"))
        bench.bytes(2, hexBytes("340a0003612f62000174776f"))
        #expect(bench.sent.removeValue(forKey: 2) == hexBytes("20020000 50020001"))
        // Mosquitto delivers at PUBREL, this broker at PUBLISH: §4.3.3 allows both. The bytes are the same.
        #expect(bench.sent.removeValue(forKey: 1) == hexBytes("340a0003612f62000174776f"))
        bench.bytes(2, hexBytes("62020001"))
        #expect(bench.sent.removeValue(forKey: 2) == hexBytes("70020001"))
        bench.bytes(1, hexBytes("50020001"))
        #expect(bench.sent.removeValue(forKey: 1) == hexBytes("62020001"))
        bench.bytes(1, hexBytes("70020001"))
        bench.bytes(1, hexBytes("e000"))
        bench.open(3)
        bench.bytes(3, hexBytes("101100044d5154540400003c0005636c6f7564"))
        bench.bytes(3, hexBytes("820800010003612f2302"))
        #expect(bench.sent.removeValue(forKey: 3) == hexBytes("20020100 9003000102"))
    }
}
