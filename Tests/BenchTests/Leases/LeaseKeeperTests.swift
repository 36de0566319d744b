import Dispatch
import Glibc
import LabCore
import Synchronization
import Testing

@testable import Bench

@Suite("A lease is kept by beats from a thread of its own", .serialized, .timeLimit(.minutes(1)))
struct LeaseKeeperTests {
    private let folder = LeaseTestFolder()
    private let keys = [LeaseKey("usb 2-1")]

    private func beat(_ book: LeaseBook) throws -> Int64? { try book.leases().first?.beat }

    @Test("it beats until it is released, and then the device is free at once")
    func beats() throws {
        let book = try LeaseBook(folder: folder.path)
        let keeper = LeaseKeeper(try book.take(["usb 2-1"]), every: .milliseconds(5), timeToLive: .seconds(600))
        let first = try #require(try beat(book))
        while try beat(book) == first { sched_yield() }
        keeper.release()
        #expect(try book.leases().isEmpty && keeper.loss == nil)
    }

    @Test("beats go on though the interval was chosen longer than the time to live")
    func interval() throws {
        let book = try LeaseBook(folder: folder.path)
        let keeper = LeaseKeeper(
            try book.take(["usb 2-1"], ttl: .milliseconds(300)), every: .seconds(3_600), timeToLive: .milliseconds(300))
        let first = try #require(try beat(book))
        while try beat(book) == first { sched_yield() }
        keeper.release()
    }

    @Test("a lease that is ended by force is told once, with who did it")
    func loss() throws {
        let book = try LeaseBook(folder: folder.path)
        let told = Mutex<[StreamFailure]>([])
        let isTold = DispatchSemaphore(value: 0)
        let keeper = LeaseKeeper(try book.take(["usb 2-1"]), every: .milliseconds(5), timeToLive: .seconds(600)) { failure in
            told.withLock { $0.append(failure) }
            isTold.signal()
        }
        try book.release(keys, by: .named("root", number: 0), force: true)
        isTold.wait()
        #expect(told.withLock { $0.map(\.detail) } == ["lease lost: root (pid \(LeaseHolder.named("root").process)) ended it by force"])
        #expect(keeper.loss?.reason == .vanished)
        keeper.release()
    }
}
