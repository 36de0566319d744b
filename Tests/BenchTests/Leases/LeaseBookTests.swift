import Foundation
import LabCore
import Synchronization
import Testing

@testable import Bench

@Suite("One holder a device")
struct LeaseBookTests {
    private let folder = LeaseTestFolder()
    private let clock = LeaseTestClock()

    /// Two books are two labs: nothing but the folder joins them.
    private func book() throws(StreamFailure) -> LeaseBook { try LeaseBook(folder: folder.path, machine: clock.machine) }

    @Test("the second lab is told who holds the device, and gets it when that is given back")
    func second() throws {
        let (one, other) = (try book(), try book())
        let lease = try one.take(["usb 2-1", "usb 2-2"])
        let failure = #expect(throws: StreamFailure.self) { try other.take(["usb 2-2"], as: "bert") }
        #expect(failure?.reason == .busy && failure?.detail.contains("anna, run 0611-1 in /bench") == true)
        #expect(try other.holder(of: [LeaseKey("usb 2-2")])?.holder.user == "anna")
        lease.release()
        #expect(try other.holder(of: [LeaseKey("usb 2-2")]) == nil)
        try other.take(["usb 2-2"], as: "bert").release()
    }

    @Test("a lease that nobody keeps any longer is given back")
    func dropped() throws {
        let one = try book()
        _ = try one.take(["usb 2-1"])
        #expect(try one.leases().isEmpty)
    }

    @Test("what was given back leaves no file but empty pages and the guard")
    func nothingLeft() throws {
        let one = try book()
        try one.take(["usb 2-1"]).release()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["guard", "key.usb%202-1"])
        #expect(FileManager.default.contents(atPath: folder.file("key.usb%202-1")) == Data())
    }

    @Test("a lease outlives its time to live by beats")
    func beats() throws {
        let (one, other) = (try book(), try book())
        let lease = try one.take(["usb 2-1"], ttl: .seconds(60))
        for _ in 0..<5 {
            clock.advance(by: .seconds(59))
            try lease.beat()
        }
        #expect(throws: StreamFailure.self) { try other.take(["usb 2-1"], as: "bert") }
        #expect(lease.loss == nil)
    }

    @Test("a holder that hangs loses the device after its time to live, learns it at its next beat, and disturbs nobody")
    func hanging() throws {
        let (one, other) = (try book(), try book())
        let lease = try one.take(["usb 2-1", "usb 2-2"], ttl: .seconds(60))
        clock.advance(by: .seconds(60))
        let next = try other.take(["usb 2-1"], as: "bert")
        let failure = #expect(throws: StreamFailure.self) { try lease.beat() }
        #expect(failure?.reason == .vanished && failure?.detail.contains("lease lost: no beat for 60s") == true)
        #expect(failure?.detail.contains("bert") == true && lease.loss == failure)
        lease.release()
        try next.beat()
        #expect(try one.leases().map(\.key.text) == ["usb 2-1"])
    }

    @Test("a beat that is late finds the device still there where nobody wanted it")
    func late() throws {
        let lease = try book().take(["usb 2-1"], ttl: .seconds(60))
        clock.advance(by: .seconds(3_600))
        try lease.beat()
        #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"], as: "bert") }
    }

    @Test("a step of the calendar by a year changes nothing", arguments: [-1, 1])
    func calendar(_ sign: Int) throws {
        let lease = try book().take(["usb 2-1"], ttl: .seconds(60))
        clock.stepCalendar(by: .seconds(sign * 365 * 86_400))
        #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"], as: "bert") }
        try lease.beat()
    }

    @Test("waiters are told their position and the holder, and are served in the order in which they came")
    func positions() throws {
        let lease = try book().take(["usb 2-1"])
        let told = Mutex<[String]>([])
        let served = Mutex<[String]>([])
        func wait(_ user: String) throws -> LeaseTestThread<Void> {
            let isQueued = DispatchSemaphore(value: 0)
            let book = try book()
            let thread = LeaseTestThread {
                let calls = Mutex(0)
                let lease = try book.acquire([LeaseKey("usb 2-1")], for: .named(user), timeToLive: .seconds(60)) { position, holder in
                    let line = "\(user) \(position) \(holder.user)"
                    told.withLock { if $0.last(where: { $0.hasPrefix(user) }) != line { $0.append(line) } }
                    // With the second call it has its place in the queue.
                    let call = calls.withLock { $0 += 1; return $0 }
                    if call == 2 { isQueued.signal() }
                    return true
                }
                served.withLock { $0.append(user) }
                lease.release()
            }
            isQueued.wait()
            return thread
        }
        let threads = [try wait("bert"), try wait("carl"), try wait("dora")]
        #expect(try book().waiterCount(for: [LeaseKey("usb 2-1")]) == 3)
        lease.release()
        for thread in threads { try thread.value() }
        #expect(served.withLock { $0 } == ["bert", "carl", "dora"])
        let lines = told.withLock { $0 }
        #expect(lines.contains("bert 1 anna") && lines.contains("carl 2 anna") && lines.contains("dora 3 anna"))
    }

    @Test("a wait that is ended leaves no place in the queue")
    func ended() throws {
        let lease = try book().take(["usb 2-1"])
        let calls = Mutex(0)
        let failure = #expect(throws: StreamFailure.self) {
            try book().acquire([LeaseKey("usb 2-1")], for: .named("bert"), timeToLive: .seconds(60)) { _, _ in calls.withLock { $0 += 1; return $0 < 3 } }
        }
        #expect(failure?.reason == .busy)
        #expect(try book().waiterCount(for: [LeaseKey("usb 2-1")]) == 0)
        lease.release()
    }

    @Test("eight contenders for random sets of five devices never share one and all come to an end")
    func contenders() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed 0x\(String(seed, radix: 16)) of the contenders for leases")
        let owners = Mutex<[String: Int]>([:])
        let shared = Mutex<[String]>([])
        let path = folder.path
        let threads = (0..<8).map { contender in
            LeaseTestThread {
                let book = try LeaseBook(folder: path, machine: LeaseMachine(now: { LeaseMoment.now() }, pause: { _ in sched_yield() }))
                var chance = SeededGenerator(seed: seed, purpose: "contender \(contender)")
                for _ in 0..<15 {
                    let keys = (1...5).map { "usb 2-\($0)" }.shuffled(using: &chance).prefix(Int.random(in: 1...3, using: &chance))
                    let lease = try book.acquire(keys.map { LeaseKey($0) }, for: .named("user \(contender)"), timeToLive: .seconds(600)) { _, _ in true }
                    for key in keys {
                        let before = owners.withLock { $0.updateValue(contender, forKey: key) }
                        if let before { shared.withLock { $0.append("\(key): \(before) and \(contender)") } }
                    }
                    try lease.beat()
                    for key in keys { owners.withLock { $0[key] = nil } }
                    lease.release()
                }
            }
        }
        for thread in threads { try thread.value() }
        #expect(shared.withLock { $0 }.isEmpty, "seed 0x\(String(seed, radix: 16))")
        #expect(try LeaseBook(folder: path).leases().isEmpty)
    }

    @Test("the environment names the folder, and a folder that is not there is made for everybody")
    func environment() throws {
        _ = try book()
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path)[.posixPermissions] as? Int
        #expect(mode == 0o1777)
        _ = try book().take(["usb 2-1"])
        let page = try FileManager.default.attributesOfItem(atPath: folder.file("key.usb%202-1"))[.posixPermissions] as? Int
        #expect(page == 0o666)
    }
}

