import FirmwareImages
import LabCore
import Testing

func inspect(_ bytes: [UInt8], _ trust: ImageTrust = ImageTrust()) throws -> ImageReport {
    try FirmwareInspector.inspect(bytes, trust: trust).get()
}

extension ImageReport {
    func fact(_ name: String) -> String? { facts.first { $0.name == name }?.value }
    /// `severity code offset`.
    var written: [String] { findings.map { "\($0.severity.rawValue) \($0.code)" + ($0.offset.map { " \($0)" } ?? "") } }
}

@Suite("Inspector of MCUboot images (ota.md §5)")
struct MCUbootInspectorTests {
    @Test("Facts of an image with everything in it")
    func facts() throws {
        let report = try inspect(Vectors.protected, ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)]))
        #expect(report.isFit)
        #expect(report.findings.isEmpty)
        #expect(report.kind == .mcuboot)
        #expect(report.fact("version") == "1.2.3+4")
        #expect(report.fact("body") == "48 bytes at 0x20")
        #expect(report.fact("length") == "300 bytes, 156 of them hashed")
        #expect(report.fact("security counter") == "7")
        #expect(report.fact("hardware") == "v1.0")
        #expect(report.fact("TLV at 0x5c") == "DEPENDENCY, protected, 12 bytes: needs image 1 at 2.3.4+5 or later")
        // uuid5(NAMESPACE_DNS, "example.com"), by Python's uuid module.
        #expect(report.fact("TLV at 0x6c") == "UUID_VID, protected, 16 bytes: cfbff0d193755685968c48ce8b15ae17")
        #expect(report.fact("TLV at 0x94") == "VENDOR_00a0, protected, 4 bytes: v1.0")
        #expect(report.fact("hash") == "SHA-256, right")
        #expect(report.fact("signature") == "Ed25519, valid")
    }

    @Test("Without keys a signature is unchecked, which is told and does not make it unfit")
    func unchecked() throws {
        let report = try inspect(Vectors.ed25519)
        #expect(report.isFit)
        #expect(report.written == ["note signature_unchecked 156"])
    }

    @Test("With a key, an image that nobody signed is unfit")
    func unsigned() throws {
        #expect(try inspect(Vectors.unsigned).written == ["note signature_missing 80"])
        #expect(
            try inspect(Vectors.unsigned, ImageTrust(keys: [try Vectors.key(Vectors.p256Key)])).written == ["error signature_missing 80"])
    }

    @Test("A wrong key is told apart from a wrong signature")
    func wrongKey() throws {
        let other = ImageTrust(keys: [try Vectors.key(Vectors.p256Key)])
        #expect(try inspect(Vectors.ed25519, other).written == ["error unknown_key 120"])
        var changed = Vectors.ed25519
        changed[0xa5] ^= 1
        #expect(try inspect(changed, ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)])).written == ["error signature_invalid 156"])
    }

    @Test("A key that is in the image as a whole checks it without other keys")
    func ownKey() throws {
        var changed = Vectors.p256Full
        changed[changed.count - 1] ^= 1
        #expect(try inspect(Vectors.p256Full).written == ["note signature_unchecked 215"])
        #expect(try inspect(changed).written == ["error signature_invalid 215"])
    }

    @Test("The right signature behind the name of another key: the signing tool takes it, the bootloader does not")
    func otherKeyName() throws {
        var changed = Vectors.ed25519
        changed[0x80] ^= 1
        let trust = ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)])
        #expect(try inspect(changed, trust).written == ["warning key_hash 120"])
        #expect(validate(changed, .mcuboot, trust).reason == "unknown_key")
    }

    @Test("A changed byte shows in the hash, at the hash's place")
    func changed() throws {
        var bytes = Vectors.ed25519
        bytes[0x4f] ^= 0x80
        let report = try inspect(bytes)
        #expect(!report.isFit)
        #expect(report.written == ["error hash_mismatch 88", "note signature_unchecked 156"])
    }

    @Test("What counts only in the protected area is a warning outside of it")
    func unprotected() throws {
        // A security counter of 9 put behind the signature: 8 more bytes in the area of 144.
        var bytes = Vectors.ed25519 + [0x50, 0, 4, 0, 9, 0, 0, 0]
        bytes[0x52] = 152
        let report = try inspect(bytes)
        #expect(report.written.contains("warning unprotected_tlv 224"))
        #expect(report.fact("security counter") == nil)
        #expect(report.isFit)
        #expect(validate(bytes).reason == "bad_layout")
    }

    @Test("The hash of an encrypted image is over the plain one, so it cannot be checked")
    func encrypted() throws {
        let report = try inspect(Vectors.encrypted, ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)]))
        #expect(report.written == ["error encrypted 88"])
        #expect(report.fact("flags") == "ENCRYPTED_AES128")
        #expect(report.fact("hash") == "SHA-256, unchecked")
        #expect(report.fact("signature") == "unchecked")
    }

    @Test("The trailer of a padded image", arguments: [(Vectors.confirmed, 8, 4_072), (Vectors.confirmed32, 32, 4_032)])
    func trailer(_ image: [UInt8], _ alignment: Int, _ imageOK: Int) throws {
        let trust = ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)])
        let report = try inspect(image, trust)
        #expect(report.findings.isEmpty)
        #expect(report.fact("slot") == "4096 bytes, trailer for an alignment of \(alignment)")
        #expect(report.fact("image_ok") == "set: confirmed")
        var changed = image
        changed[imageOK] = 0x7f
        #expect(try inspect(changed, trust).written == ["warning bad_trailer \(imageOK)"])
        changed[imageOK] = 0xff
        #expect(try inspect(changed, trust).fact("image_ok") == "not set")
    }

    @Test("Bytes behind the image are told")
    func behind() throws {
        let trust = ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)])
        #expect(try inspect(Vectors.ed25519 + [1, 2, 3], trust).written == ["warning trailing_bytes 224"])
        #expect(try inspect(Vectors.ed25519 + Array(repeating: 0xff, count: 100), trust).written == ["note padding 224"])
    }

    @Test("Big-endian images and those of MCUboot's first version are known, and unfit")
    func otherMagic() throws {
        #expect(try inspect(Vectors.big).written == ["error bad_magic 0"])
        #expect(try inspect([0x3c] + Vectors.ed25519.dropFirst()).written == ["error bad_magic 0"])
    }

    @Test("What is no image is unreadable, with what it looks like")
    func unreadable() {
        func text(_ bytes: [UInt8]) -> String? {
            if case .failure(let reason) = FirmwareInspector.inspect(bytes) { reason.description } else { nil }
        }
        #expect(text([]) == "the file is empty")
        #expect(text(Array(repeating: 0xff, count: 8_192)) == "8192 bytes of 0xff: erased or never written flash")
        #expect(text(Array("<html>".utf8))?.hasSuffix("it begins with 3c 68 74 6d") ?? false)
    }

    @Test("Both written forms hold the same")
    func written() throws {
        var bytes = Vectors.unsigned
        bytes[0x20] ^= 1
        let report = try inspect(bytes)
        let lines = report.text(file: "a.bin").split(separator: "\n").map(String.init)
        #expect(lines.prefix(2) == ["a.bin: MCUboot image, unfit", "  version      1.2.3+4"])
        #expect(lines.contains("  hash         SHA-256, wrong"))
        #expect(
            lines.contains {
                $0.hasPrefix("  error at 0x58: the SHA-256 of header, body and protected TLVs is ") && $0.hasSuffix(" [hash_mismatch]")
            })
        #expect(lines.contains("    bootloader: refuses the image"))
        let json = report.json(file: "a.bin").record
        #expect(json?["fit"] == .bool(false))
        #expect(json?["format"] == "mcuboot")
        #expect(json?.value(at: "findings")?.list?.count == 2)
        #expect(json?.value(at: "findings")?.list?.first?.record?["offset"] == .integer(88))
    }
}

