import Emulators
import LabCore
import Testing

/// Packages and dialogues that the suites of updates share.
enum UpdateSamples {
    static let old = "RG500QEAAAR11A06M4G"
    static let new = "RG500QEAAAR11A08M4G"
    static let command = "AT+QFOTADL=\"http://192.0.2.10/update.zip\""

    static func package(base: String = old, target: String = new, space: Int = 0, payload: Int = 5_000) -> [UInt8] {
        UpdatePackage(
            base: base, target: target, targetSubVersion: "01.002.01.002", subEdition: "V02", space: space,
            payload: (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        ).encoded
    }

    /// Every line and every coming and going of the AT port, in their order.
    static func course(_ bench: ModuleBench) -> [String] {
        var course: [(RunInstant, Int, String)] = []
        for (place, said) in bench.said.enumerated() where said.port == .at {
            for line in ModuleBench.lines(String(decoding: said.bytes, as: UTF8.self)) { course.append((said.at, place, line)) }
        }
        for note in bench.notes where note.fields["port"] == "at" && note.name.hasPrefix("port.") {
            course.append((note.at, note.name == "port.vanished" ? .max : -1, "(\(note.name.dropFirst(5)))"))
        }
        return course.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    static func bench(_ answers: Result<HTTPAnswer, HTTPFailure>..., change: (inout ModuleSetup) -> Void = { _ in }) -> ModuleBench {
        var bench = ModuleBench.ready(change)
        bench.answers = answers
        return bench
    }

    static func found(_ bytes: [UInt8]) -> Result<HTTPAnswer, HTTPFailure> { .success(HTTPAnswer(status: 200, body: bytes)) }

    static let bootLines = ["+CPIN: READY", "+QIND: PB DONE", "+QIND: SMS DONE", "+QUSIM: 1"]
}

extension ModuleBench {
    static func ready(_ change: (inout ModuleSetup) -> Void) -> ModuleBench { ready(seed: 1, change) }
}

@Suite("Update over the air: dialogues (specs/rg500q.md §4.2, transcripts 208, 213 to 221)")
struct ModuleUpdateDialogueTests {
    @Test("a URL: OK, HTTPSTART, HTTPEND,0, away, START, UPDATING 1 to 100, END,0, away, the URCs of a boot (transcript 208)")
    func overHTTP() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        #expect(bench.lines(UpdateSamples.command) == ["OK"])
        bench.run(for: .seconds(400))
        let course = UpdateSamples.course(bench)
        let percents = (1...100).map { "+QIND: \"FOTA\",\"UPDATING\",\($0)" }
        let expected =
            [
                "OK", "+QIND: \"FOTA\",\"HTTPSTART\"", "+QIND: \"FOTA\",\"HTTPEND\",0", "(vanished)", "(appeared)",
                "+QIND: \"FOTA\",\"START\"",
            ] + percents + ["+QIND: \"FOTA\",\"END\",0", "(vanished)", "(appeared)"]
        // The command's echo comes first.
        #expect(Array(course.dropFirst().prefix(expected.count)) == expected)
        #expect(course.suffix(4).sorted() == UpdateSamples.bootLines)
        #expect(bench.requests.map(\.path) == ["/update.zip"])
        #expect(bench.requests.first?.header("host") == "192.0.2.10")
        #expect(bench.noted("update.finished").count == 1)
    }

    @Test("HTTPSTART comes within 60 s, HTTPEND within 300 s, END within 300 s of START, and all ports vanish twice")
    func times() throws {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        let begin = bench.now
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(400))
        func at(_ text: String) throws -> RunInstant {
            try #require(bench.said.first { String(decoding: $0.bytes, as: UTF8.self).contains(text) }?.at)
        }
        #expect(begin.duration(to: try at("HTTPSTART")) < .seconds(60))
        #expect(try at("HTTPSTART").duration(to: at("HTTPEND")) < .seconds(300))
        #expect(try at("\"START\"").duration(to: at("\"END\"")) < .seconds(300))
        #expect(bench.noted("port.vanished").count == 8 && bench.noted("port.appeared").count == 8)
    }

