import Crypto
import FirmwareImages
import Testing

@Suite("ESP32 application images (ota.md §5)")
struct ESP32ImageTests {
    static let image = ESP32Vectors.image

    @Test("What esptool made is taken: version, secure version, chip, used length")
    func taken() throws {
        let image = try #require(validate(Self.image, .esp32, ImageTrust(chip: 9, slotSize: 368, minimumSecurityCounter: 3)).image)
        #expect(image.version == FirmwareVersion(2, 4, 1))
        #expect(image.securityCounter == 3)
        #expect(image.hardware == "ESP32-S3")
        #expect(image.length == 368)
        #expect(image.digest == Array(Self.image[0x150..<0x170]))
        #expect(validate(ESP32Vectors.withoutHash, .esp32).image?.length == 336)
    }

    @Test("Cut anywhere, it is no image")
    func cut() {
        for length in 0..<Self.image.count {
            let result = validate(Array(Self.image[..<length]), .esp32)
            #expect(result.reason == "truncated" && result.offset == length, "\(length) bytes: \(result)")
        }
    }

    static let damages = [
        Damage("nothing but ones", "bad_magic", 0) { $0 = Array(repeating: 0xff, count: 368) },
        Damage("no segments", "bad_layout", 1) { $0[1] = 0 },
        Damage("17 segments", "bad_layout", 1) { $0[1] = 17 },
        Damage("hash_appended of 2", "bad_layout", 23) { $0[23] = 2 },
        Damage("a segment whose length is no multiple of 4", "bad_layout", 0x1c) { $0[0x1c] = 1 },
        Damage("a segment of 16 MB", "oversize", 0x1c) { $0.replaceSubrange(0x1c..<0x20, with: [0, 0, 0, 1]) },
        Damage("a segment of 4 GB", "oversize", 0x1c) { $0.replaceSubrange(0x1c..<0x20, with: [0xfc, 0xff, 0xff, 0xff]) },
        Damage("a segment longer than the file", "truncated", 368) { $0[0x1e] = 1 },
        // The padding is its address and the beginning of its length, the checksum the highest byte of that.
        Damage("one more segment than there is", "oversize", 0x14c) { $0[1] = 3 },
        Damage("a changed byte in a segment", "checksum_mismatch", 0x14f) { $0[0x30] ^= 1 },
        Damage("two changed bytes that cancel each other in the checksum", "hash_mismatch", 0x150) {
            $0[0x30] ^= 1; $0[0x31] ^= 1
        },
        Damage("a changed header, which the checksum does not cover", "hash_mismatch", 0x150) { $0[4] ^= 1 },
        Damage("a changed padding byte", "hash_mismatch", 0x150) { $0[0x14a] = 1 },
        Damage("a changed checksum", "checksum_mismatch", 0x14f) { $0[0x14f] ^= 1 },
        Damage("a changed hash", "hash_mismatch", 0x150) { $0[0x16f] ^= 1 },
    ]

    @Test("Refused, with the reason and the place", arguments: damages)
    func refused(_ damage: Damage) {
        var bytes = Self.image
        damage.apply(&bytes)
        #expect(validate(bytes, .esp32).reason == damage.reason)
        #expect(validate(bytes, .esp32).offset == damage.offset)
    }

    @Test("Chip, slot and secure version are compared")
    func compared() {
        #expect(validate(Self.image, .esp32, ImageTrust(chip: 5)).reason == "wrong_hardware")
        #expect(validate(Self.image, .esp32, ImageTrust(chip: 5)).offset == 12)
        #expect(validate(Self.image, .esp32, ImageTrust(slotSize: 367)).reason == "oversize")
        #expect(validate(Self.image, .esp32, ImageTrust(minimumSecurityCounter: 4)).reason == "downgrade_counter")
        #expect(validate(Self.image, .esp32, ImageTrust(minimumSecurityCounter: 4)).offset == 0x24)
    }

