import Cloud
import LabCore
import Testing

@Suite("Alarms, port states and health of piles")
struct StationAlarmTests {
    @Test("an alarm that is raised again while it is open is the same alarm")
    func once() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        for _ in 1...5 { bench.stations.received(.alarm(pile: "00000001", port: 2, .overCurrent, isOn: true)) }
        #expect(bench.clock.events("alarm.raised").count == 1)
        #expect(bench.clock.events("alarm.raised").first?["kind"] == "over_current")
        bench.stations.received(.alarm(pile: "00000001", port: 2, .overCurrent, isOn: false))
        bench.stations.received(.alarm(pile: "00000001", port: 2, .overCurrent, isOn: false))
        #expect(bench.clock.events("alarm.cleared").count == 1)
        bench.stations.received(.alarm(pile: "00000001", port: 2, .overCurrent, isOn: true))
        #expect(bench.clock.events("alarm.raised").count == 2, "a new one after the old one is over")
    }

    @Test("over-current closes its port, smoke the whole pile (F36, F38)")
    func closing() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        bench.stations.received(.alarm(pile: "00000001", port: 2, .overCurrent, isOn: true))
        #expect(bench.stations.condition(pile: "00000001", port: 2)?.fault == "over_current")
        #expect(bench.stations.condition(pile: "00000001", port: 1)?.fault == nil)
        bench.stations.received(.alarm(pile: "00000001", port: nil, .smoke, isOn: true))
        #expect(bench.stations.condition(pile: "00000001", port: 1)?.fault == "smoke")
        #expect(bench.stations.condition(pile: "00000001", port: 3) == nil, "it has two ports")
    }

    @Test("an open alarm outlives the cloud, and is not raised a second time after it")
    func restart() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        bench.stations.received(.alarm(pile: "00000001", port: 2, .relayStuck, isOn: true))
        try bench.restart()
        #expect(bench.stations.condition(pile: "00000001", port: 2)?.fault == "relay_stuck")
        bench.stations.received(.alarm(pile: "00000001", port: 2, .relayStuck, isOn: true))
        #expect(bench.clock.events("alarm.raised").count == 1)
        bench.stations.received(.alarm(pile: "00000001", port: 2, .relayStuck, isOn: false))
        #expect(bench.stations.condition(pile: "00000001", port: 2)?.fault == nil)
    }

    @Test("a port that was shown as faulty and is shown in order again is in order; one that never was stays closed")
    func healing() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        bench.stations.received(.alarm(pile: "00000001", port: 1, .overCurrent, isOn: true))
        bench.stations.received(.ports(pile: "00000001", [.idle, .fault]))
        #expect(bench.stations.openAlarms(of: "00000001") == ["over_current", "port_fault"])
        bench.stations.received(.ports(pile: "00000001", [.idle, .idle]))
        #expect(bench.stations.openAlarms(of: "00000001") == ["over_current"])
        bench.stations.received(.ports(pile: "00000001", [.fault, .idle]))
        bench.stations.received(.ports(pile: "00000001", [.idle, .idle]))
        #expect(bench.stations.openAlarms(of: "00000001") == [])
    }

    @Test("a pile that is away for five minutes is an alarm, at four it is not, and its return ends it")
    func offline() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1, 2)
        bench.go(1)
        bench.go(2)
        bench.clock.advance(.seconds(240))
        bench.come(2)
        bench.clock.advance(.seconds(59))
        #expect(bench.clock.events("alarm.raised").isEmpty)
        bench.clock.advance(.seconds(1))
        #expect(bench.clock.events("alarm.raised").map { $0["pile"] } == ["00000001"])
        bench.come(1)
        #expect(bench.clock.events("alarm.cleared").map { $0["kind"] } == ["offline"])
        #expect(
            bench.stations.condition(pile: "00000001", port: 1)
                == PortCondition(isOnline: true, isDisabled: false, fault: nil, state: .idle))
    }

    @Test("what a pile that nobody entered says changes nothing")
    func unknown() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.stations.received(.online(pile: "deadbeef", PileFacts(wire: .dny, ports: 2)))
        bench.stations.received(.alarm(pile: "deadbeef", port: 1, .smoke, isOn: true))
        bench.stations.received(.ports(pile: "deadbeef", [.fault]))
        bench.stations.received(.parameters(pile: "deadbeef", ["x": 1]))
        bench.stations.received(.serviced(pile: "deadbeef", .restart, .done))
        bench.clock.advance(.seconds(600))
        #expect(bench.clock.events("alarm.raised").isEmpty)
        #expect(bench.stations.pile("deadbeef") == nil)
    }

    @Test("port states come from what piles show and from samples; ports beyond the pile's are left out")
    func states() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        bench.stations.received(.ports(pile: "00000001", [.plugged, .charging, .fault, .fault]))
        #expect(bench.stations.snapshot(of: "00000001")?.ports == [.plugged, .charging])
        bench.stations.received(
            .sample(PileSample(pile: "00000001", port: 1, order: nil, receivedAt: 5, energy: 0, power: 0, seconds: 0, state: .charging)))
        bench.stations.received(.sample(PileSample(pile: "00000001", port: 7, order: nil, receivedAt: 6, energy: 0, power: 0, seconds: 0)))
        #expect(bench.stations.snapshot(of: "00000001")?.ports == [.charging, .charging])
        #expect(bench.stations.snapshot(of: "00000001")?.lastSeen == 5)
    }

    @Test("a disabled port takes no new order, and says so after a restart too (F62)")
    func disabled() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        bench.stations.received(.ports(pile: "00000001", [.charging, .idle]))
        try await bench.stations.setPort(1, of: "00000001", isDisabled: true, reason: "loose plug", by: "user anna")
        #expect(
            bench.stations.condition(pile: "00000001", port: 1)
                == PortCondition(isOnline: true, isDisabled: true, fault: nil, state: .charging))
        #expect(bench.stations.pile("00000001")?.disabledPorts == [1])
        #expect(bench.piles.sent(to: "00000001").isEmpty, "what charges there goes on")
        try bench.restart()
        #expect(bench.stations.pile("00000001")?.disabledPorts == [1])
        try await bench.stations.setPort(1, of: "00000001", isDisabled: false, by: "user anna")
        #expect(bench.stations.pile("00000001")?.disabledPorts == [])
        let error = await #expect(throws: APIError.self) {
            try await bench.stations.setPort(3, of: "00000001", isDisabled: true, by: "user anna")
        }
        #expect(error?.code.name == "PORT_NOT_FOUND")
    }

    @Test("what a pile says of itself is in the database a second later, a thousand of them in one commit")
    func keeping() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators(piles: 1_000)
        for number in 1...1_000 { bench.come(number, firmware: "7.1") }
        bench.clock.advance(.seconds(1))
        try bench.restart()
        let pile = try #require(bench.stations.snapshot(of: StationBench.pile(1_000)))
        #expect(pile.firmware == "7.1" && pile.lastSeen == StationClock.epoch * 1000)
        #expect(!pile.isOnline, "the cloud does not know before the pile says so")
        bench.clock.advance(.seconds(300))
        #expect(bench.clock.events("alarm.raised").count == 1_000)
    }

    @Test("health: a good pile has 100, one that is away 60, each fault takes 15")
    func health() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        bench.come(1)
        func health() throws -> PileHealth {
            PileHealth(of: try #require(bench.stations.snapshot(of: "00000001")), alarms: bench.stations.openAlarms(of: "00000001"))
        }
        #expect(try health() == PileHealth(of: try #require(bench.stations.snapshot(of: "00000001")), alarms: []))
        #expect(try health().score == 100)
        bench.stations.received(.alarm(pile: "00000001", port: 1, .overTemperature, isOn: true))
        #expect(try health().score == 85)
        bench.go(1)
        #expect(try health().score == 45)
        #expect(try health().alerts == ["over_temperature"])
        #expect(try health().recommendations.count == 2)
    }
}
