import Archive
import ArgumentParser
import Emulators
import Foundation
import LabCore
import Reports
import Verdicts

/// `lab twin`: an emulator out of what a device has said.
struct TwinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "twin", abstract: "Makes an emulator of a device from a run, a recording or transcripts, for `emu: {script: FILE}` in lab.yaml.",
        discussion: """
            SOURCE is a run such as 1121-1, a case of it, last, or a file: a recording of `lab record` or `lab console`, or JSON lines of commands \
            with their answers. Numbers of people, SIMs and modules are replaced. What a twin can do, and what not, is in Docs/bench-twins.md.
            """)

    @Argument(help: ArgumentHelp("A run, a case of a run, last, or a file.", valueName: "source"))
    var source: String

    @Argument(help: "The node of the run; for a file the name that the twin's header gets.")
    var node: String?

    @Option(help: ArgumentHelp("The file; NODE-twin.jsonl without it.", valueName: "file"))
    var out: String?

    @Option(help: ArgumentHelp("Which port, where the run has several of the node.", valueName: "port"))
    var port: String?

    @OptionGroup var redaction: RedactionOptions

    @Option(help: "The folder for run folders.")
    var runs = "runs"

    func run() throws {
        let isRedacted = try redaction.isWanted
        var recording = Descriptor.kind(of: source) == .file ? try fromFile() : try fromRun()
        if isRedacted { recording = recording.redacted(keyedHash: RedactionOptions.keyedHash()) }
        let exchanges = try checked(recording)
        let path = out ?? "\(recording.header.node)-twin.jsonl"
        guard Descriptor.kind(of: path) == nil else { throw Stop(.wrongInput, "'\(path)' is there already; choose another with --out.") }
        do { try Data(recording.bytes).write(to: URL(filePath: path), options: .withoutOverwriting) } catch {
            throw Stop(.wrongInput, "'\(path)' cannot be written: \(error.localizedDescription)")
        }
        Console.print(VisibleText.clean("\(path): \(exchanges), \(recording.header.isRedacted ? "redacted" : "not redacted")"))
        Console.print(VisibleText.clean("use it in lab.yaml: \(recording.header.node): {kind: \(recording.header.kind), emu: {serial: pty, script: \(path)}}"))
    }

    /// What the twin can answer, for people; refuses what no twin can be made of.
    private func checked(_ recording: PortRecording) throws -> String {
        guard ["rg500q", "pile"].contains(recording.header.kind) else {
            throw Stop(.wrongInput, "A twin of the kind '\(recording.header.kind)' cannot be made; those of rg500q and pile can.")
        }
        if recording.header.kind == "pile" {
            let script = PileTwinScript(recording)
            guard !script.isEmpty else { throw Stop(.wrongInput, "There are no frames of a pile in the recording.") }
            return "\(script.answerCount) answers to \(script.commandCount) commands, \(script.unaskedCount) frames that come by themselves"
        }
        let script = TwinScript(recording)
        let exchanges = script.lives.flatMap(\.exchanges)
        guard !exchanges.isEmpty else { throw Stop(.wrongInput, "There is no command with an answer in the recording; record a port while something speaks through it.") }
        return "\(exchanges.count) answers to \(Set(exchanges.map(\.key)).count) commands in \(script.lives.count) \(script.lives.count == 1 ? "life" : "lives") of the port"
    }

    private func fromFile() throws -> PortRecording {
        guard let bytes = FileManager.default.contents(atPath: source) else { throw Stop(.wrongInput, "'\(source)' cannot be read.") }
        do throws(PortRecording.ReadingFailure) {
            if TwinTranscripts.isTranscript(Array(bytes.prefix(1 << 16))) {
                return try TwinTranscripts.recording(Array(bytes), file: source, node: node ?? "modem")
            }
            var recording = try PortRecording(Array(bytes), file: source)
            if recording.isTorn { Console.error("\(source): its last line was cut off and is left out") }
            if let node { recording.header.node = node }
            return recording
        } catch { throw Stop(.wrongInput, VisibleText.clean(error.description)) }
    }

    private func fromRun() throws -> PortRecording {
        let stored = try StoredRun.load(source, root: runs)
        let cases = stored.cases
        guard let first = cases.first else { throw Stop(.wrongInput, "Run \(source) has no case.") }
        let roles = first.plan.roles.filter { ["rg500q", "pile"].contains($0.kind) }
        guard let role = node ?? (roles.count == 1 ? roles[0].name : nil) else {
            throw Stop(.wrongInput, "Name the node: \(source) has \(roles.isEmpty ? "no module and no pile" : roles.map(\.name).joined(separator: ", ")).")
        }
        // Of several cases the first in which the node spoke.
        for entry in cases {
            let name = String(role.split(separator: "#").first ?? "")
            guard let kind = entry.plan.roles.first(where: { $0.name == name })?.kind else { continue }
            let found = PortRecording.recordings(in: entry.events, of: role, kind: kind)
            let chosen = port.map { port in found.filter { $0.header.port == port } } ?? found
            if let recording = chosen.max(by: { $0.pieces.count < $1.pieces.count }) {
                Console.error("from \(entry.name), port \(recording.header.port)")
                return recording
            }
        }
        let known = first.plan.roles.map(\.name).joined(separator: ", ")
        throw Stop(.wrongInput, "No case of \(source) has bytes of a port of '\(role)'\(port.map { " named '\($0)'" } ?? "") (its nodes: \(known)).")
    }
}
