import FirmwareImages
import LabCore
import Testing

/// Manifests that a firmware team signs with the openssl command line.
@Suite("Release manifest: CMS made by openssl (RFC 5652)")
struct CMSManifestTests {
    let folder: ToolFolder
    init() throws { folder = try ToolFolder() }

    /// Signs the canonical bytes with `openssl cms` and gives the manifest's file.
    private func signed(_ document: SignedDocument, by signer: String, options: String = "", authority: String? = nil) throws -> [UInt8] {
        try folder.write("signed.json", document.canonical)
        try folder.run(
            "openssl cms -sign -binary -outform DER -in signed.json -signer \(signer).pem -inkey \(signer).key -out sig.der" + options)
        var result = document
        result.attach(.init(keyID: try key(authority ?? signer).id, bytes: try folder.read("sig.der")))
        return result.bytes
    }

    private func key(_ authority: String) throws -> ReleaseKey { try ReleaseKey(.cms, der: try folder.read("\(authority)-ca.der")) }

    private func trust(_ authorities: [String], threshold: Int = 1) throws -> ReleaseTrust {
        try ReleaseSet.trust(
            try RootMetadata.make(
                version: 1, issued: ReleaseSet.newYear - 9 * ReleaseSet.day, expires: ReleaseSet.newYear * 2,
                root: try ReleaseSet.role([1]),
                release: ReleaseRole(keys: try authorities.map { try key($0) }, threshold: threshold), signedBy: [try ReleaseSet.key(1)]))
    }

    private func document(_ now: Int64) throws -> SignedDocument {
        try SignedDocument(
            signed: try ReleaseSet.manifest {
                $0.issued = now; $0.expires = now + 20 * 365 * ReleaseSet.day
            }.signed)
    }

    @Test("P-256, P-384 and RSA certificates, with and without signed attributes", .enabled(if: ToolFolder.has("openssl")))
    func algorithms() throws {
        let now = ToolFolder.now
        for (name, algorithm) in [
            ("p256", "EC -pkeyopt ec_paramgen_curve:P-256"), ("p384", "EC -pkeyopt ec_paramgen_curve:P-384"),
            ("rsa", "RSA -pkeyopt rsa_keygen_bits:2048"),
        ] {
            try folder.makeAuthority(name, key: algorithm)
            let trust = try trust([name])
            for options in ["", " -noattr", " -md sha512"] {
                let bytes = try signed(try document(now), by: name, options: options)
                #expect(ReleaseManifest.verify(bytes, trust: trust, now: now).told == "accepted", "\(name)\(options)")
                // Any bit of the signed part.
                let changed = Array(String(decoding: bytes, as: UTF8.self).replacing("2.4.0", with: "2.4.1").utf8)
                #expect(ReleaseManifest.verify(changed, trust: trust, now: now).told == "arbitrary software installation/signature_invalid")
            }
        }
    }

