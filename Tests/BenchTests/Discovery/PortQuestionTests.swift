import Bench
import Foundation
import LabCore
import Programs
import Testing
import Transports

@Suite("Asking a port whether a module is there", .serialized, .timeLimit(.minutes(2)))
struct PortQuestionTests {
    @Test("a module answers AT and ATI")
    func module() throws {
        let module = try SmallModule(answers: true)
        defer { module.stop() }
        let answer = PortQuestion.Answer(lines: ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G"])
        #expect(try PortQuestion.ask(module.terminal) == .module(answer))
        #expect(answer.manufacturer == "Quectel" && answer.model == "RG500Q-EA" && answer.firmware == "RG500QEAAAR11A06M4G")
        #expect(module.heard == "AT\rATI\r")
    }

    @Test("a port that says nothing is given 2 s, and nothing but AT")
    func silent() throws {
        let module = try SmallModule(answers: false)
        defer { module.stop() }
        let began = ContinuousClock.now
        #expect(try PortQuestion.ask(module.terminal) == .silent)
        #expect(began.duration(to: .now) < .seconds(4))
        #expect(Set(module.heard.split(separator: "\r")) == ["AT"])
    }

    @Test("a device that speaks something else is garbage, with its first bytes")
    func garbage() throws {
        let module = try SmallModule(answers: true, text: { _ in "\u{01}x~" })
        defer { module.stop() }
        guard case .garbage(let bytes) = try PortQuestion.ask(module.terminal) else {
            Issue.record("no garbage")
            return
        }
        #expect(bytes.starts(with: [0x01, 0x78, 0x7e]))
        #expect(bytes.count <= 16)
    }

    @Test("a port that is claimed by another program, or that is not there, is an error and no answer")
    func refused() throws {
        let module = try SmallModule(answers: true)
        defer { module.stop() }
        let reactor = try Reactor()
        let claim = SerialPort(path: module.terminal, on: reactor)
        claim.open()
        reactor.run(until: { claim.isOpen }, timeout: .seconds(10))
        #expect(throws: StreamFailure.self) { try PortQuestion.ask(module.terminal) }
        #expect(module.heard == "")
        claim.close()
        #expect(throws: StreamFailure.self) { try PortQuestion.ask("/dev/ttyUSB77") }
    }
}

@Suite("Who has a port open (/proc)", .serialized, .timeLimit(.minutes(1)))
struct PortUsersTests {
    @Test("a program that has the port open is named with its number")
    func user() throws {
        let module = try SmallModule(answers: false)
        defer { module.stop() }
        #expect(PortUsers.now().users(of: module.terminal).isEmpty)
        let link = FileManager.default.temporaryDirectory.appending(path: "port-\(UUID().uuidString)").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: module.terminal)
        defer { try? FileManager.default.removeItem(atPath: link) }
        let holder = try ChildProcess("sh", ["-c", "exec 3<>\(module.terminal); echo open; exec sleep 30"], limit: .seconds(30))
        _ = holder.output { $0.contains("open") }
        var users = PortUsers.now().users(of: link)
        while !users.contains(where: { $0.program == "sleep" }), holder.isRunning { users = PortUsers.now().users(of: link) }
        #expect(users.contains(PortUsers.User(process: holder.identifier, program: "sleep")))
        holder.kill()
        holder.wait()
        #expect(!PortUsers.now().users(of: link).contains { $0.process == holder.identifier })
    }

    @Test("who made a pseudo terminal is the device behind it and no user, though it keeps its other end open")
    func maker() throws {
        let script = "import os, time; m, s = os.openpty(); print(os.ttyname(s), flush=True); time.sleep(30)"
        guard ChildProcess.path(of: "python3") != nil else { return print("SKIPPED makers of pseudo terminals: python3 is not installed") }
        let maker = try ChildProcess("python3", ["-c", script], limit: .seconds(30))
        defer { maker.kill() }
        let terminal = maker.output { $0.contains("\n") }.split(separator: "\n").first.map(String.init) ?? ""
        #expect(terminal.hasPrefix("/dev/pts/"))
        #expect(PortUsers.now().users(of: terminal).isEmpty)
    }
}
