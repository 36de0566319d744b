import FirmwareImages
import LabCore
import Testing

/// 200,000 damaged files of each kind: no crash, and nothing is taken that is not the original.
@Suite("Fuzz: manifests, roots, deltas, bundles (specs/ota.md §4, I1 to I11)")
struct ReleaseFuzzTests {
    static let parts = 8
    static let rounds = 25_000

    @Test("manifests", arguments: 0..<parts)
    func manifests(part: Int) throws {
        var chance = Mutation.chance("manifests", part: part)
        let trust = try ReleaseSet.trust()
        let good = try ReleaseSet.manifest { if part % 2 == 0 { $0.delta = nil } }
        let bytes = try good.sign(with: [try ReleaseSet.key(11)])
        // Half of them are damaged in the envelope only, where the signature still fits.
        let envelope = bytes.count - 260
        var taken = 0
        for round in 0..<Self.rounds {
            let damaged =
                round % 4 == 0
                ? bytes[..<envelope] + Mutation.mutate(Array(bytes[envelope...]), &chance) : Mutation.mutate(bytes, &chance)[...]
            if case .success(let manifest) = ReleaseManifest.verify(Array(damaged), trust: trust, now: ReleaseSet.newYear) {
                taken += 1
                if manifest != good { Issue.record("round \(round): taken although changed: \(String(decoding: damaged, as: UTF8.self))") }
            }
        }
        // Spaces, and digits of signatures in the other case, may change.
        #expect(taken < Self.rounds / 10)
    }

    @Test("roots", arguments: 0..<2)
    func roots(part: Int) throws {
        var chance = Mutation.chance("roots", part: part)
        let first = try RootMetadata.trusted(try ReleaseSet.root())
        let bytes = try ReleaseSet.root(version: 2, rootKeys: [3], signedBy: [1, 3])
        let good = try first.next(bytes, now: ReleaseSet.newYear)
        for round in 0..<Self.rounds / 5 {
            guard let root = try? first.next(Mutation.mutate(bytes, &chance), now: ReleaseSet.newYear) else { continue }
            let isSame = root.version == 2 && root.root == good.root && root.release == good.release && root.expires == good.expires
            if !isSame { Issue.record("round \(round): a changed root is taken") }
        }
    }

    @Test("deltas, also with headers whose checksum fits again", arguments: 0..<parts)
    func deltas(part: Int) throws {
        var chance = Mutation.chance("deltas", part: part)
        let base = DeltaImageTests.firmware(seed: 4, count: 1_024)
        let target = DeltaImageTests.firmware(seed: 4, count: 1_024, shift: 16, insertedAt: 256)
        let delta = DeltaImage.make(from: base, to: target)
        for round in 0..<Self.rounds {
            var damaged = Mutation.mutate(delta, &chance)
            if round % 2 == 0, damaged.count >= DeltaImage.headerLength { damaged = DeltaBytes.resealed(damaged) }
            if let result = try? DeltaImage.apply(damaged, to: base, limit: 4_096), result != target {
                Issue.record("round \(round): a wrong result is given out")
            }
            if round % 16 == 0 { _ = FirmwareInspector.inspect(damaged) }
        }
    }

    @Test("bundles, plain and verity", .enabled(if: RAUCBundleTests.hasTools), arguments: 0..<parts)
    func bundles(part: Int) throws {
        var chance = Mutation.chance("bundles", part: part)
        let folder = try ToolFolder()
        try folder.makeAuthority("good")
        try folder.run("mkdir -p content")
        // A hash tree needs two blocks at least.
        try folder.write("content/rootfs.img", chance.bytes(part % 2 == 0 ? 24 : 5_000))
        try folder.write(
            "content/manifest.raucm",
            "[update]\ncompatible=luna-badge\nversion=2.4.0\n\n[bundle]\nformat=\(part % 2 == 0 ? "plain" : "verity")\n\n[image.rootfs]\nfilename=rootfs.img\n"
        )
        try folder.run("rauc --cert=good.pem --key=good.key --keyring=good-ca.pem bundle content small.raucb")
        let bundle = try folder.read("small.raucb")
        let trust = ImageTrust(certificates: [try folder.read("good-ca.der")], compatible: "luna-badge", time: ToolFolder.now)
        let good = try ImageValidation.validate(bundle, as: .rauc, trust: trust).get()
        let signed = bundle[good.body]
        for round in 0..<Self.rounds {
            let damaged = Mutation.mutate(bundle, &chance)
            if case .success(let image) = ImageValidation.validate(damaged, as: .rauc, trust: trust) {
                if image.version != good.version || image.digest != good.digest || !damaged.starts(with: signed) {
                    Issue.record("round \(round): a changed bundle is taken")
                }
            }
            if round % 16 == 0 { _ = FirmwareInspector.inspect(damaged, trust: trust) }
        }
    }
}
