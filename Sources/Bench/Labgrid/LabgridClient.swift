import Foundation
import LabCore
import Programs

/// Runs labgrid's own client: `labgrid-client -x COORDINATOR -p PLACE …`.
struct LabgridClient: Sendable {
    let program: String
    /// `host:port`; nil: as the client finds it (LG_COORDINATOR, or 127.0.0.1:20408).
    let coordinator: String?
    let place: String?
    /// For messages.
    let medium: String

    /// The exporter may take 10 seconds to start a port's server, and the coordinator waits for each.
    private static let limit = Duration.seconds(40)
    /// These would have it look for another place, or through a file of its own.
    private static let foreignVariables = ["LG_ENV", "LG_PLACE", "LG_STATE", "LG_INITIAL_STATE"]

    /// - Parameter user: in whose name.
    /// - Returns: what it printed.
    func run(_ words: [String], as user: String? = nil) throws(StreamFailure) -> String {
        let outcome = try outcome(of: words, as: user)
        guard outcome.status == 0 else { throw failure(outcome) }
        return outcome.output
    }

    private func outcome(of words: [String], as user: String?) throws(StreamFailure) -> ChildProcess.Outcome {
        var variables = ProcessInfo.processInfo.environment
        for name in Self.foreignVariables { variables[name] = nil }
        if let user { variables["LG_USERNAME"] = user }
        let arguments = (coordinator.map { ["-x", $0] } ?? []) + (place.map { ["-p", $0] } ?? []) + words
        do throws(ProgramFailure) {
            return try ChildProcess(
                program, arguments, environment: variables, output: .collected(atMost: 1 << 22), errors: .collected(atMost: 1 << 16),
                limit: Self.limit
            ).wait()
        } catch {
            throw StreamFailure(
                error.reason == .notFound ? .notFound : .failed, medium, "\(error.program): \(error.detail)", remedy: Self.installation)
        }
    }

    private static let installation = "install labgrid 25 or later (`pip install labgrid`), so that labgrid-client is in PATH"

    // MARK: Its words

    private func failure(_ outcome: ChildProcess.Outcome) -> StreamFailure {
        let lines = outcome.errors.split(whereSeparator: \.isNewline).map(String.init)
        let said = (lines.last ?? "").replacing("labgrid-client: ", with: "").replacing("Server error: ", with: "").replacing(
            "Error: ", with: "")
        if outcome.ending == .signalled(number: SIGKILL) {
            return StreamFailure(.timedOut, medium, "labgrid does not answer", remedy: "check the coordinator, \(coordinatorName)")
        }
        if outcome.errors.contains("--crossbar") || outcome.errors.contains("crossbar") {
            return StreamFailure(
                .unsupported, medium, "this labgrid-client is older and speaks to a crossbar router", remedy: Self.installation)
        }
        for word in Self.words where said.contains(word.text) {
            return StreamFailure(
                word.reason, medium, "labgrid says: \(said)", remedy: word.remedy.replacing("COORDINATOR", with: coordinatorName))
        }
        return StreamFailure(.failed, medium, "labgrid-client failed (\(outcome.ending)): \(said)", remedy: "run it by hand to see more")
    }

    var coordinatorName: String { coordinator ?? ProcessInfo.processInfo.environment["LG_COORDINATOR"] ?? "127.0.0.1:20408" }

    private struct Word {
        var text: String
        var reason: StreamFailure.Reason
        var remedy: String
    }

    /// What labgrid 26.0 says, without what stands around it.
    private static let words = [
        Word(
            text: "Could not connect to coordinator", reason: .refused,
            remedy: "start the coordinator, or correct LG_COORDINATOR (COORDINATOR)"),
        Word(text: "matches nothing", reason: .notFound, remedy: "`labgrid-client places` lists those that there are"),
        Word(text: "matches multiple places", reason: .notFound, remedy: "write the whole name"),
        Word(text: "already acquired", reason: .busy, remedy: "wait until it is released"),
        Word(text: "acquired by a different user", reason: .busy, remedy: "wait until it is released"),
        Word(text: "was not reserved for", reason: .busy, remedy: "wait until the reservation is over, or cancel it"),
        Word(
            text: "has no matching remote resource", reason: .notFound,
            remedy: "start the exporter of that resource, or correct the place's matches"),
        Word(
            text: "Failed to acquire resources", reason: .busy,
            remedy: "another place has one of its resources, or the exporter cannot serve it: see the exporter's log"),
    ]
}
