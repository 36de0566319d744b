import Foundation
import LabCore
import Transports

/// A folder for names of ports, and the loop of what is in it.
final class PortBench {
    let reactor: Reactor
    let folder: URL

    init() throws {
        reactor = try Reactor()
        folder = FileManager.default.temporaryDirectory.appending(path: "ports-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    func terminal(_ name: String = "modem.at") -> StreamLog {
        StreamLog(PseudoTerminal(name: path(name), on: reactor), on: reactor)
    }

    func port(_ name: String = "modem.at", _ settings: SerialSettings = SerialSettings()) -> StreamLog {
        StreamLog(SerialPort(path: path(name), settings: settings, on: reactor), on: reactor)
    }

    /// A terminal and a port that is open on it.
    func pair(_ settings: SerialSettings = SerialSettings()) throws -> (terminal: StreamLog, port: StreamLog) {
        let (terminal, port) = (terminal(), port("modem.at", settings))
        guard terminal.open() == .opened, port.open() == .opened else { throw StreamFailure(.failed, "test", "the ports do not open") }
        return (terminal, port)
    }
}

/// A stream on a reactor with what it told.
final class StreamLog {
    let stream: any ByteStream
    private let reactor: Reactor
    private(set) var events: [ByteStreamEvent] = []

    init(_ stream: any ByteStream, on reactor: Reactor) {
        self.stream = stream
        self.reactor = reactor
        stream.onEvent = { [weak self] in self?.events.append($0) }
    }

    var bytes: [UInt8] { events.reduce(into: []) { if case .bytes(let bytes, _) = $1 { $0 += bytes } } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var failures: [StreamFailure] { events.compactMap(\.failure) }
    func forget() { events = [] }

    /// Opens it and waits for what comes of it.
    func open() -> ByteStreamEvent? {
        let count = events.count
        stream.open()
        _ = wait { self.events.count > count }
        return events.count > count ? events[count] : nil
    }

    func send(_ text: String) { stream.send(Array(text.utf8)) }

    @discardableResult
    func wait(until condition: () -> Bool) -> Bool { reactor.run(until: condition, timeout: .seconds(20)) }
    func hears(_ text: String) -> Bool { wait { self.text == text } }
    func isTold(_ reason: StreamFailure.Reason) -> Bool { wait { self.failures.last?.reason == reason } }
}
