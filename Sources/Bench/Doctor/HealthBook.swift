import Foundation
import Glibc
package import LabCore

/// What the doctor found last, by node: `health.json` in the folder of runs.
///
/// Written whole or not at all, and by one process at a time.
package struct HealthBook: Sendable {
    package struct Entry: Sendable, Hashable {
        /// Unix seconds.
        package var at: Int64
        package var verdict: HealthFinding.Verdict
        /// Why it is sick.
        package var reason: String?
        package var firmware: String?
        package var identity: String?
        /// Recovery steps since the book was begun.
        package var recoveries: Int
        package var report: Fields
    }

    private let folder: String
    private var path: String { "\(folder)/health.json" }
    /// A book of 500 nodes is about 1 MB.
    private static let longest = 16 << 20

    /// - Parameter folder: of runs; it is made when something is written.
    package init(folder: String = "runs") { self.folder = folder }

    /// All entries by node, sorted; none where there is no book, or a damaged one: the next examination begins another.
    package func entries() -> [(node: String, entry: Entry)] {
        guard let bytes = SystemText.read(path, atMost: Self.longest), let nodes = (try? JSONReader.read(bytes))?.record?["nodes"]?.record else { return [] }
        return nodes.entries.compactMap { item in item.value.record.flatMap(Self.entry).map { (item.name, $0) } }
    }

    package func last(of node: String) -> Entry? { entries().first { $0.node == node }?.entry }

    /// Whether a node has to be looked at again.
    ///
    /// - Parameter now: Unix seconds. An entry of the future says nothing.
    package func isDue(_ node: String, every interval: Duration, at now: Int64) -> Bool {
        guard let last = last(of: node), last.at <= now else { return true }
        return now - last.at >= interval.components.seconds
    }

    /// Enters a report of a node; one of the machine has no place here.
    ///
    /// - Parameter now: Unix seconds.
    /// - Throws: where the folder cannot be written.
    package func enter(_ report: HealthReport, at now: Int64) throws(StreamFailure) {
        guard let node = report.node else { return }
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let lock = unsafe open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw failure(errno) }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0, errno == EINTR {}
        var all = entries()
        let index = all.firstIndex { $0.node == node }
        let entry = Entry(
            at: now, verdict: report.verdict, reason: report.reason, firmware: report.firmware, identity: report.identity,
            recoveries: (index.map { all[$0].entry.recoveries } ?? 0) + report.recovery.count, report: report.fields)
        if let index { all[index].entry = entry } else { all.append((node, entry)) }
        all.sort { $0.node < $1.node }
        var nodes: Fields = [:]
        for (node, entry) in all { nodes[node] = .record(Self.fields(entry)) }
        try replace(JSONWriter.bytes(.record(["version": 1, "nodes": .record(nodes)])) + [0x0a])
    }

    private func replace(_ bytes: [UInt8]) throws(StreamFailure) {
        let part = "\(path).\(getpid()).part"
        guard (try? Data(bytes).write(to: URL(filePath: part))) != nil else { throw failure(errno) }
        guard unsafe rename(part, path) == 0 else {
            let code = errno
            _ = unsafe unlink(part)
            throw failure(code)
        }
    }

    private func failure(_ code: Int32) -> StreamFailure {
        StreamFailure(
            code == EACCES || code == EROFS ? .permissionDenied : .failed, path, "it cannot be written (error \(code))", remedy: "name another folder with --out")
    }

    private static func fields(_ entry: Entry) -> Fields {
        var fields: Fields = ["at": .integer(entry.at), "verdict": .text(entry.verdict.rawValue)]
        if let reason = entry.reason { fields["reason"] = .text(reason) }
        if let firmware = entry.firmware { fields["firmware"] = .text(firmware) }
        if let identity = entry.identity { fields["identity"] = .text(identity) }
        fields["recoveries"] = .integer(Int64(entry.recoveries))
        fields["report"] = .record(entry.report)
        return fields
    }

    private static func entry(_ fields: Fields) -> Entry? {
        guard let at = fields["at"]?.integer, let verdict = fields["verdict"]?.text.flatMap({ HealthFinding.Verdict(rawValue: $0) }) else { return nil }
        return Entry(
            at: at, verdict: verdict, reason: fields["reason"]?.text, firmware: fields["firmware"]?.text, identity: fields["identity"]?.text,
            recoveries: Int(clamping: fields["recoveries"]?.integer ?? 0), report: fields["report"]?.record ?? [:])
    }
}
