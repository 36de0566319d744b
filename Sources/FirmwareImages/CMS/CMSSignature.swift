import COpenSSL

/// CMS signatures (RFC 5652) over bytes, checked by libcrypto against certificates that the caller trusts.
///
/// Nothing of the machine counts: no certificates of the system, no clock, no revocation lists, no network.
enum CMSSignature {
    /// The moment at which the certificates must be valid.
    enum Time: Sendable, Hashable {
        /// Unix seconds.
        case moment(Int64)
        /// What the signer says in the signed attribute `signingTime` (RFC 5652 §11.3). For devices without a clock, as RAUC's
        /// `use-bundle-signing-time`: the expiry of a certificate then does not limit who has stolen its key.
        case signingTime
    }

    /// What the certificates must be good for.
    struct Policy: Sendable, Hashable {
        /// Which key usages a signer's certificate may be restricted to.
        enum Purpose: Sendable, Hashable {
            /// Every usage, as `openssl cms -verify -purpose any`: code signing too.
            case any
            /// Mails and documents, libcrypto's default for CMS and so RAUC's `check-purpose=default`: a certificate with extended key
            /// usages must name emailProtection, one with key usages digitalSignature or nonRepudiation.
            case emailProtection
        }

        var purpose: Purpose
        /// Whether a trusted certificate ends the chain although it is not self-signed.
        var allowsPartialChain: Bool
        /// Whether the signer must lead to a trusted certificate; else only content and signature must fit each other.
        var checksSigner = true
        /// Whether the content must have the hash that was signed; only ever false for a bug that is put in on purpose.
        var checksContent = true

        /// For release manifests: the root names one certificate, which is trusted as it is.
        static let release = Policy(purpose: .any, allowsPartialChain: true)
        /// As RAUC has it without further settings.
        static let bundle = Policy(purpose: .emailProtection, allowsPartialChain: false)
    }

    struct Failure: Error, Sendable, Hashable {
        enum Reason: String, Sendable, Hashable {
            case malformed
            /// Something else than signed data, or not exactly one signer.
            case unsupported
            case signature
            /// The content is not the one that was signed.
            case content
            /// The signer's certificate leads to no trusted one, or may not sign.
            case certificate
            case notYetValid = "not_yet_valid"
            case expired
            case noSigningTime = "no_signing_time"
        }

        var reason: Reason
        /// A sentence without its full stop, with libcrypto's own words where it is the one who refused.
        var text: String
    }

    /// What a good signature says.
    struct Verified: Sendable, Hashable {
        /// What is signed.
        var content: [UInt8]
        /// The moment at which the certificates were checked, Unix seconds.
        var time: Int64
        /// The signer's subject in one line: `CN=Release 2026, O=Luna`.
        var signer: String
    }

    /// Most bytes of a CMS that are looked at: RAUC's limit.
    static let maximumLength = 64 * 1024

    /// Checks a detached signature over `content`.
    static func verifyDetached(
        _ signature: [UInt8], over content: [UInt8], roots: [[UInt8]], at time: Time, policy: Policy = .release
    ) -> Result<Verified, Failure> {
        Result { () throws(Failure) in
            guard !content.isEmpty else { throw Failure(reason: .malformed, text: "there is nothing that could be signed") }
            return try verify(signature, content: content, roots: roots, at: time, policy)
        }
    }

    /// Checks a signature that carries what it signs.
    static func verifyAttached(_ message: [UInt8], roots: [[UInt8]], at time: Time, policy: Policy = .release) -> Result<Verified, Failure>
    {
        Result { () throws(Failure) in try verify(message, content: nil, roots: roots, at: time, policy) }
    }

    // MARK: What can be told without trust

    /// Whether the bytes are one X.509 certificate in DER, and nothing behind it.
    static func isCertificate(_ der: [UInt8]) -> Bool {
        guard let certificate = unsafe readCertificate(der) else { return false }
        unsafe X509_free(certificate)
        return true
    }

