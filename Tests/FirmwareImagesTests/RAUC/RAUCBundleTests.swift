import FirmwareImages
import LabCore
import Testing

/// Bundles made by rauc itself, good and damaged, and what rauc says of them.
@Suite("RAUC bundles: the verdict is rauc's (RAUC documentation, Bundle Formats)")
struct RAUCBundleTests {
    static let hasTools = ToolFolder.has("openssl", "rauc", "mksquashfs")
    let folder: ToolFolder
    init() throws { folder = try ToolFolder() }

    /// An authority, a signer, and a bundle `<format>.raucb` with one image of 40,000 bytes.
    private func makeBundle(_ format: String, extra: String = "", extensions: String = "keyUsage=digitalSignature", arguments: String = "")
        throws -> [UInt8]
    {
        if (try? folder.read("good-ca.pem")) == nil { try folder.makeAuthority("good", extensions: extensions) }
        try folder.run("mkdir -p content")
        var chance = SeededGenerator(seed: 9, purpose: "root file system")
        try folder.write("content/rootfs.img", chance.bytes(40_000))
        try folder.write(
            "content/manifest.raucm",
            "[update]\ncompatible=luna-badge\nversion=2.4.0\n\n[bundle]\nformat=\(format)\n\(extra)\n[image.rootfs]\nfilename=rootfs.img\n")
        try folder.run("rm -f \(format).raucb")
        try folder.run("rauc --cert=good.pem --key=good.key --keyring=good-ca.pem\(arguments) bundle content \(format).raucb")
        return try folder.read("\(format).raucb")
    }

    private func trust(_ authority: String = "good", time: Int64? = ToolFolder.now) throws -> ImageTrust {
        ImageTrust(certificates: [try folder.read("\(authority)-ca.der")], compatible: "luna-badge", time: time)
    }

    private func verdict(_ bytes: [UInt8], _ trust: ImageTrust) -> String {
        switch ImageValidation.validate(bytes, as: .rauc, trust: trust) {
        case .success(let image): "\(image.version) for \(image.hardware ?? "-")"
        case .failure(let refusal): refusal.reason
        }
    }

    private func isFit(_ bytes: [UInt8], _ trust: ImageTrust) -> Bool {
        guard case .success(let report) = FirmwareInspector.inspect(bytes, trust: trust) else { return false }
        return report.isFit
    }

    /// Whether `rauc info`, and for whole bundles `rauc extract`, take the file.
    private func raucTakes(_ bytes: [UInt8], extracts: Bool = false) throws -> Bool {
        try folder.write("judged.raucb", bytes)
        try folder.run("rm -rf out")
        let command = extracts ? "extract judged.raucb out" : "info judged.raucb"
        return try folder.attempt("rauc --keyring=good-ca.pem \(command)").status == 0
    }

    @Test("good bundles: version, compatible, and the same verdict", .enabled(if: hasTools), arguments: ["plain", "verity"])
    func good(format: String) throws {
        let bundle = try makeBundle(format)
        let trust = try trust()
        #expect(verdict(bundle, trust) == "2.4.0 for luna-badge")
        #expect(isFit(bundle, trust))
        #expect(try raucTakes(bundle))
        // In a slot erased flash follows it.
        #expect(verdict(bundle + [UInt8](repeating: 0xff, count: 9_000), trust) == "2.4.0 for luna-badge")
        guard case .success(let image) = ImageValidation.validate(bundle, as: .rauc, trust: trust) else { return }
        #expect(image.length == bundle.count)
        guard case .success(let report) = FirmwareInspector.inspect(bundle, trust: trust) else { return }
        for fact in [("compatible", "luna-badge"), ("version", "2.4.0"), ("bundle format", format), ("signed by", "O = Test, CN = good")] {
            let isThere = report.facts.contains { $0.name == fact.0 && $0.value == fact.1 }
            #expect(isThere, "\(fact)")
        }
        let stated = report.facts.first { $0.name == "image rootfs" }
        #expect(stated?.value.hasPrefix("rootfs.img, 40000 bytes, sha256 ") == true)
    }

    @Test("damaged bundles are refused as rauc refuses them", .enabled(if: hasTools), arguments: ["plain", "verity"])
    func damaged(format: String) throws {
        let bundle = try makeBundle(format)
        let trust = try trust()
        let unmeasured = Array(bundle.dropLast(8))
        var magic = bundle
        magic[1] ^= 1
        var damaged: [(String, [UInt8])] = [
            ("cut", Array(bundle.dropLast(1))), ("half", Array(bundle.prefix(bundle.count / 2))), ("a byte more", bundle + [0]),
            ("no length", unmeasured + [UInt8](repeating: 0, count: 8)), ("another magic", magic),
        ]
        let beyond: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 1]
        damaged.append(("a length of 64 KiB + 1", unmeasured + beyond))
        // A bit in the CMS's signature, close to its end.
        var signature = bundle
        signature[bundle.count - 20] ^= 1
        damaged.append(("signature", signature))
        for (name, bytes) in damaged {
            // `rauc info` does not look at the payload of verity bundles, not even at its first bytes.
            #expect(try !raucTakes(bytes, extracts: name == "another magic"), "\(name)")
            #expect(!isFit(bytes, trust), "\(name)")
        }
        // In a slot, too; there what follows a whole bundle does not matter.
        for (name, bytes) in damaged where name != "a byte more" { #expect(!verdict(bytes, trust).contains("luna"), "\(name)") }
    }

