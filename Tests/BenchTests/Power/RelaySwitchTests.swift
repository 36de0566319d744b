import Bench
import LabCore
import Synchronization
import Testing
import Transports
import WireProtocols

/// A relay board as its makers' documents describe it, with its faults.
private final class Board: Sendable {
    struct State {
        var coils: [UInt16: Bool] = [:]
        var channels: [UInt8: Bool] = [:]
        var requests = 0
        var buffer: [UInt8] = []
    }
    enum Fault { case none, silent, stuck, refuses(UInt8), garbage, knowsWritingOnly, late }

    let state = Mutex(State())
    let fault: Fault
    init(_ fault: Fault = .none) { self.fault = fault }

    func lcus(_ bytes: [UInt8]) -> [UInt8] {
        state.withLock { state in
            state.buffer += bytes
            while state.buffer.count >= 4, let frame = try? LCUSFrame(Array(state.buffer.prefix(4))) {
                state.channels[frame.channel] = frame.isOn
                state.buffer.removeFirst(4)
            }
        }
        return []
    }

    func modbus(_ bytes: [UInt8]) -> [UInt8] {
        state.withLock { state in
            state.buffer += bytes
            guard state.buffer.count >= 8 else { return [] }
            let request = Array(state.buffer.prefix(8))
            state.buffer = []
            state.requests += 1
            let coil = UInt16(request[2]) << 8 | UInt16(request[3])
            switch fault {
            case .silent: return []
            case .late where state.requests == 1: return []
            case .garbage: return [0x01, 0x05, 0x42, 0x00]
            case .refuses(let code): return ModbusCoil.closed([1, request[1] | 0x80, code])
            case .knowsWritingOnly where request[1] == 1: return ModbusCoil.closed([1, 0x81, 1])
            default: break
            }
            if request[1] == 5 {
                if case .stuck = fault {} else { state.coils[coil] = request[4] == 0xff }
                return request
            }
            return ModbusCoil.closed([1, 1, 1, state.coils[coil] == true ? 1 : 0])
        }
    }
}

@Suite("Power through relay boards at a serial port", .serialized, .timeLimit(.minutes(2)))
struct RelaySwitchTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }

    private func control(_ wire: RelayBoard.Wire, channel: Int = 3, pause: Duration = .milliseconds(1)) -> PowerControl {
        let port = PortSource(.path(folder.file("relay")), baud: 9_600, location: nowhere)
        let board = RelayBoard(name: "relay_1", wire: wire, port: port)
        let surroundings = PowerSurroundings(answerLimit: .milliseconds(300)) { source, reactor throws(StreamFailure) in
            try LocalPorts.stream(to: source, on: reactor)
        }
        return PowerControl(PowerSource(.relay(board, channel: channel), pause: pause, location: nowhere), of: "pile_a", in: surroundings)
    }

    private func terminal(_ board: Board, _ wire: RelayBoard.Wire) throws -> ScriptedTerminal {
        try ScriptedTerminal(folder.file("relay")) { wire == .lcus ? board.lcus($0) : board.modbus($0) }
    }

    @Test("an LCUS board gets its frame; it tells nothing, so neither does the switch")
    func lcus() throws {
        let board = Board()
        let terminal = try terminal(board, .lcus)
        defer { terminal.end() }
        let control = control(.lcus)
        try control.set(true)
        #expect(try control.state() == nil)
        #expect(!control.tellsState)
        #expect(control.name == "channel 3 of relay_1")
        #expect(Waiting.until(.seconds(5)) { board.state.withLock { $0.channels } == [3: true] })
        try control.set(false)
        #expect(Waiting.until(.seconds(5)) { board.state.withLock { $0.channels } == [3: false] })
    }

    @Test("a Modbus board answers, and its coil is read back")
    func modbus() throws {
        let board = Board()
        let terminal = try terminal(board, .modbus)
        defer { terminal.end() }
        let control = control(.modbus)
        #expect(try control.state() == false)
        try control.set(true)
        #expect(try control.state() == true)
        // Channel 3 is coil 2.
        #expect(board.state.withLock { $0.coils } == [2: true])
        try control.cycle()
        #expect(try control.state() == true)
    }

    @Test("a lost answer is asked for once more; a board that knows no reading is taken at its word")
    func tolerance() throws {
        for fault in [Board.Fault.late, .knowsWritingOnly] {
            let board = Board(fault)
            let terminal = try terminal(board, .modbus)
            defer { terminal.end() }
            #expect(failure { () throws(StreamFailure) in try control(.modbus).set(true) } == nil)
            #expect(board.state.withLock { $0.coils } == [2: true])
        }
    }

    @Test("a board that confirms and does not switch is found out")
    func stuck() throws {
        let terminal = try terminal(Board(.stuck), .modbus)
        defer { terminal.end() }
        let failure = failure { () throws(StreamFailure) in try control(.modbus).set(true) }
        #expect(failure?.reason == .failed)
        #expect(failure?.detail == "the board confirmed channel 3 on, and its coil is still off")
    }

    @Test("silence, refusals and garbage are errors that say what to do")
    func errors() throws {
        let wanted: [(Board.Fault, StreamFailure.Reason, String)] = [
            (.silent, .timedOut, "the board does not answer"),
            (.refuses(2), .failed, "channel 3: the board refuses: it has no such channel (exception 2)"),
            (.garbage, .malformed, "it answered 01054200: 4 of 8 bytes"),
        ]
        for (fault, reason, detail) in wanted {
            let terminal = try terminal(Board(fault), .modbus)
            defer { terminal.end() }
            let failure = failure { () throws(StreamFailure) in try control(.modbus).set(true) }
            #expect(failure?.reason == reason)
            #expect(failure?.detail == detail)
            #expect(failure?.remedy.isEmpty == false)
        }
    }

    @Test("a board that is not there, and channels that none has, are refused")
    func wrong() throws {
        #expect(failure { () throws(StreamFailure) in try control(.modbus).set(true) }?.reason == .notFound)
        #expect(failure { () throws(StreamFailure) in try control(.lcus, channel: 0).set(true) }?.reason == .unsupported)
        #expect(failure { () throws(StreamFailure) in try control(.modbus, channel: 65_537).set(true) }?.detail == "channel 65537 is not within 1 to 65536")
    }
}
