import Foundation
import Programs
import ScenarioLanguage
import Testing

@Suite("Docs/nightly.md: the examples work", .serialized)
struct NightlyPageTests {
    /// The blocks of one language, each with the name that its first comment has.
    private static func blocks(_ language: String) throws -> [String] {
        let parts = try Repository.text("Docs/nightly.md").components(separatedBy: "```")
        return parts.enumerated().filter { $0.offset % 2 == 1 && $0.element.hasPrefix("\(language)\n") }.map { String($0.element.dropFirst(language.count + 1)) }
    }

    @Test("YAML is read without an error, and the quarantine is one")
    func yaml() throws {
        let blocks = try Self.blocks("yaml")
        #expect(blocks.count == 3)
        for block in blocks {
            let (value, diagnostics) = YAMLText.read(Array(block.utf8), file: "example.yaml")
            #expect(diagnostics == [] && value?.record?.isEmpty == false, "\(block)")
        }
        let quarantine = Quarantine.read(Array(blocks[0].utf8), file: "quarantine.yaml")
        #expect(quarantine.diagnostics == [] && quarantine.quarantine?.entries.first?.owner == "li.wei")
        let gitlab = try #require(YAMLText.read(Array(blocks[1].utf8), file: "a").value)
        #expect(gitlab["hardware"]?["artifacts"]?["paths"]?.list?.first?.scalar?.text == "runs/*/artifacts/")
        let github = try #require(YAMLText.read(Array(blocks[2].utf8), file: "b").value)
        #expect(github["jobs"]?["hardware"]?["steps"]?.list?.last?["with"]?["path"]?.scalar?.text == "runs/*/artifacts/")
    }

    @Test("every command and option exists")
    func options() throws {
        let text = try Repository.text("Docs/nightly.md")
        let commands = text.split(separator: "\n").compactMap { line -> [Substring]? in
            guard let start = line.range(of: "lab (run|plan|check) ?[^`]*", options: .regularExpression),
                line.contains("- lab") || line.contains("run: lab") || line.hasPrefix("lab ") || line.contains("/bin/lab") else { return nil }
            return line[start].split(separator: " ")
        }
        #expect(commands.count >= 10)
        for command in Set(commands.map { $0[1] }) {
            let help = try LabProcess.run([String(command), "--help"]).output
            for option in commands.filter({ $0[1] == command }).flatMap({ $0 }) where option.hasPrefix("--") {
                #expect(help.contains("\(option) ") || help.contains("\(option)\n"), "lab \(command) has no \(option)")
            }
        }
    }

    @Test("systemd takes the service and the timer")
    func units() throws {
        guard let analyze = Tool.find("systemd-analyze", for: "the units of Docs/nightly.md") else { return }
        let folder = try TemporaryFolder()
        var paths: [String] = []
        for block in try Self.blocks("ini") {
            let lines = block.split(separator: "\n", maxSplits: 1).map(String.init)
            let name = try #require(lines[0].split(separator: "/").last.map(String.init))
            // Neither the program nor the folder of the example is on every machine.
            try folder.write(lines[1].replacing("/usr/local/bin/lab", with: LabProcess.path).replacing("/srv/lab", with: folder.path), to: name)
            paths.append("\(folder.path)/\(name)")
        }
        #expect(paths.count == 2)
        let result = try LabProcess.run(analyze, ["verify"] + paths, in: folder.path)
        #expect(result.status == 0 && !result.error.contains("lab-nightly"), "\(result.all)")
    }
}