    @Test("a damaged payload: told at the block", .enabled(if: hasTools))
    func payload() throws {
        let trust = try trustAfterMaking("plain")
        for format in ["plain", "verity"] {
            var bytes = try makeBundle(format)
            bytes[5_000] ^= 4
            #expect(try !raucTakes(bytes, extracts: true))
            #expect(verdict(bytes, trust) == "hash_mismatch")
            #expect(!isFit(bytes, trust))
            guard case .failure(let refusal) = ImageValidation.validate(bytes, as: .rauc, trust: trust), format == "verity" else {
                continue
            }
            #expect(refusal.offset == 4_096)
        }
        // Measured: `rauc info` looks at the payload of plain bundles only.
        var verity = try makeBundle("verity")
        verity[5_000] ^= 4
        #expect(try raucTakes(verity))
    }

    private func trustAfterMaking(_ format: String) throws -> ImageTrust {
        _ = try makeBundle(format)
        return try trust()
    }

    @Test("trees of two levels", .enabled(if: hasTools))
    func deepTree() throws {
        try folder.makeAuthority("good")
        try folder.run("mkdir -p content")
        var chance = SeededGenerator(seed: 9, purpose: "root file system")
        // More than 128 blocks of 4 KiB need a second level.
        try folder.write("content/rootfs.img", chance.bytes(700_000))
        try folder.write(
            "content/manifest.raucm",
            "[update]\ncompatible=luna-badge\nversion=2.4.0\n\n[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=rootfs.img\n")
        try folder.run("rauc --cert=good.pem --key=good.key --keyring=good-ca.pem bundle content big.raucb")
        let bundle = try folder.read("big.raucb")
        let trust = try trust()
        #expect(verdict(bundle, trust) == "2.4.0 for luna-badge")
        for place in [600_000, bundle.count - 10_000] {
            var damaged = bundle
            damaged[place] ^= 1
            #expect(verdict(damaged, trust) == "hash_mismatch")
            #expect(try !raucTakes(damaged, extracts: true))
        }
    }

    @Test("another authority, another device, a lower counter", .enabled(if: hasTools))
    func foreign() throws {
        try folder.makeAuthority("good")
        try folder.makeAuthority("other")
        try folder.run("mkdir -p content")
        // rauc 1.8 takes meta sections and does not keep them.
        try folder.write("content/manifest.raucm", "[update]\ncompatible=luna-badge\nversion=2.4.0\n\n[meta.lab]\nsecurity-counter=3\n")
        try folder.write("content/rootfs.img", [UInt8](repeating: 7, count: 9_000))
        try folder.run("mksquashfs content payload -quiet -all-root -noappend -noD -noF")
        let bundle = try signedByHand("payload", by: "good")
        #expect(verdict(bundle, try trust("other")) == "unknown_key")
        var trust = try trust()
        #expect(verdict(bundle, trust) == "2.4.0 for luna-badge")
        trust.minimumSecurityCounter = 3
        #expect(verdict(bundle, trust) == "2.4.0 for luna-badge")
        trust.minimumSecurityCounter = 4
        #expect(verdict(bundle, trust) == "downgrade_counter")
        trust.minimumSecurityCounter = 0
        trust.compatible = "luna-charger"
        #expect(verdict(bundle, trust) == "wrong_hardware")
        // Without certificates the signature is not asked for, but what is signed must still be what is there.
        #expect(verdict(bundle, ImageTrust()) == "2.4.0 for luna-badge")
        var damaged = bundle
        damaged[300] ^= 1
        #expect(verdict(damaged, ImageTrust()) == "hash_mismatch")
    }

    /// Measured on rauc 1.8: a good bundle is refused while the clock says 2019.
    @Test("a clock before the certificate refuses, the time of signing instead of it does not", .enabled(if: hasTools))
    func clock() throws {
        let bundle = try makeBundle("verity")
        #expect(verdict(bundle, try trust(time: 1_546_300_800)) == "signature_invalid")
        #expect(verdict(bundle, try trust(time: 0)) == "signature_invalid")
        #expect(verdict(bundle, try trust(time: nil)) == "2.4.0 for luna-badge")
        #expect(verdict(bundle, try trust(time: ToolFolder.now + 20 * 365 * 86_400)) == "signature_invalid")
    }

