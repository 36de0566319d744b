import LabCore
import Testing

@Suite("The language of fixtures: one JSON object a line (Docs/bench.md, fixtures)")
struct FixtureMessageTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("requests are written as the page has them, and read again")
    func requests() throws {
        let examples: [(FixtureRequest, String)] = [
            (FixtureRequest(id: 1, .act, "prepare", ["role": "modem"]), #"{"id":1,"do":"prepare","with":{"role":"modem"}}"#),
            (FixtureRequest(id: 2, .act, "sim.remove", [:]), #"{"id":2,"do":"sim.remove","with":{}}"#),
            (FixtureRequest(id: 3, .ask, "truth", [:]), #"{"id":3,"ask":"truth","with":{}}"#),
            (FixtureRequest(id: 4, .fault(isActive: true), "attach.lost", [:]), #"{"id":4,"fault":"attach.lost","with":{},"active":true}"#),
        ]
        for (request, line) in examples {
            #expect(String(decoding: request.line, as: UTF8.self) == line + "\n")
            #expect(try FixtureRequest(line: bytes(line)) == request)
        }
    }

    @Test("answers and events are read as the page has them, and written so that they are read again")
    func replies() throws {
        let examples: [(String, FixtureReply)] = [
            (#"{"fixture":1,"about":"SIM multiplexer 3"}"#, .hello(about: "SIM multiplexer 3")),
            (#"{"id":2,"ok":{}}"#, .answered(id: 2, .success([:]))),
            (#"{"id":1,"error":"unknown","message":"nothing to put away"}"#, .answered(id: 1, .failure(ActionFailure("unknown", "nothing to put away")))),
            (#"{"event":"sim.removed","fields":{}}"#, .event("sim.removed", [:])),
            (#"{"event":"sim.removed"}"#, .event("sim.removed", [:])),
        ]
        for (line, reply) in examples {
            #expect(try FixtureReply(line: bytes(line)) == reply)
            #expect(try FixtureReply(line: Array(reply.line.dropLast())) == reply)
        }
    }

    @Test(
        "what is none of it is refused with what is wrong",
        arguments: [
            ("", "JSON is wrong at byte 0"), ("[1]", "a line is one JSON object"), (#"{"fixture":2}"#, "it speaks version 2, the lab speaks 1"),
            (#"{"id":7}"#, "an answer has 'ok' with a record, or 'error'"), (#"{"id":7,"ok":5}"#, "an answer has 'ok' with a record, or 'error'"),
            (#"{"hello":"lab"}"#, "a line has 'fixture', 'event' or 'id'"),
        ])
    func nonsense(line: String, reason: String) {
        let failure = #expect(throws: FixtureFailure.self) { try FixtureReply(line: bytes(line)) }
        #expect(failure?.description.hasPrefix(reason) ?? false)
    }

    @Test("a request without an id, or for nothing, is refused", arguments: [#"{"do":"boot"}"#, #"{"id":0,"do":"boot"}"#, #"{"id":1}"#, #"{"id":1,"fault":"hang"}"#])
    func badRequests(line: String) {
        #expect(throws: FixtureFailure.self) { try FixtureRequest(line: bytes(line)) }
    }

    @Test("lines are put together from pieces cut anywhere; empty ones and carriage returns do not count; one without an end is refused in time")
    func lines() {
        var collector = LineCollector(limit: 8)
        #expect(collector.take(bytes("ab"))?.isEmpty ?? false)
        #expect(collector.take(bytes("c\r\n\n\ndef\ngh")) == [bytes("abc"), bytes("def")])
        #expect(collector.take(bytes("ijklmn\n")) == [bytes("ghijklmn")])
        #expect(collector.take(bytes("123456789")) == nil)
    }

    @Test("bytes and durations, which are texts in JSON, come back as what the vocabulary says; what is none of that type stays as it is")
    func types() {
        let kinds = [FieldKind("frame", .bytes), FieldKind("over", .duration), FieldKind("list", .list(.bytes)), FieldKind("name", .text)]
        let fields: Fields = ["frame": "7e01", "over": "250ms", "list": ["00", "ff"], "name": "7e01", "other": "5s"]
        #expect(
            kinds.typed(fields) == [
                "frame": .bytes([0x7e, 1]), "over": .duration(250_000_000), "list": .list([.bytes([0]), .bytes([0xff])]), "name": "7e01", "other": "5s",
            ])
        #expect(kinds.typed(["frame": "no bytes", "over": "soon"]) == ["frame": "no bytes", "over": "soon"])
    }
}
