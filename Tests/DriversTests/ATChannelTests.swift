import LabCore
import Testing
import WireProtocols

@testable import Drivers

@Suite("AT channel: one port (rg500q.md §2.1, §5.2, §5.4)")
struct ATChannelTests {
    /// A channel with timers in virtual time and a module that is played by the test.
    private struct Bench {
        var channel = ATChannel(link: LinkName(rawValue: 2), timers: 16)
        var now = RunInstant.start
        var events: [ATChannel.Event] = []
        var sent = ""
        var opens: [Int64] = []
        private var timers: [(at: RunInstant, name: TimerName)] = []

        mutating func open() {
            var effects: [DeviceEffect] = []
            channel.open(&effects)
            perform(effects)
        }

        mutating func submit(_ command: ATCommand) -> ATChannel.Ticket? {
            var effects: [DeviceEffect] = []
            let result = channel.submit(command, &effects)
            events += result?.1 ?? []
            perform(effects)
            return result?.0
        }

        mutating func give(_ input: LinkInput) {
            var effects: [DeviceEffect] = []
            events += channel.handle(input, at: now, &effects)
            perform(effects)
        }

        mutating func say(_ text: String) { give(.bytes(Array(text.utf8))) }

        mutating func synchronise(_ attempts: Int) {
            var effects: [DeviceEffect] = []
            events += channel.synchronise(attempts: attempts, &effects)
            perform(effects)
        }

        mutating func run(for duration: Duration) {
            let end = now.advanced(by: duration)
            while let next = timers.indices.min(by: { timers[$0].at < timers[$1].at }), timers[next].at <= end {
                let timer = timers.remove(at: next)
                now = timer.at
                var effects: [DeviceEffect] = []
                events += channel.timerFired(timer.name, at: now, &effects)
                perform(effects)
            }
            now = end
        }

        private mutating func perform(_ effects: [DeviceEffect]) {
            for effect in effects {
                switch effect {
                case .startTimer(let name, let duration):
                    timers.removeAll { $0.name == name }
                    timers.append((now.advanced(by: duration), name))
                case .cancelTimer(let name): timers.removeAll { $0.name == name }
                case .link(_, .open): opens.append(now.nanoseconds / 1_000_000_000)
                case .link(_, .send(let bytes)): sent += String(decoding: bytes, as: UTF8.self)
                default: break
                }
            }
        }

        /// Open, and the module has answered AT.
        static func ready() -> Bench {
            var bench = Bench()
            bench.open()
            bench.give(.opened)
            bench.say("AT\r\r\nOK\r\n")
            bench.events = []
            bench.sent = ""
            return bench
        }

        func outcome(_ ticket: ATChannel.Ticket?) -> ATChannel.Outcome? {
            for case .finished(let number, _, let outcome) in events where number == ticket { return outcome }
            return nil
        }
    }

