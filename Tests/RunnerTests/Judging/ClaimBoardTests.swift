import LabCore
import Testing

@Suite("Claim board")
struct ClaimBoardTests {
    private func event(_ sequence: Int, _ name: String = "online", _ fields: Fields = [:], node: String = "cloud", second: Int64? = nil) -> RunEvent {
        RunEvent(
            sequence: sequence, at: RunInstant(nanoseconds: (second ?? Int64(sequence)) * 1_000_000_000), node: node, name: name, fields: fields)
    }

    private func expecting(
        _ event: String = "cloud.online", _ condition: Match = Match(), from stimulus: Int = 0, to second: Int64 = 100, count: Match.Test? = nil,
        polarity: LabCore.Expectation.Polarity = .expected
    ) -> LabCore.Expectation {
        LabCore.Expectation(
            polarity: polarity, event: reference(event), condition: condition, stimulus: stimulus, stimulusAt: .start,
            deadline: RunInstant(nanoseconds: second * 1_000_000_000), count: count)
    }

    private func board(_ events: RunEvent...) -> ClaimBoard {
        var board = ClaimBoard()
        for event in events { _ = board.observe(event) }
        return board
    }

    @Test("looks back to the stimulus when a watch begins")
    func lookBack() {
        var board = board(event(1), event(2), event(3))
        #expect(board.begin(expecting(from: 1)).outcome == .met([2]))
        #expect(board.begin(expecting(from: 1)).outcome == .met([3]))
        #expect(board.begin(expecting(from: 1)).outcome == nil)
    }

    @Test("finds events by their number also where it has not seen the first ones")
    func offset() {
        var board = board(event(5), event(6, "other"), event(7))
        #expect(board.event(5)?.sequence == 5)
        #expect(board.event(7)?.sequence == 7)
        #expect(board.event(4) == nil)
        #expect(board.event(8) == nil)
        #expect(board.begin(expecting(from: 5)).outcome == .met([7]))
        #expect(board.begin(expecting(from: 2)).outcome == .met([5]))
        #expect(board.begin(expecting(from: 9)).outcome == nil)
    }

    @Test("an event goes to the watch that began first")
    func order() {
        var board = ClaimBoard()
        let first = board.begin(expecting()).id
        let second = board.begin(expecting()).id
        #expect(board.observe(event(1)).map(\.id) == [first])
        #expect(board.observe(event(2)).map(\.id) == [second])
        #expect(board.observe(event(3)).isEmpty)
    }

    @Test("what is forbidden may be taken, and what is taken is still forbidden")
    func forbidden() {
        var board = ClaimBoard()
        let taking = board.begin(expecting()).id
        let forbidding = board.begin(expecting(polarity: .forbidden)).id
        let decided = board.observe(event(1))
        #expect(decided.map(\.id) == [taking, forbidding])
        #expect(decided.map(\.outcome) == [.met([1]), .notMet([1])])
    }

    @Test("a watch that is over decides by what it has seen")
    func expiry() {
        var board = ClaimBoard()
        let plain = board.begin(expecting()).id
        let counted = board.begin(expecting("cloud.a", count: exactly(2))).id
        let forbidden = board.begin(expecting("cloud.b", polarity: .forbidden)).id
        _ = board.observe(event(1, "a"))
        #expect(board.expire(plain) == .notMet([]))
        #expect(board.expire(counted) == .notMet([1]))
        #expect(board.expire(forbidden) == .met([]))
        #expect(board.expire(plain) == .notMet([]), "a second time changes nothing")
    }

    @Test("of many watches on one event only the decided one ends")
    func many() {
        var board = ClaimBoard()
        let watches = (1...50).map { number in board.begin(expecting("cloud.online", whose("x", .integer(Int64(number))))).id }
        #expect(board.observe(event(1, "online", ["x": 33])).map(\.id) == [watches[32]])
        #expect(board.observe(event(2, "online", ["x": 33])).isEmpty)
        #expect(board.observe(event(3, "online", ["x": 50])).map(\.id) == [watches[49]])
    }

    @Test("the nearest misses come first: fewest differing fields, then the latest; at most five")
    func nearest() {
        let board = board(
            event(1, "online", ["device": "a", "state": "x"]), event(2, "online", ["device": "b", "state": "x"]),
            event(3, "online", ["device": "b", "state": "y"]), event(4, "online", ["device": "a", "state": "y"], second: 101), event(5, "other"))
        let condition = Match([
            Match.Condition(field: "device", test: .equals(.constant("b"))), Match.Condition(field: "state", test: .equals(.constant("y"))),
        ])
        let misses = board.nearMisses(of: expecting("cloud.online", condition, from: 1))
        #expect(misses.map(\.event.sequence) == [2, 4, 1])
        #expect(misses.map(\.differences) == [["state"], ["device"], ["device", "state"]])
        #expect(misses.map(\.note) == [nil, "too late, at +101s", "before the step that it counts from"])
        #expect(board.nearMisses(of: expecting("cloud.online", condition, from: 1), limit: 1).count == 1)
    }

