import ArgumentParser
import Bench
import Crypto
import Foundation
import LabCore
import Reports
import Transports
import Verdicts

/// `lab record`: what goes over a device's port, in a file.
struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Records what goes over the port of a device, with times; numbers of people, SIMs and modules are replaced.",
        discussion: """
            Without --between it listens. With it there is a port for another program, such as picocom or a dialler: it goes through, and both \
            directions are recorded. `lab twin FILE` makes an emulator of the recording. Ctrl-C ends it well.
            Exit codes: 0 ended by time, 130 by Ctrl-C, 2 wrong usage, 3 the port does not open, somebody has the device, or the disk is full.
            """)

    @Argument(help: "The node, as lab.yaml names it.")
    var node: String

    @Option(name: .customLong("for"), help: ArgumentHelp("How long: 90s, 1h; until Ctrl-C without it.", valueName: "time"))
    var time: String?

    @Option(help: ArgumentHelp("The file; runs/record-NODE-TIME.jsonl without it.", valueName: "file"))
    var out: String?

    @Option(help: ArgumentHelp("serial or console; without it the serial port where there is one.", valueName: "port"))
    var port: String?

    @Option(help: ArgumentHelp("The name of a port for another program, which speaks with the device through it.", valueName: "path"))
    var between: String?

    @OptionGroup var redaction: RedactionOptions

    func run() throws {
        let duration = try time.map { text in
            guard let nanoseconds = DurationText.parse(text), nanoseconds > 0 else { throw Stop(.wrongInput, "--for '\(text)' is no time such as 90s or 1h") }
            return Duration.nanoseconds(nanoseconds)
        }
        let isRedacted = try redaction.isWanted
        Interrupts.watch()
        let bench = try BenchNodes()
        let patient = try bench.patient(node)
        let (purpose, source) = try chosen(patient)
        let lease = bench.keeper(of: try bench.leaseOrStop(patient, why: "lab record"))
        defer { lease.release() }
        let now = Today.now
        let header = PortRecording.Header(
            node: node, kind: patient.kind, port: purpose.rawValue, settings: "\(source.baud) \(source.framing)", isRedacted: isRedacted, began: now.formatted(.iso8601))
        var ending = RecordingSession.Ending.timeIsOver
        do throws(StreamFailure) {
            let file = try RecordingFile(try path(now), header)
            let keeper = RedactingKeeper(file, isRedacted: isRedacted)
            do throws(StreamFailure) {
                ending = try record(source, duration, keeper, lease)
            } catch {
                try? keeper.close()
                Console.error("\(file.pieces) pieces, \(file.written) bytes in \(file.path)")
                throw error
            }
            try keeper.close()
            let numbers = isRedacted ? ", \(keeper.numberCount) numbers replaced" : ""
            Console.print("\(file.pieces) pieces, \(file.written) bytes\(numbers) in \(file.path)")
        } catch { throw Stop(.blocked, VisibleText.clean(error.description)) }
        if ending == .interrupted { throw Stop(Interrupts.signalNumber == SIGTERM ? .terminated : .interrupted) }
    }

    private func record(
        _ source: PortSource, _ duration: Duration?, _ keeper: RedactingKeeper, _ lease: LeaseKeeper
    ) throws(StreamFailure) -> RecordingSession.Ending {
        let session = try RecordingSession(
            source, between: between,
            find: { source, reactor throws(StreamFailure) in
                // Looked for anew each time: a module that resets can come back under another name.
                let port = BenchPort(source, name: "\(source.place)", on: reactor) { source, tell throws(StreamFailure) in
                    try LocalPorts.stream(to: source, on: reactor, tell: tell)
                }
                port.onNote = { Console.error(VisibleText.clean($0)) }
                return port
            },
            record: { piece throws(StreamFailure) in try keeper.add(piece) }, tell: { Console.error(VisibleText.clean($0)) })
        let way = between.map { "; the port for the other program is \($0)" } ?? ""
        Console.error(VisibleText.clean("recording \(source.place) into \(keeper.file.path)\(way). Ctrl-C ends it."))
        return try session.run(for: duration, isInterrupted: { Interrupts.signalNumber != nil }) { () throws(StreamFailure) in
            try keeper.flush()
            if let loss = lease.loss { throw loss }
        }
    }

    private func path(_ now: Date) throws(StreamFailure) -> String {
        if let out { return out }
        try? FileManager.default.createDirectory(atPath: "runs", withIntermediateDirectories: true)
        let stamp = now.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false).timeSeparator(.omitted).dateSeparator(.omitted))
        return "runs/record-\(node)-\(stamp)-\(getpid()).jsonl"
    }

    private func chosen(_ patient: Patient) throws -> (PortPurpose, PortSource) {
        let ports = patient.hardware.ports
        guard let found = port.map({ port in ports.first { $0.purpose.rawValue == port } }) ?? ports.first(where: { $0.purpose == .serial }) ?? ports.first else {
            let known = ports.map(\.purpose.rawValue).joined(separator: ", ")
            throw Stop(.wrongInput, ports.isEmpty ? "\(patient.hardware.location): \(node) has no port." : "\(node) has no port '\(port ?? "")' (has: \(known))")
        }
        return (found.purpose, found.source)
    }
}

/// `--redact yes|no` and `--no-redact`.
struct RedactionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("yes: numbers of people, SIMs and modules, codes and passwords are replaced; no: they stay.", valueName: "yes|no"))
    var redact = "yes"

    @Flag(help: "The same as --redact no.")
    var noRedact = false

    var isWanted: Bool {
        get throws {
            guard ["yes", "no"].contains(redact) else { throw Stop(.wrongInput, "--redact '\(redact)' is yes or no") }
            return redact == "yes" && !noRedact
        }
    }

    /// A keyed hash with a key that nobody keeps: what a number became cannot be worked out again.
    static func keyedHash() -> NumberReplacement.KeyedHash {
        let key = SymmetricKey(size: .bits256)
        return { message in Array(HMAC<SHA256>.authenticationCode(for: message, using: key)) }
    }
}

/// Pieces on their way into the file, with numbers replaced where that is wanted.
private final class RedactingKeeper {
    let file: RecordingFile
    private var redaction: RecordingRedaction?

    init(_ file: RecordingFile, isRedacted: Bool) {
        self.file = file
        redaction = isRedacted ? RecordingRedaction(keyedHash: RedactionOptions.keyedHash()) : nil
    }

    var numberCount: Int { redaction?.count ?? 0 }

    func add(_ piece: PortRecording.Piece) throws(StreamFailure) {
        guard let done = redaction?.take(piece) else { return try file.add(piece) }
        for piece in done { try file.add(piece) }
    }

    func flush() throws(StreamFailure) { try file.flush() }

    func close() throws(StreamFailure) {
        for piece in redaction?.flush() ?? [] { try file.add(piece) }
        try file.close()
    }
}