    struct Signed: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var image: [UInt8]
        var key: String
        var signature: Range<Int>
    }

    /// Places of the signatures in their blocks (ota.md §5), behind the sector's offset of 0x1000.
    static let signed = [
        Signed(testDescription: "RSA-3072", image: ESP32Vectors.rsa, key: ESP32Vectors.rsaKey, signature: 812..<1_196),
        Signed(testDescription: "ECDSA P-192", image: ESP32Vectors.p192, key: ESP32Vectors.p192Key, signature: 101..<149),
        Signed(testDescription: "ECDSA P-256", image: ESP32Vectors.p256, key: ESP32Vectors.p256Key, signature: 101..<165),
        Signed(testDescription: "ECDSA P-384", image: ESP32Vectors.p384, key: ESP32Vectors.p384Key, signature: 149..<245),
    ]

    @Test("Secure boot v2: each kind of key is taken, and found valid by the inspector", arguments: signed)
    func secureBoot(_ vector: Signed) throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: vector.key)])
        #expect(validate(vector.image, .esp32, trust).image?.length == 8_192)
        let report = try inspect(vector.image, trust)
        #expect(report.findings.isEmpty)
        #expect(report.fact("signature at 0x1000") == "secure boot v2, \(vector.testDescription), valid")
        #expect(try inspect(vector.image).written == ["note signature_unchecked 4096"])
    }

    @Test("Secure boot v2: other keys do not know it", arguments: signed)
    func unknown(_ vector: Signed) throws {
        let own = try ImageKey(pem: vector.key)
        let trust = ImageTrust(
            keys: try (Self.signed.map(\.key) + [ESP32Vectors.rsaOtherKey, ESP32Vectors.p256OtherKey]).map { try ImageKey(pem: $0) }.filter
            { $0 != own })
        #expect(validate(vector.image, .esp32, trust).reason == "unknown_key")
        #expect(try inspect(vector.image, trust).written == ["error unknown_key 4096"])
    }

    @Test("Secure boot v2: every byte of image, padding and block counts", arguments: signed)
    func everyByte(_ vector: Signed) throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: vector.key)])
        for index in [0, 4, 23, 0x40, 0x14f, 0x160, 0x170, 0xfff, 0x1000, 0x1001, 0x1004, 0x1024, 0x1025, 0x1100, 0x14ab, 0x14ac, 0x14af] {
            var bytes = vector.image
            bytes[index] ^= 1
            #expect(validate(bytes, .esp32, trust).image == nil, "byte \(index)")
            #expect((try? inspect(bytes, trust))?.isFit != true, "byte \(index)")
        }
    }

    @Test("Secure boot v2: a forged signature with a right CRC is refused", arguments: signed)
    func forged(_ vector: Signed) throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: vector.key)])
        for place in [vector.signature.lowerBound, vector.signature.upperBound - 1] {
            var bytes = vector.image
            bytes[0x1000 + place] ^= 1
            Self.repairCRC(&bytes, block: 0x1000)
            #expect(validate(bytes, .esp32, trust).reason == "signature_invalid")
            #expect(try inspect(bytes, trust).written == ["error signature_invalid 4096"])
            #expect(try inspect(bytes).written == ["error signature_invalid 4096"], "the key in the block is enough to see that")
        }
    }

    @Test("Secure boot v2: the same signature on another image is told as that")
    func otherImage() throws {
        var bytes = ESP32Vectors.rsa
        bytes[4] ^= 1
        // The image's own hash made right again, the signature's not.
        bytes.replaceSubrange(0x150..<0x170, with: Array(SHA256.hash(data: bytes[..<0x150])))
        let trust = ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.rsaKey)])
        #expect(validate(bytes, .esp32, trust).reason == "signature_invalid")
        #expect(try inspect(bytes, trust).written == ["error signature_invalid 4100"])
        #expect(validate(bytes, .esp32).image != nil, "without keys the bootloader does not look")
    }

    @Test("Secure boot v2: the sector of signatures is whole, or the image is cut", arguments: [0x1170, 0x14c0, 0x1fff])
    func cutSector(_ length: Int) throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.rsaKey)])
        let bytes = Array(ESP32Vectors.rsa[..<length])
        // Less than a whole block is no signature.
        #expect(validate(bytes, .esp32, trust).reason == (length < 0x14c0 ? "signature_missing" : "truncated"))
        #expect(try inspect(bytes, trust).written.contains(length < 0x14c0 ? "error signature_missing 4096" : "error truncated \(length)"))
    }

    @Test("Secure boot v2: one good block of two is enough")
    func twice() throws {
        let first = try ImageKey(pem: ESP32Vectors.rsaKey)
        let second = try ImageKey(pem: ESP32Vectors.rsaOtherKey)
        for key in [first, second] { #expect(validate(ESP32Vectors.twice, .esp32, ImageTrust(keys: [key])).image != nil) }
        var bytes = ESP32Vectors.twice
        bytes[0x1000 + 900] ^= 1
        #expect(validate(bytes, .esp32, ImageTrust(keys: [second])).image != nil)
        #expect(validate(bytes, .esp32, ImageTrust(keys: [first])).image == nil)
        #expect(try inspect(bytes, ImageTrust(keys: [second])).written == ["warning signature_invalid 5292"], "at the CRC")
    }

    @Test("Bytes behind the image are told; behind a signature, espsecure no longer finds it")
    func behind() throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.rsaKey)])
        #expect(try inspect(Self.image + [1, 2]).written == ["warning trailing_bytes 368"])
        #expect(try inspect(Self.image + [0xff, 0xff]).written == ["note padding 368"])
        #expect(try inspect(ESP32Vectors.rsa + [1, 2]).written == ["note signature_unchecked 4096", "warning trailing_bytes 8192"])
        #expect(try inspect(ESP32Vectors.rsa + [1, 2], trust).written == ["error trailing_bytes 8192"])
        #expect(validate(ESP32Vectors.rsa + [1, 2], .esp32, trust).image?.length == 8_192)
    }

    @Test("Where keys are trusted, an image without signature is refused")
    func unsigned() throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.rsaKey)])
        #expect(validate(Self.image, .esp32, trust).reason == "signature_missing")
        #expect(try inspect(Self.image, trust).written == ["error signature_missing 368"])
        #expect(try inspect(Self.image).written.isEmpty)
    }

    @Test("Secure boot v1: 68 bytes behind the image")
    func old() throws {
        let trust = ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.oldKey)])
        #expect(try inspect(ESP32Vectors.old, trust).findings.isEmpty)
        #expect(try inspect(ESP32Vectors.old).written == ["note signature_unchecked 368"])
        var bytes = ESP32Vectors.old
        bytes[400] ^= 1
        #expect(try inspect(bytes, trust).written == ["error signature_invalid 368"])
        #expect(
            try inspect(ESP32Vectors.old, ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.p256Key)])).written == [
                "error signature_invalid 368"
            ])
    }

    @Test("Secure boot v1 counts on the first chip only")
    func oldChip() throws {
        // The image of the S3 made one of the ESP32 cannot be signed here, so its refusal is by the signature, not by its absence.
        var bytes = ESP32Vectors.old
        let trust = ImageTrust(keys: [try ImageKey(pem: ESP32Vectors.oldKey)])
        #expect(validate(bytes, .esp32, trust).reason == "signature_missing")
        bytes[12] = 0
        bytes.replaceSubrange(0x150..<0x170, with: Array(SHA256.hash(data: bytes[..<0x150])))
        #expect(validate(bytes, .esp32, trust).reason == "signature_invalid")
        #expect(validate(bytes, .esp32).image?.length == 436)
    }

    @Test("Facts of the inspector")
    func facts() throws {
        let report = try inspect(Self.image)
        #expect(report.kind == .esp32)
        #expect(report.fact("chip") == "ESP32-S3")
        #expect(report.fact("version") == "v2.4.1")
        #expect(report.fact("project") == "luna-badge")
        #expect(report.fact("secure version") == "3")
        #expect(report.fact("chip revisions") == "v0.1 to v0.99")
        #expect(report.fact("segment 0 at 0x18") == "256 bytes for 0x3c000020")
        #expect(report.fact("hash") == "SHA-256, right")
    }

    @Test("Without an appended hash only a byte protects the image, which is a warning")
    func withoutHash() throws {
        #expect(try inspect(ESP32Vectors.withoutHash).written == ["warning hash_missing 23"])
    }

    @Test("An unknown chip is unfit, since no tool and no bootloader takes it")
    func unknownChip() throws {
        var bytes = ESP32Vectors.withoutHash
        bytes[12] = 77
        #expect(try inspect(bytes).written.contains("error unknown_chip 12"))
    }

    /// CRC-32 of the first 1,196 bytes of a block, bit by bit (ISO 3309).
    static func repairCRC(_ bytes: inout [UInt8], block: Int) {
        var crc = UInt32.max
        for byte in bytes[block..<block + 1_196] {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
        crc = ~crc
        for index in 0..<4 { bytes[block + 1_196 + index] = UInt8(truncatingIfNeeded: crc >> (8 * UInt32(index))) }
    }
}

