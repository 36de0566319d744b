import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway, commands (charging-protocols.md 4.3, 4.7, 4.9; charging-orders.md 3)")
struct GatewayCommandTests {
    private let start = PileCommand.start(order: "ORDER20250701AAA", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil)

    @Test("half a second lies between two commands to one device; another device does not wait for it")
    func pacing() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        world.enter("04a228cd")
        let other = try world.connect("10.0.0.9:1")
        try world.receive("444e590f00cd28a204aa01208002021e31063904", on: other)
        _ = world.sent(on: other)
        for _ in 0..<3 { try world.gateway.send(.query, to: Captured.pile) }
        try world.gateway.send(.query, to: "04a228cd")
        #expect(world.sent(on: connection).count == 1)
        #expect(world.sent(on: other).count == 1)
        world.advance(.milliseconds(499))
        #expect(world.sent(on: connection).isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.sent(on: connection).count == 1)
        world.advance(.milliseconds(500))
        #expect(world.sent(on: connection).count == 1)
    }

    @Test("no answer: the same bytes once more after 15 s, then unanswered (F03, F09)", arguments: [true, false])
    func resend(isStart: Bool) throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(isStart ? start : .stop(order: "ORDER20250701AAA", port: 1), to: Captured.pile)
        let first = world.sent(on: connection)
        world.advance(.milliseconds(14_999))
        #expect(world.sent(on: connection).isEmpty)
        world.advance(.milliseconds(1))
        #expect(world.sent(on: connection) == first)
        #expect(world.events().isEmpty)
        world.advance(.seconds(15))
        #expect(world.sent(on: connection).isEmpty)
        #expect(
            world.events() == [.unanswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", command: isStart ? "start" : "stop")])
    }

    @Test("an answer after it was given up is still told (F04)")
    func late() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        let frame = try #require(try world.sentDNY(on: connection).first)
        world.advance(.seconds(31))
        _ = world.events()
        try world.receive(try Made.chargeAnswer(.done, "ORDER20250701AAA", frame.messageID), on: connection)
        #expect(world.events() == [.startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .started)])
    }

    @Test("the repetition of a start that was obeyed is answered with state 2: started, since its report was seen")
    func repeatedStart() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        let frame = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.report("ORDER20250701AAA", 9), on: connection)
        world.advance(.seconds(15))
        _ = world.events()
        try world.receive(try Made.chargeAnswer(.alreadySo, "ORDER20250701AAA", frame.messageID), on: connection)
        #expect(world.events() == [.startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .started)])
    }

    @Test("an answer with another order than was asked for is not believed")
    func foreignAnswer() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        let frame = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(.done, "ANOTHERORDER0000", frame.messageID), on: connection)
        #expect(world.events().isEmpty)
        world.advance(.seconds(15))
        #expect(world.sent(on: connection).count == 1)
    }

    @Test("message IDs go on after a restart of the cloud, so that no new command looks like an old one")
    func numbers() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        let first = try #require(try world.sentDNY(on: connection).first).messageID
        world.advance(.seconds(40))
        try world.restart()
        let later = try world.loggedIn("10.0.0.1:4005")
        try world.gateway.send(start, to: Captured.pile)
        let second = try #require(try world.sentDNY(on: later).first).messageID
        #expect(second != first)
        #expect(second == first &+ 40)  // 40 s later
    }

    @Test("a stop overtakes what waits, and a start of its order that did not go out never does")
    func stopFirst() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.query, to: Captured.pile)
        try world.gateway.send(.query, to: Captured.pile)
        try world.gateway.send(start, to: Captured.pile)
        try world.gateway.send(.stop(order: "ORDER20250701AAA", port: 1), to: Captured.pile)
        world.advance(.seconds(3))
        #expect(try world.sentDNY(on: connection).map(\.command) == [0x81, 0x82, 0x81])
    }

    @Test("a start that got no answer is not sent again once its order was stopped: it would begin what has just been ended")
    func notAfterStop() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        world.advance(.seconds(5))
        try world.gateway.send(.stop(order: "ORDER20250701AAA", port: 1), to: Captured.pile)
        world.advance(.seconds(60))
        let actions = try world.sentDNY(on: connection).compactMap { frame -> DNYChargeAction? in
            if case .charge(let charge) = try DNYMessage(frame, from: .platform) { charge.action } else { nil }
        }
        #expect(actions == [.start, .stop, .stop])
    }

    @Test("an answer that comes after a short cut of the connection still counts")
    func answerAfterCut() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        let frame = try #require(try world.sentDNY(on: connection).first)
        try world.gateway.closed(connection)
        let again = try world.loggedIn("10.0.0.1:4009")
        try world.receive(try Made.chargeAnswer(.done, "ORDER20250701AAA", frame.messageID), on: again)
        #expect(world.events() == [.startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .started)])
    }

    @Test("what waits for one pile is bounded, and an offline pile takes nothing")
    func bounded() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        let taken = try (0..<100).map { _ in try world.gateway.send(.query, to: Captured.pile) }
        #expect(taken.count { $0 } == 33)  // one went out at once
        try world.gateway.closed(connection)
        #expect(try !world.gateway.send(.query, to: Captured.pile))
        #expect(try !world.gateway.send(.query, to: "00000000"))
    }

    @Test("a pile that goes ends the wait for its charges, and its services end with it")
    func gone() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(start, to: Captured.pile)
        try world.gateway.send(.restart, to: Captured.pile)
        try world.gateway.closed(connection)
        #expect(
            world.events() == [
                .unanswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", command: "start"),
                .offline(pile: Captured.pile, reason: "closed"),
            ])
        world.advance(.seconds(60))
        #expect(world.events().isEmpty)
    }

    @Test("83 and 85 keep what is not named; the answer 1 to 85 is a refusal; a new heartbeat interval counts at once")
    func parameters() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.setParameters(["heartbeat_interval": 60, "overload_power": 30_000]), to: Captured.pile)
        world.advance(.seconds(1))
        let frames = try world.sentDNY(on: connection)
        #expect(frames.map(\.command) == [0x83, 0x85])
        #expect(frames.first?.data == [3, 0, 10, 0, 20, 0x08, 0x07, 0x10, 0x0e, 60, 0])
        #expect(frames.last?.data == [0xa0, 0x8c, 0x30, 0x75, 0x8c, 0x0a, 0xe8, 0x03])
        try world.receive(try Made.dny(.answer(0x83, DNYAnswer()), frames[0].messageID), on: connection)
        #expect(world.events().isEmpty)
        try world.receive(try Made.dny(.answer(0x85, DNYAnswer(DNYResult(rawValue: 1))), frames[1].messageID), on: connection)
        #expect(world.events() == [.serviced(pile: Captured.pile, .setParameters, .refused("result 1"))])
    }

    @Test("a restart is 87 and its one-byte answer")
    func restart() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.restart, to: Captured.pile)
        let frame = try #require(try world.sentDNY(on: connection).first)
        #expect(frame.command == 0x87 && frame.data.isEmpty)
        try world.receive(try Made.dny(.answer(0x87, DNYAnswer()), frame.messageID), on: connection)
        #expect(world.events() == [.serviced(pile: Captured.pile, .restart, .done)])
    }

    // MARK: Upgrades (4.9, row 20)

    private func answer(_ result: UInt8, _ index: UInt16, _ messageID: UInt16) throws -> [UInt8] {
        try Made.dny(
            .upgradeAnswer(
                0xe0,
                DNYUpgradeAnswer {
                    $0.result = DNYUpgradeResult(rawValue: result)
                    $0.index = index
                }), messageID)
    }

    @Test("firmware goes in packets of 200 bytes, each after the answer to the last, the last filled with zeros")
    func upgrade() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        let image = (0..<450).map { UInt8(truncatingIfNeeded: $0) }
        try world.gateway.send(.upgrade(image: image, version: "6.41"), to: Captured.pile)
        var received: [UInt8] = []
        for index in UInt16(1)...3 {
            let frame = try #require(try world.sentDNY(on: connection).first)
            #expect(frame.command == 0xe0 && frame.data.prefix(4) == [3, 0, UInt8(index), 0] && frame.data.count == 204)
            received += frame.data.dropFirst(4)
            try world.receive(try answer(0, index, frame.messageID), on: connection)
            world.advance(.milliseconds(500))
        }
        #expect(received == image + Array(repeating: 0, count: 150))
        #expect(world.events() == [.serviced(pile: Captured.pile, .upgrade, .done)])
    }

    @Test("a lost packet is sent again after 30 s, three times, then it ends; so does a wrong sum")
    func upgradeLost() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.upgrade(image: Array(repeating: 1, count: 300), version: "6.41"), to: Captured.pile)
        let first = world.sent(on: connection)
        for _ in 0..<3 {
            world.advance(.seconds(30))
            #expect(world.sent(on: connection) == first)
            try world.receive(Captured.heartbeat, on: connection)
            _ = world.sent(on: connection)
        }
        world.advance(.seconds(30))
        #expect(world.events().last == .serviced(pile: Captured.pile, .upgrade, .unanswered))

        try world.gateway.send(.upgrade(image: Array(repeating: 1, count: 300), version: "6.41"), to: Captured.pile)
        let packet = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try answer(1, 0, packet.messageID), on: connection)
        world.advance(.milliseconds(500))
        #expect(try world.sentDNY(on: connection) == [packet])
        try world.receive(try answer(2, 0, packet.messageID), on: connection)
        #expect(world.events().last == .serviced(pile: Captured.pile, .upgrade, .refused("result 2")))
    }

    @Test("a power cut in the middle ends the upgrade with the session")
    func upgradeCut() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.upgrade(image: Array(repeating: 1, count: 300), version: "6.41"), to: Captured.pile)
        try world.gateway.closed(connection)
        #expect(world.events() == [.offline(pile: Captured.pile, reason: "closed")])
        world.advance(.seconds(1))
        let again = try world.loggedIn("10.0.0.1:4007")
        try world.gateway.send(.upgrade(image: Array(repeating: 1, count: 300), version: "6.41"), to: Captured.pile)
        #expect(try world.sentDNY(on: again).map(\.command) == [0xe0])
    }
}
