import LabCore
import Transports
import WireProtocols

/// A channel of a relay board at a serial port. The port is open for the moment of a switching only, so that several devices can share a board.
struct RelaySwitch {
    private let board: RelayBoard
    private let channel: Int
    private let node: String
    private let surroundings: PowerSurroundings

    init(_ board: RelayBoard, _ channel: Int, of node: String, _ surroundings: PowerSurroundings) {
        self.board = board
        self.channel = channel
        self.node = node
        self.surroundings = surroundings
    }

    /// Others may be switching just now.
    private static let openLimit = Duration.seconds(3)

    func set(_ isOn: Bool) throws(StreamFailure) {
        switch board.wire {
        case .lcus:
            let frame = try legal { () throws(RelayFault) in try LCUSFrame(channel: channel, isOn: isOn).bytes }
            try talk { talk throws(StreamFailure) in
                try talk.send(frame)
                try talk.drain(within: surroundings.answerLimit)
            }
        case .modbus:
            let coil = try coil
            try talk { talk throws(StreamFailure) in
                _ = try ask(.write(unit: ModbusCoil.unit, coil: coil, isOn: isOn), talk)
                try check(coil, is: isOn, talk)
            }
        }
    }

    func state() throws(StreamFailure) -> Bool? {
        guard board.wire == .modbus else { return nil }
        let coil = try coil
        return try talk { talk throws(StreamFailure) in try ask(.read(unit: ModbusCoil.unit, coil: coil), talk) }
    }

    /// Simple boards know function 5 only: then its answer must do.
    private func check(_ coil: UInt16, is isOn: Bool, _ talk: PortConversation) throws(StreamFailure) {
        let found: Bool
        do throws(StreamFailure) { found = try ask(.read(unit: ModbusCoil.unit, coil: coil), talk) } catch {
            if error.reason == .unsupported { return }
            throw error
        }
        guard found != isOn else { return }
        throw StreamFailure(
            .failed, name, "the board confirmed channel \(channel) \(isOn ? "on" : "off"), and its coil is still \(isOn ? "off" : "on")",
            remedy: "check the board's supply: relays need more than the USB port gives to its chip")
    }

    private var name: String { "relay board \(board.name) (\(board.port.place))" }
    private var coil: UInt16 { get throws(StreamFailure) { try legal { () throws(RelayFault) in try ModbusCoil.coil(ofChannel: channel) } } }

    private func legal<Value>(_ make: () throws(RelayFault) -> Value) throws(StreamFailure) -> Value {
        do throws(RelayFault) { return try make() } catch {
            throw StreamFailure(.unsupported, name, "\(error)", remedy: "correct the channel of \(node) in lab.yaml; channels count from 1")
        }
    }

    private func talk<Value>(_ act: (PortConversation) throws(StreamFailure) -> Value) throws(StreamFailure) -> Value {
        let reactor = try Reactor()
        let talk = PortConversation(try surroundings.find(board.port, reactor), on: reactor)
        defer { talk.close() }
        try talk.open(within: Self.openLimit)
        return try act(talk)
    }

    /// One request and its answer; a request that is not answered is repeated once, as masters on a bus do.
    private func ask(_ request: ModbusCoil, _ talk: PortConversation) throws(StreamFailure) -> Bool {
        for attempt in 1...2 {
            talk.forget()
            try talk.send(request.bytes)
            var answer: [UInt8] = []
            let end = talk.now.advanced(by: surroundings.answerLimit)
            while talk.now < end {
                answer += try talk.wait(within: talk.now.duration(to: end))
                do throws(RelayFault) { return try request.answer(answer) } catch {
                    if case .truncated = error { continue }
                    // What is damaged may be sent again; a board that refuses will not change its mind.
                    if case .exception = error { throw failure(error, answer) }
                    if attempt == 2 { throw failure(error, answer) }
                    break
                }
            }
            if attempt == 2, !answer.isEmpty { throw failure(.truncated(needed: request.bytes.count, found: answer.count), answer) }
        }
        throw StreamFailure(
            .timedOut, name, "the board does not answer",
            remedy: "check its supply, the wires A and B, the rate (\(board.port.baud)), and that its address is \(ModbusCoil.unit)")
    }

    private func failure(_ fault: RelayFault, _ answer: [UInt8]) -> StreamFailure {
        switch fault {
        case .exception(1): StreamFailure(.unsupported, name, "\(fault)", remedy: "give a board that knows coils, or a command as the power switch")
        case .exception(let code):
            StreamFailure(.failed, name, "channel \(channel): \(fault)", remedy: code == 2 ? "correct the channel of \(node) in lab.yaml" : "switch the board off and on")
        default:
            StreamFailure(
                .malformed, name, "it answered \(Hexadecimal.text(answer.prefix(16))): \(fault)",
                remedy: "check the rate (\(board.port.baud) \(board.port.framing)) and that nobody else speaks on its bus")
        }
    }
}
