import ArgumentParser
import Foundation
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
            Exit codes: 0 passed, 1 failed, 2 wrong input, 3 blocked, 4 nothing selected, 5 unproven, 6 regressed, 70 bug of the lab, 130 interrupted.
            """,
        version: version,
        subcommands: [
            InitCommand.self, ListCommand.self, CheckCommand.self, PlanCommand.self, RunCommand.self, ReplayCommand.self,
            JudgeCommand.self, ShowCommand.self, SchemaCommand.self, DescribeCommand.self,
        ])

    /// Argument errors end with 2 like every other wrong input, instead of the library's own code.
    static func main() {
        do {
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
