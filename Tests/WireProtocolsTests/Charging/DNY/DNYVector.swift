import LabCore
import Testing

@testable import WireProtocols

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A DNY row of charging-frames.jsonl: a frame of a vendor's document, of a capture, or constructed, with what a program of its own read
/// in it. `source` in a row says where its bytes come from.
struct DNYVector: Sendable, CustomTestStringConvertible {
    var id: String
    /// Such as `device->platform`.
    var direction: String
    var command: String
    var bytes: [UInt8]
    var fields: Fields
    /// `nil` where a frame has no length or checksum.
    var isLengthRight: Bool?
    var isChecksumRight: Bool?
    /// In the order of the wire, hexadecimal.
    var expectedChecksum: String?

    var testDescription: String { "\(id) \(command)" }
    /// Neither length nor checksum is wrong.
    var isGood: Bool { isLengthRight == true && isChecksumRight == true }

    static let all: [DNYVector] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        guard let data = try? Data(contentsOf: folder.appending(path: "../Vectors/charging-frames.jsonl")) else { return [] }
        return data.split(separator: 0x0a).compactMap { line in
            guard let row = (try? JSONReader.read(Array(line)))?.record, let id = row["id"]?.text, row["protocol"]?.text == "ap3000",
                let bytes = row["hex"]?.text.flatMap({ Hexadecimal.bytes($0) })
            else { return nil }
            return DNYVector(
                id: id, direction: row["direction"]?.text ?? "", command: row["command"]?.text ?? "", bytes: bytes,
                fields: row["fields"]?.record ?? [:], isLengthRight: row["length_ok"]?.bool, isChecksumRight: row["checksum_ok"]?.bool,
                expectedChecksum: row["checksum_expected"]?.text)
        }
    }()
}

extension DNYVector {
    static let good = all.filter(\.isGood)
    static let wrong = all.filter { $0.isLengthRight == false || $0.isChecksumRight == false }
    static let unframed = all.filter { $0.isLengthRight == nil }

    var sender: DNYSender { direction.hasPrefix("device") ? .device : .platform }

    static func good(_ id: String) throws -> [UInt8] { try #require(good.first { $0.id == id }).bytes }
}

/// Bytes of a text of hexadecimal digits, with blanks between them.
func hex(_ text: String) -> [UInt8] { Hexadecimal.bytes(text.filter { $0 != " " }) ?? [] }
