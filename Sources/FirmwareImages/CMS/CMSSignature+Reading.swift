import COpenSSL

/// Single values out of libcrypto's structures, copied, so that nothing outlives them.
extension CMSSignature {
    /// A new certificate, which the caller frees.
    static func readCertificate(_ der: [UInt8]) -> OpaquePointer? {
        unsafe der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            guard let start = buffer.baseAddress else { return nil }
            var position: UnsafePointer<UInt8>? = unsafe start
            guard let certificate = unsafe d2i_X509(nil, &position, buffer.count) else { ERR_clear_error(); return nil }
            guard unsafe position == start + buffer.count else { unsafe X509_free(certificate); return nil }
            return unsafe certificate
        }
    }

    /// When the only signer says that it signed, Unix seconds.
    static func signingTime(_ cms: OpaquePointer) -> Int64? {
        guard let signers = unsafe CMS_get0_SignerInfos(cms), unsafe OPENSSL_sk_num(signers) == 1,
            let signer = unsafe OPENSSL_sk_value(signers, 0)
        else { return nil }
        let index = unsafe CMS_signed_get_attr_by_NID(OpaquePointer(signer), NID_pkcs9_signingTime, -1)
        guard index >= 0, let attribute = unsafe CMS_signed_get_attr(OpaquePointer(signer), index),
            unsafe X509_ATTRIBUTE_count(attribute) == 1,
            let type = unsafe X509_ATTRIBUTE_get0_type(attribute, 0)
        else { return nil }
        guard unsafe [V_ASN1_UTCTIME, V_ASN1_GENERALIZEDTIME].contains(type.pointee.type), let text = unsafe type.pointee.value.asn1_string,
            let epoch = unsafe ASN1_TIME_set(nil, 0)
        else { return nil }
        defer { unsafe ASN1_STRING_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, text) == 1 else { return nil }
        return Int64(days) * 86_400 + Int64(seconds)
    }

    static func signerSubject(_ cms: OpaquePointer) -> String {
        guard let signers = unsafe CMS_get0_signers(cms) else { return "" }
        // Only the list is ours; its certificates belong to the CMS.
        defer { unsafe OPENSSL_sk_free(signers) }
        guard let certificate = unsafe OPENSSL_sk_value(signers, 0) else { return "" }
        return unsafe subject(OpaquePointer(certificate))
    }

    static func subject(_ certificate: OpaquePointer) -> String {
        guard let name = unsafe X509_get_subject_name(certificate), let output = unsafe BIO_new(BIO_s_mem()) else { return "" }
        defer { unsafe BIO_free_all(output) }
        // As RFC 2253 writes names, so that control characters and foreign bytes come as escapes (its flags are 0x317 in OpenSSL's asn1.h).
        guard unsafe X509_NAME_print_ex(output, name, 0, UInt(XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_SPC_EQ) | 0x317) >= 0 else { return "" }
        return String(decoding: unsafe drain(output), as: UTF8.self)
    }

    static func freeCertificates(_ stack: OpaquePointer) {
        while let item = unsafe OPENSSL_sk_pop(stack) { unsafe X509_free(OpaquePointer(item)) }
        unsafe OPENSSL_sk_free(stack)
    }

    static func bytes(_ text: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        let count = Int(unsafe ASN1_STRING_length(text))
        guard count > 0, let start = unsafe ASN1_STRING_get0_data(text) else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: start, count: count))
    }

    /// Everything that was written to a BIO in memory.
    static func drain(_ output: OpaquePointer) -> [UInt8] {
        let count = unsafe BIO_ctrl_pending(output)
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
            length = max(0, Int(unsafe BIO_read(output, buffer.baseAddress, Int32(clamping: count))))
        }
    }
}
