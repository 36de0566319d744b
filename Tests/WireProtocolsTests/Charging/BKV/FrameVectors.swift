import Foundation
import LabCore
import Testing

/// The rows of `charging-frames.jsonl`: frames of vendor documents, captures and second platforms, with what they say.
struct FrameVector: Sendable, CustomTestStringConvertible {
    var id: String
    var wire: String
    var fromDevice: Bool
    var command: String
    var bytes: [UInt8]
    var fields: Fields
    /// Length and checksum are right; `nil` where a row has none.
    var isGood: Bool?

    var testDescription: String { id }

    static let all: [FrameVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Vectors/charging-frames.jsonl")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            guard let row = try? JSONReader.read(String(line)).record, let id = row["id"]?.text, let wire = row["protocol"]?.text,
                let bytes = row["hex"]?.text.flatMap({ Hexadecimal.bytes($0) })
            else { return nil }
            let sender = row["direction"]?.text ?? ""
            let length = row["length_ok"]?.bool
            let checksum = row["checksum_ok"]?.bool
            return FrameVector(
                id: id, wire: wire, fromDevice: sender.hasPrefix("device") || sender.hasPrefix("board") || sender.hasPrefix("slave"),
                command: row["command"]?.text ?? "", bytes: bytes, fields: row["fields"]?.record ?? [:],
                isGood: length == nil && checksum == nil ? nil : length == true && checksum == true)
        }
    }()

    static func of(_ wires: String..., good: Bool = true) -> [FrameVector] { all.filter { wires.contains($0.wire) && $0.isGood == good } }

    subscript(_ name: String) -> FieldValue? { fields[name] }
    func text(_ name: String) -> String? { fields[name]?.text }
}

/// Frames that charging-protocols.md prints in its text.
enum PrintedFrames {
    static let bkv: [(id: String, hex: String)] = [
        ("bkv-012", "fcff001c0015001c9a5100860044594530050008070200010100f00000d8fcee"),
        ("bkv-039", "fcfe002e000000000000018224121800038238393836303835353130323444313938383139363230302e312e31371152fcee"),
        ("bkv-040", "fcff001800000000000000822412180003822025112222033640fcee"),
        ("bkv-041", "fcff001c00056921c2b80082241218000382000808010185412180088984fcee"),
        ("bkv-042", "fcfe001500056921c2b80182241218000382000108017efcee"),
        ("bkv-044", "fcff001c00156921c2bc00822412180003820008070100010100010001a2fcee"),
        (
            "bkv-048",
            "fcfe0091100000000000018224121800038204010110170a010200000000000000000901038224121800038265019403014a0104013effff0301071d0301961e28015b030108000301099004010a000904019508f704010b000404010c002a04010d000004010e000028015b030108010301098004010a000004019508f704010b000104010c000104010d000004010e00005dfcee"
        ),
        ("bkv-050", "fcfe0025001500000000018224121800038200110201ffff1d1e00b00009019401590000000186fcee"),
        (
            "bkv-054",
            "fcfe0042100000000000018224121800038204010110130a010200000000000000000901038224121800038203014a010301087f0901062025112411232504015a31119efcee"
        ),
    ]

    static func bytes(_ id: String) throws -> [UInt8] {
        let printed = bkv.first { $0.id == id }.flatMap { Hexadecimal.bytes($0.hex) }
        return try #require(printed ?? FrameVector.all.first { $0.id == id }?.bytes)
    }
}