    @Test("the chain must lead to the authority that the root names", .enabled(if: ToolFolder.has("openssl")))
    func chain() throws {
        let now = ToolFolder.now
        try folder.makeAuthority("good")
        try folder.makeAuthority("foreign")
        let trust = try trust(["good"])
        #expect(ReleaseManifest.verify(try signed(try document(now), by: "good"), trust: trust, now: now).told == "accepted")
        // Under its own name it is unknown; under the name of ours it does not fit.
        #expect(
            ReleaseManifest.verify(try signed(try document(now), by: "foreign"), trust: trust, now: now).told
                == "arbitrary software installation/unknown_key")
        #expect(
            ReleaseManifest.verify(try signed(try document(now), by: "foreign", authority: "good"), trust: trust, now: now).told
                == "arbitrary software installation/signature_invalid")
        // Without its certificate nobody can find it.
        #expect(
            ReleaseManifest.verify(try signed(try document(now), by: "good", options: " -nocerts"), trust: trust, now: now).told
                == "arbitrary software installation/signature_invalid")
        // A CMS that carries the content instead of being detached.
        #expect(
            ReleaseManifest.verify(try signed(try document(now), by: "good", options: " -nodetach"), trust: trust, now: now).told
                == "arbitrary software installation/signature_invalid")
    }

    @Test("two signers of one authority count once", .enabled(if: ToolFolder.has("openssl")))
    func threshold() throws {
        let now = ToolFolder.now
        try folder.makeAuthority("good")
        try folder.makeAuthority("second")
        let trust = try trust(["good", "second"], threshold: 2)
        let single = try SignedDocument(reading: try signed(try document(now), by: "good"), limit: 65_536)
        var doubled = single
        doubled.signatures.append(single.signatures[0])
        #expect(ReleaseManifest.verify(doubled.bytes, trust: trust, now: now).told == "vulnerability to key compromises/under_signed")
        #expect(ReleaseManifest.verify(try signed(single, by: "second"), trust: trust, now: now).told == "accepted")
    }

    /// M7: expired and not yet valid certificates; `openssl cms -verify -attime` gives the same.
    @Test("certificates count at the time that is judged by", .enabled(if: ToolFolder.has("openssl")))
    func time() throws {
        let now = ToolFolder.now
        try folder.makeAuthority("good", days: 30)
        let trust = try trust(["good"])
        let bytes = try signed(try document(now), by: "good")
        for (days, isGood) in [(Int64(0), true), (29, true), (31, false)] {
            let moment = now + days * ReleaseSet.day
            let openssl = try folder.attempt(
                "openssl cms -verify -binary -inform DER -in sig.der -content signed.json -CAfile good-ca.pem -purpose any -attime \(moment) -out out.json"
            )
            #expect((openssl.status == 0) == isGood)
            #expect((ReleaseManifest.verify(bytes, trust: trust, now: moment).told == "accepted") == isGood, "\(days) days on")
        }
        // The clock stands at 1970: the manifest's own time of issue counts.
        #expect(ReleaseManifest.verify(bytes, trust: trust, now: 0).told == "accepted")
    }

    @Test("certificates for code signing may sign releases", .enabled(if: ToolFolder.has("openssl")))
    func purpose() throws {
        let now = ToolFolder.now
        try folder.makeAuthority("code", extensions: "keyUsage=digitalSignature\nextendedKeyUsage=codeSigning")
        let bytes = try signed(try document(now), by: "code")
        #expect(ReleaseManifest.verify(bytes, trust: try trust(["code"]), now: now).told == "accepted")
    }

    @Test("openssl verifies the canonical bytes that we sign with Ed25519, P-256 and RSA-PSS", .enabled(if: ToolFolder.has("openssl")))
    func otherDirection() throws {
        for (kind, generate, verify) in [
            ("ed25519", "-algorithm ED25519", "pkeyutl -verify -pubin -inkey pub.pem -rawin -in signed.json -sigfile sig"),
            ("ecdsa-p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "dgst -sha256 -verify pub.pem -signature sig signed.json"),
            (
                "rsa-2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
                "dgst -sha256 -verify pub.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -signature sig signed.json"
            ),
        ] {
            try folder.run("openssl genpkey \(generate) -out key.pem")
            try folder.run("openssl pkey -in key.pem -pubout -out pub.pem")
            let key = try SigningKey(pem: try folder.text("key.pem"))
            #expect(key.kind == kind)
            let document = try document(0).signed(by: [key])
            try folder.write("signed.json", document.canonical)
            try folder.write("sig", document.signatures[0].bytes)
            #expect(try folder.attempt("openssl " + verify).status == 0, "\(kind)")
        }
    }

    @Test("signatures by openssl dgst and pkeyutl are taken", .enabled(if: ToolFolder.has("openssl")))
    func openssl() throws {
        for (generate, sign) in [
            ("-algorithm ED25519", "pkeyutl -sign -inkey key.pem -rawin -in signed.json -out sig"),
            ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "dgst -sha256 -sign key.pem -out sig signed.json"),
            (
                "-algorithm RSA -pkeyopt rsa_keygen_bits:3072",
                "dgst -sha256 -sign key.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -out sig signed.json"
            ),
        ] {
            try folder.run("openssl genpkey \(generate) -out key.pem")
            let key = try SigningKey(pem: try folder.text("key.pem")).releaseKey
            let trust = try ReleaseSet.trust(
                try RootMetadata.make(
                    version: 1, issued: 0, expires: ReleaseSet.newYear * 2, root: try ReleaseSet.role([1]),
                    release: ReleaseRole(keys: [key], threshold: 1), signedBy: [try ReleaseSet.key(1)]))
            var document = try document(ReleaseSet.newYear)
            try folder.write("signed.json", document.canonical)
            try folder.run("openssl " + sign)
            document.attach(.init(keyID: key.id, bytes: try folder.read("sig")))
            #expect(ReleaseManifest.verify(document.bytes, trust: trust, now: ReleaseSet.newYear).told == "accepted", "\(sign)")
        }
    }
}
