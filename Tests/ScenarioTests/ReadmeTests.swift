import Foundation
import Testing
import Verdicts

@Suite("README.md shows what the lab does")
struct ReadmeTests {
    @Test("the tour's output is what its commands print")
    func tour() throws {
        let folder = try TemporaryFolder()
        let place = "\(folder.path)/my-lab"
        let outputs = [
            try LabProcess.run(["init", "my-lab"], in: folder.path).output, try LabProcess.run(["check"], in: place).output,
            try LabProcess.run(["run"], in: place).output,
        ]
        #expect(try Self.block("$ lab init my-lab && cd my-lab && lab check && lab run") == Self.plain(outputs.joined()))
        #expect(try Self.block("$ lab replay last") == Self.plain(LabProcess.run(["replay", "last"], in: place).output))
    }

    @Test("the failure that it explains is the one that is printed")
    func failure() throws {
        let expected = try Repository.text("Tests/ScenarioTests/Failing/near-miss.expected").replacing("RUN/", with: "1121-2/")
        let block = try Self.block("FAIL Tests/ScenarioTests/Failing/near-miss", keepsFirstLine: true)
        #expect(Self.plain(expected).contains(block))
    }

    @Test("the frame that is taken apart by hand is what the command prints")
    func frame() throws {
        let line = "lab frame decode dny 444e591000f36ca204bc082171090202000064c704"
        #expect(try Self.block("$ " + line) == Self.plain(LabProcess.run(line.split(separator: " ").dropFirst().map(String.init)).output))
    }

    @Test("every exit code stands in the table, in the order in which they apply")
    func exitCodes() throws {
        let text = try Repository.text("README.md")
        let codes = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap { line -> [Int32]? in
            let cell = line.dropFirst(2).prefix { $0 != "|" }
            let numbers = cell.split(whereSeparator: { " ,".contains($0) }).map { Int32($0) }
            return numbers.contains(nil) ? nil : numbers.compactMap(\.self)
        }
        // cli.md, from the top.
        #expect(codes.flatMap(\.self) == [70, 2, 130, 143, 1, 6, 5, 3, 4, 0])
        #expect(Set(codes.flatMap(\.self)) == Set(ExitCode.allCases.map(\.rawValue)))
    }

    /// The code block that begins with this line, without it.
    private static func block(_ first: String, keepsFirstLine: Bool = false) throws -> String {
        let text = try Repository.text("README.md")
        let start = try #require(text.range(of: "```\n\(first)"))
        let rest = text[start.lowerBound...].dropFirst("```\n".count)
        let end = try #require(rest.range(of: "\n```"))
        let block = rest[..<end.lowerBound]
        return plain(keepsFirstLine ? String(block) : block.split(separator: "\n", maxSplits: 1).last.map(String.init) ?? "")
    }

    /// Without the day and the machine's time, which differ.
    private static func plain(_ text: String) -> String {
        var text = text.replacing(#/ +[0-9]+\.[0-9]{2} s   virtual/#, with: " TIME   virtual").replacing(#/[0-9]{4}-[0-9]+/#, with: "RUN")
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}
