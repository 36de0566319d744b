internal import COpenSSL

/// ECDSA on NIST P-192, which only some ESP chips use; swift-crypto leaves it out, OpenSSL has it.
enum P192 {
    /// Whether the DER signature over `digest` is that of the key with the uncompressed point; false for what cannot be read.
    static func isValid(_ signature: [UInt8], digest: [UInt8], point: [UInt8]) -> Bool {
        let encoded = ImageKey.p192(point).encoded
        return unsafe encoded.withUnsafeBufferPointer { buffer in
            var position = buffer.baseAddress
            guard let key = unsafe d2i_PUBKEY(nil, &position, buffer.count) else { return false }
            defer { unsafe EVP_PKEY_free(key) }
            guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { return false }
            defer { unsafe EVP_PKEY_CTX_free(context) }
            guard unsafe EVP_PKEY_verify_init(context) == 1 else { return false }
            return unsafe EVP_PKEY_verify(context, signature, signature.count, digest, digest.count) == 1
        }
    }
}
