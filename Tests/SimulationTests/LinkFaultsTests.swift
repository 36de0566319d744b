import LabCore
import Simulation
import Testing

@Suite("The vocabulary of link faults (scenario language, fault:)")
struct LinkFaultsTests {
    @Test("has the ten faults, each with its typed fields")
    func kinds() {
        #expect(
            LinkFaults.kinds.map(\.name) == [
                "link.loss", "link.delay", "link.jitter", "link.duplicate", "link.reorder", "link.corrupt", "link.split", "link.glue",
                "link.bandwidth", "link.cut",
            ])
        #expect(LinkFaults.kinds.allSatisfy { $0.takes.last?.name == "direction" || $0.takes.contains { $0.name == "direction" } })
        #expect(LinkFaults.kinds.first?.takes.first == FieldKind("rate", .ratio, required: true, "share of segments"))
    }

    struct Reading: CustomTestStringConvertible {
        let name: String
        let arguments: Fields
        let fault: LinkFault
        var testDescription: String { "\(name) \(JSONWriter.text(.record(arguments)))" }
        init(_ name: String, _ arguments: Fields, _ kind: LinkFault.Kind, _ direction: LinkFault.Direction = .both) {
            (self.name, self.arguments, fault) = (name, arguments, LinkFault(kind, direction: direction))
        }
    }

    @Test(
        "are read from their arguments",
        arguments: [
            Reading("link.loss", ["rate": 0.2], .loss(rate: 0.2)), Reading("link.loss", ["rate": 0, "direction": "up"], .loss(rate: 0), .up),
            Reading("link.loss", ["rate": 1], .loss(rate: 1)), Reading("link.delay", ["time": "250ms"], .delay(.milliseconds(250))),
            Reading("link.jitter", ["time": .duration(1_000)], .jitter(.microseconds(1))),
            Reading("link.duplicate", ["rate": 0.5], .duplicate(rate: 0.5)),
            Reading("link.reorder", ["rate": 0.5], .reorder(rate: 0.5, hold: .milliseconds(50))),
            Reading("link.reorder", ["rate": 0.5, "hold": "2s"], .reorder(rate: 0.5, hold: .seconds(2))),
            Reading("link.corrupt", ["rate": 0.01, "direction": "down"], .corrupt(rate: 0.01), .down),
            Reading("link.split", ["size": 1], .split(size: 1)), Reading("link.glue", ["time": "1s"], .glue(.seconds(1))),
            Reading("link.bandwidth", ["bytes_per_second": 960], .bandwidth(.bytesPerSecond(960))), Reading("link.cut", [:], .cut(.loud)),
            Reading("link.cut", ["silent": true], .cut(.silent)), Reading("link.cut", ["silent": false], .cut(.loud)),
        ])
    func reads(_ reading: Reading) throws { #expect(try LinkFaults.fault(reading.name, reading.arguments) == reading.fault) }

    struct Refusal: CustomTestStringConvertible {
        let name: String
        let arguments: Fields
        let reason: String
        let message: String
        var testDescription: String { "\(name) \(JSONWriter.text(.record(arguments)))" }
        init(_ name: String, _ arguments: Fields, _ reason: String, _ message: String) {
            (self.name, self.arguments, self.reason, self.message) = (name, arguments, reason, message)
        }
    }

    @Test(
        "are refused with what is allowed",
        arguments: [
            Refusal("link.loss", [:], "missing_argument", "link.loss needs 'rate'."),
            Refusal("link.loss", ["rate": 1.1], "bad_argument", "link.loss: 'rate' is 1.1; it must be a share from 0 to 1, such as 20%."),
            Refusal("link.loss", ["rate": -0.1], "bad_argument", "link.loss: 'rate' is -0.1; it must be a share from 0 to 1, such as 20%."),
            Refusal("link.loss", ["rate": .number(.nan)], "bad_argument", "link.loss: 'rate' is null; it must be a share from 0 to 1, such as 20%."),
            Refusal("link.delay", ["time": 5], "bad_argument", "link.delay: 'time' is 5; it must be a duration such as 250ms."),
            Refusal("link.delay", ["time": .duration(-1)], "bad_argument", "link.delay: 'time' is -1ns; it must be a duration such as 250ms."),
            Refusal("link.split", ["size": 0], "bad_argument", "link.split: 'size' is 0; it must be a whole number of 1 or more."),
            Refusal("link.cut", ["silent": "yes"], "bad_argument", "link.cut: 'silent' is yes; it must be true or false."),
            Refusal("link.cut", ["direction": "left"], "bad_argument", "link.cut: 'direction' is left; it must be both, up or down."),
            Refusal(
                "link.lose", ["rate": 0.1], "unknown_fault",
                "A link has no fault 'link.lose'. It has link.loss, link.delay, link.jitter, link.duplicate, link.reorder, "
                    + "link.corrupt, link.split, link.glue, link.bandwidth, link.cut."),
        ])
    func refuses(_ refusal: Refusal) {
        let failure = #expect(throws: ActionFailure.self) { try LinkFaults.fault(refusal.name, refusal.arguments) }
        #expect(failure?.reason == refusal.reason)
        #expect(failure?.message == refusal.message)
    }

    static let base = LinkProfile(delay: .milliseconds(20), jitter: .milliseconds(1), speed: .bytesPerSecond(10_000))

    private func profile(_ faults: LinkFault.Kind...) -> LinkProfile {
        var stack = LinkFaultStack()
        for (id, kind) in faults.enumerated() { stack.apply(LinkFault(kind), id: id) }
        return stack.profile(over: Self.base, sender: .near)
    }

    @Test("several of one kind add up, meet, or the worst counts")
    func stacking() {
        #expect(profile(.loss(rate: 0.1)).loss == 0.1)
        #expect(profile(.loss(rate: 0.5), .loss(rate: 0.5)).loss == 0.75)
        #expect(profile(.loss(rate: 1), .loss(rate: 0.3)).loss == 1)
        #expect(profile(.delay(.milliseconds(5)), .delay(.milliseconds(7))).delay == .milliseconds(32))
        #expect(profile(.jitter(.milliseconds(5)), .jitter(.milliseconds(7))).jitter == .milliseconds(13))
        #expect(profile(.bandwidth(.bytesPerSecond(900)), .bandwidth(.bytesPerSecond(800))).speed == .bytesPerSecond(800))
        #expect(profile(.bandwidth(.bytesPerSecond(20_000))).speed == .bytesPerSecond(10_000))
        #expect(profile(.split(size: 10), .split(size: 3), .split(size: 5)).splitSize == 3)
        #expect(profile(.glue(.seconds(1)), .glue(.seconds(2))).glue == .seconds(2))
        #expect(profile(.cut(.silent), .cut(.loud), .cut(.silent)).cut == .loud)
        #expect(profile(.reorder(rate: 0.5, hold: .seconds(1)), .reorder(rate: 0.5, hold: .milliseconds(1))).reorderHold == .seconds(1))
    }

    @Test("clearing one leaves exactly what the others make, in any order", arguments: [UInt64(1), 2, 3, 4])
    func clearing(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        func fault() -> LinkFault {
            let rate = chance.unitInterval()
            let kinds: [LinkFault.Kind] = [
                .loss(rate: rate), .delay(.nanoseconds(Int64(chance.integer(below: 1_000)))), .duplicate(rate: rate), .corrupt(rate: rate),
                .reorder(rate: rate, hold: .milliseconds(chance.integer(below: 90))), .split(size: 1 + Int(chance.integer(below: 9))),
                .glue(.milliseconds(chance.integer(below: 90))), .cut(chance.chance(0.5) ? .silent : .loud),
            ]
            return LinkFault(kinds[Int(chance.integer(below: UInt64(kinds.count)))], direction: chance.chance(0.3) ? .up : .both)
        }
        for _ in 0..<200 {
            var active: [(id: Int, fault: LinkFault)] = []
            var stack = LinkFaultStack()
            for id in 0..<8 {
                let fault = fault()
                stack.apply(fault, id: id)
                active.append((id, fault))
                if chance.chance(0.5) {
                    let victim = active.remove(at: Int(chance.integer(below: UInt64(active.count))))
                    stack.clear(victim.id)
                }
            }
            var fresh = LinkFaultStack()
            for (id, fault) in active { fresh.apply(fault, id: id) }
            for side in LinkSide.allCases {
                #expect(stack.profile(over: Self.base, sender: side) == fresh.profile(over: Self.base, sender: side), "seed \(seed)")
            }
            for (id, _) in active { stack.clear(id) }
            #expect(stack.isEmpty)
            #expect(stack.profile(over: Self.base, sender: .near) == Self.base)
        }
    }

    @Test("a fault of one direction leaves the other as it is")
    func directions() {
        var stack = LinkFaultStack()
        stack.apply(LinkFault(.loss(rate: 0.5), direction: .up), id: 1)
        #expect(stack.profile(over: Self.base, sender: .near).loss == 0.5)
        #expect(stack.profile(over: Self.base, sender: .far) == Self.base)
    }
}
