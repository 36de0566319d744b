import Emulators
import LabCore
import Testing
import WireProtocols

@Suite("Drift of piles: where a board did not do what its emulator would have done")
struct PileDriftTests {
    private static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z

    enum Wire: String, CaseIterable, CustomTestStringConvertible {
        case dny, bkv, ee66
        var testDescription: String { rawValue }

        var facts: Fields {
            switch self {
            case .dny: ["protocol": "dny", "pile": "04ceaa40", "ports": 2]
            case .bkv: ["protocol": "bkv", "pile": "55031412782305", "ports": 2]
            case .ee66: ["protocol": "ee66", "ports": 2]
            }
        }

        /// What a host asks.
        func questions() throws -> [[UInt8]] {
            switch self {
            case .dny:
                let frames = [DNYFrame(physicalID: 0x04ce_aa40, messageID: 500, command: 0x81), DNYFrame(physicalID: 0x04ce_aa40, messageID: 501, command: 0x82, data: try Self.charge)]
                return try frames.map { try $0.encoded() }
            case .bkv:
                return try ([7, 8] as [UInt32]).map {
                    try BKVFrame(.start(BKVStart(socket: 1, port: 0, minutes: 1)), isFromDevice: false, gateway: "55031412782305", sequence: $0).encoded()
                }
            case .ee66: return try [.askStates(EE66Nothing()), .askPort(EE66Port(1))].map { (message: EE66Message) in try EE66Frame(message, isAnswer: false).encoded() }
            }
        }

        private static var charge: [UInt8] {
            get throws {
                var charge = DNYCharge()
                (charge.port, charge.action, charge.durationOrEnergy) = (0, .start, 60)
                charge.order = DNYOrder("ORDER00000000001".utf8)
                return try DNYMessage.charge(charge).frame(to: 1, messageID: 1).data
            }
        }
    }

    /// A board at a serial line, whose other end is open when it boots.
    private struct Board: Device {
        var pile: any Device

        mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
            let first = effects.count
            pile.handle(input, at: now, &effects)
            let opens = effects[first...].contains { if case .link(.serial, .open) = $0 { true } else { false } }
            if opens { pile.handle(.link(.serial, .opened), at: now, &effects) }
        }

        func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> { pile.answer(query, arguments, at: now) }
    }

    /// The log of a run in which a board with these facts was asked all of that.
    private func log(_ wire: Wire, _ change: (inout Fields) -> Void = { _ in }) throws -> [RunEvent] {
        var facts = wire.facts
        facts["line"] = "serial"
        change(&facts)
        var bench = TwinBench(Board(pile: try PileFactory.make(facts, node: "modem", epoch: Self.epoch)), port: .serial)
        bench.act("power_on")
        bench.run(for: .seconds(10))
        for question in try wire.questions() {
            bench.send(question)
            bench.run(for: .seconds(5))
        }
        bench.run(for: .seconds(200))
        return ModuleDriftTests.events(of: bench.recording)
    }

    private func report(_ events: [RunEvent], _ wire: Wire) throws -> DriftReport { try PileDrift.report(events, of: "modem", facts: wire.facts, epoch: 0) }

    @Test("a board that is as lab.yaml says does what the model does", arguments: Wire.allCases)
    func none(_ wire: Wire) throws {
        let report = try report(try log(wire), wire)
        // DNY's 81 is answered by a registration and a heartbeat (charging-protocols.md 4.4), which come by themselves as well.
        #expect(report.commands == (wire == .dny ? 1 : 2))
        #expect(report.drifts == [])
    }

    @Test("a board with another number of ports answers otherwise, and is found at the first answer that tells it")
    func ports() throws {
        let wire = Wire.ee66
        let report = try report(try log(wire) { $0["ports"] = 10 }, wire)
        #expect(report.drifts.first?.command == "01", "\(report.drifts)")
    }

    @Test("a board that leaves a command unanswered is found 15 s later, at the command")
    func silent() throws {
        let events = try log(.bkv).filter { event in
            guard event.name == PortRecording.EventName.received, case .bytes(let bytes)? = event.fields["bytes"] else { return true }
            return (try? BKVFrame(bytes))?.command != 0x0015
        }
        let drift = try #require(try report(events, .bkv).drifts.first)
        #expect(drift.device == "no answer" && drift.what == "answer" && drift.command.hasPrefix("0015/"))
    }

    @Test("a board that says what its model never says by itself is found")
    func unasked() throws {
        var events = try log(.dny)
        let strange = try DNYFrame(physicalID: 0x04ce_aa40, messageID: 9_000, command: 0x7e, data: [1]).encoded()
        let last = try #require(events.last)
        events.append(RunEvent(sequence: last.sequence + 1, at: last.at, node: "modem", name: PortRecording.EventName.received, fields: ["port": "at", "bytes": .bytes(strange)]))
        let drifts = try report(events, .dny).drifts
        #expect(drifts.map(\.model) == ["never says 7e by itself"])
    }
}