    /// What is said about a CMS without checking it; for people who look at files.
    struct Description: Sendable, Hashable {
        var signingTime: Int64?
        /// Subjects of the certificates that it carries.
        var certificates: [String]
    }

    /// What is signed, without checking it; nil: the signature is detached.
    static func content(_ message: [UInt8]) throws(Failure) -> [UInt8]? {
        let cms = try unsafe read(message)
        defer { unsafe CMS_ContentInfo_free(cms) }
        guard let slot = unsafe CMS_get0_content(cms), let text = unsafe slot.pointee else { return nil }
        return unsafe bytes(text)
    }

    static func describe(_ message: [UInt8]) throws(Failure) -> Description {
        let cms = try unsafe read(message)
        defer { unsafe CMS_ContentInfo_free(cms) }
        var result = Description(signingTime: unsafe signingTime(cms), certificates: [])
        if let stack = unsafe CMS_get1_certs(cms) {
            defer { unsafe freeCertificates(stack) }
            for index in 0..<(unsafe OPENSSL_sk_num(stack)) {
                guard let item = unsafe OPENSSL_sk_value(stack, index) else { continue }
                result.certificates.append(unsafe subject(OpaquePointer(item)))
            }
        }
        return result
    }

    // MARK: Verification

    private static func verify(
        _ message: [UInt8], content: [UInt8]?, roots: [[UInt8]], at time: Time, _ policy: Policy
    ) throws(Failure) -> Verified {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let cms = try unsafe read(message)
        defer { unsafe CMS_ContentInfo_free(cms) }
        try unsafe refuseUnsupported(cms, isDetached: content != nil)
        let moment: Int64
        switch time {
        case .moment(let seconds): moment = seconds
        case .signingTime:
            // Signed itself, so a forged one breaks the signature.
            guard let seconds = unsafe signingTime(cms) else {
                throw Failure(reason: .noSigningTime, text: "the signer does not say when it was signed")
            }
            moment = seconds
        }
        guard let store = unsafe makeStore(policy.checksSigner ? roots : [], moment, policy) else {
            throw Failure(reason: .certificate, text: "the trusted certificates cannot be used")
        }
        defer { unsafe X509_STORE_free(store) }
        let signed = try unsafe check(cms, content: content, store, policy)
        return Verified(content: signed, time: moment, signer: unsafe signerSubject(cms))
    }