@Suite("Leases by hand: lab hold and lab release")
struct ManualLeaseTests {
    private let folder = LeaseTestFolder()
    private let clock = LeaseTestClock()
    private let keys = [LeaseKey("usb 2-1")]

    private func book() throws(StreamFailure) -> LeaseBook { try LeaseBook(folder: folder.path, machine: clock.machine) }

    @Test("a hold outlives its book and ends by time")
    func time() throws {
        try book().hold(keys, for: .named("anna", run: ""), lasting: .seconds(1_800))
        clock.advance(by: .seconds(1_799))
        #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"], as: "bert") }
        clock.advance(by: .seconds(1))
        try book().take(["usb 2-1"], as: "bert").release()
    }

    @Test("who holds it holds it anew; others are refused, and so is a hold of what a run has")
    func again() throws {
        try book().hold(keys, for: .named("anna"), lasting: .seconds(60))
        clock.advance(by: .seconds(50))
        try book().hold(keys, for: .named("anna"), lasting: .seconds(60))
        clock.advance(by: .seconds(50))
        let failure = #expect(throws: StreamFailure.self) { try book().hold(keys, for: .named("bert", number: 1_001), lasting: .seconds(60)) }
        #expect(failure?.reason == .busy)
        try book().release(keys, by: .named("anna"))
        let lease = try book().take(["usb 2-1"])
        #expect(throws: StreamFailure.self) { try book().hold(keys, for: .named("anna"), lasting: .seconds(60)) }
        lease.release()
    }

    @Test("only who holds it releases it; with force anybody does, and it is noted who")
    func release() throws {
        try book().hold(keys, for: .named("anna"), lasting: .seconds(60))
        let failure = #expect(throws: StreamFailure.self) { try book().release(keys, by: .named("bert", number: 1_001)) }
        #expect(failure?.detail.contains("anna") == true && failure?.remedy.contains("--force") == true)
        #expect(try book().release(keys, by: .named("bert", number: 1_001), force: true).map(\.holder.user) == ["anna"])
        #expect(try book().leases().isEmpty)
        #expect(try book().release(keys, by: .named("anna")).isEmpty)
    }

    @Test("a run whose lease is ended by force learns at its next beat who did it; without force it is not ended")
    func forced() throws {
        let lease = try book().take(["usb 2-1"])
        #expect(throws: StreamFailure.self) { try book().release(keys, by: .named("anna")) }
        try lease.beat()
        try book().release(keys, by: .named("root", number: 0), force: true)
        let failure = #expect(throws: StreamFailure.self) { try lease.beat() }
        #expect(failure?.reason == .vanished && failure?.detail.contains("root (pid") == true)
    }

    @Test("manual work of the same user goes on under a hold, and leaves it as it was")
    func joining() throws {
        try book().hold(keys, for: .named("anna"), lasting: .seconds(60))
        #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"]) }
        let lease = try book().take(["usb 2-1"], joining: true)
        try lease.beat()
        lease.release()
        #expect(try book().holder(of: keys)?.kind == .manual)
    }

    @Test("a reboot ends it")
    func reboot() throws {
        try book().hold(keys, for: .named("anna"), lasting: .seconds(60))
        clock.reboot()
        try book().take(["usb 2-1"], as: "bert").release()
    }
}
