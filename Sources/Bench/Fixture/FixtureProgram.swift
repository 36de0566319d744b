package import LabCore
import Programs
package import Transports

/// The running program of a fixture; what it can do and see of the device comes through it.
///
/// Confined to the reactor's thread. The program ends with this object.
package final class FixtureProgram {
    /// Called with what the fixture says of itself, when it greets.
    package var onGreeting: ((String) -> Void)?
    /// Called with each event that the fixture tells.
    package var onEvent: ((String, Fields) -> Void)?
    /// Called once when the program is gone or speaks nonsense. Open requests have failed then.
    package var onLoss: ((StreamFailure) -> Void)?
    private let name: String
    private let reactor: Reactor
    private let stream: LocalStream
    private let child: ChildProcess
    private let source: FixtureSource
    private var lines = LineCollector(limit: 64 << 20)
    private var lastID: Int64 = 0
    private var open: [(id: Int64, done: (Result<Fields, ActionFailure>) -> Void)] = []
    private var isGreeted = false
    private var isOver = false

    /// - Throws: `StreamFailure` where the program cannot be started.
    package init(_ source: FixtureSource, of node: String, on reactor: Reactor) throws(StreamFailure) {
        name = "fixture of \(node)"
        self.reactor = reactor
        self.source = source
        guard let program = source.command.first else { throw StreamFailure(.notFound, name, "its command is empty", remedy: "name a program in lab.yaml") }
        let ends = try LocalStream.pair(for: name)
        stream = try LocalStream(adopting: ends.ours, name: name, on: reactor)
        defer { closeDescriptor(ends.theirs) }
        do { child = try ChildProcess(program, Array(source.command.dropFirst()), speakingThrough: ends.theirs) } catch {
            stream.close()
            throw StreamFailure(.notFound, name, "\(error)", remedy: "see `fixture` at \(source.location)")
        }
        stream.onEvent = { [weak self] event in
            switch event {
            case .opened: break
            case .bytes(let bytes, _): self?.take(bytes)
            case .closed: self?.hungUp()
            }
        }
    }

    /// Asks for something; `done` is called once, on the reactor's thread and never from inside this call.
    package func request(_ verb: FixtureRequest.Verb, _ name: String, _ arguments: Fields, _ done: @escaping (Result<Fields, ActionFailure>) -> Void) {
        guard !isOver else {
            let errand = Errand { [self] in done(.failure(lost("it is gone"))) }
            return reactor.post { errand.run() }
        }
        lastID += 1
        open.append((lastID, done))
        stream.send(FixtureRequest(id: lastID, verb, name, arguments).line)
    }

    package func close() {
        isOver = true
        stream.close()
        // What a script has started would keep the lab's standard error open.
        child.terminateGroup()
    }

    private func take(_ bytes: [UInt8]) {
        guard let lines = lines.take(bytes) else { return lose("it sent a line without an end") }
        for line in lines where !isOver {
            do throws(FixtureFailure) { try take(FixtureReply(line: line)) } catch {
                lose("it sent '\(String(decoding: line.prefix(80), as: UTF8.self))': \(error)")
            }
        }
    }

    private func take(_ reply: FixtureReply) throws(FixtureFailure) {
        if case .hello(let about) = reply {
            isGreeted = true
            onGreeting?(about)
            return
        }
        guard isGreeted else { throw FixtureFailure("the first line is {\"fixture\":\(FixtureReply.version)}") }
        switch reply {
        case .hello: break
        case .event(let name, let fields): onEvent?(name, fields)
        case .answered(let id, let result):
            guard let index = open.firstIndex(where: { $0.id == id }) else { throw FixtureFailure("nobody has asked for anything with the id \(id), or it has answered already") }
            open.remove(at: index).done(result)
        }
    }

    /// It is gone in the same moment as a rule; one that only closes its ends is not waited for.
    private func hungUp() {
        guard !isOver else { return }
        guard Waiting.until(Self.lastMoments, every: .milliseconds(1), { !child.isRunning }) else { return lose("it closed its standard input and output") }
        lose("the program has ended (\(child.wait().ending))")
    }

    private static let lastMoments = Duration.milliseconds(200)

    private func lose(_ reason: String) {
        guard !isOver else { return }
        close()
        let waiting = open
        open = []
        for (_, done) in waiting { done(.failure(lost(reason))) }
        onLoss?(StreamFailure(.ended, name, reason, remedy: "see what it printed, and its command at \(source.location): \(source.command.joined(separator: " "))"))
    }

    private func lost(_ reason: String) -> ActionFailure { ActionFailure("fixture_lost", "The \(name) is lost: \(reason).") }
}