    private static func read(_ message: [UInt8]) throws(Failure) -> OpaquePointer {
        guard message.count <= maximumLength else {
            throw Failure(reason: .malformed, text: "the signature has \(message.count) bytes; at most \(maximumLength) are read")
        }
        let cms: OpaquePointer? = unsafe message.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            guard let start = buffer.baseAddress else { return nil }
            var position: UnsafePointer<UInt8>? = unsafe start
            guard let cms = unsafe d2i_CMS_ContentInfo(nil, &position, buffer.count) else { return nil }
            // Bytes behind it belong to nobody.
            guard unsafe position == start + buffer.count else { unsafe CMS_ContentInfo_free(cms); return nil }
            return unsafe cms
        }
        guard let cms = unsafe cms else {
            ERR_clear_error()
            throw Failure(reason: .malformed, text: "it is no CMS in DER, or bytes follow it")
        }
        return unsafe cms
    }

    private static func refuseUnsupported(_ cms: OpaquePointer, isDetached: Bool) throws(Failure) {
        guard let type = unsafe CMS_get0_type(cms), unsafe OBJ_obj2nid(type) == NID_pkcs7_signed else {
            throw Failure(reason: .unsupported, text: "the CMS holds no signed data")
        }
        // One, as RAUC asks for: with several, "signed by" would have two meanings.
        let count = unsafe OPENSSL_sk_num(CMS_get0_SignerInfos(cms))
        guard count == 1 else { throw Failure(reason: .unsupported, text: "the CMS has \(max(0, count)) signers instead of one") }
        guard unsafe CMS_is_detached(cms) == (isDetached ? 1 : 0) else {
            throw Failure(
                reason: .unsupported,
                text: isDetached ? "the signature is not detached: it carries its own content" : "the CMS does not carry what it signs")
        }
    }

    private static func makeStore(_ roots: [[UInt8]], _ time: Int64, _ policy: Policy) -> OpaquePointer? {
        guard let store = unsafe X509_STORE_new() else { return nil }
        var isComplete = !roots.isEmpty || !policy.checksSigner
        for der in roots {
            guard let certificate = unsafe readCertificate(der) else { isComplete = false; break }
            // The store counts its own reference.
            if unsafe X509_STORE_add_cert(store, certificate) != 1 { isComplete = false }
            unsafe X509_free(certificate)
        }
        guard isComplete, let parameters = unsafe X509_STORE_get0_param(store) else { unsafe X509_STORE_free(store); return nil }
        unsafe X509_VERIFY_PARAM_set_time(parameters, Int(time))
        if policy.purpose == .any { unsafe X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY) }
        if policy.allowsPartialChain { unsafe X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN)) }
        return unsafe store
    }

    /// - Returns: what is signed.
    private static func check(_ cms: OpaquePointer, content: [UInt8]?, _ store: OpaquePointer, _ policy: Policy) throws(Failure) -> [UInt8]
    {
        var flags = CMS_BINARY
        if !policy.checksSigner { flags |= CMS_NO_SIGNER_CERT_VERIFY }
        if !policy.checksContent { flags |= CMS_NO_CONTENT_VERIFY }
        if let content {
            let isGood = unsafe content.withUnsafeBytes { buffer -> Bool in
                guard let length = Int32(exactly: buffer.count), let input = unsafe BIO_new_mem_buf(buffer.baseAddress, length) else {
                    return false
                }
                defer { unsafe BIO_free_all(input) }
                return unsafe CMS_verify(cms, nil, store, input, nil, UInt32(CMS_DETACHED | flags)) == 1
            }
            if !isGood { throw refusal() }
            return content
        }
        guard let output = unsafe BIO_new(BIO_s_mem()) else { throw Failure(reason: .malformed, text: "libcrypto has no memory left") }
        defer { unsafe BIO_free_all(output) }
        guard unsafe CMS_verify(cms, nil, store, nil, output, UInt32(flags)) == 1 else { throw refusal() }
        return unsafe drain(output)
    }

    // MARK: libcrypto's words

    /// Why the last call failed.
    private static func refusal() -> Failure {
        var reasons: [String] = []
        var detail = ""
        var last: Int32 = 0
        while true {
            var data: UnsafePointer<CChar>?
            var flags: Int32 = 0
            let code = unsafe ERR_get_error_all(nil, nil, nil, &data, &flags)
            guard code != 0 else { break }
            last = ERR_GET_REASON(code)
            if let reason = unsafe ERR_reason_error_string(code) { reasons.append(unsafe String(cString: reason)) }
            if let data = unsafe data, flags & ERR_TXT_STRING != 0 { detail = unsafe String(cString: data) }
        }
        let text = (reasons.last ?? "verification failed") + (detail.isEmpty ? "" : ": " + detail)
        if detail.hasSuffix(words(for: X509_V_ERR_CERT_NOT_YET_VALID)) { return Failure(reason: .notYetValid, text: text) }
        if detail.hasSuffix(words(for: X509_V_ERR_CERT_HAS_EXPIRED)) { return Failure(reason: .expired, text: text) }
        if detail.hasPrefix("Verify error") { return Failure(reason: .certificate, text: text) }
        return Failure(reason: last == CMS_R_CONTENT_VERIFY_ERROR ? .content : .signature, text: text)
    }

    private static func words(for code: Int32) -> String {
        unsafe X509_verify_cert_error_string(Int(code)).map { unsafe String(cString: $0) } ?? ""
    }
}
