import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway, DNY order flow (charging-protocols.md 4.12)")
struct DNYFlowTests {
    @Test("a pile logs in with its ICCID, 12 or 22, 20 and 21; each is answered as captured")
    func login() throws {
        let world = try GatewayWorld()
        world.enter(Captured.pile)
        let connection = try world.connect()
        try world.receive(Captured.iccid, on: connection)
        #expect(world.sent(on: connection).isEmpty)
        try world.receive(Captured.hostTime, on: connection)
        let time = try #require(try world.sentDNY(on: connection).first)
        #expect(time.command == 0x12 && time.messageID == 2 && time.physicalID == Captured.physicalID)
        #expect(time.data == [0xb6, 0xc2, 0x21, 0x69])  // 2025-11-22 14:03:34 UTC, low byte first
        try world.receive(Captured.registration, on: connection)
        #expect(world.sent(on: connection) == [Captured.registrationAnswer])
        try world.receive(Captured.heartbeat, on: connection)
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer])
        try world.receive(Captured.time, on: connection)
        #expect(try world.sentDNY(on: connection).map(\.command) == [0x22])

        let events = world.events()
        guard case .online(let pile, let facts) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(pile == "04a26cf3" && facts.wire == .dny && facts.ports == 2 && facts.iccid == "898604D9162390488297")
        #expect(
            events.contains(
                .described(pile: pile, PileFacts(wire: .dny, ports: 2, firmware: "6.40", model: "31", iccid: "898604D9162390488297"))))
        #expect(events.contains(.ports(pile: pile, [.plugged, .idle])))
        #expect(world.notes("pile.online").map { $0["pile"]?.text } == ["04a26cf3"])
        #expect(world.notes("pile.online").first?["firmware"] == nil, "its first frame does not tell it")
        #expect(world.notes("pile.described").last?["firmware"] == "6.40")
    }

    @Test("registration and heartbeat may come in either order; 21 before 20 loses nothing (chapter 6 row 4)")
    func heartbeatFirst() throws {
        let world = try GatewayWorld()
        world.enter(Captured.pile)
        let connection = try world.connect()
        try world.receive(Captured.heartbeat, on: connection)
        try world.receive(Captured.registration, on: connection)
        #expect(world.sent(on: connection) == [Captured.heartbeatAnswer, Captured.registrationAnswer])
        #expect(world.notes("pile.online").count == 1)
    }

    @Test("a start goes out with a message ID of its own and is confirmed by result 0; the answer is never answered")
    func start() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        #expect(
            try world.gateway.send(
                .start(order: "ORDER20250701AAA", port: 2, limitEnergy: nil, limitSeconds: 60, limitPower: 5_000), to: Captured.pile))
        let frame = try #require(try world.sentDNY(on: connection).first)
        #expect(frame.command == 0x82 && frame.data.count == 37)
        let start = try DNYMessage(frame, from: .platform)
        guard case .charge(let charge) = start else {
            Issue.record("\(start)")
            return
        }
        #expect(charge.port == 1 && charge.action == .start && charge.rateMode == .time && charge.durationOrEnergy == 60)
        #expect(charge.order.text == "ORDER20250701AAA" && charge.overloadPowerDeciwatts == 5_000)
        world.advance(.milliseconds(2_700))
        try world.receive(try Made.chargeAnswer(.done, "ORDER20250701AAA", frame.messageID, port: 1), on: connection)
        #expect(world.events() == [.startAnswered(pile: Captured.pile, port: 2, order: "ORDER20250701AAA", .started)])
        world.advance(.seconds(60))
        #expect(world.sent(on: connection).isEmpty)
        // The same answer again, as after a server that answered it (4.6): nothing follows.
        try world.receive(try Made.chargeAnswer(.alreadySo, "", frame.messageID, port: 1), on: connection)
        #expect(world.events().isEmpty)
        #expect(world.sent(on: connection).isEmpty)
    }

    @Test("what a host's meter showed at start and end stands in the bill, where it counts one port and was told after the end (I16)")
    func registers() throws {
        let world = try GatewayWorld()
        world.enter(Captured.pile, ports: 1)
        let connection = try world.connect()
        func meter(_ centikWh: UInt32, _ messageID: UInt16) throws {
            var status = DNYHostStatus()
            status.meterCurrentCentiamperes = 0
            status.meterEnergyCentikWh = centikWh
            try world.receive(try Made.dny(.hostStatus(status), messageID), on: connection)
        }
        func charge(_ order: String, _ messageID: UInt16) throws {
            _ = world.sent(on: connection)
            try world.gateway.send(.start(order: order, port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
            let frame = try #require(try world.sentDNY(on: connection).first)
            world.advance(.milliseconds(2_700))
            try world.receive(try Made.chargeAnswer(.done, order, frame.messageID), on: connection)
            world.advance(.seconds(60))
            try world.receive(try Made.report(order, messageID), on: connection)
        }
        try meter(1_000, 10)
        try charge("METER00000000001", 11)
        try meter(1_048, 12)
        try world.receive(try Made.settlement("METER00000000001", 13), on: connection)
        #expect(world.bills.last?.registerStart == 100_000 && world.bills.last?.registerEnd == 104_800)
        // The reading after the end was lost: what is older than the last report says nothing of the end.
        try charge("METER00000000002", 14)
        try world.receive(try Made.settlement("METER00000000002", 15), on: connection)
        #expect(world.bills.last?.order == "METER00000000002" && world.bills.last?.registerEnd == nil)
        // A bill that comes late belongs to an earlier order than the meter's last readings.
        try charge("METER00000000003", 16)
        try meter(1_200, 17)
        try world.receive(try Made.settlement("METER00000000002", 18, energy: 50), on: connection)
        #expect(world.bills.last?.registerStart == nil)
        try world.receive(try Made.settlement("METER00000000003", 19), on: connection)
        #expect(world.bills.last?.registerStart == 104_800 && world.bills.last?.registerEnd == 120_000)
    }

    @Test("an order that is sent before the host has told its meter begins at the first reading before the answer; without one it has no register", arguments: [true, false])
    func firstReading(isTold: Bool) throws {
        let world = try GatewayWorld()
        world.enter(Captured.pile, ports: 1)
        let connection = try world.connect()
        func meter(_ centikWh: UInt32, _ messageID: UInt16) throws {
            var status = DNYHostStatus()
            status.meterCurrentCentiamperes = 0
            status.meterEnergyCentikWh = centikWh
            try world.receive(try Made.dny(.hostStatus(status), messageID), on: connection)
        }
        try world.receive(try Made.report("", 10), on: connection)
        _ = world.sent(on: connection)
        try world.gateway.send(.start(order: "METER00000000001", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
        let frame = try #require(try world.sentDNY(on: connection).first)
        if isTold { try meter(1_000, 11) }
        world.advance(.milliseconds(2_700))
        try world.receive(try Made.chargeAnswer(.done, "METER00000000001", frame.messageID), on: connection)
        world.advance(.seconds(60))
        try world.receive(try Made.report("METER00000000001", 12), on: connection)
        try meter(1_048, 13)
        try world.receive(try Made.settlement("METER00000000001", 14), on: connection)
        #expect(world.bills.last?.registerStart == (isTold ? 100_000 : nil) && world.bills.last?.registerEnd == (isTold ? 104_800 : nil))
    }

    @Test("energy and time limits: mode 2 in 0.01 kWh with the time as its bound; 0 would mean until full and is never sent")
    func limits() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.start(order: "A", port: 1, limitEnergy: 12_345, limitSeconds: 7_200, limitPower: nil), to: Captured.pile)
        try world.gateway.send(.start(order: "B", port: 2, limitEnergy: 7, limitSeconds: nil, limitPower: nil), to: Captured.pile)
        world.advance(.seconds(1))
        let charges = try world.sentDNY(on: connection).compactMap { frame -> DNYCharge? in
            if case .charge(let charge) = try DNYMessage(frame, from: .platform) { charge } else { nil }
        }
        #expect(charges.map(\.rateMode) == [.energy, .energy])
        #expect(charges.map(\.durationOrEnergy) == [123, 1])
        #expect(charges.map(\.maximumSeconds) == [7_200, 0])
    }

    @Test("a report tells the running order; the report before the answer is not lost (F08)")
    func reports() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(
            .start(order: "ORDER20250701AAA", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
        let start = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.report("ORDER20250701AAA", 9), on: connection)
        guard case .sample(let sample)? = world.events().first else {
            Issue.record("no sample")
            return
        }
        #expect(
            sample.order == "ORDER20250701AAA" && sample.port == 1 && sample.energy == 1_000 && sample.power == 1_800
                && sample.seconds == 60)
        #expect(world.sent(on: connection).isEmpty)  // 06 has no answer
        try world.receive(try Made.chargeAnswer(.done, "ORDER20250701AAA", start.messageID), on: connection)
        #expect(world.events() == [.startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .started)])
    }

    @Test("04 of old models is answered, and tells that the order runs")
    func confirmation() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.receive(
            try Made.dny(.orderConfirmation(DNYOrderConfirmation { $0.order = DNYOrder("ORDER20250701AAA") }), 5), on: connection)
        let answer = try #require(try world.sentDNY(on: connection).first)
        #expect(answer.command == 4 && answer.messageID == 5 && answer.data == [0, 0])
        guard case .sample(let sample)? = world.events().first else {
            Issue.record("no sample")
            return
        }
        #expect(sample.order == "ORDER20250701AAA" && sample.energy == 0)
    }

    @Test("03 is acknowledged as captured once it is booked; 30 minutes later, with new message ID and time, again (row 2)")
    func settlement() throws {
        let world = try GatewayWorld(epoch: 1_750_933_053)
        let connection = try world.loggedIn()
        try world.receive(Captured.settlement, on: connection)
        #expect(world.sent(on: connection) == [Captured.settlementAnswer])
        let bill = try #require(world.bills.first)
        #expect(bill.order == Captured.order && bill.port == 2 && bill.seconds == 5 && bill.energy == 0 && bill.reason == .time)
        #expect(bill.pileTime == 1_750_933_027 && Hexadecimal.text(bill.frame) == Captured.settlement && bill.card == nil)
        world.advance(.seconds(1_807))
        try world.receive(Captured.heartbeat, on: connection)
        let again = try world.loggedIn("10.0.0.1:4003")
        try world.receive(Captured.settlementAgain, on: again)
        #expect(world.sent(on: again) == [Captured.settlementAgainAnswer])
        #expect(world.bills.map(\.contentHash).count == 2 && world.bills[0].contentHash == world.bills[1].contentHash)
        #expect(world.notes("frame.acknowledged").map { $0["duplicate"]?.bool } == [false, true])
        #expect(world.notes("frame.acknowledged").map { $0["order"]?.text } == [Captured.order, Captured.order])
        #expect(world.notes("frame.acknowledged").map { $0["command"]?.integer } == [3, 3])
    }

    @Test("the number of an order that a card began offline tells its start; one that no date is in tells nothing (4.13, F64)")
    func offlineStart() throws {
        // 2026-01-01 15:41:10 in Beijing, card, device, port.
        let number: [UInt8] = [0x26, 0x01, 0x01, 0x15, 0x41, 0x10, 0, 0, 0x04, 0xd2, 0xf3, 0x6c, 0xa2, 0x04, 0x30, 0]
        #expect(DNYOrder(number).offlineStart() == 1_767_253_270)
        #expect(DNYOrder([0x26, 0x02, 0x30] + number[3...]).offlineStart() == nil)
        #expect(DNYOrder([0x26, 0x0a] + number[2...]).offlineStart() == nil)
        #expect(DNYOrder.none.offlineStart() == nil)
    }

    @Test("of 01 and 21 only 21 is answered; a pile that has only 01 is answered from its second on (4.5)")
    func oldHeartbeat() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.receive(Captured.oldHeartbeat, on: connection)
        try world.receive(Captured.oldHeartbeat, on: connection)
        #expect(world.sent(on: connection).isEmpty)

        let other = try GatewayWorld()
        other.enter(Captured.pile)
        let old = try other.connect()
        try other.receive(Captured.oldHeartbeat, on: old)
        #expect(other.sent(on: old).isEmpty)
        try other.receive(Captured.oldHeartbeat, on: old)
        #expect(try other.sentDNY(on: old).map(\.command) == [1])
    }

    @Test(
        "results of 82 become what the user is told (row 14)",
        arguments: [
            (UInt8(0x00), StartAnswer.started), (0x01, .notPlugged), (0x02, .busy), (0x03, .started), (0x04, .refused), (0x05, .refused),
            (0x06, .refused),
            (0x07, .fault), (0x08, .fault), (0x09, .started), (0x0a, .fault), (0x0b, .fault), (0x0c, .fault), (0x0d, .fault),
        ])
    func results(_ result: UInt8, _ expected: StartAnswer) throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(
            .start(order: "ORDER20250701AAA", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
        let start = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(DNYStartResult(rawValue: result), "ORDER20250701AAA", start.messageID), on: connection)
        #expect(world.events().contains(.startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", expected)))
    }

    @Test("result 0E says that nobody answered: not known whether it started")
    func noResponse() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(
            .start(order: "ORDER20250701AAA", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
        let start = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(.noResponse, "ORDER20250701AAA", start.messageID), on: connection)
        #expect(world.events() == [.unanswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", command: "start")])
    }

    @Test("not plugged first, done 59 s later with the same message ID: a late success (F05)")
    func latePlug() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(
            .start(order: "ORDER20250701AAA", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
        let start = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(.notPlugged, "ORDER20250701AAA", start.messageID), on: connection)
        world.advance(.seconds(59))
        try world.receive(try Made.chargeAnswer(.done, "ORDER20250701AAA", start.messageID), on: connection)
        try world.receive(try Made.chargeAnswer(.done, "ORDER20250701AAA", start.messageID), on: connection)
        #expect(
            world.events() == [
                .startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .notPlugged),
                .startAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .started),
            ])
        // What did start is no start that was refused.
        try world.gateway.send(.stop(order: "ORDER20250701AAA", port: 1), to: Captured.pile)
        let stop = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(.alreadySo, "ORDER20250701AAA", stop.messageID), on: connection)
        #expect(world.events() == [.stopAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .over)])
    }

    @Test("a stop names the running order; without it the pile says state 2, which means over: only a refused start never ran")
    func stop() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        try world.gateway.send(.stop(order: "ORDER20250701AAA", port: 1), to: Captured.pile)
        let first = try #require(try world.sentDNY(on: connection).first)
        guard case .charge(let stop) = try DNYMessage(first, from: .platform) else {
            Issue.record("no stop")
            return
        }
        #expect(stop.action == .stop && stop.order.text == "ORDER20250701AAA" && stop.port == 0)
        try world.receive(try Made.chargeAnswer(.alreadySo, "ORDER20250701AAA", first.messageID), on: connection)
        #expect(world.events() == [.stopAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .over)])

        try world.receive(try Made.report("ORDER20250701AAA", 9), on: connection)
        _ = world.events()
        world.advance(.seconds(1))
        try world.gateway.send(.stop(order: "ORDER20250701AAA", port: 1), to: Captured.pile)
        let second = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(.alreadySo, "ORDER20250701AAA", second.messageID), on: connection)
        #expect(world.events() == [.stopAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701AAA", .over)])

        world.advance(.seconds(1))
        try world.gateway.send(
            .start(order: "ORDER20250701BBB", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.pile)
        let refused = try #require(try world.sentDNY(on: connection).first)
        try world.receive(try Made.chargeAnswer(.short, "ORDER20250701BBB", refused.messageID), on: connection)
        world.advance(.seconds(1))
        try world.gateway.send(.stop(order: "ORDER20250701BBB", port: 1), to: Captured.pile)
        let third = try #require(try world.sentDNY(on: connection).first)
        _ = world.events()
        try world.receive(try Made.chargeAnswer(.alreadySo, "ORDER20250701BBB", third.messageID), on: connection)
        #expect(world.events() == [.stopAnswered(pile: Captured.pile, port: 1, order: "ORDER20250701BBB", .unknown)])
    }

    @Test("frames of several physical IDs on one connection are sessions of their own; a host that is no pile gets the time")
    func hostAndSlaves() throws {
        let world = try GatewayWorld()
        world.enter("04a26cf3")
        world.enter("04a228cd")
        let connection = try world.connect()
        let host: UInt32 = 0x0912_3456
        try world.receive(try Made.dny(.bare(0x12, DNYBare()), 2, pile: host), on: connection)
        #expect(try world.sentDNY(on: connection).map(\.physicalID) == [host])
        try world.receive(Captured.registration, on: connection)
        try world.receive("444e590f00cd28a204aa01208002021e31063904", on: connection)  // ap3000-058
        #expect(try world.sentDNY(on: connection).map(\.physicalID) == [0x04a2_6cf3, 0x04a2_28cd])
        #expect(try world.gateway.isOnline("04a26cf3") && world.gateway.isOnline("04a228cd"))
        try world.gateway.closed(connection)
        #expect(world.notes("pile.offline").map { $0["pile"]?.text } == ["04a26cf3", "04a228cd"])
    }

    @Test("a card is told once, answered with the message ID of the swipe, and the same swipe again is answered again")
    func card() throws {
        let world = try GatewayWorld()
        world.enter("04ab373b")
        let connection = try world.connect()
        let swipe = "444e5911003b37ab040100027a8d05dd000100000a04"  // ap3000-011
        try world.receive(swipe, on: connection)
        try world.receive(swipe, on: connection)
        #expect(
            world.events().filter { if case .card = $0 { true } else { false } } == [.card(pile: "04ab373b", port: 2, card: "2056062429")])
        try world.gateway.send(.answerCard(card: "2056062429", port: 2, isAccepted: true, balance: 1_234), to: "04ab373b")
        let answer = try #require(try world.sentDNY(on: connection).first)
        #expect(answer.command == 2 && answer.messageID == 1 && answer.data == [0x7a, 0x8d, 0x05, 0xdd, 0, 0, 0xd2, 0x04, 0, 0, 1])
        try world.receive(swipe, on: connection)
        #expect(try world.sentDNY(on: connection) == [answer])
        #expect(world.events().isEmpty)
    }

    @Test("alarms: smoke and water concern the device, a jammed relay its port")
    func alarms() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        for (kind, bits) in [(UInt8(4), UInt8(1)), (2, 1), (4, 0)] {
            try world.receive(
                try Made.dny(
                    .alarm(
                        DNYAlarm {
                            $0.kind = DNYAlarmKind(rawValue: kind)
                            $0.triggers = bits
                        }), 7), on: connection)
        }
        #expect(
            world.events() == [
                .alarm(pile: Captured.pile, port: nil, .smoke, isOn: true), .alarm(pile: Captured.pile, port: nil, .water, isOn: true),
                .alarm(pile: Captured.pile, port: nil, .smoke, isOn: false),
            ])
        #expect(world.sent(on: connection).isEmpty)
    }

    @Test("a clock that counts from 1970 is flagged, once, and the time that is given sets it (F28)")
    func clock() throws {
        let world = try GatewayWorld()
        let connection = try world.loggedIn()
        func report(_ time: UInt32, _ messageID: UInt16) throws {
            try world.receive(
                try Made.dny(
                    .powerHeartbeat(
                        DNYPowerHeartbeat {
                            $0.order = DNYOrder("A")
                            ($0.periodEnergy, $0.peakPowerDeciwatts, $0.voltageDecivolts, $0.currentMilliamperes) = (0, 0, 0, 0)
                            ($0.ambientTemperature, $0.portTemperature) = (.noSensor, .noSensor)
                            $0.deviceTime = time
                        }), messageID), on: connection)
        }
        try report(28_800, 1)
        try report(28_860, 2)
        try report(UInt32(world.unixSeconds) + 420, 3)
        try report(UInt32(world.unixSeconds) + 421, 4)
        try report(UInt32(world.unixSeconds) - 420, 5)
        #expect(world.notes("pile.clock").map { $0["flag"]?.text } == ["unset", "set", "jump"])
        #expect(try world.gateway.look(at: Captured.pile)?.clockOffset == -420)
    }

    @Test("short and long forms: 06 with 41, 45 and 47 bytes, 20 with 6 and 8 (row 23)")
    func forms() throws {
        let world = try GatewayWorld()
        world.enter("04ab373b")
        let connection = try world.connect()
        // ap3000-015, 41 bytes: 3600 s, 0.48 kWh, 100.0 W on the second port.
        let short = "444e5932003b37ab040a00060101100e300001e803b0042003e803201909011800001300303801020304050100e8039808c7015500da08"
        let frame = try DNYFrame.decode(try #require(Hexadecimal.bytes(short)))
        for extra in [[], [0, 0, 0, 0], [0, 0, 0, 0, 0, 0]] as [[UInt8]] {
            var longer = frame
            longer.data += extra
            try world.receive(try longer.encoded(), on: connection)
        }
        let samples = world.events().compactMap { if case .sample(let sample) = $0 { sample } else { nil } }
        #expect(samples.map(\.port) == [2, 2, 2] && samples.map(\.energy) == [4_800, 4_800, 4_800])
        #expect(samples.map(\.power) == [1_000, 1_000, 1_000] && samples.map(\.seconds) == [3_600, 3_600, 3_600])
        for size in [6, 8] {
            let data = Array([0x80, 0x02, 0x02, 0x0a, 0x31, 0x06, 0xe4, 0x00].prefix(size)) as [UInt8]
            try world.receive(try DNYFrame(physicalID: 0x04ab_373b, messageID: 9, command: 0x20, data: data).encoded(), on: connection)
        }
        #expect(try world.sentDNY(on: connection).map(\.command) == [0x20, 0x20])
        #expect(try world.gateway.look(at: "04ab373b")?.facts.firmware == "6.40")
    }
}
