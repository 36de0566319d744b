import Foundation
import Glibc
import LabCore
import Synchronization
import Testing

@testable import Bench

private func monotonic() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Lets others run until something holds; the test's own limit of time is the limit.
private func until(_ condition: () throws -> Bool) rethrows { while try !condition() { sched_yield() } }

@Suite("Holders in other processes, killed at any moment", .serialized, .timeLimit(.minutes(2)))
struct LeaseProcessTests {
    private let folder = LeaseTestFolder()
    private let keys = [LeaseKey("usb 2-1")]

    @Test("a holder that is killed frees the device: the next one has it in under a second")
    func killedHolder() async throws {
        let path = folder.path
        _ = try LeaseBook(folder: path)
        let next = LeaseTestThread {
            let book = try LeaseBook(folder: path)
            try until { try book.holder(of: [LeaseKey("usb 2-1")]) != nil }
            let lease = try book.acquire([LeaseKey("usb 2-1")], for: .named("bert"), timeToLive: .seconds(600)) { position, holder in
                position == 1 && holder.user == "anna"
            }
            let time = monotonic()
            lease.release()
            return time
        }
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let book = try LeaseBook(folder: path)
            let lease = try book.acquire([LeaseKey("usb 2-1")], for: .named("anna"), timeToLive: .seconds(600)) { _, _ in false }
            try until { try book.waiterCount(for: lease.keys) == 1 }
            try Data("\(monotonic())".utf8).write(to: URL(filePath: "\(path)/killed"))
            kill(getpid(), SIGKILL)
        }
        let got = try next.value()
        let killed = try #require(Int64(String(contentsOfFile: folder.file("killed"), encoding: .utf8)))
        print("a device changed hands \((got - killed) / 1_000_000) ms after its holder was killed")
        #expect(got > killed && got - killed < 1_000_000_000)
        #expect(try LeaseBook(folder: path).leases().isEmpty)
    }

    @Test("a waiter that is killed is passed over, and its file is removed")
    func killedWaiter() async throws {
        let path = folder.path
        let book = try LeaseBook(folder: path)
        let lease = try book.take(["usb 2-1"])
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let calls = Mutex(0)
            _ = try LeaseBook(folder: path).acquire([LeaseKey("usb 2-1")], for: .named("bert"), timeToLive: .seconds(600)) { _, _ in
                if calls.withLock({ $0 += 1; return $0 }) == 2 { kill(getpid(), SIGKILL) }
                return true
            }
        }
        let positions = Mutex<[Int]>([])
        #expect(throws: StreamFailure.self) {
            try book.acquire([LeaseKey("usb 2-1")], for: .named("carl"), timeToLive: .seconds(600)) { position, _ in
                positions.withLock { $0.append(position) }
                return false
            }
        }
        #expect(positions.withLock { $0 } == [1])
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasPrefix("wait.") }.isEmpty)
        lease.release()
    }

    @Test("killed at any moment of taking, beating and giving back, a lab leaves nothing that is held and nothing that is damaged")
    func killedAnywhere() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed 0x\(String(seed, radix: 16)) of the moments at which labs are killed")
        var chance = SeededGenerator(seed: seed, purpose: "moments")
        let notes = Mutex<[String]>([])
        let book = try LeaseBook(folder: folder.path) { line in notes.withLock { $0.append(line) } }
        for _ in 0..<12 {
            let microseconds = UInt32.random(in: 500...40_000, using: &chance)
            await #expect(processExitsWith: .signal(SIGALRM)) { [path = folder.path as String, microseconds = microseconds as UInt32] in
                let book = try LeaseBook(folder: path)
                // Ends the process at once, as SIGKILL would: nothing handles it.
                ualarm(microseconds, 0)
                while true {
                    let lease = try book.take(["usb 2-1", "usb 2-2", "usb 2-3"])
                    try lease.beat()
                    lease.release()
                }
            }
            let lease = try book.take(["usb 2-1", "usb 2-2", "usb 2-3"], as: "bert")
            lease.release()
        }
        #expect(notes.withLock { $0 }.isEmpty)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["guard", "key.usb%202-1", "key.usb%202-2", "key.usb%202-3"])
    }

    @Test("a process that has the number of a dead holder does not hold what that one held")
    func reusedNumber() async throws {
        let path = folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            // As if this test had the number of the holder by now.
            var holder = LeaseHolder.named("anna")
            holder.process = getppid()
            _ = try LeaseBook(folder: path).acquire([LeaseKey("usb 2-1")], for: holder, timeToLive: .seconds(600)) { _, _ in false }
            kill(getpid(), SIGKILL)
        }
        let book = try LeaseBook(folder: path)
        #expect(try book.holder(of: keys) == nil)
        // Also where the proof of life cannot be looked at: the start of the process tells the two apart.
        let record = LeaseRecord(
            key: keys[0], kind: .run, holder: .named("anna"), token: "00000000deadbeef", at: LeaseMoment.now(), timeToLive: 600_000_000_000)
        try book.write(record)
        try FileManager.default.createDirectory(atPath: "\(path)/life.00000000deadbeef", withIntermediateDirectories: false)
        #expect(record.holder.process == getpid() && record.holder.processStart != ProcessTable.start(of: getpid()))
        try book.take(["usb 2-1"], as: "bert").release()
    }

    @Test("users differ: each takes what the other gave back, and ends nothing of the other without force", .enabled(if: geteuid() == 0, "needs root to become another user"))
    func users() async throws {
        let path = folder.path
        let book = try LeaseBook(folder: path)
        try book.take(["usb 2-1"]).release()
        try book.hold([LeaseKey("usb 2-9")], for: .current(why: "soldering"), lasting: .seconds(600))
        await #expect(processExitsWith: .success) { [path = path as String] in
            guard setgid(65_534) == 0, setuid(65_534) == 0 else { exit(3) }
            let book = try LeaseBook(folder: path)
            _ = try book.acquire([LeaseKey("usb 2-1"), LeaseKey("usb 2-2")], for: .current(run: "7"), timeToLive: .seconds(600)) { _, _ in false }.keys
            try book.hold([LeaseKey("usb 2-3")], for: .current(), lasting: .seconds(600))
            do throws(StreamFailure) {
                try book.release([LeaseKey("usb 2-9")], by: .current())
                exit(4)
            } catch { exit(error.detail.contains("soldering") ? 0 : 5) }
        }
        #expect(try book.leases().map(\.key.text) == ["usb 2-3", "usb 2-9"])
        try book.take(["usb 2-1", "usb 2-2"]).release()
        let refused = #expect(throws: StreamFailure.self) { try book.release([LeaseKey("usb 2-3")], by: .current()) }
        #expect(refused?.detail.contains("held by nobody") == true)
        try book.release([LeaseKey("usb 2-3")], by: .current(), force: true)
    }

    @Test("a file of another user that cannot be written is an error for its device alone", .enabled(if: geteuid() == 0, "needs root to become another user"))
    func permissions() async throws {
        let path = folder.path
        try LeaseBook(folder: path).take(["usb 2-1"]).release()
        _ = unsafe chmod(folder.file("key.usb%202-1"), 0o600)
        await #expect(processExitsWith: .success) { [path = path as String] in
            guard setgid(65_534) == 0, setuid(65_534) == 0 else { exit(3) }
            let book = try LeaseBook(folder: path)
            try book.take(["usb 2-2"]).release()
            do throws(StreamFailure) {
                try book.take(["usb 2-1"]).release()
                exit(4)
            } catch { exit(error.reason == .permissionDenied && error.remedy.contains("chmod 0666") ? 0 : 5) }
        }
        _ = unsafe chmod(path, 0o755)
        await #expect(processExitsWith: .success) { [path = path as String] in
            guard setgid(65_534) == 0, setuid(65_534) == 0 else { exit(3) }
            do throws(StreamFailure) {
                _ = try LeaseBook(folder: path)
                exit(4)
            } catch { exit(error.reason == .permissionDenied && error.remedy.contains("chmod 1777") ? 0 : 5) }
        }
    }

    @Test("what a look of a waiter costs")
    func cost() throws {
        let book = try LeaseBook(folder: folder.path)
        let leases = try (0..<20).map { try book.take(["usb 3-\($0)", "serial 2c7c-0800-\($0)"]) }
        let (start, count) = (monotonic(), 500)
        for _ in 0..<count { _ = try book.holder(of: [LeaseKey("usb 3-1")]) }
        let each = (monotonic() - start) / Int64(count) / 1_000
        print("a look into a book with 40 keys of 20 holders takes \(each) us; one each 200 ms is \(Double(each) / 2_000) % of a core")
        #expect(each < 20_000)
        withExtendedLifetime(leases) {}
    }
}
