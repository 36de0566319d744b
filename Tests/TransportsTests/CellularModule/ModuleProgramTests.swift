import Emulators
import Foundation
import LabCore
import Programs
import Testing
import Transports

/// Programs that know nothing of this lab, on the emulated module's AT port (specs/rg500q.md §6).
@Suite("Third-party programs on the emulated module", .serialized)
struct ModuleProgramTests {
    private func module() throws -> ModuleOnPorts {
        var setup = ModuleSetup()
        setup.epoch = 1_767_225_600
        setup.bootTime = .milliseconds(10)
        setup.startTime = .milliseconds(10)
        setup.attachTime = .milliseconds(100)
        let module = try ModuleOnPorts(setup)
        try #require(module.run(until: { module.noted("module.attached") }, timeout: .seconds(20)))
        return module
    }

    private func gammu(_ module: ModuleOnPorts, _ arguments: String..., input: String = "") throws -> ChildProcess.Outcome? {
        guard let program = ForeignClient("gammu", for: "gammu \(arguments.joined(separator: " "))")?.path else { return nil }
        let configuration = module.folder.appending(path: "gammurc")
        let text =
            "[gammu]\ndevice = \(module.path("at"))\nconnection = at115200\nlogfile = \(module.path("gammu.log"))\nlogformat = textalldate\n"
        try Data(text.utf8).write(to: configuration)
        let result = try module.program(program, ["-c", configuration.path] + arguments, input: input)
        if result.status != 0, let log = try? String(contentsOf: URL(fileURLWithPath: module.path("gammu.log")), encoding: .utf8) {
            print(log.suffix(1_500))
        }
        return result
    }

    @Test("gammu identify prints manufacturer, model, firmware, IMEI and IMSI")
    func identify() throws {
        guard let result = try gammu(module(), "identify") else { return }
        #expect(result.status == 0, "\(result)")
        for text in ["Quectel", "RG500Q-EA", "RG500QEAAAR11A06M4G", "860000000000009", "001010123456780"] {
            #expect(result.output.contains(text), "\(result)")
        }
    }

    @Test("gammu networkinfo prints registration, cell and operator")
    func networkInformation() throws {
        guard let result = try gammu(module(), "networkinfo") else { return }
        #expect(result.status == 0, "\(result)")
        for text in ["home network", "DE10", "5F1EA15", "001 01"] { #expect(result.output.contains(text), "\(result)") }
    }

    @Test("gammu sendsms is told a reference, and the network gets the text")
    func sendMessage() throws {
        let module = try module()
        guard let result = try gammu(module, "sendsms", "TEXT", "+15551234567", input: "hello from a program\n") else { return }
        #expect(result.status == 0, "\(result)")
        let sent = module.notes.first { $0.name == "sms.sent" }?.fields
        #expect(sent?["to"] == "+15551234567")
        #expect(sent?["text"]?.text?.hasPrefix("hello from a program") == true)
    }

    @Test("gammu getallsms reads what the network delivered")
    func readMessages() throws {
        let module = try module()
        module.give(.action(Token(rawValue: 1), "sms.receive", ["from": "+15557654321", "text": "greetings, module"]))
        guard let result = try gammu(module, "getallsms") else { return }
        #expect(result.status == 0, "\(result)")
        for text in ["+15557654321", "greetings, module", "1 SMS parts in 1 SMS"] {
            #expect(result.output.contains(text), "\(result)")
        }
    }

    @Test("gammu monitor shows signal and network")
    func monitor() throws {
        guard let result = try gammu(module(), "monitor", "1") else { return }
        #expect(result.status == 0, "\(result)")
        #expect(result.output.contains("home network"), "\(result)")
    }

    @Test("picocom opens the port and shows the answer")
    func terminal() throws {
        let module = try module()
        guard let program = ForeignClient("picocom", for: "picocom")?.path else { return }
        let result = try module.program(
            program, ["--quiet", "--baud", "115200", "--omap", "lfcr", "--exit-after", "700", module.path("at")], input: "ATI\nAT+CSQ\n")
        #expect(result.output.contains("RG500Q-EA"), "\(result)")
        #expect(result.output.contains("+CSQ: 22,99"), "\(result)")
    }

    @Test("pyserial reads and writes, and sees the port go at a reset")
    func pythonSerial() throws {
        let module = try module()
        guard let program = ForeignClient("python3", for: "pyserial")?.path else { return }
        let script = """
            import sys
            try:
                import serial
            except ImportError:
                print("no pyserial"); sys.exit(7)
            port = serial.Serial(sys.argv[1], 115200, timeout=2)
            port.write(b"ATE0\\r"); port.read_until(b"OK\\r\\n")
            port.write(b"AT+CGMM\\r\\n")
            print(port.read_until(b"OK\\r\\n"))
            port.write(b"AT+CFUN=1,1\\r")
            print(port.read_until(b"OK\\r\\n"))
            try:
                while True:
                    if not port.read(1): print("silence"); break
            except (serial.SerialException, OSError):
                print("gone")
            """
        let result = try module.program(program, ["-c", script, module.path("at")])
        if result.status == 7 { return print("SKIPPED pyserial: pyserial is not installed") }
        #expect(result.output == "b'\\r\\nRG500Q-EA\\r\\n\\r\\nOK\\r\\n'\nb'\\r\\nOK\\r\\n'\ngone\n")
        // And back again under the same names.
        #expect(module.run(until: { module.notes.filter { $0.name == "module.booted" }.count == 2 }, timeout: .seconds(20)))
    }
}
