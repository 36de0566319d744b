import LabCore
import Testing

@testable import Runner

@Suite("When a port of a real device may be gone (Docs/bench.md, blocked, not failed)")
struct AbsenceTests {
    private func at(_ seconds: Double) -> RunInstant { RunInstant(nanoseconds: Int64(seconds * 1e9)) }

    @Test("nothing excuses a port that goes by itself")
    func unplugged() {
        var absence = Absence()
        absence.sent(Array("AT+CSQ\r".utf8), at: at(1))
        absence.does("signal.fade", at: at(1))
        #expect(absence.patience(at: at(2)) == nil)
    }

    @Test("a reset that the driver sends is an excuse for 180 s, in any letters", arguments: ["AT+CFUN=1,1\r", "at+cfun=1,1\r\n", "AT+QPOWD\r"])
    func reset(command: String) {
        var absence = Absence()
        absence.sent(Array(command.utf8), at: at(10))
        #expect(absence.patience(at: at(10)) == .seconds(180))
        #expect(absence.patience(at: at(189)) == .seconds(1))
        #expect(absence.patience(at: at(190)) == nil)
    }

    @Test("once the port is back it may go again, or not open, for 15 s, and then no more")
    func settled() {
        var absence = Absence()
        absence.does("reset", at: at(10))
        _ = absence.cameBack(at: at(40))
        #expect(absence.patience(at: at(54)) == .seconds(1))
        #expect(absence.patience(at: at(55)) == nil)
    }

    @Test("the machine's part of it takes 5 s of real time, however fast the run is: 50 s of the run at ten times the speed")
    func settledAtSpeed() {
        var absence = Absence(speed: 10)
        absence.does("reset", at: at(10))
        _ = absence.cameBack(at: at(40))
        #expect(absence.patience(at: at(89)) == .seconds(1))
        #expect(absence.patience(at: at(90)) == nil)
    }

