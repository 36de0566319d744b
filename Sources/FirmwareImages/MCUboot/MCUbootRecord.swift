/// One entry of MCUboot's two areas of types, lengths and values.
struct MCUbootRecord: Sendable, Hashable {
    /// Of its type field, in the file.
    var offset: Int
    var type: UInt16
    var value: Range<Int>
    /// In the area that the hash covers.
    var isProtected: Bool

    var kind: Kind? { Kind(rawValue: type) }

    /// specs/ota.md §5: the numbers of MCUboot's code, which its documentation gets wrong for the UUIDs.
    enum Kind: UInt16, Sendable, CaseIterable {
        case keyHash = 0x01
        case publicKey = 0x02
        case sha256 = 0x10
        case sha384 = 0x11
        case sha512 = 0x12
        case rsa2048 = 0x20
        case ecdsa224 = 0x21
        case ecdsa = 0x22
        case rsa3072 = 0x23
        case ed25519 = 0x24
        case pureSignature = 0x25
        case encryptionRSA2048 = 0x30
        case encryptionKeyWrap = 0x31
        case encryptionP256 = 0x32
        case encryptionX25519 = 0x33
        case encryptionX25519SHA512 = 0x34
        case dependency = 0x40
        case securityCounter = 0x50
        case bootRecord = 0x60
        case decompressedSize = 0x70
        case decompressedHash = 0x71
        case decompressedSignature = 0x72
        case compressedDecryptedSize = 0x73
        case vendorUUID = 0x74
        case classUUID = 0x75

        /// As MCUboot's header and its signing tool write it.
        var name: String {
            switch self {
            case .keyHash: "KEYHASH"
            case .publicKey: "PUBKEY"
            case .sha256: "SHA256"
            case .sha384: "SHA384"
            case .sha512: "SHA512"
            case .rsa2048: "RSA2048_PSS"
            case .ecdsa224: "ECDSA224"
            case .ecdsa: "ECDSA_SIG"
            case .rsa3072: "RSA3072_PSS"
            case .ed25519: "ED25519"
            case .pureSignature: "SIG_PURE"
            case .encryptionRSA2048: "ENC_RSA2048"
            case .encryptionKeyWrap: "ENC_KW"
            case .encryptionP256: "ENC_EC256"
            case .encryptionX25519: "ENC_X25519"
            case .encryptionX25519SHA512: "ENC_X25519_SHA512"
            case .dependency: "DEPENDENCY"
            case .securityCounter: "SEC_CNT"
            case .bootRecord: "BOOT_RECORD"
            case .decompressedSize: "DECOMP_SIZE"
            case .decompressedHash: "DECOMP_SHA"
            case .decompressedSignature: "DECOMP_SIGNATURE"
            case .compressedDecryptedSize: "COMP_DEC_SIZE"
            case .vendorUUID: "UUID_VID"
            case .classUUID: "UUID_CID"
            }
        }

        var isSignature: Bool { [.rsa2048, .ecdsa224, .ecdsa, .rsa3072, .ed25519].contains(self) }

        var hash: ImageDigest.Algorithm? {
            switch self {
            case .sha256: .sha256
            case .sha384: .sha384
            case .sha512: .sha512
            default: nil
            }
        }

        /// What may stand outside of the protected area: hash, key, signature, encryption (MCUboot image_validate.c, the
        /// list of allowed unprotected entries). The bootloader refuses anything else there.
        var mayBeUnprotected: Bool { rawValue < 0x40 }
    }

    /// Vendors' own: the low byte is 0xA0 or more.
    static func isVendor(_ type: UInt16) -> Bool { type & 0xff >= 0xa0 }
    /// The lab's own vendor entry: a text that names the hardware, such as `v1.0`. Counts in the protected area only.
    static let hardware: UInt16 = 0x00a0

    var name: String { kind?.name ?? (Self.isVendor(type) ? "VENDOR_\(HexText.fixed(type).dropFirst(2))" : HexText.fixed(type)) }
}
