import Foundation

/// A place as `labgrid-client show` tells of it.
struct LabgridListing: Sendable, Equatable {
    var name: String
    var aliases: [String]
    /// `host/user`; nil while nobody has it.
    var holder: String?
    /// What the place has, or would have where nobody has acquired it.
    var resources: [LabgridResource]

    /// - Parameter text: the output of `labgrid-client -p PLACE show`; nil where it is none.
    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let first = lines.first, let name = Self.quoted(first, after: "Place '", before: "':") else { return nil }
        self.name = name
        let block = lines.dropFirst().prefix { $0.hasPrefix(" ") }
        aliases = Self.field("aliases", of: block)?.split(separator: ",").map { $0.trimmingSpaces } ?? []
        let holder = Self.field("acquired", of: block)
        self.holder = holder == "None" ? nil : holder
        resources = Self.resources(in: lines)
    }

    /// Names of all places in the output of `labgrid-client -v places`.
    static func names(in text: String) -> [String] {
        text.split(separator: "\n").compactMap { quoted(String($0), after: "Place '", before: "':") }
    }

    /// The last line of that name: a comment, which stands before, could hold anything.
    private static func field(_ name: String, of block: some BidirectionalCollection<String>) -> String? {
        block.last { $0.hasPrefix("  \(name): ") }.map { String($0.dropFirst(name.count + 4)) }
    }

    static func quoted(_ line: String, after start: String, before end: String) -> String? {
        guard line.hasPrefix(start), line.hasSuffix(end), line.count >= start.count + end.count else { return nil }
        return String(line.dropFirst(start.count).dropLast(end.count))
    }

    private static func resources(in lines: [String]) -> [LabgridResource] {
        var resources: [LabgridResource] = []
        var index = 0
        while index < lines.count {
            let head = lines[index]
            index += 1
            guard let (name, path) = resource(head) else { continue }
            let body = lines[index...].prefix { $0.hasPrefix("  ") }
            index += body.count
            guard let about = PythonLiteral(body.joined(separator: "\n")) else { continue }
            resources.append(LabgridResource(name: name, path: path, about: about))
        }
        return resources
    }

    /// `Acquired resource 'console' (exporter1/bench/NetworkSerialPort/RawSerialPort):`
    private static func resource(_ line: String) -> (name: String, path: String)? {
        for word in ["Acquired", "Matching"] {
            guard let rest = quoted(line, after: "\(word) resource '", before: "):"), let border = rest.range(of: "' (") else { continue }
            return (String(rest[..<border.lowerBound]), String(rest[border.upperBound...]))
        }
        return nil
    }
}

/// A resource of a place.
struct LabgridResource: Sendable, Equatable {
    /// As the place calls it.
    var name: String
    /// Exporter, group, class and name.
    var path: String
    /// `NetworkSerialPort`
    var kind: String
    var isAvailable: Bool
    var host: String?
    /// nil until somebody acquires the place: the exporter starts the port's server then.
    var port: Int?
    /// Bits in a second, as the exporter's file has it.
    var speed: Int?
    /// `rfc2217`, unless the exporter's file says `raw`.
    var wire: String
    /// Through which host it must be reached by SSH; nil: directly.
    var proxy: String?

    fileprivate init(name: String, path: String, about: PythonLiteral) {
        self.name = name
        self.path = path
        let parameters = about["params"]
        kind = about["cls"]?.string ?? ""
        isAvailable = about["avail"]?.bool ?? false
        host = parameters?["host"]?.string
        port = parameters?["port"]?.integer
        speed = parameters?["speed"]?.integer
        wire = parameters?["protocol"]?.string ?? "rfc2217"
        let extra = parameters?["extra"]
        proxy = extra?["proxy_required"]?.bool == true ? extra?["proxy"]?.string ?? "the exporter's host" : nil
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