@Suite("otadata of ESP32 chips (ota.md §5)")
struct OTADataTests {
    /// CRC-32 of the sequence, begun with all ones, by Python: `zlib.crc32(struct.pack("<I", 1), 0xffffffff)`.
    static let crcs: [UInt32: UInt32] = [1: 0x4743_989a, 2: 0x55f6_3774, 3: 0xed4a_5011]

    static func entry(_ sequence: UInt32, state: UInt32, crc: UInt32? = nil) -> [UInt8] {
        func word(_ value: UInt32) -> [UInt8] { [value, value >> 8, value >> 16, value >> 24].map { UInt8(truncatingIfNeeded: $0) } }
        return word(sequence) + Array(repeating: 0xff, count: 20) + word(state) + word(crc ?? crcs[sequence] ?? 0)
            + Array(repeating: 0xff, count: 4_064)
    }

    static let erased = [UInt8](repeating: 0xff, count: 4_096)

    @Test("The entry with the highest sequence is started")
    func newest() throws {
        let report = try inspect(Self.entry(1, state: 2) + Self.entry(2, state: 0))
        #expect(report.kind == .otadata)
        #expect(report.isFit && report.findings.isEmpty)
        #expect(report.fact("entry 0") == "sequence 1, VALID")
        #expect(report.fact("entry 1") == "sequence 2, NEW")
        #expect(report.fact("starts")?.hasSuffix(": 1 of two") ?? false)
    }

    @Test("A torn entry is passed over")
    func torn() throws {
        let report = try inspect(Self.entry(1, state: 2) + Self.entry(2, state: 0, crc: 0x55f6_37ff))
        #expect(report.isFit)
        #expect(report.written == ["warning bad_crc 4124"])
        #expect(report.fact("starts")?.hasSuffix(": 0 of two") ?? false)
    }

    @Test("ABORTED and INVALID are not started")
    func aborted() throws {
        #expect(try inspect(Self.entry(3, state: 2) + Self.entry(2, state: 4)).isFit)
        #expect(try inspect(Self.entry(3, state: 4) + Self.entry(2, state: 2)).fact("starts")?.hasSuffix(": 1 of two") ?? false)
        #expect(try inspect(Self.entry(3, state: 4) + Self.entry(2, state: 3)).written == ["error nothing_bootable"])
        #expect(try inspect(Self.entry(3, state: 2, crc: 0) + Self.erased).written == ["warning bad_crc 28", "error nothing_bootable"])
    }
}
