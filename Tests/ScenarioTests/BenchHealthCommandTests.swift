import Foundation
import LabCore
import Programs
import Testing

@Suite("lab power, lab doctor and lab console (cli.md)", .serialized, .timeLimit(.minutes(3)))
struct BenchHealthCommandTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            """
            lab: 1
            about: a bench with one device that is not plugged in
            nodes:
              modem_1:
                kind: rg500q
                hw:
                  serial: {path: \(folder.path)/port}
                  power: {command: {on: "echo on > state", off: "echo off >> log; echo off > state", state: "cat state"}, off_for: 10ms}
              badge_7: {kind: badge, emu: {mqtt: tcp}}
            """, to: "lab.yaml")
        try folder.write("off\n", to: "state")
    }

    private func lab(_ arguments: String...) throws -> LabProcess.Result {
        try LabProcess.run(arguments, in: folder.path, environment: ["LAB_LEASES": "\(folder.path)/leases"])
    }

    @Test("power is switched and told; a switch that did not switch is found out")
    func power() throws {
        #expect(try lab("power", "modem_1", "state").output == "off\n")
        let on = try lab("power", "modem_1", "on")
        #expect((on.status, on.output) == (0, "modem_1 is on\n"))
        #expect(try lab("power", "modem_1", "cycle").output == "modem_1 was off and is on\n")
        #expect(folder.read("log") == "off\n")
        try folder.write(folder.read("lab.yaml")?.replacing("echo on > state", with: "true") ?? "", to: "lab.yaml")
        try folder.write("off\n", to: "state")
        let lie = try lab("power", "modem_1", "on")
        #expect(lie.status == 3)
        #expect(lie.error.contains("still says off"))
    }

    @Test("a device that is not there is sick: exit 3, the reason, the power that explains it, and health.json")
    func doctor() throws {
        let found = try lab("doctor")
        #expect(found.status == 3, "\(found.all)")
        #expect(found.output.contains("there is no such port"))
        #expect(found.output.contains("its power is off"))
        #expect(found.lastLine == "1 node: 1 sick")
        #expect(folder.read("runs/health.json")?.contains("\"modem_1\":{\"at\":") == true)
        let json = try lab("doctor", "modem_1", "--json")
        let value = try JSONReader.read(json.output)
        #expect(value.record?["nodes"]?.list?.first?.record?["verdict"] == "sick")
        #expect(value.record?["machine"]?.record?["findings"]?.list?.count == 3)
    }

    @Test(
        "a pipe speaks with a device that echoes, and every byte is recorded; the doctor says that an echo is no module",
        .enabled(if: ChildProcess.path(of: "socat") != nil, "socat is not installed: apt install socat"))
    func console() throws {
        let socat = try #require(ChildProcess.path(of: "socat"))
        let device = try ChildProcess(socat, ["PTY,link=\(folder.path)/port,rawer", "PIPE"])
        defer { device.kill() }
        // Asked again until it is there; how long that takes decides nothing.
        while device.isRunning, !FileManager.default.fileExists(atPath: "\(folder.path)/port") { sched_yield() }
        let result = try LabProcess.run("/bin/sh", ["-c", "printf 'AT\\nATI\\n' | \(LabProcess.path) console modem_1"], in: folder.path,
            environment: ProcessInfo.processInfo.environment.merging(["LAB_LEASES": "\(folder.path)/leases"]) { $1 })
        #expect((result.status, result.output) == (0, "AT\rATI\r"), "\(result.all)")
        let file = try #require(folder.files.first { $0.hasPrefix("runs/console-modem_1-") })
        let recording = try PortRecording(Array((folder.read(file) ?? "").utf8), file: file)
        #expect(recording.header.settings == "115200 8N1")
        #expect(recording.pieces.map(\.content) == [.opened, .sent(Array("AT\r".utf8)), .received(Array("AT\r".utf8)), .sent(Array("ATI\r".utf8)), .received(Array("ATI\r".utf8))])
        let echo = try lab("doctor", "modem_1")
        #expect(echo.status == 3)
        #expect(echo.output.contains("it only repeats what it is sent"), "\(echo.all)")
    }

    @Test("nodes that are not there, without hardware, and a folder without lab.yaml are wrong usage")
    func wrong() throws {
        let unknown = try lab("power", "modem_2", "on")
        #expect(unknown.status == 2)
        #expect(unknown.error.contains("did you mean 'modem_1'?"))
        #expect(try lab("console", "badge_7").error.contains("badge_7 has no `hw`: it is emulated only."))
        #expect(try lab("console", "modem_1", "--port", "console").error.contains("modem_1 has no port 'console' (has: serial)"))
        let gone = try lab("console", "modem_1")
        #expect(gone.status == 3)
        #expect(gone.error.contains("there is no such port"))
        let empty = try TemporaryFolder()
        #expect(try LabProcess.run(["power", "modem_1", "on"], in: empty.path).status == 2)
        let machine = try LabProcess.run(["doctor"], in: empty.path)
        #expect(machine.error.contains("There is no lab.yaml here, so only the machine was examined."))
        #expect(machine.lastLine.hasPrefix("machine "))
    }
}