@Suite("Images as Intel HEX")
struct IntelHexTests {
    /// Records of 16 bytes from address 0x0800_0000 on, as the specification of Intel (1988) writes them.
    static func hex(_ image: [UInt8]) -> String {
        func record(_ type: UInt8, _ address: Int, _ data: [UInt8]) -> String {
            let content = [UInt8(data.count), UInt8(address >> 8), UInt8(address & 255), type] + data
            return ":" + Hexadecimal.text(content + [0 &- content.reduce(0, &+)]).uppercased() + "\n"
        }
        let lines = stride(from: 0, to: image.count, by: 16).map { record(0, $0, Array(image[$0..<min(image.count, $0 + 16)])) }
        return record(4, 0, [0x08, 0x00]) + lines.joined() + ":00000001FF\n"
    }

    @Test("Inspected like the bytes")
    func inspected() throws {
        let trust = ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)])
        let report = try inspect(Array(Self.hex(Vectors.protected).utf8), trust)
        #expect(report.isFit)
        #expect(report.fact("form") == "Intel HEX from address 0x8000000, from which all offsets count")
        var changed = Vectors.protected
        changed[40] ^= 1
        #expect(try inspect(Array(Self.hex(changed).utf8), trust).written.first == "error hash_mismatch 164")
    }

    static let wrong: [(text: String, reason: String)] = [
        (":020000040800F3\n:00000001FF", "checksum of line 1"), (":020000040800F2", "ends the file is missing"),
        (":020000040800F2\n:00000001FF", "without data"), (":020000040800F2\nhello", "line 2 is no record"),
        (":0200000908 00", "line 1 is no record"),
        (":0200000A0800EC\n", "unknown type 10"),
        (":0100000001FE\n:02000004FFFFFC\n:0100000001FE\n:00000001FF", "span 4294901761 bytes"),
    ]

    @Test("What is not whole is unreadable, with the reason", arguments: wrong)
    func unreadable(_ text: String, _ reason: String) {
        guard case .failure(let failure) = FirmwareInspector.inspect(Array(text.utf8)) else { return _ = Issue.record("\(text) was read") }
        #expect(failure.description.contains(reason), "\(failure.description)")
    }
}
