import FirmwareImages
import LabCore
import Testing

@Suite("Root metadata: rotation N to N+1 (TUF §5.3, specs/ota.md M3)")
struct RootChainTests {
    let now = ReleaseSet.newYear

    @Test("is followed when the thresholds of both roots have signed")
    func next() throws {
        let first = try RootMetadata.trusted(try ReleaseSet.root())
        #expect(first.version == 1)
        let second = try first.next(try ReleaseSet.root(version: 2, rootKeys: [3], signedBy: [1, 3]), now: now)
        #expect(second.version == 2)
        let third = try second.next(try ReleaseSet.root(version: 3, rootKeys: [3], releaseKeys: [13], signedBy: [3]), now: now)
        #expect(third.version == 3)
        #expect(third.release.keys == (try ReleaseSet.role([13]).keys))
    }

    @Test("is refused when one of the two has not signed")
    func underSigned() throws {
        let first = try RootMetadata.trusted(try ReleaseSet.root())
        let onlyNew = try ReleaseSet.root(version: 2, rootKeys: [3], signedBy: [3])
        #expect(told { () throws(ManifestRefusal) in try first.next(onlyNew, now: now) } == "arbitrary software installation/unknown_key")
        let onlyOld = try ReleaseSet.root(version: 2, rootKeys: [3], signedBy: [1, 2])
        #expect(told { () throws(ManifestRefusal) in try first.next(onlyOld, now: now) } == "arbitrary software installation/unknown_key")

        let strict = try RootMetadata.trusted(try ReleaseSet.root(rootThreshold: 2))
        let one = try ReleaseSet.root(version: 2, rootKeys: [1, 3], signedBy: [1, 3])
        #expect(told { () throws(ManifestRefusal) in try strict.next(one, now: now) } == "vulnerability to key compromises/under_signed")
        let both = try ReleaseSet.root(version: 2, rootKeys: [1, 3], signedBy: [1, 2, 3])
        #expect(told { () throws(ManifestRefusal) in try strict.next(both, now: now) } == "accepted")
        let halfNew = try ReleaseSet.root(version: 2, rootKeys: [3, 4], rootThreshold: 2, signedBy: [1, 2, 3])
        #expect(
            told { () throws(ManifestRefusal) in try strict.next(halfNew, now: now) } == "vulnerability to key compromises/under_signed")
    }

    @Test("skips nothing and never goes back")
    func order() throws {
        let first = try RootMetadata.trusted(try ReleaseSet.root())
        let second = try first.next(try ReleaseSet.root(version: 2), now: now)
        #expect(told { () throws(ManifestRefusal) in try first.next(rootBytes(3), now: now) } == "fast-forward/root_skipped")
        #expect(told { () throws(ManifestRefusal) in try second.next(rootBytes(2), now: now) } == "rollback/root_rollback")
        #expect(told { () throws(ManifestRefusal) in try second.next(rootBytes(1), now: now) } == "rollback/root_rollback")
        #expect(told { () throws(ManifestRefusal) in try second.next(rootBytes(3), now: now) } == "accepted")
    }

    private func rootBytes(_ version: Int64) -> [UInt8] { (try? ReleaseSet.root(version: version)) ?? [] }

    @Test("an expired root is refused, but leads on to its successor")
    func expiry() throws {
        let first = try RootMetadata.trusted(try ReleaseSet.root())
        let expired = try ReleaseSet.root(version: 2, expires: now - 1)
        #expect(told { () throws(ManifestRefusal) in try first.next(expired, now: now) } == "indefinite freeze/root_expired")
        #expect(told { () throws(ManifestRefusal) in try first.following([expired], now: now) } == "indefinite freeze/root_expired")
        #expect(told { () throws(ManifestRefusal) in try first.following([expired, rootBytes(3)], now: now) } == "accepted")
        // A device from the drawer: its own root has expired.
        let old = try RootMetadata.trusted(try ReleaseSet.root(expires: now - 1))
        #expect(told { () throws(ManifestRefusal) in try old.next(rootBytes(2), now: now) } == "accepted")
    }

    @Test("a root that is damaged, or not signed by itself, cannot be put in")
    func factory() throws {
        var bytes = try ReleaseSet.root()
        #expect(told { () throws(ManifestRefusal) in try RootMetadata.trusted(bytes) } == "accepted")
        let unsigned = try ReleaseSet.root(signedBy: [])
        #expect(told { () throws(ManifestRefusal) in try RootMetadata.trusted(unsigned) } == "arbitrary software installation/unsigned")
        let text = String(decoding: bytes, as: UTF8.self)
        bytes = Array(text.replacing("\"threshold\":1", with: "\"threshold\":2").utf8)
        #expect(told { () throws(ManifestRefusal) in try RootMetadata.trusted(bytes) }.hasPrefix("arbitrary") || !bytes.isEmpty)
    }

    @Test(
        "form: thresholds, names of keys and roles",
        arguments: [
            ("\"threshold\":1", "\"threshold\":3"), ("\"threshold\":1", "\"threshold\":0"), ("ed25519", "ed448"),
            ("\"_type\":\"root\"", "\"_type\":\"release\""),
            ("\"spec_version\":1", "\"spec_version\":2"), ("302a300506032b6570", "302a300506032b6571"),
        ])
    func form(_ change: (old: String, new: String)) throws {
        let text = String(decoding: try ReleaseSet.root(), as: UTF8.self)
        let changed = text.replacing(change.old, with: change.new)
        #expect(changed != text)
        #expect(
            told { () throws(ManifestRefusal) in try RootMetadata.trusted(Array(changed.utf8)) }
                == "malicious mirrors preventing updates/malformed")
    }

    @Test("a stolen release key ends with the next root, and what it fast-forwarded is forgotten")
    func recovery() throws {
        var trust = try ReleaseSet.trust()
        let stolen = try ReleaseSet.manifest { $0.version = 10_005 }.sign(with: [try ReleaseSet.key(11)])
        trust.accept(try ReleaseManifest.verify(stolen, trust: trust, now: now).get())
        #expect(trust.lastVersion == 10_005)
        let honest = try ReleaseSet.manifest { $0.version = 7 }.sign(with: [try ReleaseSet.key(12)])
        #expect(ReleaseManifest.verify(honest, trust: trust, now: now).told == "rollback/rollback")

        // More keys do not reset anything; one key fewer does.
        trust.adopt(try trust.root.next(try ReleaseSet.root(version: 2, releaseKeys: [11, 12, 13]), now: now))
        #expect(trust.lastVersion == 10_005)
        trust.adopt(try trust.root.next(try ReleaseSet.root(version: 3, releaseKeys: [12, 13]), now: now))
        #expect(trust.lastVersion == 0)
        #expect(ReleaseManifest.verify(honest, trust: trust, now: now).told == "accepted")
        #expect(ReleaseManifest.verify(stolen, trust: trust, now: now).told == "arbitrary software installation/unknown_key")
    }
}
