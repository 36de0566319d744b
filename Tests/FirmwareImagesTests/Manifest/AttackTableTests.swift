import FirmwareImages
import LabCore
import Testing

/// The attacks of TUF on one device, each beside the nearest thing that is taken (specs/ota.md §4: I4, I5, I6, M1, M2, M3, M7).
@Suite("Release manifest: attacks (specs/ota.md §4, TUF)")
struct AttackTableTests {
    struct Attempt: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var expected: String
        var change: @Sendable (inout ReleaseManifest) -> Void = { _ in }
        var signers: [UInt8] = [11]
        /// Seconds after the moment at which the good manifest was issued.
        var after: Int64 = 60
        var trust: @Sendable (inout ReleaseTrust) -> Void = { _ in }
        var threshold = 1
    }

    static let day = ReleaseSet.day
    static let attempts: [Attempt] = [
        Attempt(testDescription: "the good one", expected: "accepted"),
        Attempt(
            testDescription: "fields that nobody checks may differ", expected: "accepted",
            change: {
                $0.minimumCompatible = nil; $0.delta = nil
            }),
        // Versions: rollback and fast-forward.
        Attempt(testDescription: "the version seen last, again", expected: "accepted", change: { $0.version = 5 }),
        Attempt(testDescription: "one version older than seen", expected: "rollback/rollback", change: { $0.version = 4 }),
        Attempt(testDescription: "10,000 versions ahead", expected: "accepted", change: { $0.version = 10_005 }),
        Attempt(testDescription: "10,001 versions ahead", expected: "fast-forward/fast_forward", change: { $0.version = 10_006 }),
        Attempt(
            testDescription: "the highest number there is", expected: "fast-forward/fast_forward",
            change: { $0.version = 9_007_199_254_740_991 }),
        Attempt(testDescription: "the device's security counter", expected: "accepted", trust: { $0.minimumSecurityCounter = 3 }),
        Attempt(
            testDescription: "a security counter below the device's", expected: "rollback/security_counter",
            trust: { $0.minimumSecurityCounter = 4 }),
        // Time: freeze and future.
        Attempt(testDescription: "a second before it expires", expected: "accepted", after: 365 * day - 1),
        Attempt(testDescription: "the second in which it expires", expected: "indefinite freeze/expired", after: 365 * day),
        Attempt(testDescription: "issued 24 h ahead of the clock", expected: "accepted", after: -day),
        Attempt(testDescription: "issued more than 24 h ahead of the clock", expected: "fast-forward/future", after: -day - 1),
        Attempt(
            testDescription: "the root has expired", expected: "indefinite freeze/root_expired", change: { $0.expires += 36_500 * day },
            after: 3_650 * day),
        // Foreign.
        Attempt(
            testDescription: "another product", expected: "wrong software installation/product", change: { $0.product = "luna-charger" }),
        Attempt(testDescription: "another tenant", expected: "wrong software installation/tenant", change: { $0.tenant = "acme" }),
        Attempt(
            testDescription: "several hardware revisions, one of them ours", expected: "accepted",
            change: { $0.hardware = ["v0.9", "v1.0"] }),
        Attempt(
            testDescription: "other hardware", expected: "wrong software installation/hardware",
            change: { $0.hardware = ["v1.01", "v2.0"] }),
        Attempt(testDescription: "another format", expected: "wrong software installation/format", change: { $0.format = .esp32 }),
        Attempt(
            testDescription: "as large as the slot", expected: "accepted",
            change: {
                $0.length = 1 << 20; $0.delta = nil
            }),
        Attempt(
            testDescription: "larger than the slot", expected: "wrong software installation/oversize",
            change: {
                $0.length = 1 << 20 + 1; $0.delta = nil
            }),
        Attempt(
            testDescription: "the running version is the oldest compatible", expected: "accepted",
            change: { $0.minimumCompatible = FirmwareVersion(2, 3, 0) }),
        Attempt(
            testDescription: "the running version is too old to come from", expected: "wrong software installation/min_compatible",
            change: { $0.minimumCompatible = FirmwareVersion(2, 3, 1) }),
        // Signatures.
        Attempt(testDescription: "unsigned", expected: "arbitrary software installation/unsigned", signers: []),
        Attempt(testDescription: "signed by an unknown key", expected: "arbitrary software installation/unknown_key", signers: [66]),
        Attempt(
            testDescription: "signed by a root key, which may not sign releases", expected: "arbitrary software installation/unknown_key",
            signers: [1]),
        Attempt(testDescription: "an unknown key beside a good one is ignored", expected: "accepted", signers: [66, 12]),
        Attempt(testDescription: "both keys where both must sign", expected: "accepted", signers: [11, 12], threshold: 2),
        Attempt(
            testDescription: "one key where both must sign", expected: "vulnerability to key compromises/under_signed", signers: [11],
            threshold: 2),
        Attempt(
            testDescription: "one good and one unknown key where two must sign", expected: "vulnerability to key compromises/under_signed",
            signers: [11, 66], threshold: 2),
        // Parts that do not belong together.
        Attempt(
            testDescription: "the delta makes another image", expected: "mix-and-match/delta_result",
            change: { $0.delta?.resultSHA256[0] ^= 1 }),
        Attempt(
            testDescription: "the delta's base is its result", expected: "mix-and-match/delta_base",
            change: { $0.delta?.baseSHA256 = $0.sha256 }),
        Attempt(
            testDescription: "the delta's base has the new version", expected: "mix-and-match/delta_base",
            change: { $0.delta?.baseFirmware = $0.firmware }),
    ]

    @Test("is taken or refused by the name of the attack", arguments: attempts)
    func attempt(_ attempt: Attempt) throws {
        var trust = try ReleaseSet.trust(try ReleaseSet.root(releaseThreshold: attempt.threshold))
        attempt.trust(&trust)
        let bytes = try ReleaseSet.manifest(attempt.change).sign(with: try attempt.signers.map { try ReleaseSet.key($0) })
        #expect(ReleaseManifest.verify(bytes, trust: trust, now: ReleaseSet.newYear + attempt.after).told == attempt.expected)
    }

    @Test("one key that signs twice counts once")
    func sameKeyTwice() throws {
        let trust = try ReleaseSet.trust(try ReleaseSet.root(releaseThreshold: 2))
        var document = try SignedDocument(signed: try ReleaseSet.manifest().signed).signed(by: [try ReleaseSet.key(11)])
        document.signatures.append(document.signatures[0])
        #expect(
            ReleaseManifest.verify(document.bytes, trust: trust, now: ReleaseSet.newYear).told
                == "vulnerability to key compromises/under_signed")
        // A broken signature in front of the good one of the same key does not spoil it.
        var broken = document.signatures[0]
        broken.bytes[5] ^= 1
        document.signatures = [broken, document.signatures[0]]
        let single = try ReleaseSet.trust()
        #expect(ReleaseManifest.verify(document.bytes, trust: single, now: ReleaseSet.newYear).told == "accepted")
    }

    @Test("any changed byte of the signed part breaks the signature")
    func changedContent() throws {
        let trust = try ReleaseSet.trust()
        let good = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)])
        let text = String(decoding: good, as: UTF8.self)
        for (old, new) in [
            ("2.4.0", "2.4.1"), ("\"version\":6", "\"version\":7"), ("default", "defau1t"), ("\"length\":13", "\"length\":14"),
        ] {
            let changed = text.replacing(old, with: new)
            #expect(changed != text)
            #expect(
                ReleaseManifest.verify(Array(changed.utf8), trust: trust, now: ReleaseSet.newYear).told
                    == "arbitrary software installation/signature_invalid")
        }
    }

    @Test("order and spaces do not matter, doubled keys and floating point numbers are refused")
    func form() throws {
        let trust = try ReleaseSet.trust()
        let text = String(decoding: try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)]), as: UTF8.self)
        func verdict(_ text: String) -> String { ReleaseManifest.verify(Array(text.utf8), trust: trust, now: ReleaseSet.newYear).told }
        #expect(verdict(text.replacing(",\"", with: " ,\n  \"").replacing("\":", with: "\" : ")) == "accepted")
        let malformed = "malicious mirrors preventing updates/malformed"
        #expect(verdict(text.replacing("\"version\":6", with: "\"version\":6,\"version\":6")) == malformed)
        #expect(verdict(text.replacing("\"version\":6", with: "\"version\":6.0")) == malformed)
        #expect(verdict(text.replacing("\"version\":6", with: "\"version\":92233720368547758080")) == malformed)
        #expect(verdict(text + "{}") == malformed)
        #expect(verdict("<html>Please sign in</html>") == malformed)
        #expect(verdict("") == malformed)
    }

    @Test("64 KiB are read, one byte more is endless data")
    func size() throws {
        let trust = try ReleaseSet.trust()
        let good = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)])
        let padding = [UInt8](repeating: 0x20, count: 65_536 - good.count)
        #expect(ReleaseManifest.verify(good + padding, trust: trust, now: ReleaseSet.newYear).told == "accepted")
        #expect(ReleaseManifest.verify(good + padding + [0x20], trust: trust, now: ReleaseSet.newYear).told == "endless data/oversize")
    }

    @Test("a clock at 1970 takes the latest proven moment instead, and cannot call anything future")
    func deadClock() throws {
        var trust = try ReleaseSet.trust()
        let good = try ReleaseSet.manifest().sign(with: [try ReleaseSet.key(11)])
        #expect(ReleaseManifest.verify(good, trust: trust, now: 0).told == "accepted")
        // What a later document proved to be past.
        trust.timeFloor = ReleaseSet.newYear + 365 * ReleaseSet.day
        #expect(ReleaseManifest.verify(good, trust: trust, now: 0).told == "indefinite freeze/expired")
        // Accepting raises what is kept, and never lowers it.
        trust.timeFloor = 0
        trust.accept(try ReleaseSet.manifest())
        #expect(trust.timeFloor == ReleaseSet.newYear)
        #expect(trust.lastVersion == 6)
        trust.accept(
            try ReleaseSet.manifest {
                $0.version = 5; $0.issued -= 100
            })
        #expect(trust.timeFloor == ReleaseSet.newYear)
        #expect(trust.lastVersion == 6)
    }

    @Test("what was downloaded must be what was signed")
    func downloads() throws {
        let manifest = try ReleaseSet.manifest()
        #expect(manifest.refusal(ofImage: ReleaseSet.image) == nil)
        #expect(manifest.refusal(ofImage: ReleaseSet.image + [0])?.attack == .endlessData)
        #expect(manifest.refusal(ofImage: ReleaseSet.base)?.attack == .mixAndMatch)
        let delta = DeltaImage.make(from: ReleaseSet.base, to: ReleaseSet.image)
        #expect(manifest.refusal(ofDelta: delta) == nil)
        #expect(manifest.refusal(ofDelta: delta + [0])?.attack == .endlessData)
        let other = DeltaImage.make(from: ReleaseSet.image, to: ReleaseSet.base)
        #expect(manifest.refusal(ofDelta: other)?.attack == .mixAndMatch || manifest.refusal(ofDelta: other)?.attack == .endlessData)
        func image(_ version: FirmwareVersion, counter: UInt32) -> BootableImage {
            BootableImage(format: .mcuboot, version: version, securityCounter: counter, length: 13, digest: [], body: 0..<13, hardware: nil)
        }
        #expect(manifest.refusal(of: image(FirmwareVersion(2, 4, 0), counter: 3)) == nil)
        #expect(manifest.refusal(of: image(FirmwareVersion(2, 3, 0), counter: 3))?.reason == "firmware")
        #expect(manifest.refusal(of: image(FirmwareVersion(2, 4, 0), counter: 2))?.reason == "security_counter")
    }

    @Test("a rule that is broken on purpose takes what is refused else")
    func seededBugs() throws {
        let trust = try ReleaseSet.trust()
        let foreign = try ReleaseSet.manifest { $0.hardware = ["v2.0"] }.sign(with: [try ReleaseSet.key(66)])
        let later = ReleaseSet.newYear + 400 * ReleaseSet.day
        #expect(
            ReleaseManifest.verify(
                foreign, trust: trust, now: later, bugs: [.manifestSignatureNotChecked, .manifestExpiryNotChecked, .hardwareNotChecked]
            )
            .told == "accepted")
        #expect(
            ReleaseManifest.verify(foreign, trust: trust, now: later, bugs: [.manifestSignatureNotChecked, .hardwareNotChecked]).told
                == "indefinite freeze/expired")
    }
}
