import Foundation
import LabCore
import ScenarioLanguage
import Testing

struct NoSuchFile: Error, CustomStringConvertible { var description: String { "no such file" } }

/// Files in memory, by path.
struct MemoryFiles: FileProvider {
    var contents: [String: [UInt8]]

    init(_ texts: [String: String]) { contents = texts.mapValues { Array($0.utf8) } }
    init(bytes: [String: [UInt8]]) { contents = bytes }

    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        guard let content = contents[path] else { throw NoSuchFile() }
        return Array(content.prefix(count))
    }
}

/// Files below a folder.
struct FolderFiles: FileProvider {
    var folder: String

    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: folder + "/" + path) else { throw NoSuchFile() }
        return Array(data.prefix(count))
    }
}

let testFolder = String(#filePath.dropLast("/TestSupport.swift".count))

func load(_ texts: [String: String], _ paths: String..., lab: LabFile? = nil) -> LoadResult {
    ScenarioLoader(catalogue: TestCatalogue.catalogue, lab: lab, files: MemoryFiles(texts)).load(paths)
}

/// What is said about one file called `s.yaml`, without the file's name.
func messages(_ text: String) -> [String] {
    load(["s.yaml": text], "s.yaml").diagnostics.map { String($0.description.dropFirst("s.yaml:".count)) }
}

/// What is said about bytes.
func messages(bytes: [UInt8]) -> [String] {
    let files = MemoryFiles(bytes: ["s.yaml": bytes])
    return ScenarioLoader(catalogue: TestCatalogue.catalogue, files: files).load(["s.yaml"]).diagnostics.map {
        String($0.description.dropFirst("s.yaml:".count))
    }
}

/// A scenario with a badge and a cloud; `body` begins in line 4, `steps:` or what comes before it.
func scenario(_ body: String) -> String {
    "lab: 1\nabout: A test.\nneeds: {badge: {kind: badge}, cloud: {kind: cloud}}\n" + body
}

/// The plans of one good text in the simulated world.
func plans(_ text: String, world: WorldKind = .sim, sourceLocation: TestLocation = #_sourceLocation) throws -> [Plan] {
    let result = load(["s.yaml": text], "s.yaml")
    #expect(result.diagnostics.map(\.description) == [], sourceLocation: sourceLocation)
    let scenario = try #require(result.scenarios.first, sourceLocation: sourceLocation)
    return scenario.plans(world: world, seed: 7)
}

typealias TestLocation = Testing.SourceLocation
