package import LabCore

/// The one form of a JSON document that is signed: keys sorted by their UTF-8 bytes, no spaces, whole numbers only.
///
/// `jq -jcS .signed FILE` writes the same bytes, so that firmware teams can sign with the openssl command line.
/// Floating point numbers are refused because their texts differ between writers; so are numbers beyond 64 bits,
/// which the reader gives as floating point.
package enum CanonicalJSON {
    /// What cannot be written canonically: the path of the value, and why.
    package struct Failure: Error, Sendable, Hashable {
        package var path: String
        package var reason: String

        package init(path: String, reason: String) {
            self.path = path
            self.reason = reason
        }
    }

    package static func bytes(_ value: FieldValue) throws(Failure) -> [UInt8] {
        var output: [UInt8] = []
        try append(value, path: "", to: &output)
        return output
    }

    private static func append(_ value: FieldValue, path: String, to output: inout [UInt8]) throws(Failure) {
        switch value {
        case .null, .bool, .integer, .text: JSONWriter.append(value, to: &output)
        case .number: throw Failure(path: path, reason: "only whole numbers of 64 bits can be signed")
        case .bytes, .duration: throw Failure(path: path, reason: "only JSON's own types can be signed")
        case .list(let items):
            output.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try append(item, path: "\(path)[\(index)]", to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .record(let fields):
            output.append(UInt8(ascii: "{"))
            let sorted = fields.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            for (index, entry) in sorted.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSONWriter.append(quoted: entry.name, to: &output)
                output.append(UInt8(ascii: ":"))
                try append(entry.value, path: path.isEmpty ? entry.name : "\(path).\(entry.name)", to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }
}
