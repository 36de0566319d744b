import Testing

@testable import Bench

private let second: Int64 = 1_000_000_000

private func moment(_ seconds: Int64, boot: String = "boot a", calendar: Int64 = 0) -> LeaseMoment {
    LeaseMoment(boot: boot, elapsed: seconds * second, calendar: calendar * second)
}

private func person(_ user: String, number: UInt32 = 1_000) -> LeaseHolder {
    LeaseHolder(user: user, userNumber: number, process: 4_242, processStart: 77)
}

private func entry(
    _ key: String, _ user: String = "anna", kind: LeaseRecord.Kind = .run, at seconds: Int64 = 100, ttl: Int64 = 600, life: LeaseRules.Life = .alive,
    number: UInt32 = 1_000
) -> LeaseRules.Entry {
    LeaseRules.Entry(
        record: LeaseRecord(
            key: LeaseKey(key), kind: kind, holder: person(user, number: number), token: "0123456789abcdef", at: moment(seconds), timeToLive: ttl * second),
        life: life)
}

private func waiter(_ number: Int64, _ keys: [String], _ user: String, looked seconds: Int64 = 100, life: LeaseRules.Life = .alive) -> LeaseRules.Waiter {
    LeaseRules.Waiter(number: number, ticket: LeaseTicket(keys: keys.map { LeaseKey($0) }, holder: person(user), at: moment(seconds)), life: life)
}

@Suite("Who holds this now")
struct LeaseRulesTests {
    @Test("a run's lease binds while its process lives and beats, to the last moment of its time to live")
    func run() {
        #expect(LeaseRules.binds(entry("usb 2-1"), at: moment(100)))
        #expect(LeaseRules.binds(entry("usb 2-1"), at: moment(699)))
        #expect(!LeaseRules.binds(entry("usb 2-1"), at: moment(700)))
        #expect(!LeaseRules.binds(entry("usb 2-1", life: .dead), at: moment(101)))
    }

    @Test("a lease by hand ends by time alone")
    func manual() {
        #expect(LeaseRules.binds(entry("usb 2-1", kind: .manual, ttl: 1_800, life: .dead), at: moment(1_899)))
        #expect(!LeaseRules.binds(entry("usb 2-1", kind: .manual, ttl: 1_800, life: .dead), at: moment(1_900)))
    }

    @Test("another boot has ended every lease", arguments: LeaseRecord.Kind.allCases)
    func boot(_ kind: LeaseRecord.Kind) {
        #expect(!LeaseRules.binds(entry("usb 2-1", kind: kind), at: moment(101, boot: "boot b")))
    }

    @Test("steps of the calendar neither free nor hold", arguments: [-100_000_000, 100_000_000] as [Int64])
    func calendar(_ step: Int64) {
        #expect(LeaseRules.binds(entry("usb 2-1"), at: moment(110, calendar: step)))
        #expect(!LeaseRules.binds(entry("usb 2-1"), at: moment(701, calendar: step)))
    }

    @Test("a beat that is ahead of the clock was not written by a lab of this machine")
    func future() {
        #expect(!LeaseRules.binds(entry("usb 2-1", at: 100), at: moment(99)))
    }

    @Test("what was ended by force does not bind")
    func forced() {
        var forced = entry("usb 2-1")
        forced.record.endedBy = "root (pid 1)"
        #expect(!LeaseRules.binds(forced, at: moment(101)))
    }

    private let keys = [LeaseKey("usb 2-1"), LeaseKey("usb 2-2")]

    @Test("all keys or none: one that is held keeps the request waiting, with its holder")
    func allOrNone() {
        let snapshot = LeaseRules.Snapshot(entries: [entry("usb 2-2", "bert")])
        #expect(LeaseRules.decide(keys, number: nil, joining: nil, in: snapshot, at: moment(101)) == .wait(position: 1, holder: person("bert")))
        #expect(LeaseRules.decide([keys[0]], number: nil, joining: nil, in: snapshot, at: moment(101)) == .granted)
    }

    @Test("first come, first served: a free device waits for the one who came first and needs it with another")
    func order() {
        let snapshot = LeaseRules.Snapshot(
            entries: [entry("usb 2-2", "bert")], waiters: [waiter(8, ["usb 2-1"], "dora"), waiter(7, ["usb 2-1", "usb 2-2"], "carl")])
        #expect(LeaseRules.decide(keys, number: 7, joining: nil, in: snapshot, at: moment(101)) == .wait(position: 1, holder: person("bert")))
        #expect(LeaseRules.decide([keys[0]], number: 8, joining: nil, in: snapshot, at: moment(101)) == .wait(position: 2, holder: person("carl")))
        #expect(LeaseRules.decide([keys[0]], number: nil, joining: nil, in: snapshot, at: moment(101)) == .wait(position: 3, holder: person("carl")))
    }

