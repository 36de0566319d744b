import FirmwareImages
import LabCore
import Testing

@Suite("Inspecting manifests, roots and deltas")
struct ReleaseInspectorTests {
    /// `manifest fit`, `delta unfit truncated`, `unreadable`.
    private func verdict(_ bytes: [UInt8]) -> String {
        guard case .success(let report) = FirmwareInspector.inspect(bytes) else { return "unreadable" }
        let errors = report.findings.filter { $0.severity == .error }.map(\.code)
        return ([report.kind.rawValue, report.isFit ? "fit" : "unfit"] + errors).joined(separator: " ")
    }

    @Test("manifests: whole, changed in form, unsigned, cut")
    func manifests() throws {
        let bytes = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)])
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(verdict(bytes) == "manifest fit")
        #expect(verdict(try ReleaseSet.manifest().sign(with: [])) == "manifest unfit unsigned")
        #expect(verdict(Array(bytes.dropLast(20))) == "manifest unfit malformed")
        #expect(verdict(Array(text.replacing("\"length\":13", with: "\"length\":-13").utf8)) == "manifest unfit malformed")
        #expect(verdict(try ReleaseSet.manifest { $0.delta?.resultSHA256[0] ^= 1 }.sign(with: [])) == "manifest unfit delta_result")
        #expect(verdict(Array("{}".utf8)) == "unreadable")
        #expect(verdict(Array("{\"signed\":".utf8)) == "manifest unfit malformed")
    }

    @Test("with a root the word of the update agent is told")
    func withTrust() throws {
        let bytes = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(66)])
        let report = ReleaseInspector.inspect(manifest: bytes, trust: try ReleaseSet.trust(), now: ReleaseSet.newYear)
        #expect(report.findings.map(\.code) == ["unknown_key"])
    }

    @Test("roots: whole, changed, with a warning where one key is enough")
    func roots() throws {
        #expect(verdict(try ReleaseSet.root()) == "root fit")
        let changed = String(decoding: try ReleaseSet.root(), as: UTF8.self).replacing("\"version\":1", with: "\"version\":2")
        #expect(verdict(Array(changed.utf8)) == "root unfit signature_invalid")
        func warns(_ bytes: [UInt8]) -> Bool { ReleaseInspector.inspect(root: bytes).findings.contains { $0.code == "single_root_key" } }
        #expect(warns(try ReleaseSet.root()))
        #expect(!warns(try ReleaseSet.root(rootThreshold: 2)))
    }

    @Test("deltas: whole, cut, damaged in a stream")
    func deltas() throws {
        let delta = DeltaImageTests.delta
        #expect(verdict(delta) == "delta fit")
        #expect(verdict(Array(delta.dropLast())) == "delta unfit truncated")
        var damaged = delta
        damaged[delta.count - 3] ^= 1
        #expect(verdict(damaged) == "delta unfit bad_stream")
        damaged = delta
        damaged[30] ^= 1
        #expect(verdict(damaged) == "delta unfit checksum_mismatch")
    }
}
