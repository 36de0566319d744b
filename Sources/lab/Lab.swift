import ArgumentParser
import Foundation
import LabCore
import Verdicts

/// The command `lab`: see `lab --help`, and the exit codes in `Verdicts.ExitCode`.
@main
struct Lab: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Tests and simulates connected devices with their cloud, from scenario files.",
        discussion: """
            Begin with `lab run scenarios`. SELECT is a path, a glob, or an expression such as 'tag:badge & !tag:nightly'.
            Exit codes, the first that applies: 70 bug of the lab, 2 wrong input, 130 and 143 interrupted, 1 failed, \
            6 regressed, 5 unproven, 3 blocked, 4 nothing selected, 0 passed.
            """,
        version: version,
        subcommands: [
            InitCommand.self, ListCommand.self, CheckCommand.self, PlanCommand.self, RunCommand.self, ReplayCommand.self,
            JudgeCommand.self, ShowCommand.self, DiffCommand.self, TrendCommand.self, BaselineCommand.self, ServeCommand.self, MutateCommand.self, ExploreCommand.self, FirmwareCommand.self, FrameCommand.self, EmulateCommand.self,
            DevicesCommand.self, HoldCommand.self, ReleaseCommand.self, PowerCommand.self, DoctorCommand.self, ConsoleCommand.self,
            RecordCommand.self, TwinCommand.self, SchemaCommand.self, DescribeCommand.self,
        ])

    /// Argument errors end with 2 like every other wrong input, instead of the library's own code.
    static func main() {
        // A reader that has gone must not end a run before its reports are written.
        _ = signal(SIGPIPE, SIG_IGN)
        do {
            try NotYet.refuse(command: CommandLine.arguments.dropFirst().first)
            var command = try parseAsRoot()
            try command.run()
            leave(.passed)
        } catch let stop as Stop {
            if !stop.message.isEmpty { Console.error(stop.message) }
            leave(stop.code)
        } catch {
            let isHelp = exitCode(for: error).isSuccess
            if isHelp { Console.print(fullMessage(for: error)) } else { Console.error(fullMessage(for: error)) }
            leave(isHelp ? .passed : .wrongInput)
        }
    }

    private static func leave(_ code: Verdicts.ExitCode) -> Never {
        if let failure = Console.failure {
            Console.error(failure)
            if code == .passed { Foundation.exit(Verdicts.ExitCode.wrongInput.rawValue) }
        }
        Foundation.exit(code.rawValue)
    }
}

/// Ends the command with a code, after telling why on standard error.
struct Stop: Error {
    var code: Verdicts.ExitCode
    var message: String
    init(_ code: Verdicts.ExitCode, _ message: String = "") {
        self.code = code
        self.message = message
    }
}

/// What the lab will do one day: refused by name, so that nobody looks for the mistake in the spelling.
enum NotYet {
    private static let commands = [
        "blame", "watch",
    ]

    static func refuse(command word: String?) throws {
        guard let word, !word.hasPrefix("-") else { return }
        let known = Lab.configuration.subcommands.map { $0.configuration.commandName ?? "" } + ["help"]
        guard !known.contains(word) else { return }
        if commands.contains(word) { throw Stop(.wrongInput, "`lab \(word)` is not available yet.") }
        let hint = DidYouMean.suggestion(for: word, among: known).map { " — did you mean '\($0)'?" } ?? ""
        throw Stop(.wrongInput, "unknown command '\(word)'\(hint) (known: \(known.joined(separator: ", ")))")
    }

    static func refuse(option name: String, _ isGiven: Bool) throws {
        if isGiven { throw Stop(.wrongInput, "\(name) is not available yet.") }
    }
}
