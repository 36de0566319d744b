import Foundation
import LabCore
import Verdicts
import Programs

/// A cloud of a build of the lab, served by a process of its own.
final class ServedBuild {
    /// For people: the path, or the command line.
    let name: String
    let port: UInt16
    /// For callers with the role `admin`.
    let token: String
    private let child: ChildProcess

    /// Starts `lab serve` of a build.
    ///
    /// - Parameters:
    ///   - build: a path, or a command line whose words are separated by spaces, such as `/opt/lab serve --cpu-per-request 40us`;
    ///     `self` for this program.
    ///   - seed: the same for both, so that both have the same keys.
    /// - Throws: `Stop` with 3 where it does not start, or does not say where it listens.
    init(_ build: String, name: String, seed: UInt64, in folder: String) throws {
        self.name = name
        var words = build.split(separator: " ").map(String.init)
        if words.isEmpty || words[0] == "self" { words = [Self.thisProgram] + words.dropFirst() }
        var arguments = Array(words.dropFirst())
        if arguments.first != "serve" { arguments.insert("serve", at: 0) }
        arguments += ["--ports", "http=0,mqtt=0", "--token", "admin", "--seed", String(seed), "--no-rate-limits"]
        do { child = try ChildProcess(words[0], arguments, in: folder, environment: Guardian.environment, errors: .collected()) } catch { throw Stop(.blocked, "\(error)") }
        let page = child.output { $0.contains("Ctrl-C") }
        guard let address = page.range(of: "http://127.0.0.1:"), let bearer = page.range(of: "Bearer "),
            let port = UInt16(page[address.upperBound...].prefix { $0.isNumber })
        else {
            child.terminate()
            let said = child.wait()
            throw Stop(.blocked, "the build '\(build)' does not serve a cloud: \(VisibleLine.first(of: said.errors + page))")
        }
        self.port = port
        token = String(page[bearer.upperBound...].prefix { $0 != "'" })
    }

    deinit {
        child.terminate()
        child.wait()
    }

    var process: Int32 { child.identifier }

    private static var thisProgram: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }
}

private enum VisibleLine {
    /// The first line that says something.
    static func first(of text: String) -> String {
        String((text.split(separator: "\n").first { !$0.allSatisfy(\.isWhitespace) } ?? "it says nothing").prefix(200))
    }
}