    @Test("afterwards ATI, AT+QGMR and AT+CSUB name the new version, and a loss of power does not change that")
    func versions() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(400))
        for _ in 0..<2 {
            #expect(bench.lines("ATI") == ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A08M4G", "OK"])
            #expect(bench.lines("AT+QGMR") == ["RG500QEAAAR11A08M4G_01.002.01.002", "OK"])
            #expect(bench.lines("AT+CGMR") == ["RG500QEAAAR11A08M4G", "OK"])
            #expect(bench.lines("AT+CSUB") == ["SubEdition: V02", "OK"])
            #expect(bench.truth["firmware"] == "RG500QEAAAR11A08M4G")
            #expect(bench.truth["files"] == 0)
            bench.cutPower()
            bench.give(.poweredOn)
            bench.run(for: .seconds(90))
        }
        #expect(bench.noted("module.booted").map { $0["cause"] } == ["update", "power_on", "power_on"])
    }

    @Test("a local file: OK and away, without HTTPSTART and HTTPEND; the file stays (transcript 213)")
    func localFile() {
        var bench = UpdateSamples.bench()
        Self.upload(UpdateSamples.package(), as: "update.zip", to: &bench)
        bench.forget()
        #expect(bench.lines("AT+QFOTADL=\"/cache/ufs/update.zip\"", within: .milliseconds(100)) == ["OK"])
        bench.run(for: .seconds(400))
        let course = UpdateSamples.course(bench)
        #expect(Array(course.dropFirst().prefix(4)) == ["OK", "(vanished)", "(appeared)", "+QIND: \"FOTA\",\"START\""])
        #expect(course.contains("+QIND: \"FOTA\",\"END\",0"))
        #expect(bench.lines("AT+QFLST=\"*\"") == ["+QFLST: \"UFS:update.zip\",\(UpdateSamples.package().count)", "OK"])
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    static func upload(_ bytes: [UInt8], as name: String, to bench: inout ModuleBench) {
        bench.type("AT+QFUPL=\"\(name)\",\(bytes.count)\r")
        bench.run(for: .milliseconds(100))
        bench.give(.link(.at, .bytes(bytes)))
        bench.run(for: .seconds(1))
    }

    @Test("START can be lost; UPDATING is the first line then")
    func lostStart() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        bench.fault("update.start_lost")
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(400))
        let course = UpdateSamples.course(bench)
        #expect(!course.contains("+QIND: \"FOTA\",\"START\""))
        let back = course.firstIndex(of: "(appeared)") ?? 0
        #expect(course[back + 1] == "+QIND: \"FOTA\",\"UPDATING\",1")
    }

    @Test("AT is answered on both ports while it downloads, and on none while the recovery system runs")
    func answers() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package())) { $0.update.downloadRate = 100 }
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(10))
        #expect(bench.firmware["update"] == "downloading")
        #expect(bench.lines("AT+CSQ", on: .modem).last == "OK")
        #expect(bench.lines("AT", on: .at) == ["OK"])
        bench.run(for: .seconds(100))
        #expect(bench.firmware["update"] == "updating")
        #expect(bench.ask("AT", on: .modem, within: .seconds(1)) == "")
        #expect(!bench.ask("AT", on: .at, within: .seconds(5)).contains("OK"))
    }

    @Test("URCs go where AT+QURCCFG says, in the recovery system too")
    func ports() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        _ = bench.ask("AT+QURCCFG=\"urcport\",\"all\"")
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(400))
        for port in [LinkName.at, .modem] {
            let text = bench.text(on: port)
            #expect(text.contains("HTTPSTART") && text.contains("UPDATING") && text.contains("\"END\",0"))
        }
    }

    @Test(
        "the command takes http, https, ftp and files of the module, in quotation marks, at most 255 bytes",
        arguments: [
            ("AT+QFOTADL=\"http://192.0.2.10/update.zip\"", true), ("AT+QFOTADL=\"https://example.com:8443/a?b=c&d=e\"", true),
            ("AT+QFOTADL=\"ftp://user:pass@192.0.2.10:21/update.zip\"", true), ("AT+QFOTADL=\"/cache/ufs/update.zip\"", true),
            ("AT+QFOTADL=\"gopher://x\"", false), ("AT+QFOTADL=\"http://x\"", false), ("AT+QFOTADL=\"http:///x.zip\"", false),
            ("AT+QFOTADL=\"http://x:0/a\"", false), ("AT+QFOTADL=\"http://x:70000/a\"", false), ("AT+QFOTADL=\"\"", false),
            ("AT+QFOTADL=http://192.0.2.10/update.zip", false), ("AT+QFOTADL=\"http://192.0.2.10/a\",1", false),
            ("AT+QFOTADL=\"/cache/ufs/../../etc/x\"", false), ("AT+QFOTADL=\"/etc/x\"", false), ("AT+QFOTADL=\"/cache/ufs/\"", false),
            ("AT+QFOTADL=\"http://a/\(String(repeating: "b", count: 246))\"", true),
            ("AT+QFOTADL=\"http://a/\(String(repeating: "b", count: 247))\"", false),
        ])
    func forms(line: String, isTaken: Bool) {
        var bench = UpdateSamples.bench()
        #expect(bench.lines(line, within: .milliseconds(100)) == [isTaken ? "OK" : "ERROR"])
    }

    @Test("one update at a time: a second command is refused, and the first goes on")
    func twice() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package())) { $0.update.downloadRate = 100 }
        #expect(bench.lines(UpdateSamples.command) == ["OK"])
        bench.run(for: .seconds(10))
        #expect(bench.lines(UpdateSamples.command, on: .modem) == ["ERROR"])
        bench.run(for: .seconds(400))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }
}

