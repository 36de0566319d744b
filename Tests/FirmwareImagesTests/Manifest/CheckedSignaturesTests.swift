import FirmwareImages
import Foundation
import Testing

/// What was checked before counts for just those bytes; everything else is judged as without it.
@Suite("Release manifest: signatures that were checked before")
struct CheckedSignaturesTests {
    private static func trust(knowing documents: [[UInt8]], _ role: ReleaseRole? = nil) throws -> ReleaseTrust {
        var trust = try ReleaseSet.trust()
        for document in documents { trust.checked.learn(document, by: role ?? trust.root.release) }
        return trust
    }

    private static func verdict(_ bytes: [UInt8], _ trust: ReleaseTrust) -> String {
        ReleaseManifest.verify(bytes, trust: trust, now: ReleaseSet.newYear + ReleaseSet.day).told
    }

    @Test("good ones are taken, bad ones refused, whether they were checked before or not")
    func sameVerdicts() throws {
        let good = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)])
        let strange = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(77)])
        for known in [[], [good], [strange], [good, strange], [Array("nonsense".utf8)]] {
            let trust = try Self.trust(knowing: known)
            #expect(Self.verdict(good, trust) == "accepted")
            #expect(Self.verdict(strange, trust) == "arbitrary software installation/unknown_key")
        }
    }

    @Test("a signature that is known for one manifest does not count for another, nor with one bit changed")
    func exactBytes() throws {
        let good = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)])
        let trust = try Self.trust(knowing: [good])
        let text = String(decoding: good, as: UTF8.self)
        // Another number in the signed part, under the same signature.
        let other = Array(text.replacing("\"version\":6", with: "\"version\":8").utf8)
        #expect(other != good)
        #expect(Self.verdict(other, trust) == "arbitrary software installation/signature_invalid")
        let mark = try #require(text.range(of: "\"sig\":\""))
        let place = text.utf8.distance(from: text.startIndex, to: mark.upperBound)
        var bent = good
        bent[place] = bent[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
        #expect(Self.verdict(bent, trust) == "arbitrary software installation/signature_invalid")
    }

    @Test("a key that the root does not name stays unknown, though its signature is good and known")
    func foreignKey() throws {
        let strange = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(77)])
        let trust = try Self.trust(knowing: [strange], try ReleaseSet.role([77]))
        #expect(Self.verdict(strange, trust) == "arbitrary software installation/unknown_key")
    }
}
