import FirmwareImages
import Testing

typealias Vectors = MCUbootVectors

/// An image with a change, and what the bootloader says to it.
struct Damage: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var reason: String
    var offset: Int?
    var apply: @Sendable (inout [UInt8]) -> Void

    init(_ name: String, _ reason: String, _ offset: Int?, _ apply: @escaping @Sendable (inout [UInt8]) -> Void) {
        testDescription = name
        self.reason = reason
        self.offset = offset
        self.apply = apply
    }
}

func validate(_ bytes: [UInt8], _ format: ImageFormat = .mcuboot, _ trust: ImageTrust = ImageTrust()) -> Result<BootableImage, ImageRefusal>
{
    ImageValidation.validate(bytes, as: format, trust: trust)
}

extension Result where Success == BootableImage, Failure == ImageRefusal {
    var reason: String? { if case .failure(let refusal) = self { refusal.reason } else { nil } }
    var offset: Int? { if case .failure(let refusal) = self { refusal.offset } else { nil } }
    var image: BootableImage? { try? get() }
}

@Suite("MCUboot images as the bootloader sees them (ota.md §5)")
struct MCUbootValidationTests {
    struct Signed: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var image: [UInt8]
        var key: String
        init(_ name: String, _ image: [UInt8], _ key: String) {
            testDescription = name
            self.image = image
            self.key = key
        }
    }

    static let signed = [
        Signed("RSA-2048 PSS", Vectors.rsa2048, Vectors.rsa2048Key), Signed("RSA-3072 PSS", Vectors.rsa3072, Vectors.rsa3072Key),
        Signed("ECDSA P-256", Vectors.p256, Vectors.p256Key), Signed("ECDSA P-384 with SHA-384", Vectors.p384, Vectors.p384Key),
        Signed("Ed25519", Vectors.ed25519, Vectors.ed25519Key),
        Signed("ECDSA P-256, signature padded", Vectors.p256Padded, Vectors.p256Key),
        Signed("ECDSA P-256, whole key in the image", Vectors.p256Full, Vectors.p256Key),
        Signed("Ed25519 with SHA-512", Vectors.ed25519SHA512, Vectors.ed25519Key),
        Signed("Ed25519 over the image itself", Vectors.ed25519Pure, Vectors.ed25519Key),
        Signed("protected TLVs", Vectors.protected, Vectors.ed25519Key),
        Signed("padded and confirmed", Vectors.confirmed, Vectors.ed25519Key),
    ]

    @Test("Each kind of signature is taken with its key, and with it among others", arguments: signed)
    func taken(_ vector: Signed) throws {
        let key = try Vectors.key(vector.key)
        let image = try #require(validate(vector.image, .mcuboot, ImageTrust(keys: [key])).image)
        #expect(image.version == FirmwareVersion(1, 2, 3, build: 4))
        #expect(image.body == 32..<80)
        let all = try [Vectors.rsa2048Key, Vectors.rsa3072Key, Vectors.p256Key, Vectors.p384Key, Vectors.ed25519Key].map(Vectors.key)
        #expect(validate(vector.image, .mcuboot, ImageTrust(keys: all)).image != nil)
    }

    @Test("With other keys only, the image is signed by nobody who is known", arguments: signed)
    func unknown(_ vector: Signed) throws {
        let own = try Vectors.key(vector.key)
        let others = try [Vectors.rsa2048Key, Vectors.rsa3072Key, Vectors.p256Key, Vectors.p384Key, Vectors.ed25519Key].map(Vectors.key)
            .filter { $0 != own }
        #expect(validate(vector.image, .mcuboot, ImageTrust(keys: others)).reason == "unknown_key")
    }

    @Test("Every single bit of header, body and protected TLVs counts", arguments: signed)
    func everyBit(_ vector: Signed) throws {
        let trust = ImageTrust(keys: [try Vectors.key(vector.key)])
        let covered = vector.testDescription == "protected TLVs" ? 0x9c : 0x50
        for index in 0..<covered {
            for bit in 0..<8 {
                var bytes = vector.image
                bytes[index] ^= 1 << bit
                #expect(validate(bytes, .mcuboot, trust).image == nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    @Test("Every bit of the signature counts", arguments: signed.filter { !$0.testDescription.contains("padded") })
    func everySignatureBit(_ vector: Signed) throws {
        let trust = ImageTrust(keys: [try Vectors.key(vector.key)])
        let length = vector.testDescription.contains("3072") ? 384 : vector.testDescription.contains("2048") ? 256 : 64
        for index in stride(from: vector.image.count - length, to: vector.image.count, by: 3) {
            var bytes = vector.image
            bytes[index] ^= 0x10
            #expect(validate(bytes, .mcuboot, trust).reason == "signature_invalid", "byte \(index)")
        }
    }

    @Test("Cut anywhere, it is no image", arguments: signed.filter { !$0.testDescription.contains("confirmed") })
    func cut(_ vector: Signed) {
        for length in 0..<vector.image.count {
            let result = validate(Array(vector.image[..<length]))
            #expect(result.reason == "truncated" && result.offset == length, "\(length) bytes: \(result)")
        }
    }

    @Test("Without keys the hash is asked for, the signature is not; without hash nothing is taken")
    func withoutKeys() {
        #expect(validate(Vectors.unsigned).image != nil)
        #expect(validate(Vectors.unsignedSHA384).image != nil)
        #expect(validate(Vectors.rsa2048).image != nil)
        var renamed = Vectors.unsigned
        renamed[0x54] = 0x01
        #expect(validate(renamed).reason == "hash_missing")
        #expect(validate(renamed).offset == 0x50)
    }

    @Test("What it says of an image: used length, hash, counter, hardware")
    func says() throws {
        let image = try #require(validate(Vectors.protected).image)
        #expect(image.format == .mcuboot)
        #expect(image.length == 300)
        #expect(image.digest == Array(Vectors.protected[0xa4..<0xc4]))
        #expect(image.securityCounter == 7)
        #expect(image.hardware == "v1.0")
        #expect(validate(Vectors.ed25519).image?.hardware == nil)
        #expect(validate(Vectors.ed25519).image?.securityCounter == 0)
        #expect(validate(Vectors.confirmed).image?.length == 224)
    }

    @Test("The slot, the hardware and the security counter are compared")
    func compared() {
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(slotSize: 300)).image != nil)
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(slotSize: 299)).reason == "oversize")
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(hardware: "v1.0")).image != nil)
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(hardware: "v2.0")).reason == "wrong_hardware")
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(hardware: "v2.0")).offset == 0x94)
        #expect(
            validate(Vectors.ed25519, .mcuboot, ImageTrust(hardware: "v2.0")).image != nil, "an image that names no hardware is for any")
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(minimumSecurityCounter: 7)).image != nil)
        #expect(validate(Vectors.protected, .mcuboot, ImageTrust(minimumSecurityCounter: 8)).reason == "downgrade_counter")
        #expect(validate(Vectors.ed25519, .mcuboot, ImageTrust(minimumSecurityCounter: 1)).reason == "downgrade_counter")
    }

    @Test("A bootloader that was built without a check does not make it, and still makes the others")
    func without() throws {
        let trust = ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)], hardware: "v2.0", minimumSecurityCounter: 8)
        func validate(_ bytes: [UInt8], without check: ImageValidation.Checks) -> String? {
            ImageValidation.validate(bytes, as: .mcuboot, trust: trust, checks: .all.subtracting(check)).reason
        }
        var changed = Vectors.protected
        changed[40] ^= 1
        #expect(validate(changed, without: []) == "hash_mismatch")
        #expect(validate(changed, without: .hash) == "signature_invalid")
        #expect(validate(changed, without: [.hash, .signature]) == "wrong_hardware")
        #expect(validate(changed, without: [.hash, .signature, .hardware]) == "downgrade_counter")
        #expect(validate(changed, without: .all) == nil)
        #expect(ImageValidation.validate(Array(changed.dropLast()), as: .mcuboot, trust: trust, checks: []).reason == "truncated")
    }

    static let damages = [
        Damage("nothing but ones", "bad_magic", 0) { $0 = Array(repeating: 0xff, count: 4_096) },
        Damage("nothing but zeros", "bad_magic", 0) { $0 = Array(repeating: 0, count: 4_096) },
        Damage("another magic", "bad_magic", 0) { $0[3] = 0x97 },
        Damage("the magic of MCUboot's first version", "bad_magic", 0) { $0[0] = 0x3c },
        Damage("a header shorter than its fields", "bad_layout", 8) { $0[8] = 0x1f },
        Damage("a body that overflows 32 bits", "oversize", 12) { $0.replaceSubrange(12..<16, with: [0xff, 0xff, 0xff, 0xff]) },
        Damage("a body up to the last of 32 bits", "truncated", 300) { $0.replaceSubrange(12..<16, with: [0, 0, 0xff, 0xff]) },
        Damage("a body that is one byte longer", "bad_layout", 0x51) { $0[12] = 49 },
        Damage("AES-128 and AES-256 together", "bad_layout", 16) { $0[16] = 0x0c },
        Damage("a protected area of another length than the header says", "bad_layout", 10) { $0[10] = 80 },
        Damage("a protected area that the header does not know", "bad_layout", 10) { $0[10] = 0 },
        Damage("no area behind the protected one", "bad_layout", 0x9c) { $0[0x9c] = 0x08 },
        Damage("an area shorter than its header", "bad_layout", 0x9e) { $0[0x9e] = 3 },
        Damage("an area longer than the file", "truncated", 300) { $0[0x9f] = 0xff },
        Damage("a TLV of 65,535 bytes", "bad_layout", 0xa2) { $0.replaceSubrange(0xa2..<0xa4, with: [0xff, 0xff]) },
        Damage("a TLV one byte longer than its area", "bad_layout", 0xea) { $0[0xea] = 65 },
        Damage("a protected TLV that reaches out of its area", "bad_layout", 0x96) { $0[0x96] = 5 },
        Damage("an area that ends inside of a TLV's header", "bad_layout", 0xc4) {
            $0[0x9e] = 0x29; $0 = Array($0[..<0xc5])
        },
        Damage("a security counter outside of the protected area", "bad_layout", 0xc4) { $0[0xc4] = 0x50 },
        Damage("a hash of the wrong length", "hash_mismatch", 0xa4) {
            $0[0xa2] = 31; $0.remove(at: 0xa4); $0[0x9e] = 143
        },
        Damage("a hash of other bytes", "hash_mismatch", 0xa4) { $0[0xa5] ^= 1 },
        Damage("a body with a changed byte", "hash_mismatch", 0xa4) { $0[0x30] ^= 1 },
        Damage("encrypted by its flags only, and changed", "encrypted", 16) { $0[16] = 4 },
        Damage("the hash of another key", "unknown_key", 0xc4) { $0[0xd0] ^= 1 },
        Damage("a signature of another kind than the key", "signature_invalid", 0xe8) { $0[0xe8] = 0x22 },
        Damage("no signature", "signature_missing", 0x9c) { $0[0xe8] = 0x30 },
        Damage("marked as no program", "not_bootable", 16) { $0[16] = 0x10 },
    ]

    @Test("Refused, with the reason and the place", arguments: damages)
    func refused(_ damage: Damage) throws {
        var bytes = Vectors.protected
        damage.apply(&bytes)
        let result = validate(bytes, .mcuboot, ImageTrust(keys: [try Vectors.key(Vectors.ed25519Key)]))
        #expect(result.reason == damage.reason)
        #expect(result.offset == damage.offset)
    }

    @Test("Bytes behind the image do not matter, as in a slot")
    func behind() {
        #expect(validate(Vectors.ed25519 + [1, 2, 3]).image == validate(Vectors.ed25519).image)
    }
}
