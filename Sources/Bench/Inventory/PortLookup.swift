import Foundation
package import LabCore

/// Which port of this machine is meant by an entry of lab.yaml.
package enum PortLookup {
    /// The path by which the port can be opened now.
    ///
    /// - Throws: `.notFound` where there is none, with the port that comes nearest; `.busy` where several are it, with all of them;
    ///   `.unsupported` for ports of other machines, which have no path here.
    package static func resolve(_ source: PortSource, among ports: [PortRecord]) throws(StreamFailure) -> String {
        switch source.place {
        case .match(let match): return try record(match, source, ports).path
        case .path(let path):
            if let record = record(of: path, among: ports) { return record.path }
            guard FileManager.default.fileExists(atPath: path) else {
                throw StreamFailure(
                    .notFound, medium(source), "there is no such port", remedy: "plug the device in, or correct the path; `lab devices --scan` shows the ports")
            }
            return path
        case .rfc2217, .tcp, .labgrid:
            throw StreamFailure(.unsupported, medium(source), "a port of another machine has no path here", remedy: "open it as a stream")
        }
    }

    /// What is known of the port at a path or at a link to it; `nil` where it is none of these.
    package static func record(of path: String, among ports: [PortRecord]) -> PortRecord? {
        if let record = ports.first(where: { $0.path == path || $0.links.contains(path) }) { return record }
        let target = SystemText.real(path)
        return target == path ? nil : ports.first { $0.path == target }
    }

    /// Every port that is what the match says.
    package static func candidates(_ match: PortMatch, among ports: [PortRecord]) -> [PortRecord] { ports.filter { match.holds(for: $0) } }

    private static func record(_ match: PortMatch, _ source: PortSource, _ ports: [PortRecord]) throws(StreamFailure) -> PortRecord {
        let found = candidates(match, among: ports)
        if found.count == 1 { return found[0] }
        guard found.isEmpty else {
            let list = found.prefix(8).map(describe).joined(separator: ", ") + (found.count > 8 ? ", …" : "")
            throw StreamFailure(
                .busy, medium(source), "\(found.count) ports are that: \(list)",
                remedy: "say more in the match, such as 'serial' or 'path', so that one is left")
        }
        let nearest = NearestPort(to: match, among: ports).map { "; nearest is \($0)" } ?? (ports.isEmpty ? "; this machine has no serial ports now" : "")
        throw StreamFailure(
            .notFound, medium(source), "no port is that\(nearest)",
            remedy: "plug the device in, or correct the match; `lab devices --scan` shows the ports")
    }

    /// `/dev/ttyUSB2 (serial 3a5f21c7, slot pci-…:1.2)`
    package static func describe(_ port: PortRecord) -> String {
        let facts = [port.serial.map { "serial \($0)" }, port.slot.map { "slot \($0)" }].compactMap(\.self)
        return facts.isEmpty ? port.path : "\(port.path) (\(facts.joined(separator: ", ")))"
    }

    private static func medium(_ source: PortSource) -> String { "\(source.location): \(source.place)" }
}

/// The port that meets the most conditions of a match, and where it differs: a module of the same make with another serial number, or
/// in another slot.
struct NearestPort: CustomStringConvertible {
    private let port: PortRecord
    private let differences: [PortRecord.Property]

    /// - Returns: `nil` where no port meets any condition.
    init?(to match: PortMatch, among ports: [PortRecord]) {
        let misses = ports.map { port in (port: port, conditions: match.conditions.filter { !PortMatch([$0]).holds(for: port) }) }
        guard let best = misses.min(by: { $0.conditions.count < $1.conditions.count }), best.conditions.count < match.conditions.count else {
            return nil
        }
        (port, differences) = best
    }

    var description: String {
        let texts = differences.map { wanted in "\(wanted.name) is \(port[wanted.name] ?? "not known") and not \(wanted.value)" }
        return "\(port.path), whose \(texts.joined(separator: ", "))"
    }
}

extension PortRecord {
    /// Other names of the port, which udev keeps: `/dev/serial/by-id/…`.
    package var links: [String] { (self["DEVLINKS"] ?? "").split(separator: " ").map(String.init) }

    /// The USB device that the port is a part of, as its place in the device tree; `nil` for a port that hangs on no USB interface.
    package var usbDevice: String? {
        let words = devicePath.split(separator: "/", omittingEmptySubsequences: false)
        guard let index = words.lastIndex(where: Self.isUSBInterface) else { return nil }
        return words[..<index].joined(separator: "/")
    }

    /// `2-1.4:1.2`: bus, ports of hubs, configuration, interface.
    private static func isUSBInterface(_ word: Substring) -> Bool {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].contains("-"), parts[1].contains(".") else { return false }
        return word.allSatisfy { $0.isASCII && $0.isNumber || "-.:".contains($0) }
    }
}
