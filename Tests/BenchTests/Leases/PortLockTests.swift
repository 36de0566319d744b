import Foundation
import Glibc
import LabCore
import Testing

@testable import Bench

@Suite("Lock files of ports: LCK..ttyUSB2 (FHS 3.0, 5.9.1)")
struct PortLockTests {
    private let folder = LeaseTestFolder()
    private let port = "/dev/ttyUSB9002"
    private var file: String { folder.file("LCK..ttyUSB9002") }

    init() throws { try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false) }

    private func content() -> String? { FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } }
    private func put(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }

    @Test("the lab makes it, ten places and a new line, and removes it")
    func made() throws {
        let lock = try PortLock(port, folder: folder.path)
        let number = String(getpid())
        #expect(content() == String(repeating: " ", count: 10 - number.count) + number + "\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["LCK..ttyUSB9002"])
        lock.release()
        #expect(content() == nil && lock.notes.isEmpty)
    }

    @Test("that of a living process is busy, with its name and number, and stays")
    func alive() throws {
        try put("         1\n")
        let failure = #expect(throws: StreamFailure.self) { try PortLock(port, folder: folder.path) }
        let name = try #require(ProcessTable.name(of: 1))
        #expect(failure?.reason == .busy && failure?.detail == "\(name) (pid 1) uses it, says \(file)")
        #expect(content() == "         1\n")
    }

    @Test("that of a process that is gone is removed, and told")
    func stale() throws {
        try put("2147483646\n")
        let lock = try PortLock(port, folder: folder.path)
        #expect(lock.notes == ["\(file) was of process 2147483646, which is gone; removed"])
        #expect(content()?.contains("\(getpid())") == true)
    }

    @Test("one that names no process is left for a person", arguments: ["", "minicom\n", "-5\n", "0\n"])
    func nobody(_ text: String) throws {
        try put(text)
        let failure = #expect(throws: StreamFailure.self) { try PortLock(port, folder: folder.path) }
        #expect(failure?.reason == .busy && failure?.remedy.contains("remove that file") == true)
        #expect(content() == text)
    }

    @Test("old programs write the number as four bytes")
    func binary() {
        #expect(PortLock.process(in: [0x92, 0x10, 0, 0]) == 4_242)
        #expect(PortLock.process(in: Array("      4242 minicom anna\n".utf8)) == 4_242)
    }

    @Test("where no file can be made the lab goes on and says so")
    func noFolder() throws {
        let lock = try PortLock(port, folder: folder.file("none"))
        #expect(lock.notes.count == 1 && lock.notes[0].contains("cannot be made"))
    }

    @Test("of two users in one process the second finds it busy, and leaves the first one's file when it goes")
    func twice() throws {
        let lock = try PortLock(port, folder: folder.path)
        #expect(throws: StreamFailure.self) { try PortLock(port, folder: folder.path) }
        #expect(content() != nil)
        lock.release()
        let next = try PortLock(port, folder: folder.path)
        // The first one has nothing to give back any more.
        lock.release()
        #expect(content() != nil)
        next.release()
        #expect(content() == nil)
    }

    @Test("a link has the name of the port that it leads to, also where that is a link itself")
    func links() throws {
        let (byPath, target) = (folder.file("by-path"), folder.file("pts"))
        try FileManager.default.createSymbolicLink(atPath: byPath, withDestinationPath: port)
        #expect(PortLock.name(of: byPath) == "ttyUSB9002")
        #expect(PortLock.name(of: "/dev/ttyUSB9002") == "ttyUSB9002")
        #expect(PortLock.name(of: target) == nil && PortLock.name(of: "/dev/pts/3") == nil)
    }

    @Test("pseudo terminals have none")
    func pseudoTerminal() throws {
        _ = try PortLock("/dev/pts/3", folder: folder.path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
