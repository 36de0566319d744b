import Crypto

/// A finished hash with its algorithm.
enum ImageDigest {
    case sha256(SHA256Digest)
    case sha384(SHA384Digest)
    case sha512(SHA512Digest)

    enum Algorithm: String, Sendable {
        case sha256 = "SHA-256"
        case sha384 = "SHA-384"
        case sha512 = "SHA-512"

        var length: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    /// Hashes a part of `bytes`, which must lie within them, without copying it.
    init(_ algorithm: Algorithm, of bytes: [UInt8], _ range: Range<Int>) {
        switch algorithm {
        case .sha256: self = .sha256(Self.hash(SHA256(), bytes, range))
        case .sha384: self = .sha384(Self.hash(SHA384(), bytes, range))
        case .sha512: self = .sha512(Self.hash(SHA512(), bytes, range))
        }
    }

    private static func hash<Hash: HashFunction>(_ start: Hash, _ bytes: [UInt8], _ range: Range<Int>) -> Hash.Digest {
        var hash = start
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[range])) }
        return hash.finalize()
    }

    var bytes: [UInt8] {
        switch self {
        case .sha256(let digest): Array(digest)
        case .sha384(let digest): Array(digest)
        case .sha512(let digest): Array(digest)
        }
    }
}
