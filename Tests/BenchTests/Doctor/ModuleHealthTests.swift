import Bench
import Foundation
import LabCore
import Programs
import Synchronization
import Testing
import Transports

@Suite("The doctor and a module (rg500q.md §2.2, §2.3, §2.5, §5.4)", .serialized, .timeLimit(.minutes(3)))
struct ModuleHealthTests {
    private let practice: Practice
    init() throws { practice = try Practice() }

    private func examine(_ module: ScriptedModule, _ health: HealthExpectation = HealthExpectation()) throws -> HealthReport {
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        return practice.doctor().examine(practice.patient(health: health))
    }

    @Test("a healthy module is well, and its name, firmware and signal are told")
    func healthy() throws {
        let module = ScriptedModule()
        let report = try examine(module, HealthExpectation(firmware: "RG500QEAAAR13A01M4G", identity: "860000000000017", signal: -90, needsSIM: true))
        #expect(report.verdict == .ok)
        #expect(report.reason == nil)
        #expect(report.findings.map(\.check) == [.port, .alone, .opens, .answers, .identity, .firmware, .sim, .signal])
        #expect(report.identity == "860000000000017")
        #expect(report.firmware == "RG500QEAAAR13A01M4G_01.200.01.200")
        // -113 + 2 * 24
        #expect(report.finding(.signal)?.detail == "RSSI -65 dBm, at least -90 are wanted")
        // It was asked, and nothing was set.
        #expect(module.state.withLock { $0.commands }.allSatisfy { !$0.contains("=") })
    }

    @Test("a module with another IMEI is another device")
    func swapped() throws {
        let report = try examine(ScriptedModule(), HealthExpectation(identity: "860000000000025"))
        #expect(report.verdict == .sick)
        #expect(report.finding(.identity)?.detail == "another device is plugged in here: its IMEI is 860000000000017, not 860000000000025")
        #expect(report.reason?.hasSuffix("plug the right one in, or correct `identity` of node_1 in lab.yaml") == true)
    }

    @Test("another model under the same USB ids is told: a relative is warned of, a stranger is sick")
    func models() throws {
        var answers = ScriptedModule.healthy
        answers["ATI"] = "Quectel\r\nRM500Q-GL\r\nRevision: RM500QGLABR11A06M4G"
        #expect(try examine(ScriptedModule(answers)).verdict(.identity) == .warning)
        answers["ATI"] = "Quectel\r\nEC25\r\nRevision: EC25EFAR06A03M4G"
        #expect(try examine(ScriptedModule(answers)).verdict(.identity) == .sick)
    }

    @Test("another firmware is sick; the version without its sub-version is enough")
    func firmware() throws {
        #expect(try examine(ScriptedModule(), HealthExpectation(firmware: "RG500QEAAAR13A01M4G_01.200.01.200")).verdict(.firmware) == .ok)
        let report = try examine(ScriptedModule(), HealthExpectation(firmware: "RG500QEAAAR11A06M4G"))
        #expect(report.finding(.firmware)?.detail == "its firmware is RG500QEAAAR13A01M4G_01.200.01.200, not RG500QEAAAR11A06M4G")
        #expect(report.verdict == .sick)
    }

    @Test("no SIM is sick where one is needed, and a SIM that wants its PIN says so")
    func sim() throws {
        var answers = ScriptedModule.healthy
        answers["AT+CPIN?"] = "+CME ERROR: 10"
        let missing = try examine(ScriptedModule(answers), HealthExpectation(needsSIM: true))
        #expect(missing.finding(.sim)?.detail == "SIM not inserted")
        #expect(missing.verdict == .sick)
        #expect(try examine(ScriptedModule(answers)).verdict == .ok)
        answers["AT+CPIN?"] = "+CPIN: SIM PIN"
        #expect(try examine(ScriptedModule(answers), HealthExpectation(needsSIM: true)).finding(.sim)?.detail == "the SIM wants SIM PIN")
    }

    @Test("a weak signal is sick; on 5G alone, where CSQ says 99, QCSQ counts; without service there is none")
    func signal() throws {
        var answers = ScriptedModule.healthy
        answers["AT+CSQ"] = "+CSQ: 2,99"
        #expect(try examine(ScriptedModule(answers), HealthExpectation(signal: -95)).finding(.signal)?.detail == "RSSI -109 dBm is weaker than -95 dBm")
        answers["AT+CSQ"] = "+CSQ: 99,99"
        #expect(try examine(ScriptedModule(answers), HealthExpectation(signal: -95)).finding(.signal)?.detail == "RSRP -75 dBm, at least -95 are wanted")
        answers["AT+QCSQ"] = "+QCSQ: \"NOSERVICE\""
        #expect(try examine(ScriptedModule(answers), HealthExpectation(signal: -95)).finding(.signal)?.detail == "there is no signal, and -95 dBm are wanted")
        #expect(try examine(ScriptedModule(answers)).verdict == .ok)
    }