@Suite("Update over the air: errors (specs/rg500q.md §4.3)")
struct ModuleUpdateErrorTests {
    @Test(
        "each code of an update: START, END,<code>, away, and the old firmware runs (transcripts 214 to 223)",
        arguments: [1, 501, 502, 504, 505, 506, 510, 511] + Array(520...530) + Array(540...546))
    func updateCodes(code: Int) {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        bench.fault("update.fail", ["code": .integer(Int64(code))])
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(200))
        let course = UpdateSamples.course(bench)
        let expected = [
            "OK", "+QIND: \"FOTA\",\"HTTPSTART\"", "+QIND: \"FOTA\",\"HTTPEND\",0", "(vanished)", "(appeared)", "+QIND: \"FOTA\",\"START\"",
            "+QIND: \"FOTA\",\"END\",\(code)", "(vanished)", "(appeared)",
        ]
        #expect(Array(course.dropFirst().prefix(expected.count)) == expected)
        #expect(course.suffix(4).sorted() == UpdateSamples.bootLines)
        #expect(bench.lines("AT+QGMR") == ["RG500QEAAAR11A06M4G_01.001.01.001", "OK"])
        let end = bench.noted("update.finished")
        #expect(end.map { $0["error"] } == [.integer(Int64(code))] && end.map { $0["result"] } == ["failed"])
    }

    @Test("an update that fails after it began to write is rolled back")
    func failsLate() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        bench.fault("update.fail", ["code": 520, "percent": 37])
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(300))
        let course = UpdateSamples.course(bench)
        #expect(course.contains("+QIND: \"FOTA\",\"UPDATING\",37") && !course.contains("+QIND: \"FOTA\",\"UPDATING\",38"))
        #expect(bench.noted("update.finished").map { $0["result"] } == ["rolled_back"])
        #expect(bench.truth["firmware"] == .text(UpdateSamples.old))
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var code: Int
    }

    static let wrong: [Wrong] = {
        let good = UpdateSamples.package()
        var flipped = good
        flipped[good.count / 2] ^= 1
        return [
            Wrong(testDescription: "a page of a captive portal", bytes: Array("<html><body>Please sign in</body></html>".utf8), code: 501),
            Wrong(testDescription: "half a package", bytes: Array(good.prefix(good.count / 2)), code: 501),
            Wrong(testDescription: "one bit flipped", bytes: flipped, code: 506),
            Wrong(testDescription: "of another base", bytes: UpdateSamples.package(base: "RG500QEAAAR11A07M4G"), code: 510),
            Wrong(testDescription: "that does not fit", bytes: UpdateSamples.package(space: 70_000_000), code: 511),
            Wrong(
                testDescription: "of another model",
                bytes: UpdateSamples.package(base: "RM500QGLAAR11A06M4G", target: "RM500QGLAAR11A08M4G"), code: 504),
        ]
    }()

    @Test("a package that is wrong ends with the code of what is wrong, and the old firmware runs", arguments: wrong)
    func wrongPackage(_ wrong: Wrong) {
        var bench = UpdateSamples.bench(UpdateSamples.found(wrong.bytes))
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(200))
        #expect(UpdateSamples.course(bench).contains("+QIND: \"FOTA\",\"END\",\(wrong.code)"))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.old))
        #expect(bench.truth["files"] == 0)
    }

    @Test("a file that is not there: 505")
    func missingFile() {
        var bench = UpdateSamples.bench()
        _ = bench.ask("AT+QFOTADL=\"/cache/ufs/nowhere.zip\"")
        bench.run(for: .seconds(200))
        #expect(UpdateSamples.course(bench).contains("+QIND: \"FOTA\",\"END\",505"))
    }

    @Test(
        "codes of a download: no restart, the old firmware, and the command may be given again",
        arguments: [("http", 701), ("http", 702), ("ftp", 601), ("ftp", 602)])
    func downloadCodes(scheme: String, code: Int) {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        bench.fault("update.fail", ["code": .integer(Int64(code)), "times": 1])
        let name = scheme.uppercased()
        #expect(bench.lines("AT+QFOTADL=\"\(scheme)://192.0.2.10/update.zip\"") == ["OK"])
        bench.run(for: .seconds(60))
        let expected = ["+QIND: \"FOTA\",\"\(name)START\"", "+QIND: \"FOTA\",\"\(name)END\",\(code)"]
        #expect(Array(UpdateSamples.course(bench).dropFirst(2)) == expected)
        #expect(bench.noted("port.vanished").isEmpty)
        #expect(bench.noted("update.finished").map { $0["phase"] } == ["download"])
        #expect(bench.lines(UpdateSamples.command) == ["OK"])
        bench.run(for: .seconds(400))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test(
        "the network is cut by AT+CFUN=0 in the download: 701 or 702 within 180 s; with the network back it works",
        arguments: [Duration.seconds(1), .seconds(20)])
    func networkCut(after time: Duration) {
        var bench = UpdateSamples.bench(
            UpdateSamples.found(UpdateSamples.package()), UpdateSamples.found(UpdateSamples.package())
        ) { $0.update.downloadRate = 100 }
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: time)
        _ = bench.ask("AT+CFUN=0", within: .seconds(2))
        bench.run(for: .seconds(180))
        let ends = UpdateSamples.course(bench).filter { $0.contains("HTTPEND") }
        #expect(ends == ["+QIND: \"FOTA\",\"HTTPEND\",702"])
        #expect(bench.noted("port.vanished").isEmpty)
        _ = bench.ask("AT+CFUN=1", within: .seconds(60))
        #expect(bench.lines(UpdateSamples.command) == ["OK"])
        bench.run(for: .seconds(400))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test("a network that comes back before the patience ends is enough")
    func shortCut() {
        var bench = UpdateSamples.bench(
            UpdateSamples.found(UpdateSamples.package()), UpdateSamples.found(UpdateSamples.package())
        ) { $0.update.downloadRate = 100 }
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(20))
        bench.fault("attach.lost")
        bench.run(for: .seconds(30))
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(400))
        #expect(bench.requests.count == 2)
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test(
        "what a server can answer: 702 for no answer at all, 701 for a wrong one",
        arguments: [
            ([.failure(.unreachable)], 702),
            ([.failure(.timedOut)], 702), ([.failure(.interrupted)], 701), ([.success(HTTPAnswer(status: 403))], 701),
            ([.success(HTTPAnswer(status: 302))], 701),
            ([.success(HTTPAnswer(status: 503, body: [1]))], 701), ([.success(HTTPAnswer(status: 200))], 701),
            ([.success(HTTPAnswer(status: 206, body: UpdateSamples.package()))], 701),
            ([.success(HTTPAnswer(status: 200, headers: [.init("content-length", "9")], body: [1]))], 701),
        ] as [([Result<HTTPAnswer, HTTPFailure>], Int)])
    func servers(answers: [Result<HTTPAnswer, HTTPFailure>], code: Int) {
        var bench = UpdateSamples.bench()
        bench.answers = answers + Array(repeating: answers.last ?? .failure(.timedOut), count: 40)
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(180))
        #expect(UpdateSamples.course(bench).last == "+QIND: \"FOTA\",\"HTTPEND\",\(code)")
        #expect(bench.truth["firmware"] == .text(UpdateSamples.old))
    }

    @Test("a file system that takes no more files has no room for a package: 701")
    func full() {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        for number in 0..<128 { ModuleUpdateDialogueTests.upload([7], as: "old\(number).zip", to: &bench) }
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(60))
        #expect(UpdateSamples.course(bench).last == "+QIND: \"FOTA\",\"HTTPEND\",701")
        #expect(bench.truth["files"] == 128)
    }
}
