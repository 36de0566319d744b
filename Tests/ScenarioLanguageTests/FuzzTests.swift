import Foundation
import LabCore
@testable import ScenarioLanguage
import Testing

@Suite("Damaged files", .timeLimit(.minutes(2)))
struct FuzzTests {
    private static let spices = [
        "&a ", "*a", "!!x ", "<<: ", "? ", "- ", ": ", "[", "]", "{", "}", "\"", "'", "|\n", ">-\n", "#", "\n", "\t", "  ", "---\n", "...\n", "%",
        "${", "}", "${x}", "@", "`", ",", "\\", "\u{0}", "\u{2028}", "é", "\r", "999999999999999999999", "0x", "5s", "%YAML", "lab: 1\n",
    ]

    /// One to four damages: bytes changed, cut out, doubled, moved, spices put in.
    private func damaged(_ text: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = text
        for _ in 0...Int.random(in: 0...3, using: &generator) {
            guard !bytes.isEmpty else { break }
            let start = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, start + Int.random(in: 1...40, using: &generator))
            switch Int.random(in: 0...5, using: &generator) {
            case 0: bytes[start] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.removeSubrange(start..<end)
            case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            case 3: bytes = Array(bytes[..<start])
            default: bytes.insert(contentsOf: Array(Self.spices.randomElement(using: &generator)!.utf8), at: start)
            }
        }
        return bytes
    }

    @Test("give bounded located errors, and nothing passes that libyaml would unfold", arguments: Corpus.files("good").map(\.path))
    func damagedFiles(_ path: String) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed, purpose: "damage to \(path)")
        let folder = "\(testFolder)/Corpus/good"
        let text = Array(try #require(FileManager.default.contents(atPath: "\(folder)/\(path)")))
        var others = MemoryFiles(bytes: [:])
        for name in ["common/online.yaml", "scenarios/common/pile.yaml"] {
            others.contents[name] = Array(try #require(FileManager.default.contents(atPath: "\(folder)/\(name)")))
        }
        for round in 0..<100 {
            let content = damaged(text, &generator)
            others.contents[path] = content
            let result = ScenarioLoader(catalogue: TestCatalogue.catalogue, files: others).load([path])
            let lab = LabFile.load(path, catalogue: TestCatalogue.catalogue, files: others)
            let place = Comment(rawValue: "seed \(seed), round \(round), \(path): \(String(decoding: content, as: UTF8.self))")
            #expect(result.diagnostics.count <= 3 * (DiagnosticLog.shownPerFile + 1), place)
            #expect(result.diagnostics.allSatisfy { $0.location.line >= 1 && $0.location.column >= 1 && !$0.message.isEmpty }, place)
            #expect(result.scenarios.isEmpty || !result.diagnostics.contains { $0.location.file == path }, place)
            #expect((lab.lab == nil) == lab.diagnostics.contains { $0.severity == .error }, place)
            // The composer's own checks repeat the lexical guard's; were they ever needed, the guard would be blind.
            #expect(!result.diagnostics.contains { ["YAML anchors are not allowed", "YAML aliases are not allowed"].contains($0.message) }, place)
        }
    }
}