    @Test("a certificate for code signing only is refused, as check-purpose=default does", .enabled(if: hasTools))
    func purpose() throws {
        let bundle = try makeBundle("plain")
        try folder.run("mv good-ca.pem mail-ca.pem")
        try folder.run("mv good-ca.der mail-ca.der")
        // rauc itself checks what it has made, so that it cannot make this one: signed by hand over the squashfs.
        let signatureLength = bundle.suffix(8).reduce(0) { $0 << 8 | Int($1) }
        try folder.write("payload", Array(bundle.dropLast(8 + signatureLength)))
        for (name, extensions, isTaken) in [
            ("code", "keyUsage=digitalSignature\nextendedKeyUsage=codeSigning", false),
            ("mail", "keyUsage=digitalSignature\nextendedKeyUsage=emailProtection", true),
        ] {
            try folder.makeAuthority(name, extensions: extensions)
            let bytes = try signedByHand("payload", by: name)
            try folder.write("judged.raucb", bytes)
            let status = try folder.attempt("rauc --keyring=\(name)-ca.pem info judged.raucb").status
            #expect((status == 0) == isTaken)
            #expect(verdict(bytes, try trust(name)) == (isTaken ? "2.4.0 for luna-badge" : "unknown_key"))
        }
    }

    /// A payload with a detached CMS and its length, made without rauc.
    private func signedByHand(_ payload: String, by name: String) throws -> [UInt8] {
        try folder.run(
            "openssl cms -sign -binary -outform DER -in \(payload) -signer \(name).pem -inkey \(name).key -nosmimecap -out sig.der")
        let signature = try folder.read("sig.der")
        let length = UInt64(signature.count)
        let end = (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(56 - 8 * $0)) }
        return try folder.read(payload) + signature + end
    }

    /// I10: names that lead out of the bundle, links, doubled members; signed, so that only the names are wrong.
    @Test(
        "image names with paths are refused", .enabled(if: hasTools),
        arguments: [
            ("rootfs.img", "2.4.0 for luna-badge"), ("../rootfs.img", "bad_layout"), ("/etc/shadow", "bad_layout"), ("a/b", "bad_layout"),
            ("..", "bad_layout"),
            ("..\\x", "bad_layout"), ("", "bad_layout"),
        ])
    func names(_ vector: (name: String, verdict: String)) throws {
        try folder.makeAuthority("good")
        try folder.run("mkdir -p content")
        try folder.write("content/rootfs.img", "x")
        try folder.write(
            "content/manifest.raucm",
            "[update]\ncompatible=luna-badge\nversion=2.4.0\n\n[image.rootfs]\nsha256=\(String(repeating: "0", count: 64))\nfilename=\(vector.name)\n"
        )
        for compression in ["gzip", "gzip -noI -noD -noF"] {
            try folder.run("rm -f payload")
            try folder.run("mksquashfs content payload -quiet -all-root -noappend -comp \(compression)")
            #expect(verdict(try signedByHand("payload", by: "good"), try trust()) == vector.verdict)
        }
    }

    @Test("a manifest without `compatible`, or a format that the signature does not have", .enabled(if: hasTools))
    func manifests() throws {
        try folder.makeAuthority("good")
        try folder.run("mkdir -p content")
        for (text, expected) in [
            ("[update]\ncompatible=luna-badge\nversion=2.4.0\n", "2.4.0 for luna-badge"), ("[update]\nversion=2.4.0\n", "bad_layout"),
            ("[update]\ncompatible=luna-badge\n\n[bundle]\nformat=verity\n", "bad_layout"), ("compatible=luna-badge\n", "bad_layout"),
            ("[update]\ncompatible=luna-badge\n[image.a]\nfilename=x\n[image.a]\nfilename=y\n", "bad_layout"),
        ] {
            try folder.write("content/manifest.raucm", text)
            try folder.run("rm -f payload")
            try folder.run("mksquashfs content payload -quiet -all-root -noappend")
            #expect(verdict(try signedByHand("payload", by: "good"), try trust()) == expected, "\(text)")
        }
        try folder.run("rm content/manifest.raucm")
        try folder.write("content/other", "x")
        try folder.run("rm -f payload")
        try folder.run("mksquashfs content payload -quiet -all-root -noappend")
        #expect(verdict(try signedByHand("payload", by: "good"), try trust()) == "bad_layout")
    }

    @Test("what is no bundle", arguments: [0, 1, 2, 3, 4])
    func noBundle(_ kind: Int) {
        let bytes: [UInt8] =
            switch kind {
            case 0: []
            case 1: [UInt8](repeating: 0xff, count: 10_000)
            case 2: [UInt8](repeating: 0, count: 10_000)
            case 3: Array("hsqs".utf8)
            default: Array("hsqs".utf8) + [UInt8](repeating: 0xff, count: 10_000)
            }
        #expect(["bad_magic", "truncated"].contains(verdict(bytes, ImageTrust())))
    }
}