    @Test("one command at a time, in their order")
    func order() {
        var bench = Bench.ready()
        let first = bench.submit(ATCommand("AT+CSQ"))
        let second = bench.submit(ATCommand("AT+CREG?"))
        #expect(bench.sent == "AT+CSQ\r")
        bench.say("\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
        #expect(bench.sent == "AT+CSQ\rAT+CREG?\r")
        bench.say("\r\n+CREG: 0,1\r\n\r\nOK\r\n")
        guard case .answered(let one)? = bench.outcome(first), case .answered(let two)? = bench.outcome(second) else {
            Issue.record("no answers")
            return
        }
        #expect(one.lines == ["+CSQ: 24,99"] && two.lines == ["+CREG: 0,1"])
    }

    @Test("the first AT is repeated each second, ten times; then the module is silent")
    func firstCommand() {
        var bench = Bench()
        bench.open()
        bench.give(.opened)
        bench.run(for: .milliseconds(9_900))
        #expect(bench.sent == String(repeating: "AT\r", count: 10))
        #expect(!bench.events.contains(.silent))
        bench.run(for: .milliseconds(200))
        #expect(bench.events.last == .silent)
        let refused = bench.submit(ATCommand("AT+CSQ"))
        #expect(refused == nil)
        bench.synchronise(1)
        bench.say("\r\nOK\r\n")
        #expect(bench.events.contains(.ready))
    }

    @Test(
        "a command has the time of the manual and not more",
        arguments: [("AT+CSQ", 1), ("AT+CPIN?", 5), ("AT+CFUN=1", 15), ("AT+COPS?", 180)])
    func limits(text: String, seconds: Int64) {
        var bench = Bench.ready()
        let ticket = bench.submit(ATCommand(text))
        bench.run(for: .seconds(seconds) - .milliseconds(1))
        #expect(bench.outcome(ticket) == nil)
        bench.run(for: .milliseconds(1))
        #expect(bench.outcome(ticket) == .timedOut)
    }

    @Test("after a command without an answer the line must be quiet for 300 ms; what comes late is dropped")
    func late() {
        var bench = Bench.ready()
        _ = bench.submit(ATCommand("AT+CSQ"))
        bench.run(for: .seconds(1))
        let next = bench.submit(ATCommand("AT+CREG?"))
        bench.run(for: .milliseconds(200))
        bench.say("\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
        bench.run(for: .milliseconds(299))
        #expect(bench.sent == "AT+CSQ\r")
        bench.run(for: .milliseconds(1))
        #expect(bench.sent == "AT+CSQ\rAT+CREG?\r")
        #expect(bench.outcome(next) == nil)
        #expect(bench.events.contains { if case .stray(let line) = $0 { line.text == "OK" } else { false } })
    }

    @Test("a line that is never quiet is waited for no longer than 3 s")
    func noise() {
        var bench = Bench.ready()
        _ = bench.submit(ATCommand("AT+CSQ"))
        bench.run(for: .seconds(1))
        _ = bench.submit(ATCommand("AT+CREG?"))
        for _ in 0..<40 {
            bench.say("\r\n+QIND: x\r\n")
            bench.run(for: .milliseconds(100))
        }
        #expect(bench.sent == "AT+CSQ\rAT+CREG?\r")
    }

    @Test("a port that is not there is tried each second, after ten times every three")
    func opening() {
        var bench = Bench()
        bench.open()
        for _ in 0..<14 {
            bench.give(.closed)
            bench.run(for: .seconds(3))
        }
        bench.run(for: .zero)
        #expect(bench.opens.count == 15)
        var quick = Bench()
        quick.open()
        for _ in 0..<9 {
            quick.give(.closed)
            quick.run(for: .seconds(1))
        }
        #expect(quick.opens == Array(0...9))
        quick.give(.closed)
        quick.run(for: .seconds(2))
        #expect(quick.opens.count == 10)
        quick.run(for: .seconds(1))
        #expect(quick.opens.count == 11)
    }

    @Test("a port that vanishes loses its command and those that wait, and is opened again")
    func vanishing() {
        var bench = Bench.ready()
        let first = bench.submit(ATCommand("AT+COPS=?"))
        let second = bench.submit(ATCommand("AT+CSQ"))
        bench.give(.closed)
        #expect(bench.events.contains(.lost(command: "AT+COPS=?")))
        #expect(bench.outcome(first) == .lost && bench.outcome(second) == .lost)
        bench.run(for: .seconds(1))
        #expect(bench.opens.count == 2)
        bench.sent = ""
        bench.give(.opened)
        #expect(bench.sent == "AT\r")
    }

    @Test("a port that does not come back within 3 minutes is told once")
    func absence() {
        var bench = Bench.ready()
        bench.give(.closed)
        for _ in 0..<400 {
            bench.run(for: .seconds(1))
            bench.give(.closed)
        }
        #expect(bench.events.count { $0 == .absent } == 1)
    }

    @Test("64 commands may wait; one more is refused")
    func bound() {
        var bench = Bench.ready()
        let tickets = (0..<66).map { _ in bench.submit(ATCommand("AT+CSQ")) }
        #expect(tickets.count { $0 != nil } == 65)
        #expect(tickets.last == .some(nil))
    }

    @Test("a module that waits for the text of a message is freed with ESC before it is asked whether it listens")
    func escape() {
        var bench = Bench.ready()
        _ = bench.submit(ATCommand("AT+CMGS=\"1\"", limit: .seconds(1)))
        bench.say("\r\n> ")
        bench.run(for: .seconds(1))
        bench.sent = ""
        bench.synchronise(3)
        #expect(bench.sent == "\u{1b}\rAT\r")
    }
}