    @Test("an update takes the module away more than once in up to an hour")
    func update() {
        var absence = Absence()
        absence.sent(Array(#"AT+QFOTADL="https://cloud.lab/x"\#r"#.utf8), at: at(0))
        _ = absence.cameBack(at: at(300))
        _ = absence.cameBack(at: at(900))
        #expect(absence.patience(at: at(1_000)) == .seconds(2_600))
    }

    @Test("after a failure a device that is away is waited for as long as it may take: 180 s after a reset, 300 s in an update, not at all when it was switched off")
    func waiting() {
        var reset = Absence()
        reset.sent(Array("AT+CFUN=1,1\r".utf8), at: at(0))
        #expect(reset.waitForReturn(at: at(30)) == .seconds(150))
        var update = Absence()
        update.sent(Array(#"AT+QFOTADL="x"\#r"#.utf8), at: at(0))
        #expect(update.waitForReturn(at: at(30)) == .seconds(300))
        var off = Absence()
        off.sent(Array("AT+QPOWD\r".utf8), at: at(0))
        #expect(off.waitForReturn(at: at(1)) == nil)
        off.does("power_on", at: at(10))
        #expect(off.waitForReturn(at: at(10)) == .seconds(180))
        #expect(Absence().waitForReturn(at: at(0)) == nil)
    }

    @Test("a longer excuse is not shortened by a new one")
    func longest() {
        var absence = Absence()
        absence.sent(Array(#"AT+QFOTADL="x"\#r"#.utf8), at: at(0))
        absence.does("power.cut", at: at(10))
        #expect(absence.patience(at: at(10)) == .seconds(3_590))
    }

    /// A module on the bus, excused from the beginning.
    private func module(_ excuse: (inout Absence) -> Void) -> Absence {
        var absence = Absence()
        absence.isThere()
        excuse(&absence)
        return absence
    }

    @Test("what takes a device away does so once: that is explained, and going once more is not")
    func once() {
        var absence = module { $0.sent(Array("AT+CFUN=1,1\r".utf8), at: at(10)) }
        let reset = absence.left(at: at(11))
        #expect(reset)
        // The hang-up and the bus tell of the same departure.
        let sameReset = absence.left(at: at(11.2))
        #expect(sameReset)
        _ = absence.cameBack(at: at(40))
        let again = absence.left(at: at(50))
        #expect(!again)
        let sameAgain = absence.left(at: at(50.1))
        #expect(sameAgain)
    }

    @Test("a hang excuses an absence, and explains no departure; the power that ends it does", arguments: [("hang", false), ("power_on", false), ("power_off", true), ("reset", true)])
    func doings(name: String, takesAway: Bool) {
        var absence = module { $0.does(name, at: at(10)) }
        let isExplained = absence.left(at: at(12))
        #expect(isExplained == takesAway)
        #expect(absence.patience(at: at(12)) == .seconds(178))
    }

    @Test("in an update from a server a module goes after its download and at its end, and not in between (specs/rg500q.md 4.2)")
    func updateDepartures() {
        var absence = module { $0.sent(Array(#"AT+QFOTADL="http://192.0.2.10/update.zip"\#r"#.utf8), at: at(0)) }
        // A line comes in any pieces.
        absence.received(Array(#"+QIND: "FOTA","HTTP"#.utf8))
        absence.received(Array(#"END",0"#.utf8))
        let download = absence.left(at: at(60))
        #expect(download)
        _ = absence.cameBack(at: at(90))
        absence.received(Array("+QIND: \"FOTA\",\"UPDATING\",50\r\n".utf8))
        absence.received(Array("+QIND: \"FOTA\",\"END\",0\r\n".utf8))
        let end = absence.left(at: at(200))
        #expect(end)
        _ = absence.cameBack(at: at(230))
        let afterwards = absence.left(at: at(240))
        #expect(!afterwards)
    }

    @Test("it does not go while it downloads, nor after a download that failed, nor while it installs", arguments: [
        #"+QIND: "FOTA","HTTPSTART""#, #"+QIND: "FOTA","HTTPEND",701"#, #"+QIND: "FOTA","UPDATING",50"#,
    ])
    func earlyDeparture(line: String) {
        var absence = module { $0.sent(Array(#"AT+QFOTADL="http://192.0.2.10/update.zip"\#r"#.utf8), at: at(0)) }
        absence.received(Array("\r\n\(line)\r\n".utf8))
        let isExplained = absence.left(at: at(30))
        #expect(!isExplained)
        #expect(absence.patience(at: at(30)) == .seconds(3_570))
    }

    @Test("an update from a file begins at once")
    func localUpdate() {
        var absence = module { $0.sent(Array(#"AT+QFOTADL="/cache/ufs/x.zip"\#r"#.utf8), at: at(0)) }
        let isExplained = absence.left(at: at(1))
        #expect(isExplained)
    }

    @Test("a device that is not on the bus yet has not left it")
    func notThereYet() {
        var absence = Absence()
        absence.does("power_on", at: at(0))
        let isExplained = absence.left(at: at(1))
        #expect(isExplained)
    }

    @Test("without an excuse nothing explains it, and there is no patience")
    func noExcuse() {
        var absence = module { _ in }
        let isExplained = absence.left(at: at(1))
        #expect(!isExplained)
        #expect(absence.patience(at: at(1)) == nil)
    }

    @Test("30 s are usual from what was done to it to the bus; more than twice that is doubtful, but not in an update", arguments: [
        (40.0, nil), (69, nil), (71, 61), (150, 140),
    ] as [(Double, Double?)])
    func late(back: Double, time: Double?) {
        var absence = module { $0.sent(Array("AT+CFUN=1,1\r".utf8), at: at(10)) }
        _ = absence.left(at: at(11))
        let took = absence.cameBack(at: at(back))
        #expect(took == time.map { .seconds($0) })
        var update = module { $0.sent(Array(#"AT+QFOTADL="/cache/ufs/x.zip"\#r"#.utf8), at: at(10)) }
        _ = update.left(at: at(11))
        let whole = update.cameBack(at: at(back))
        #expect(whole == nil)
    }

    @Test("what is not there when the run begins counts from there, and from power_on where that comes later")
    func lateFromTheStart() {
        var absence = Absence()
        let first = absence.cameBack(at: at(61))
        #expect(first == .seconds(61))
        var switched = Absence()
        switched.does("power_on", at: at(40))
        let second = switched.cameBack(at: at(61))
        #expect(second == nil)
    }
}
