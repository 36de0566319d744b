import Bench
import LabCore
import Testing
import Transports

@Suite("A fixture is a program that speaks lines of JSON (Docs/bench.md, fixtures)", .serialized, .timeLimit(.minutes(1)))
struct FixtureProgramTests {
    private let place = SourceLocation(file: "lab.yaml", line: 7, column: 5)

    private func fixture(_ script: String, on reactor: Reactor) throws -> FixtureProgram {
        try FixtureProgram(FixtureSource(command: ["/bin/sh", "-c", script], location: place), of: "modem_1", on: reactor)
    }

    @Test("it is asked, answers, and tells events")
    func conversation() throws {
        let reactor = try Reactor()
        let fixture = try fixture(
            #"""
            echo '{"fixture":1,"about":"a test"}'
            read line; echo '{"event":"sim.removed","fields":{"slot":3}}'; echo '{"id":1,"ok":{"done":true}}'
            read line; echo '{"id":2,"error":"no_card","message":"Slot 3 is empty."}'
            read line
            """#, on: reactor)
        var (answers, events): ([Result<Fields, ActionFailure>], [String]) = ([], [])
        fixture.onEvent = { name, fields in events.append("\(name) \(fields["slot"] ?? .null)") }
        fixture.request(.act, "sim.remove", [:]) { answers.append($0) }
        fixture.request(.ask, "truth", [:]) { answers.append($0) }
        #expect(reactor.run(until: { answers.count == 2 }, timeout: .seconds(10)))
        #expect(answers == [.success(["done": true]), .failure(ActionFailure("no_card", "Slot 3 is empty."))])
        #expect(events == ["sim.removed 3"])
        fixture.close()
    }

    @Test(
        "one that ends, speaks before it greets, or speaks nonsense is lost: who waits is told, and why",
        arguments: [
            ("exit 3", "the program has ended (exit 3)"), ("exec <&- >&-; sleep 60", "it closed its standard input and output"), (#"echo '{"id":1,"ok":{}}'; read line"#, "the first line is {\"fixture\":1}"),
            (#"echo '{"fixture":1}'; echo hello; read line"#, "it sent 'hello'"), (#"echo '{"fixture":9}'; read line"#, "it speaks version 9"),
            (#"echo '{"fixture":1}'; echo '{"id":7,"ok":{}}'; read line"#, "nobody has asked for anything with the id 7"),
        ])
    func lost(script: String, reason: String) throws {
        let reactor = try Reactor()
        let fixture = try fixture(script, on: reactor)
        var (loss, answer): (StreamFailure?, Result<Fields, ActionFailure>?) = (nil, nil)
        fixture.onLoss = { loss = $0 }
        fixture.request(.act, "sim.remove", [:]) { answer = $0 }
        #expect(reactor.run(until: { loss != nil }, timeout: .seconds(10)))
        #expect(loss?.medium == "fixture of modem_1")
        #expect(loss?.detail.contains(reason) ?? false, "\(loss?.detail ?? "")")
        // Which program that was, and where it is named.
        #expect(loss?.remedy.contains("lab.yaml:7:5: /bin/sh -c") == true, "\(loss?.remedy ?? "")")
        guard case .failure(let failure)? = answer else {
            Issue.record("nobody was told")
            return
        }
        #expect(failure.reason == "fixture_lost")
        // Whoever asks later is told as well, and at once.
        answer = nil
        fixture.request(.act, "sim.insert", [:]) { answer = $0 }
        #expect(answer == nil)
        #expect(reactor.run(until: { answer != nil }, timeout: .seconds(10)))
    }

    @Test("a program that is not there is a clear error with its place in lab.yaml")
    func missing() throws {
        let reactor = try Reactor()
        let failure = #expect(throws: StreamFailure.self) {
            try FixtureProgram(FixtureSource(command: ["/nowhere/mux"], location: place), of: "modem_1", on: reactor)
        }
        #expect(failure?.reason == .notFound)
        #expect(failure?.remedy.contains("lab.yaml:7:5") ?? false)
    }
}
