import Foundation
import Glibc
import LabCore
import Programs
import Synchronization
import Testing

@testable import Bench

@Suite("What goes wrong with the folder of leases disturbs nothing else", .serialized)
struct LeaseDamageTests {
    private let folder = LeaseTestFolder()
    private let clock = LeaseTestClock()

    private func book(_ note: @escaping @Sendable (String) -> Void = { _ in }) throws(StreamFailure) -> LeaseBook {
        try LeaseBook(folder: folder.path, machine: clock.machine, note: note)
    }

    private func damage(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: URL(filePath: folder.file(name))) }

    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        init(_ name: String, _ text: String) { (testDescription, self.text) = (name, text) }
    }

    private static let damages = [
        Damage("cut", "{"), Damage("no JSON", "nonsense"), Damage("zeros", "\0\0\0\0"), Damage("another version", #"{"lease":2}"#),
        Damage("longer than a page", String(repeating: "x", count: 9_000)),
    ]

    @Test("a damaged file of a device that nobody holds is told and written anew", arguments: damages)
    func damagedAndFree(_ damaged: Damage) throws {
        try book().take(["usb 2-1"]).release()
        try damage("key.usb%202-1", damaged.text)
        let notes = Mutex<[String]>([])
        let lease = try book { line in notes.withLock { $0.append(line) } }.take(["usb 2-1"])
        #expect(notes.withLock { $0 }.count == 1)
        #expect(notes.withLock { $0.first?.contains("usb 2-1") } == true)
        #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"], as: "bert") }
        lease.release()
    }

    @Test("a damaged file of a device that is held frees nothing, and the next beat writes it anew", arguments: damages)
    func damagedAndHeld(_ damaged: Damage) throws {
        let lease = try book().take(["usb 2-1", "usb 2-2"])
        try damage("key.usb%202-1", damaged.text)
        let failure = #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"], as: "bert") }
        #expect(failure?.detail.contains("anna") == true)
        try lease.beat()
        #expect(try book().leases().map(\.key.text) == ["usb 2-1", "usb 2-2"])
    }

    @Test("a page that was removed comes back with the next beat, unless another has the device by then")
    func removedPage() throws {
        let lease = try book().take(["usb 2-1"])
        try FileManager.default.removeItem(atPath: folder.file("key.usb%202-1"))
        try lease.beat()
        #expect(try book().leases().count == 1)
        try FileManager.default.removeItem(atPath: folder.file("key.usb%202-1"))
        let other = try book().take(["usb 2-1"], as: "bert")
        #expect(throws: StreamFailure.self) { try lease.beat() }
        try other.beat()
    }

    @Test("the folder removed under a holder is a lost lease; a new lab begins with a new folder")
    func removedFolder() throws {
        let one = try book()
        let lease = try one.take(["usb 2-1"])
        try FileManager.default.removeItem(atPath: folder.path)
        let failure = #expect(throws: StreamFailure.self) { try lease.beat() }
        #expect(failure?.reason == .vanished && failure?.detail == "the folder of leases was removed")
        #expect(throws: StreamFailure.self) { try one.take(["usb 2-1"]) }
        try book().take(["usb 2-1"], as: "bert").release()
    }

    @Test("all files removed under a holder is a lost lease, too")
    func removedFiles() throws {
        let lease = try book().take(["usb 2-1"])
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) { try FileManager.default.removeItem(atPath: folder.file(name)) }
        let failure = #expect(throws: StreamFailure.self) { try lease.beat() }
        #expect(failure?.detail.contains("somebody removed its files") == true)
    }

    @Test("a file of the folder that is no file is an error for its device alone")
    func foreign() throws {
        _ = try book()
        try FileManager.default.createDirectory(atPath: folder.file("key.usb%202-1"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: folder.file("key.usb%202-2"), withDestinationPath: "/etc/passwd")
        try damage("life.0123456789abcdef", "nonsense")
        try damage("wait.1.0123456789abcdef", "nonsense")
        try damage("wait.x", "nonsense")
        for key in ["usb 2-1", "usb 2-2"] {
            let failure = #expect(throws: StreamFailure.self) { try book().take([key]) }
            #expect(failure?.reason == .malformed && failure?.medium.contains("key.usb%20") == true)
        }
        try book().take(["usb 2-3"]).release()
        #expect(try book().leases().isEmpty)
    }

    @Test("no folder where a folder must be: what is there, and what to do")
    func noFolder() throws {
        try Data().write(to: URL(filePath: folder.path))
        let failure = #expect(throws: StreamFailure.self) { try book() }
        #expect(failure?.reason == .malformed && failure?.remedy.isEmpty == false)
        let absent = #expect(throws: StreamFailure.self) { try LeaseBook(folder: "\(folder.path)x/y/z") }
        #expect(absent?.reason == .notFound)
    }

    @Test("somebody who stops while the guard is theirs is named, after some patience")
    func guardKept() throws {
        let one = try book()
        let file = try #require(try one.folder.open("guard", making: true))
        #expect(file.lock())
        let failure = #expect(throws: StreamFailure.self) { try book().take(["usb 2-1"]) }
        #expect(failure?.reason == .timedOut && failure?.remedy.contains("fuser") == true)
        file.unlock()
        try book().take(["usb 2-1"]).release()
    }

    @Test("a full disk: no lease, a clear error, and those that are there go on", .enabled(if: geteuid() == 0, "needs root to mount a small disk"))
    func full() throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
        let mount = try ChildProcess("mount", ["-t", "tmpfs", "-o", "size=32k,mode=1777", "none", folder.path]).wait()
        try #require(mount.status == 0, "\(mount)")
        defer { _ = try? ChildProcess("umount", ["-l", folder.path]).wait() }
        let lease = try book().take(["usb 2-1"])
        let rest = unsafe open(folder.file("rest"), O_WRONLY | O_CREAT, 0o666)
        let junk = [UInt8](repeating: 1, count: 4_096)
        while unsafe write(rest, junk, junk.count) == junk.count {}
        close(rest)
        let failure = #expect(throws: StreamFailure.self) { try book().take(["usb 2-2", "usb 2-3"], as: "bert") }
        #expect(failure?.reason == .failed && failure?.detail.contains("disk is full") == true)
        try lease.beat()
        #expect(try book().leases().map(\.key.text) == ["usb 2-1"])
        try FileManager.default.removeItem(atPath: folder.file("rest"))
        try book().take(["usb 2-2", "usb 2-3"], as: "bert").release()
    }
}
