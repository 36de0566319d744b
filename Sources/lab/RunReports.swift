import Archive
import Foundation
import LabCore
import Reports
import Verdicts

/// The reports of one run.
struct RunReports {
    var summary: Summary
    var events: (CaseSummary) -> [RunEvent]

    var junit: [UInt8] { JUnitReport.render(summary, events: events) }
    var json: [UInt8] { JSONReport.render(summary) }
    var html: [UInt8] { HTMLReport.render(summary, events: events) }
    func sarif(report: String) -> [UInt8] { SARIFReport.render(summary, report: report) }
    var csv: [UInt8] { CSVReport.objectives(summary) }
    var percentiles: [UInt8] { CSVReport.percentiles(summary) }
    func markdown(report: String) -> [UInt8] { Array(MarkdownReport.render(summary, report: report, events: events).utf8) }

    func write(to folder: RunFolder) throws(RunArchive.Failure) {
        try folder.write(junit, to: "junit.xml")
        try folder.write(html, to: "report.html")
        try folder.write(markdown(report: "report.html"), to: "summary.md")
        // Last, because a run without it does not exist for the archive.
        try folder.write(json, to: "result.json")
    }
}

/// What `--report KIND=PATH` asks for.
struct ReportCopies {
    private var copies: [(kind: String, path: String)] = []
    private static let kinds = ["junit", "json", "html", "markdown", "sarif", "csv", "percentiles"]

    /// Refuses before anything runs what could not be written afterwards.
    init(_ words: [String]) throws {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, Self.kinds.contains(parts[0]) else {
                throw Stop(.wrongInput, "--report '\(word)' must be KIND=PATH with one of \(Self.kinds.joined(separator: ", "))")
            }
            let folder = URL(fileURLWithPath: parts[1]).deletingLastPathComponent().path
            guard Descriptor.kind(of: folder) == .folder else {
                throw Stop(.wrongInput, "--report '\(word)': there is no folder \(folder)")
            }
            guard Descriptor.kind(of: parts[1]) != .folder else { throw Stop(.wrongInput, "--report '\(word)': \(parts[1]) is a folder") }
            copies.append((parts[0], parts[1]))
        }
    }

    /// - Returns: what could not be written.
    func write(_ reports: RunReports, report: String) -> [String] {
        copies.compactMap { kind, path in
            let bytes =
                switch kind {
                case "junit": reports.junit
                case "json": reports.json
                case "html": reports.html
                case "sarif": reports.sarif(report: report)
                case "csv": reports.csv
                case "percentiles": reports.percentiles
                default: reports.markdown(report: report)
                }
            // Not atomically: the path may be /dev/stdout or a mounted single file.
            let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return "Could not write \(path): \(Descriptor.reason(errno))." }
            defer { _ = close(descriptor) }
            let failure = Descriptor.write(bytes, to: descriptor)
            return failure == 0 ? nil : "Could not write \(path): \(Descriptor.reason(failure))."
        }
    }
}
