import Foundation
import LabCore
import Synchronization
import Transports

/// A device behind a pseudo terminal with a thread of its own: it hears bytes and says others, and can be unplugged.
///
/// `@unchecked Sendable`: everything but the script is used on its own thread.
final class ScriptedTerminal: @unchecked Sendable {
    let path: String
    private let reactor: Reactor
    private let isOver = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)
    private var terminal: PseudoTerminal?

    /// - Parameter hear: called on its thread with the bytes of each reading; what it returns is sent back.
    init(_ path: String, hear: @escaping @Sendable ([UInt8]) -> [UInt8]) throws {
        self.path = path
        reactor = try Reactor()
        Thread.detachNewThread { [self] in
            let terminal = PseudoTerminal(name: path, on: reactor)
            self.terminal = terminal
            terminal.onEvent = { [weak terminal] event in
                guard case .bytes(let bytes, _) = event else { return }
                let answer = hear(bytes)
                if !answer.isEmpty { terminal?.send(answer) }
            }
            while !isOver.load(ordering: .relaxed) { reactor.run(until: { isOver.load(ordering: .relaxed) }, timeout: .seconds(60)) }
            terminal.close()
            self.terminal = nil
            done.signal()
        }
        plug()
    }

    func plug() { act { $0.open() } until: { $0.isOpen } }
    func unplug() { act { $0.close() } until: { !$0.isOpen } }
    /// Says something by itself.
    func say(_ bytes: [UInt8]) { act { $0.send(bytes) } until: { _ in true } }

    /// From its own script.
    func unplugFromInside() { terminal?.close() }

    /// Waits until the terminal has done it.
    private func act(_ change: @escaping @Sendable (PseudoTerminal) -> Void, until holds: @escaping @Sendable (PseudoTerminal) -> Bool) {
        let changed = DispatchSemaphore(value: 0)
        reactor.post { [self] in
            guard let terminal else {
                changed.signal()
                return
            }
            change(terminal)
            // Opening is done in the next turn of the loop.
            if holds(terminal) { changed.signal() } else { reactor.post { _ = changed.signal() } }
        }
        changed.wait()
    }

    func end() {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        reactor.post {}
        done.wait()
    }
}

/// A folder for one test.
final class BenchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ text: String, to name: String, executable: Bool = false) throws -> String {
        let file = file(name)
        try FileManager.default.createDirectory(atPath: URL(filePath: file).deletingLastPathComponent().path, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: file))
        if executable { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file) }
        return file
    }

    func read(_ name: String) -> String { (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? "" }
}

let nowhere = SourceLocation(file: "lab.yaml", line: 1, column: 1)

/// What a call failed with.
func failure(_ act: () throws(StreamFailure) -> Void) -> StreamFailure? {
    do throws(StreamFailure) { try act() } catch { return error }
    return nil
}
