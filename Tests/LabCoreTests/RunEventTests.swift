import LabCore
import Testing

@Suite("An event as a line of events.jsonl (architecture §7)")
struct RunEventTests {
    static let event = RunEvent(
        sequence: 12, at: RunInstant(nanoseconds: 1_500_000_000), node: "badges#17", name: "device.registered",
        fields: ["serial_no": "BDG-0007", "count": 3, "share": 0.5, "tags": ["a", .null]], cause: 11)
    static let line =
        #"{"seq":12,"t":1500000000,"node":"badges#17","event":"device.registered","cause":11,"fields":{"serial_no":"BDG-0007","count":3,"share":0.5,"tags":["a",null]}}"#

    static func text(_ event: RunEvent) -> String {
        var bytes: [UInt8] = []
        event.appendJSON(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("is written with its keys in a fixed order")
    func writes() { #expect(Self.text(Self.event) == Self.line) }

    @Test("leaves out what is not there")
    func short() {
        let event = RunEvent(sequence: 1, at: .start, node: "lab", name: "run.started")
        #expect(Self.text(event) == #"{"seq":1,"t":0,"node":"lab","event":"run.started"}"#)
    }

    @Test("reads back as the same event")
    func roundTrip() throws { #expect(try RunEvent(jsonLine: Array(Self.line.utf8)) == Self.event) }

    @Test("bytes and durations come back as their text")
    func typed() throws {
        let event = RunEvent(sequence: 1, at: .start, node: "a", name: "b", fields: ["d": .duration(5_000_000_000), "b": .bytes([1, 255])])
        #expect(try RunEvent(jsonLine: Array(Self.text(event).utf8)).fields == ["d": "5s", "b": "01ff"])
    }

    struct Damage: CustomTestStringConvertible {
        let line: String
        let missing: String
        var testDescription: String { line }
        init(_ line: String, _ missing: String) { (self.line, self.missing) = (line, missing) }
    }

    @Test(
        "a damaged line is refused with the key that is wrong",
        arguments: [
            Damage("[]", "seq"), Damage("{}", "seq"), Damage(#"{"seq":"1","t":0,"node":"a","event":"b"}"#, "seq"),
            Damage(#"{"seq":1.5,"t":0,"node":"a","event":"b"}"#, "seq"), Damage(#"{"seq":1,"node":"a","event":"b"}"#, "t"),
            Damage(#"{"seq":1,"t":0,"event":"b"}"#, "node"), Damage(#"{"seq":1,"t":0,"node":7,"event":"b"}"#, "node"),
            Damage(#"{"seq":1,"t":0,"node":"a"}"#, "event"), Damage(#"{"seq":1,"t":0,"node":"a","event":"b","cause":"1"}"#, "cause"),
            Damage(#"{"seq":1,"t":0,"node":"a","event":"b","fields":[]}"#, "fields"),
        ])
    func damaged(_ damage: Damage) {
        #expect(throws: RunEvent.ReadingFailure.missing(damage.missing)) { try RunEvent(jsonLine: Array(damage.line.utf8)) }
    }

    @Test("a line that was cut is refused at every cut")
    func cut() {
        let bytes = Array(Self.line.utf8)
        for length in 0..<bytes.count {
            #expect(throws: RunEvent.ReadingFailure.self) { try RunEvent(jsonLine: Array(bytes[..<length])) }
        }
    }

    @Test("a member of a fleet knows its role and its number")
    func names() {
        #expect(Self.event.role == "badges")
        #expect(Self.event.member == 17)
        let single = RunEvent(sequence: 1, at: .start, node: "cloud", name: "x")
        #expect(single.role == "cloud")
        #expect(single.member == nil)
    }
}
