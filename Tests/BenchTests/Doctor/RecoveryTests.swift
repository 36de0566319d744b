import Bench
import Foundation
import LabCore
import Synchronization
import Testing

@Suite("The doctor makes devices well: power cycle, then USB reset, each at most once", .serialized, .timeLimit(.minutes(3)))
struct RecoveryTests {
    private let practice: Practice
    init() throws { practice = try Practice() }

    /// A thread that acts as soon as a file has a new line: the bench's wiring.
    private func wire(_ name: String, _ act: @escaping @Sendable (String) -> Void) -> Wiring { Wiring(practice.folder.file(name), act) }

    private var switchable: PowerSource {
        practice.power(on: "echo on >> \(practice.folder.file("power"))", off: "echo off >> \(practice.folder.file("power"))")
    }

    @Test("a silent module answers after a power cycle; what was tried is shown and counted")
    func powerCycle() throws {
        let module = ScriptedModule { $0.isSilent = true }
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let wiring = wire("power") { if $0 == "on" { module.change { $0.isSilent = false } } }
        defer { wiring.end() }
        var told: [String] = []
        let report = practice.doctor().treat(practice.patient(power: switchable)) { told.append($0) }
        #expect(report.verdict == .ok)
        #expect(report.recovery.map(\.kind) == [.powerCycle])
        #expect(report.recovery.first?.hasHelped == true)
        #expect(report.finding(.answers)?.tried == report.recovery)
        #expect(told == ["node_1: no answer to AT in 1 attempt; power cycle"])
        #expect(practice.folder.read("power") == "off\non\n")
        let book = HealthBook(folder: practice.folder.file("runs"))
        try book.enter(report, at: 1_800_000_000)
        #expect(book.last(of: "node_1")?.recoveries == 1)
    }

    @Test("where the power cycle does not help, the USB device is set up anew")
    func reset() throws {
        let module = ScriptedModule { $0.isSilent = true }
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let flag = practice.folder.file("sys/bus/usb/devices/2-1/authorized")
        try practice.folder.write("1", to: "sys/bus/usb/devices/2-1/authorized")
        let wiring = Wiring(flag, whenContentIs: "0") { module.change { $0.isSilent = false } }
        defer { wiring.end() }
        var slow = practice
        slow.limits.returning = .milliseconds(100)
        slow.limits.resetPause = .milliseconds(300)
        let report = slow.doctor(device: "2-1").treat(practice.patient(power: switchable))
        #expect(report.recovery.map(\.kind) == [.powerCycle, .usbReset])
        #expect(report.recovery.map(\.hasHelped) == [false, true])
        #expect(report.verdict == .ok)
    }

    @Test("a device that nothing helps stays sick, with all that was tried; a switch that fails is one of them")
    func hopeless() throws {
        var hasty = practice
        hasty.limits.returning = .milliseconds(50)
        let broken = practice.power(on: "true", off: "echo 'relay stuck' >&2; exit 1")
        let report = hasty.doctor().treat(practice.patient(power: broken))
        #expect(report.verdict == .sick)
        #expect(report.recovery.count == 1)
        #expect(report.recovery.first?.failure?.contains("relay stuck") == true)
        #expect(report.reason?.contains("tried: power cycle failed") == true)
    }

    @Test("what power cannot help is not tried: another device, a wrong firmware, a port that is somebody else's")
    func notTried() throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        for health in [HealthExpectation(identity: "860000000000025"), HealthExpectation(firmware: "other")] {
            let report = practice.doctor().treat(practice.patient(power: switchable, health: health))
            #expect(report.verdict == .sick)
            #expect(report.recovery.isEmpty)
        }
        #expect(practice.folder.read("power").isEmpty)
    }

    @Test("before a run those are examined that are due, that were sick, or all where lab.yaml says so; the book has it")
    func beforeRun() throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let (doctor, patient) = (practice.doctor(), practice.patient())
        let book = HealthBook(folder: practice.folder.file("runs"))
        let day = Duration.seconds(86_400)
        #expect(doctor.prepare([patient], book: book, always: false, every: nil, at: 1_800_000_000).isEmpty)
        #expect(doctor.prepare([patient], book: book, always: false, every: day, at: 1_800_000_000).map(\.verdict) == [.ok])
        #expect(doctor.prepare([patient], book: book, always: false, every: day, at: 1_800_000_060).isEmpty)
        #expect(doctor.prepare([patient], book: book, always: true, every: nil, at: 1_800_000_060).count == 1)
        module.change { $0.isSilent = true }
        let sick = doctor.prepare([patient], book: book, always: true, every: nil, at: 1_800_000_061)
        #expect(sick.first?.reason?.hasPrefix("no answer to AT") == true)
        module.change { $0.isSilent = false }
        #expect(doctor.prepare([patient], book: book, always: false, every: day, at: 1_800_000_062).map(\.verdict) == [.ok])
        #expect(book.last(of: "node_1")?.verdict == .ok)
    }

    @Test("power that is off explains a device that is not there")
    func off() {
        let report = practice.doctor().examine(practice.patient(power: practice.power(on: "true", off: "true", state: "echo off")))
        #expect(report.finding(.power)?.detail.hasPrefix("its power is off at") == true)
        #expect(report.finding(.power)?.remedy == "switch it on: `lab power node_1 on`")
    }

    @Test("the check of the power: the port of a device that is switched vanishes and comes back")
    func powerCheck() throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let wiring = wire("power") { $0 == "off" ? terminal.unplug() : terminal.plug() }
        defer { wiring.end() }
        let finding = practice.doctor().examinePower(practice.patient(power: switchable))
        #expect(finding?.verdict == .ok)
        #expect(finding?.detail.contains("its port vanished, and it was back after") == true)
        #expect(practice.doctor().examinePower(practice.patient()) == nil)
    }

    @Test("a switch that says it switched, and did not, is found out by the device that still answers")
    func lyingSwitch() throws {
        let module = ScriptedModule()
        let terminal = try ScriptedTerminal(practice.port) { module.hear($0) }
        defer { terminal.end() }
        let finding = practice.doctor().examinePower(practice.patient(power: practice.power(on: "true", off: "true")))
        #expect(finding?.verdict == .sick)
        #expect(finding?.detail.contains("says off, and the device still answers") == true)
    }
}

/// Watches a file from a thread of its own, and acts on each new line, or once when it has a certain content.
private final class Wiring: Sendable {
    private let isOver = Mutex(false)
    private let done = DispatchSemaphore(value: 0)

    init(_ file: String, _ act: @escaping @Sendable (String) -> Void) {
        start { seen in
            let lines = (try? String(contentsOfFile: file, encoding: .utf8))?.split(separator: "\n").map(String.init) ?? []
            for line in lines.dropFirst(seen) { act(line) }
            return lines.count
        }
    }

    init(_ file: String, whenContentIs wanted: String, _ act: @escaping @Sendable () -> Void) {
        start { seen in
            guard seen == 0, (try? String(contentsOfFile: file, encoding: .utf8)) == wanted else { return seen }
            act()
            return 1
        }
    }

    private func start(_ look: @escaping @Sendable (Int) -> Int) {
        Thread.detachNewThread { [self] in
            var seen = 0
            while !isOver.withLock({ $0 }) {
                seen = look(seen)
                Waiting.block(.milliseconds(2))
            }
            done.signal()
        }
    }

    func end() {
        isOver.withLock { $0 = true }
        done.wait()
    }
}
