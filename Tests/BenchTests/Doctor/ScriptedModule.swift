import Bench
import LabCore
import Synchronization
import Transports

/// A module's AT port that answers by a table, echoes, and has the faults that benches see.
final class ScriptedModule: Sendable {
    struct State {
        /// Answers without their final OK; `nil` under a command means ERROR.
        var answers: [String: String] = [:]
        var line: [UInt8] = []
        /// Says nothing at all.
        var isSilent = false
        /// Answers in bytes that are no text, as at another rate.
        var isGarbled = false
        /// Repeats what it hears and no more.
        var onlyEchoes = false
        var commands: [String] = []
    }

    let state: Mutex<State>

    /// The healthy module of rg500q.md §2.2, §2.3, §2.5.
    static let healthy: [String: String] = [
        "AT": "", "ATI": "Quectel\r\nRG500Q-EA\r\nRevision: RG500QEAAAR13A01M4G", "AT+CGSN": "860000000000017",
        "AT+QGMR": "RG500QEAAAR13A01M4G_01.200.01.200", "AT+CPIN?": "+CPIN: READY", "AT+CSQ": "+CSQ: 24,99", "AT+QCSQ": "+QCSQ: \"NR5G\",-75,4,-11",
    ]

    init(_ answers: [String: String] = ScriptedModule.healthy, _ change: (inout State) -> Void = { _ in }) {
        var state = State(answers: answers)
        change(&state)
        self.state = Mutex(state)
    }

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    func hear(_ bytes: [UInt8]) -> [UInt8] {
        state.withLock { state in
            if state.isSilent { return [] }
            if state.isGarbled { return bytes.map { $0 ^ 0xff } + [0x80, 0xf8, 0x00, 0xe6] }
            if state.onlyEchoes { return bytes }
            var answer: [UInt8] = []
            for byte in bytes {
                guard byte == 0x0d else {
                    state.line.append(byte)
                    continue
                }
                let command = String(decoding: state.line, as: UTF8.self)
                state.line = []
                state.commands.append(command)
                answer += Array("\(command)\r".utf8) + Self.rendered(state.answers[command])
            }
            return answer
        }
    }

    private static func rendered(_ answer: String?) -> [UInt8] {
        guard let answer else { return Array("\r\nERROR\r\n".utf8) }
        if answer.hasPrefix("+CME ERROR") { return Array("\r\n\(answer)\r\n".utf8) }
        return Array(((answer.isEmpty ? "" : "\r\n\(answer)\r\n") + "\r\nOK\r\n").utf8)
    }
}

/// A doctor whose devices are behind pseudo terminals in a folder of the test.
struct Practice {
    let folder: BenchFolder
    var limits = DoctorSurroundings.Limits()

    init() throws {
        folder = try BenchFolder()
        limits.opening = .milliseconds(300)
        limits.firstAnswers = 1
        limits.returning = .seconds(3)
        limits.vanishing = .milliseconds(500)
        limits.resetPause = .milliseconds(1)
        limits.heartbeat = .milliseconds(600)
    }

    var port: String { folder.file("port") }

    /// - Parameter device: the USB device that the port belongs to.
    func doctor(device: String? = nil) -> Doctor {
        let root = folder.path
        let power = PowerSurroundings(root: root, answerLimit: .milliseconds(300)) { source, reactor throws(StreamFailure) in
            try LocalPorts.stream(to: source, on: reactor)
        }
        return Doctor(
            in: DoctorSurroundings(
                power: power, root: root, limits: limits, path: { source throws(StreamFailure) in if case .path(let path) = source.place { path } else { nil } },
                record: { path in
                    device.map { PortRecord(path: path, devicePath: "/devices/pci0000:00/usb2/\($0)/\($0):1.2/ttyUSB2/tty/ttyUSB2", properties: []) }
                }))
    }

    func patient(
        _ kind: String = "rg500q", facts: Fields = [:], purpose: PortPurpose = .serial, power: PowerSource? = nil, health: HealthExpectation = HealthExpectation()
    ) -> Patient {
        let source = PortSource(.path(port), baud: 115_200, location: nowhere)
        return Patient(
            name: "node_1", kind: kind, facts: facts,
            hardware: HardwareSide(ports: [.init(purpose, source)], power: power, health: health, location: nowhere))
    }

    /// Programs that write what they were asked into a file, for a test to act on.
    func power(on: String, off: String, state: String? = nil) -> PowerSource {
        let shell = { (text: String) in ["/bin/sh", "-c", text] }
        return PowerSource(.command(on: shell(on), off: shell(off), state: state.map(shell)), pause: .milliseconds(1), location: nowhere)
    }
}

extension HealthReport {
    func finding(_ check: HealthFinding.Check) -> HealthFinding? { findings.first { $0.check == check } }
    func verdict(_ check: HealthFinding.Check) -> HealthFinding.Verdict? { finding(check)?.verdict }
}
