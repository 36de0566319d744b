import Archive
import Foundation
import LabCore
import Reports

/// `artifacts/` of a run in which something did not pass: what a person needs, in one folder for one upload.
struct RunArtifacts {
    static let folderName = "artifacts"

    /// Larger files stay where they are, and are named in the list.
    private static let largest = 64 << 20

    private let summary: Summary
    private let folder: RunFolder
    /// The folder for run folders.
    private let root: String
    private var leftOut: [String] = []

    init(_ summary: Summary, folder: RunFolder, root: String) { (self.summary, self.folder, self.root) = (summary, folder, root) }

    /// Cases that a person has to look at, and those that somebody looks at already.
    private var cases: [CaseSummary] { summary.cases.filter { $0.verdict > .pass && !$0.run.isEmpty } }

    /// Collects after the reports are written. Files are linked, not copied, where the disk can.
    ///
    /// - Parameter sources: the files that the run was made from.
    /// - Returns: the folder; `nil` where everything passed.
    mutating func collect(_ sources: [(path: String, bytes: [UInt8])]) throws(RunArchive.Failure) -> String? {
        guard !cases.isEmpty else { return nil }
        let target = "\(folder.path)/\(Self.folderName)"
        for name in ["report.html", "junit.xml", "summary.md", "result.json", "plan.txt", "session.json"] {
            try link("\(folder.path)/\(name)", to: "\(target)/\(name)")
        }
        for source in sources where source.path.hasSuffix(".yaml") || source.path.hasSuffix(".yml") {
            let isInside = !source.path.hasPrefix("/") && !source.path.split(separator: "/").contains("..")
            let name = isInside ? source.path : StoredSources.flat(source.path)
            try folder.write(source.bytes, to: "\(Self.folderName)/sources/\(name)")
        }
        for result in cases {
            for place in places(of: result) { try collect(place, into: target) }
        }
        try folder.write(Array(list.utf8), to: "\(Self.folderName)/README.txt")
        return target
    }

    /// The case's folder and those of its other tries.
    private func places(of result: CaseSummary) -> [String] {
        let parts = result.run.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return [] }
        let name = parts[1].range(of: ".try-", options: .backwards).map { String(parts[1][..<$0.lowerBound]) } ?? parts[1]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(parts[0])")) ?? []
        return names.filter { $0 == name || $0.hasPrefix("\(name).try-") }.sorted().map { "\(parts[0])/\($0)" }
    }

    private mutating func collect(_ place: String, into target: String) throws(RunArchive.Failure) {
        let from = "\(root)/\(place)"
        let name = place.split(separator: "/").last.map(String.init) ?? place
        for path in (FileManager.default.subpaths(atPath: from) ?? []).sorted() where Descriptor.kind(of: "\(from)/\(path)") == .file {
            let size = ((try? FileManager.default.attributesOfItem(atPath: "\(from)/\(path)"))?[.size] as? Int) ?? 0
            guard size <= Self.largest else {
                leftOut.append("\(from)/\(path) (\(size >> 20) MiB)")
                continue
            }
            try link("\(from)/\(path)", to: "\(target)/\(name)/\(path)")
        }
    }

    private func link(_ from: String, to target: String) throws(RunArchive.Failure) {
        guard Descriptor.kind(of: from) == .file else { return }
        do {
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: target).deletingLastPathComponent(), withIntermediateDirectories: true)
            do { try FileManager.default.linkItem(atPath: from, toPath: target) } catch {
                try FileManager.default.copyItem(atPath: from, toPath: target)
            }
        } catch { throw .cannotWrite(target, reason: error.localizedDescription) }
    }

    private var list: String {
        var lines = ["Run \(summary.run), world \(summary.world.rawValue), seed \(SeedText.hex(summary.seed)), lab \(summary.labVersion).", ""]
        for result in cases {
            let repeated = result.repeatCommand()
            lines += [
                "\(result.verdict.word) \(result.plan.scenario)\(result.plan.cell.isEmpty ? "" : " [\(result.plan.cellText)]")",
                "  folder  \(result.run.split(separator: "/").last ?? "")", "  \(repeated.label.padded(to: 8))\(repeated.command)",
            ]
            if let reason = result.reason { lines.append("  because \(VisibleText.clean(reason))") }
        }
        if !leftOut.isEmpty { lines += ["", "Left out because of their size:"] + leftOut.map { "  \($0)" } }
        return lines.joined(separator: "\n") + "\n"
    }
}
