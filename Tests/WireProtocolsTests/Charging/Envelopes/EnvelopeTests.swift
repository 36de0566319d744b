import LabCore
import Testing

@testable import WireProtocols

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A row of a protocol of which the lab knows the frame only.
struct EnvelopeVector: Sendable, CustomTestStringConvertible {
    var id: String
    var wire: String
    var bytes: [UInt8]
    var fields: Fields
    var isGood: Bool
    var expectedChecksum: String?

    var testDescription: String { id }

    static let all: [EnvelopeVector] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        guard let data = try? Data(contentsOf: folder.appending(path: "../Vectors/charging-frames.jsonl")) else { return [] }
        return data.split(separator: 0x0a).compactMap { line in
            guard let row = (try? JSONReader.read(Array(line)))?.record, let id = row["id"]?.text, let wire = row["protocol"]?.text,
                ["ykc-1.6", "juy-5aa5", "modbus-rtu"].contains(wire), let bytes = row["hex"]?.text.flatMap({ Hexadecimal.bytes($0) })
            else { return nil }
            return EnvelopeVector(
                id: id, wire: wire, bytes: bytes, fields: row["fields"]?.record ?? [:],
                isGood: row["length_ok"]?.bool == true && row["checksum_ok"]?.bool == true, expectedChecksum: row["checksum_expected"]?.text
            )
        }
    }()
}

@Suite("YKC, JUY and Modbus frames (charging-protocols.md 5.2, 5.5, 5.6)")
struct EnvelopeTests {
    private func explain(_ row: EnvelopeVector) throws -> [FrameReport] {
        var explainer = try #require(FrameTools.named(row.wire)).explainer(FrameToolOptions())
        return explainer.explain(row.bytes)
    }

    @Test("the file has nine good rows and one wrong one")
    func rows() {
        #expect(EnvelopeVector.all.filter(\.isGood).count == 9)
        #expect(EnvelopeVector.all.filter { !$0.isGood }.map(\.id) == ["ykc-1.6-005"])
    }

    @Test("a good row is accepted with its fields, and made again", arguments: EnvelopeVector.all.filter(\.isGood))
    func good(_ row: EnvelopeVector) throws {
        let reports = try explain(row)
        let report = try #require(reports.first)
        #expect(reports.count == 1 && !report.isRefused, "\(report.problems)")
        let names = ["length": "length", "seq": "sequence", "type": "type", "body": "data", "cmd": "command", "data": "data"]
        for entry in row.fields {
            guard let name = names[entry.name] else { continue }
            let field = try #require(report[name], "\(entry.name)")
            #expect(field.value.integer == entry.value.integer, "\(entry.name)")
            if let text = entry.value.text { #expect(Hexadecimal.text(field.bytes) == text, "\(entry.name)") }
        }
        let document = try JSONReader.read(JSONWriter.bytes(.list(reports.map { .record($0.record) })))
        let tool = try #require(FrameTools.named(row.wire))
        #expect(try FrameTools.frames(of: document, tool, FrameToolOptions()) == [row.bytes])
    }

    @Test("a wrong CRC is told beside the right one", arguments: EnvelopeVector.all.filter { !$0.isGood })
    func wrong(_ row: EnvelopeVector) throws {
        let report = try #require(try explain(row).first)
        #expect(report.isRefused)
        let expected = try #require(row.expectedChecksum)
        #expect(report.problems.first?.text.contains("where \(expected) is right") == true)
    }

    @Test("the check value of CRC-16/MODBUS: 123456789 gives 4B37")
    func crc() { #expect(CRC16.modbus(Array("123456789".utf8)) == [0x37, 0x4b]) }

    @Test("garbage, cut and doubled frames", arguments: ["ykc-1.6-007", "juy-5aa5-005"])
    func streams(_ id: String) throws {
        var row = try #require(EnvelopeVector.all.first { $0.id == id })
        let frame = row.bytes
        row.bytes = [1, 2] + frame + frame.dropLast() + frame
        let reports = try explain(row)
        #expect(reports.filter { !$0.isRefused }.map(\.streamOffset) == [2, 2 + frame.count + frame.count - 1])
    }

    @Test("a JUY length of 65535 and a Modbus stream of megabytes are refused")
    func long() throws {
        var explainer = JUYTool().explainer(FrameToolOptions())
        let heads = explainer.explain([0x5a, 0xa5, 0xff, 0xff, 0x89])
        #expect(heads.count == 1 && heads.filter(\.isRefused).count == 1)
        explainer = ModbusTool().explainer(FrameToolOptions())
        let reports = explainer.explain(Array(repeating: 1, count: 1_000_000))
        #expect(reports.filter(\.isRefused).count == reports.count)
        #expect(reports.map(\.length).reduce(0, +) == 1_000_000)
        #expect(throws: EnvelopeFault.self) {
            try EnvelopeFrame(.ykc, values: [[0, 0], [0], [1]], data: Array(repeating: 0, count: 252)).encoded()
        }
    }
}
