import LabCore
import Testing
import WireProtocols

@testable import Emulators

/// Random lives of a pile: plugs, starts, replays, stops, power cuts, torn flash, lost connections, silence of the cloud, hangs. Whatever
/// happens, what flowed is billed, once, to the order that it flowed for (charging-orders.md I8, I16).
@Suite("Random lives of a pile")
struct PileLifeTests {
    private struct Life {
        var bench: PileBench
        var generator: SeededGenerator
        var orders: [String] = []
        var messageID: UInt16 = 0x4000

        init(seed: UInt64) throws {
            generator = SeededGenerator(seed: seed, purpose: "life of a pile")
            bench = try PileBench.online(["pile": "04ab373b", "ports": 3, "drift": .integer(Int64(generator.integer(below: 400)) - 200)])
        }

        mutating func below(_ bound: UInt64) -> Int { Int(generator.integer(below: bound)) }
        mutating func port() -> FieldValue { .integer(Int64(below(3)) + 1) }

        mutating func step() {
            switch below(20) {
            case 0...2:
                var arguments: Fields = ["port": port(), "watts": .integer(Int64(below(1_500)))]
                if below(2) == 0 { arguments["capacity"] = .integer(Int64(below(600))) }
                bench.act("plug", arguments)
            case 3: bench.act("unplug", ["port": port()])
            case 4...8: start()
            case 9, 10: stop()
            case 11: bench.answersBills.toggle()
            case 12: line()
            case 13: bench.loseConnection()
            case 14, 15: power()
            case 16: if below(4) == 0 { smoke() }
            case 17: if below(2) == 0 { hang() }
            default: tear()
            }
            bench.run(for: .milliseconds(Int64(below(below(4) == 0 ? 3_000_000 : 40_000))))
        }

        private mutating func start() {
            messageID &+= 1
            // An order of before comes late again, now and then.
            if below(4) != 0 || orders.isEmpty { orders.append("LIFE\(100_000 + orders.count)") }
            let order = below(4) == 0 ? orders[below(UInt64(orders.count))] : orders[orders.count - 1]
            let modes: [(UInt8, UInt16)] = [(0, UInt16(60 + below(5_000))), (2, UInt16(1 + below(60))), (0, 0)]
            let (mode, amount) = modes[below(3)]
            bench.start(port: UInt8(below(4) == 3 ? 0xff : below(3)), order: order, seconds: amount, mode: mode, messageID: messageID)
        }

        private mutating func stop() {
            guard !orders.isEmpty else { return }
            messageID &+= 1
            bench.stop(port: UInt8(below(3)), order: orders[orders.count - 1 - below(UInt64(min(3, orders.count)))], messageID: messageID)
        }

        // Most troubles pass soon: a pile that is down most of the time shows little.

        private mutating func power() {
            bench.cutPower()
            bench.run(for: .seconds(Int64(below(60))))
            if below(3) == 0 { bench.act("unplug", ["port": port()]) }
            bench.restorePower()
        }

        private mutating func smoke() {
            bench.fault("smoke")
            bench.run(for: .seconds(Int64(below(60))))
            bench.clear("smoke")
        }

        private mutating func hang() {
            bench.fault("hang")
            bench.run(for: .seconds(Int64(below(600))))
            if below(4) == 0 { power() }
            bench.clear("hang")
        }

        private mutating func line() {
            bench.accepts = false
            bench.loseConnection()
            bench.run(for: .seconds(Int64(below(300))))
            bench.accepts = true
        }

        private mutating func tear() {
            let tears: [FieldValue] = ["nothing", "one_byte", "half", "all_but_one_byte", "everything", "scattered"]
            bench.fault("flash.cut", ["at_operation": .integer(Int64(below(6)) + 1), "tear": tears[below(6)]])
        }

        /// Everything that went wrong is over; time for the last bills.
        mutating func end() {
            bench.clear("flash.cut")
            bench.answersBills = true
            bench.run(for: .seconds(30))
            for port in 1...3 as ClosedRange<Int64> where bench.ask("port", ["port": .integer(port)])["plugged"] == true {
                bench.act("unplug", ["port": .integer(port)])
            }
            bench.run(for: .seconds(4 * 3_600))
        }
    }

    @Test("what flowed is billed once to its order", arguments: 1...80 as ClosedRange<UInt64>)
    func life(_ seed: UInt64) throws {
        var life = try Life(seed: seed)
        for _ in 0..<90 { life.step() }
        life.end()
        let bench = life.bench
        #expect(bench.ask("bills")["waiting"] == 0, "seed \(seed)")
        let truths = bench.notes("truth")
        let orders = truths.map { $0["order"]?.text ?? "" }
        #expect(Set(orders).count == orders.count, "seed \(seed): an order ran twice")
        var contents: [String: Set<[UInt8]>] = [:]
        for frame in bench.frames(0x03) {
            contents[PileOrder(bytes: frame.frame.data[13..<29]).text, default: []].insert(Array(frame.frame.data.prefix(31)))
        }
        #expect(Set(contents.keys) == Set(orders), "seed \(seed)")
        #expect(contents.values.allSatisfy { $0.count == 1 }, "seed \(seed): an order has two bills")
        for truth in truths {
            let shown = contents[truth["order"]?.text ?? ""]?.first.map { word($0, 4) * 100 } ?? -1
            let energy = Int(truth["energy"]?.integer ?? 0)
            #expect(shown <= energy && energy - shown < 101, "seed \(seed): \(truth.fields)")
        }
        let registers = (1...3 as ClosedRange<Int64>).reduce(0) {
            $0 + (bench.ask("port", ["port": .integer($1)])["true_register"]?.integer ?? 0)
        }
        let billed = truths.reduce(0) { $0 + ($1["energy"]?.integer ?? 0) }
        #expect((billed...billed + Int64(truths.count) + 3).contains(registers), "seed \(seed): register \(registers), charges \(billed)")
        #expect(truths.count >= 1, "seed \(seed): nothing happened")
    }
}