    @Test("a waiter for other devices is not in the way")
    func others() {
        let snapshot = LeaseRules.Snapshot(waiters: [waiter(1, ["usb 3-1"], "carl")])
        #expect(LeaseRules.decide(keys, number: 2, joining: nil, in: snapshot, at: moment(101)) == .granted)
    }

    @Test("waiters that died, stopped looking, or are of another boot are passed over")
    func silentWaiters() {
        var other = waiter(3, ["usb 2-1"], "emil")
        other.ticket.boot = "boot b"
        let snapshot = LeaseRules.Snapshot(
            waiters: [waiter(1, ["usb 2-1"], "carl", life: .dead), waiter(2, ["usb 2-1"], "dora", looked: 90), other])
        #expect(LeaseRules.decide(keys, number: 4, joining: nil, in: snapshot, at: moment(100)) == .granted)
        #expect(
            LeaseRules.decide(keys, number: 4, joining: nil, in: LeaseRules.Snapshot(waiters: [waiter(2, ["usb 2-1"], "dora", looked: 91)]), at: moment(100))
                == .wait(position: 2, holder: person("dora")))
    }

    @Test("what the same user holds by hand is no hindrance for manual work; it is one for runs and for others")
    func joining() {
        let snapshot = LeaseRules.Snapshot(entries: [entry("usb 2-1", kind: .manual)])
        #expect(LeaseRules.decide(keys, number: nil, joining: 1_000, in: snapshot, at: moment(101)) == .granted)
        #expect(LeaseRules.decide(keys, number: nil, joining: nil, in: snapshot, at: moment(101)) != .granted)
        #expect(LeaseRules.decide(keys, number: nil, joining: 1_001, in: snapshot, at: moment(101)) != .granted)
        let run = LeaseRules.Snapshot(entries: [entry("usb 2-1", kind: .run)])
        #expect(LeaseRules.decide(keys, number: nil, joining: 1_000, in: run, at: moment(101)) != .granted)
    }
}

@Suite("What a lease file holds")
struct LeaseRecordTests {
    private let record = entry("usb 2-1").record

    @Test("a record is read back as it was written")
    func roundTrip() {
        var record = record
        record.beat += 30 * second
        record.endedBy = "root (pid 1)"
        #expect(LeaseRecord(record.bytes, of: record.key) == record)
    }

    @Test("the longest record fits into a page, whatever its characters")
    func bounds() {
        for character in ["\"", "\\", "x", "漢", "\n"] {
            let long = String(repeating: character, count: 9_000)
            let holder = LeaseHolder(
                user: long, userNumber: .max, process: .max, processStart: .max, nodes: [String](repeating: long, count: 90), lab: long, run: long, why: long)
            var record = LeaseRecord(
                key: LeaseKey("usb " + long), kind: .manual, holder: holder, token: "0123456789abcdef",
                at: LeaseMoment(boot: "e7d6df6c-55f0-4dc7-a395-7302bc2bd7f1", elapsed: .max / 2, calendar: .max), timeToLive: .max)
            record.endedBy = long
            #expect(record.bytes.count < LeaseFolder.pageBytes)
            #expect(LeaseRecord(record.bytes, of: record.key)?.holder == holder)
        }
    }

    @Test("every cut of a record is none, and so is one of another key or with a token that would be a path")
    func damaged() {
        for length in 0..<record.bytes.count { #expect(LeaseRecord(Array(record.bytes.prefix(length)), of: record.key) == nil) }
        #expect(LeaseRecord(record.bytes, of: LeaseKey("usb 2-2")) == nil)
        var other = record
        other.token = "../../etc/passwd"
        #expect(LeaseRecord(other.bytes, of: other.key) == nil)
    }

    @Test("the start of a process is the 22nd field of its stat, also with a name that looks like fields (proc(5))")
    func processStart() {
        let stat = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2 3 4 5"
        #expect(ProcessTable.start(inStat: Array(stat.utf8)) == 987_654)
        #expect(ProcessTable.start(inStat: Array("4242 (a".utf8)) == nil)
        #expect(ProcessTable.start(inStat: Array("4242 (a) S 1".utf8)) == nil)
    }
}