    @Test("silence, another rate, an echo and the NMEA port are told apart")
    func noise() throws {
        #expect(try examine(ScriptedModule { $0.isSilent = true }).finding(.answers)?.detail == "no answer to AT in 1 attempt")
        #expect(try examine(ScriptedModule { $0.isGarbled = true }).finding(.answers)?.detail.contains("the rate of 115200 8N1 is wrong") == true)
        #expect(try examine(ScriptedModule { $0.onlyEchoes = true }).finding(.answers)?.detail.hasPrefix("it only repeats what it is sent ('AT')") == true)
        let terminal = try ScriptedTerminal(practice.port) { _ in Array("$GPGGA,142748.0,2259.08,S*50\r\n".utf8) }
        defer { terminal.end() }
        #expect(practice.doctor().examine(practice.patient()).finding(.answers)?.detail.contains("this is the NMEA port") == true)
    }

    @Test("a port that is not there, and one that cannot be opened as it should")
    func ports() throws {
        let gone = practice.doctor().examine(practice.patient())
        #expect(gone.findings.map(\.check) == [.port])
        #expect(gone.verdict == .sick)
        try practice.folder.write("no terminal", to: "port")
        #expect(practice.doctor().examine(practice.patient()).finding(.opens)?.detail.contains("it is no terminal") == true)
    }

    @Test("a device that goes away in the middle of the examination is told")
    func vanishing() throws {
        let module = ScriptedModule()
        let box = TerminalBox()
        let terminal = try ScriptedTerminal(practice.port) { bytes in
            let answer = module.hear(bytes)
            if module.state.withLock({ $0.commands.count }) >= 3 {
                box.close()
                return []
            }
            return answer
        }
        box.terminal = terminal
        defer { terminal.end() }
        let report = practice.doctor().examine(practice.patient())
        #expect(report.findings.last?.check == .answers)
        #expect(report.findings.last?.verdict == .sick)
        #expect(report.findings.last?.detail.hasSuffix("the port hung up") == true || report.findings.last?.detail.hasSuffix("the port is gone") == true)
    }

    @Test("a program that has the port is named, and the port is left alone; of ModemManager it is said how to keep it off")
    func users() throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let sleep = try #require(ChildProcess.path(of: "sleep"))
        for name in ["ModemManager", "minicom"] {
            let program = practice.folder.file(name)
            try FileManager.default.copyItem(atPath: sleep, toPath: program)
            let child = try ChildProcess("/bin/sh", ["-c", "exec 3<>\"$0\"; echo open; exec \"$1\" 60 >/dev/null", practice.port, program])
            #expect(child.output { $0.contains("open") }.contains("open"))
            // The shell has become the program.
            #expect(Waiting.until(.seconds(10)) { ProcessTable.name(of: child.identifier) == name })
            let report = practice.doctor().examine(practice.patient())
            child.kill()
            child.wait()
            #expect(report.findings.map(\.check) == [.port, .alone])
            #expect(report.finding(.alone)?.detail.hasPrefix("\(name) (pid \(child.identifier)) has") == true)
            #expect(report.finding(.alone)?.remedy.contains("ID_MM_DEVICE_IGNORE") == (name == "ModemManager"))
        }
        #expect(module.state.withLock { $0.commands }.isEmpty)
    }

    @Test("a fixture is begun and has to greet", arguments: [
        (#"echo '{"fixture":1,"about":"SIM multiplexer 3"}'; read line"#, "its fixture greets: SIM multiplexer 3"), ("exit 0", "fixture of node_1: the program has ended (exit 0)"),
        ("read line", "fixture of node_1: it did not greet within 300ms"),
    ])
    func fixture(script: String, detail: String) throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        var patient = practice.patient()
        patient.hardware.fixture = FixtureSource(command: ["/bin/sh", "-c", script], location: nowhere)
        var practice = practice
        // One that greets has time for it on a busy machine.
        practice.limits.greeting = script == "read line" ? .milliseconds(300) : .seconds(60)
        let report = practice.doctor().examine(patient)
        #expect(report.finding(.fixture)?.detail == detail)
        #expect(report.verdict == (script.contains("echo") ? .ok : .sick))
        #expect(report.recovery.isEmpty)
    }

    @Test("the lock file of a program that lives keeps the doctor off, one that is left over is worth a word")
    func locks() throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let child = try ChildProcess("/bin/sleep", ["60"])
        try practice.folder.write("\(String(repeating: " ", count: 10 - String(child.identifier).count))\(child.identifier)\n", to: "run/lock/LCK..port")
        let held = practice.doctor().examine(practice.patient())
        #expect(held.verdict(.alone) == .sick)
        #expect(held.verdict(.opens) == nil)
        child.kill()
        child.wait()
        let left = practice.doctor().examine(practice.patient())
        #expect(left.verdict(.alone) == .warning)
        #expect(left.verdict(.answers) == .ok)
        #expect(left.verdict == .warning)
    }
}

/// A terminal that closes itself from inside its own script. `@unchecked Sendable`: set once, before anybody speaks.
private final class TerminalBox: @unchecked Sendable {
    var terminal: ScriptedTerminal?
    func close() { terminal?.unplugFromInside() }
}