    @Test("members of a fleet are one role; other roles with the same event are not looked at")
    func roles() {
        var board = board(event(1, node: "clouds#1"), event(2, node: "other"))
        #expect(board.begin(expecting()).outcome == nil)
        #expect(board.begin(expecting("clouds.online", whose("member", 1))).outcome == .met([1]))
    }
}

@Suite("Expectations in the log")
struct EncodedExpectationTests {
    static let conditions: [Match] = [
        Match(), whose("a", 1), whose("a", "x"), whose("a", .null), whose("a", .bool(false)), whose("a", .near, [.integer(20), .integer(1)]),
        whose("a.b", .in, ["x", "y"]), whose("a", .present, true), whose("a", [1, 2]), whose("a", ["b": 1]),
        Match([
            Match.Condition(field: "a", test: .fields(Match([Match.Condition(field: "b", test: .equals(.constant(.null)))]))),
            Match.Condition(field: "c", test: .operators([Match.Operation(.ge, .constant(2)), Match.Operation(.lt, .constant(5))])),
        ]),
    ]

    static let fields: [Fields] = [
        [:], ["a": 1], ["a": .null], ["a": "x"], ["a": .bool(false)], ["a": 19], ["a": ["b": "y"]], ["a": ["b": .null], "c": 3],
        ["a": [1, 2]], ["a": ["b": 1]], ["a": [:], "c": 4],
    ]

    @Test("a condition says the same after it was written and read", arguments: conditions)
    func saysTheSame(_ condition: Match) throws {
        let line = try JSONReader.read(JSONWriter.bytes(condition.encoded))
        let back = try #require(Match(encoded: line))
        for fields in Self.fields {
            let event = RunEvent(sequence: 1, at: .start, node: "a", name: "b", fields: fields)
            #expect(back.differences(in: event) == condition.differences(in: event), "\(fields)")
        }
    }

    @Test("an expectation comes back as it was")
    func roundTrip() {
        let expectation = LabCore.Expectation(
            polarity: .expected, event: reference("cloud.order.settled"), condition: whose("cents", .ge, 2), stimulus: 7,
            stimulusAt: RunInstant(nanoseconds: 5), after: 9, deadline: RunInstant(nanoseconds: .max), count: atLeast(2))
        #expect(LabCore.Expectation(expectation.asFields) == expectation)
    }

    @Test("what is incomplete is no expectation", arguments: ["polarity", "event", "where", "stimulus", "stimulus_ns", "deadline_ns"])
    func incomplete(field: String) {
        var fields = LabCore.Expectation(
            polarity: .forbidden, event: reference("a.b"), condition: Match(), stimulus: 1, stimulusAt: .start, deadline: .start).asFields
        fields[field] = nil
        #expect(LabCore.Expectation(fields) == nil)
        fields[field] = .bool(true)
        #expect(LabCore.Expectation(fields) == nil)
    }
}

@Suite("Law monitor")
struct LawMonitorTests {
    private func event(_ sequence: Int, _ name: String, _ fields: Fields = [:], second: Int64) -> RunEvent {
        RunEvent(sequence: sequence, at: RunInstant(nanoseconds: second * 1_000_000_000), node: "cloud", name: name, fields: fields)
    }

    @Test("knows what is open and when it runs out")
    func open() {
        var monitor = LawMonitor(
            law(.leadsTo(reference("cloud.a"), Match(), to: reference("cloud.b"), same: ["x"], within: .constant(.duration(5_000_000_000)))))
        #expect(monitor.nextDeadline == nil)
        _ = monitor.observe(event(1, "a", ["x": 1], second: 1))
        _ = monitor.observe(event(2, "a", ["x": 2], second: 2))
        #expect(monitor.openObligations == 2)
        #expect(monitor.nextDeadline == RunInstant(nanoseconds: 6_000_000_000))
        _ = monitor.observe(event(3, "b", ["x": 1], second: 3))
        #expect(monitor.nextDeadline == RunInstant(nanoseconds: 7_000_000_000))
        #expect(monitor.passTime(to: RunInstant(nanoseconds: 7_000_000_000)) == nil)
        #expect(monitor.passTime(to: RunInstant(nanoseconds: 7_000_000_001))?.sequence == 2)
        #expect(monitor.nextDeadline == nil, "broken once, it asks for nothing more")
        #expect(monitor.observed == 2)
    }

    @Test("one event can keep a promise and make the next one")
    func chain() {
        var monitor = LawMonitor(
            law(.leadsTo(reference("cloud.a"), Match(), to: reference("cloud.a"), same: [], within: .constant("5s"))))
        for second in [1, 5, 10] as [Int64] { #expect(monitor.observe(event(Int(second), "a", second: second)) == nil) }
        #expect(monitor.openObligations == 1)
        #expect(monitor.observe(event(20, "b", second: 20))?.sequence == 10)
    }

    @Test("a time that overflows means never")
    func never() {
        var monitor = LawMonitor(
            law(.leadsTo(reference("cloud.a"), Match(), to: reference("cloud.b"), same: [], within: .constant(.duration(.max)))))
        _ = monitor.observe(event(1, "a", second: 1))
        #expect(monitor.end(at: RunInstant(nanoseconds: .max)) == nil)
    }
}
