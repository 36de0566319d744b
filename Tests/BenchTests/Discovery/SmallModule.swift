import Foundation
import LabCore
import Synchronization
import Transports

/// A pseudo terminal for the place of a mocked port, with a thread that answers AT and ATI (rg500q.md §2.2, §5.1).
final class SmallModule: Sendable {
    private let text = Mutex("")
    private let isOver = Mutex(false)
    private let reactor: Reactor
    private let device = Mutex("")
    /// All that was written to it.
    var heard: String { text.withLock { $0 } }
    /// `/dev/pts/7`
    var terminal: String { device.withLock { $0 } }

    /// - Parameter text: what it says in place of the module's answers.
    init(answers: Bool, text foreign: (@Sendable (String) -> String)? = nil) throws {
        let name = FileManager.default.temporaryDirectory.appending(path: "module-\(UUID().uuidString)").path
        reactor = try Reactor()
        let ready = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            let terminal = PseudoTerminal(name: name, on: reactor)
            terminal.onEvent = { [unowned terminal, self] event in
                guard case .bytes(let bytes, _) = event else { return }
                let piece = String(decoding: bytes, as: UTF8.self)
                text.withLock { $0 += piece }
                guard answers, piece.hasSuffix("\r") else { return }
                if let foreign { return terminal.send(Array(foreign(piece).utf8)) }
                let information = piece.uppercased() == "ATI\r" ? "\r\nQuectel\r\nRG500Q-EA\r\nRevision: RG500QEAAAR11A06M4G\r\n" : ""
                terminal.send(Array("\(piece)\(information)\r\nOK\r\n".utf8))
            }
            terminal.open()
            reactor.run(until: { terminal.isOpen }, timeout: .seconds(10))
            device.withLock { $0 = terminal.target ?? "" }
            ready.signal()
            reactor.run(until: { isOver.withLock { $0 } }, timeout: .seconds(120))
            terminal.close()
        }
        ready.wait()
    }

    func stop() {
        isOver.withLock { $0 = true }
        reactor.wake()
    }
}
