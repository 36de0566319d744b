import ArgumentParser
import Bench
import Foundation
import Glibc
import LabCore
import Reports
import Verdicts

/// `lab console`: a person, or a pipe, at the port of a device.
struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Speaks with a device through its serial or console port; every byte is recorded with its time.",
        discussion: """
            Ctrl-] leaves. With a pipe, each line goes out after the device fell silent, and the command ends a second after the last answer: \
            `echo ATI | lab console modem_1`. The recording is runs/console-….jsonl, in the form that `lab twin` reads; it is not redacted. \
            Exit codes: 0 left, 2 wrong usage, 3 the port does not open or went away, or somebody else has the device.
            """)

    @Argument(help: "The node, as lab.yaml names it.")
    var node: String

    @Option(help: ArgumentHelp("serial or console; without it the console port where there is one.", valueName: "port"))
    var port: String?

    @Flag(help: "Bytes of a pipe go out as they are: no CR for LF, no waiting.")
    var raw = false

    @Option(help: ArgumentHelp("The folder of the recording.", valueName: "dir"))
    var out = "runs"

    func run() throws {
        Interrupts.watch()
        let bench = try BenchNodes()
        let patient = try bench.patient(node)
        let (purpose, source) = try chosen(patient)
        let lease = bench.keeper(of: try bench.leaseOrStop(patient, why: "lab console"))
        let places = LabgridHoldings()
        defer {
            for failure in places.release() { Console.error(VisibleText.clean(failure.description)) }
            lease.release()
        }
        let journal = try ConsoleJournal(folder: out, node: node, kind: patient.kind, purpose: purpose, source: source)
        let isInteractive = isatty(STDIN_FILENO) == 1
        var options = ConsoleSession.Options(isInteractive: isInteractive)
        options.translatesLines = !raw
        var ending = ConsoleSession.Ending.left
        do throws(StreamFailure) {
            try places.acquire([source])
            let session = try ConsoleSession(
                source, options, find: { source, reactor throws(StreamFailure) in 
                    try LocalPorts.stream(to: source, on: reactor, places: places) { Console.error("\r" + VisibleText.clean($0) + "\r") }
                },
                record: journal.add, show: { Console.write($0) }, tell: { Console.error("\r" + VisibleText.clean($0) + "\r") })
            if isInteractive { Console.error(VisibleText.clean("\(node) \(purpose.rawValue): \(source.place), \(source.baud) \(source.framing). Ctrl-] leaves. Recorded in \(journal.path)")) }
            let terminal = isInteractive ? RawTerminal(STDIN_FILENO) : nil
            defer { terminal?.restore() }
            ending = try session.run(input: STDIN_FILENO, isInterrupted: { Interrupts.signalNumber != nil }) { () throws(StreamFailure) in
                if let loss = lease.loss { throw loss }
            }
            terminal?.restore()
            journal.close()
            if isInteractive { Console.error("left \(node)") } else { Console.error("recorded in \(journal.path)") }
        } catch { throw Stop(.blocked, VisibleText.clean(error.description)) }
        if ending == .interrupted { throw Stop(Interrupts.signalNumber == SIGTERM ? .terminated : .interrupted) }
    }

    private func chosen(_ patient: Patient) throws -> (PortPurpose, PortSource) {
        let ports = patient.hardware.ports
        guard !ports.isEmpty else { throw Stop(.wrongInput, "\(patient.hardware.location): \(node) has no port.") }
        if let port {
            guard let found = ports.first(where: { $0.purpose.rawValue == port }) else {
                throw Stop(.wrongInput, "\(node) has no port '\(port)' (has: \(ports.map(\.purpose.rawValue).joined(separator: ", ")))")
            }
            return (found.purpose, found.source)
        }
        let found = ports.first { $0.purpose == .console } ?? ports[0]
        return (found.purpose, found.source)
    }
}

/// The recording of a console, written as it happens.
private final class ConsoleJournal {
    let path: String
    private let descriptor: Int32

    init(folder: String, node: String, kind: String, purpose: PortPurpose, source: PortSource) throws {
        let now = Today.now
        let stamp = now.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false).timeSeparator(.omitted).dateSeparator(.omitted))
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw Stop(.wrongInput, "The folder '\(folder)' cannot be made: \(error.localizedDescription)")
        }
        path = "\(folder)/console-\(node)-\(stamp)-\(getpid()).jsonl"
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0o644)
        guard descriptor >= 0 else { throw Stop(.wrongInput, "'\(path)' cannot be written: \(Descriptor.reason(errno)).") }
        var line: [UInt8] = []
        PortRecording.Header(
            node: node, kind: kind, port: purpose.rawValue, settings: "\(source.baud) \(source.framing)", began: now.formatted(.iso8601)
        ).appendLine(to: &line)
        _ = Descriptor.write(line, to: descriptor)
    }

    func add(_ piece: PortRecording.Piece) {
        var line: [UInt8] = []
        piece.appendLine(to: &line)
        _ = Descriptor.write(line, to: descriptor)
    }

    func close() { _ = Glibc.close(descriptor) }
}
