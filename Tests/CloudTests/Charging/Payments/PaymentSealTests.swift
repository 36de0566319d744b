import Crypto
import Emulators
import Foundation
import LabCore
import Programs
import Testing

@testable import Cloud

/// OpenSSL's own opinion of signatures: a program that knows nothing of this one.
private struct OpenSSL {
    let folder: URL

    static let isThere: Bool = {
        let isThere = ChildProcess.path(of: "openssl") != nil
        if !isThere { print("SKIPPED payment signatures: openssl is not installed") }
        return isThere
    }()

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("payment-seals-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws { try Data(bytes).write(to: folder.appendingPathComponent(name)) }

    func run(_ arguments: String..., input: [UInt8]) async throws -> ChildProcess.Outcome {
        await (try ChildProcess("openssl", arguments, in: folder.path, input: input, limit: .seconds(60))).outcome()
    }
}

@Suite("Signatures and encryption of payments (WeChat Pay API v3, Alipay RSA2)")
struct PaymentSealTests {
    private let message = Array("GET\n/v3/certificates\n1767225600\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n".utf8)

    @Test("what we sign, openssl verifies; one bit more or less it does not", .enabled(if: OpenSSL.isThere))
    func opensslVerifies() async throws {
        let tool = try OpenSSL()
        defer { tool.remove() }
        let signature = try PaymentSigner(PaymentSecret(PaymentTestKeys.wechatMerchantPrivate), setting: "key").signature(message)
        try tool.write("key.pem", PaymentTestKeys.wechatMerchantPublic.utf8)
        try tool.write("signature", try #require(Data(base64Encoded: signature)))
        let right = try await tool.run("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", input: message)
        #expect(right.output == "Verified OK\n", "\(right)")
        let wrong = try await tool.run("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", input: message + [0x0a])
        #expect(wrong.status == 1)
    }

    @Test("what openssl signs, we verify, by key and by certificate; and ours is the same, byte by byte", .enabled(if: OpenSSL.isThere))
    func opensslSigns() async throws {
        let tool = try OpenSSL()
        defer { tool.remove() }
        try tool.write("key.pem", PaymentTestKeys.wechatPlatformPrivate.utf8)
        let made = try await tool.run("dgst", "-sha256", "-sign", "key.pem", input: message)
        #expect(made.status == 0, "\(made)")
        let signature = Data(made.outputBytes).base64EncodedString()
        let verifier = try PaymentVerifier(pem: PaymentTestKeys.wechatPlatformCertificate, setting: "key")
        #expect(verifier.accepts(signature, for: message))
        #expect(!verifier.accepts(signature, for: message.dropLast()))
        #expect(!(try PaymentVerifier(pem: PaymentTestKeys.alipayPlatformPublic, setting: "key")).accepts(signature, for: message))
        #expect(try PaymentSigner(PaymentSecret(PaymentTestKeys.wechatPlatformPrivate), setting: "key").signature(message) == signature)
        var bytes = made.outputBytes
        bytes[17] ^= 1
        #expect(!verifier.accepts(Data(bytes).base64EncodedString(), for: message))
        for nonsense in ["", "=", "AAAA", String(repeating: "A", count: 344), signature + "A", String(repeating: "A", count: 10_000)] {
            #expect(!verifier.accepts(nonsense, for: message))
        }
    }

    @Test("the certificate's serial number and validity are those that openssl prints", .enabled(if: OpenSSL.isThere))
    func certificate() async throws {
        let tool = try OpenSSL()
        defer { tool.remove() }
        let printed = try await tool.run("x509", "-noout", "-serial", input: Array(PaymentTestKeys.wechatPlatformCertificate.utf8))
        let certificate = try #require(PaymentVerifier.PlatformCertificate(pem: PaymentTestKeys.wechatPlatformCertificate))
        #expect(printed.output == "serial=\(certificate.serial)\n")
        #expect(certificate.serial == PaymentTestKeys.wechatPlatformSerial)
        // 2025-01-01 and 2045-01-01, 00:00 UTC.
        #expect(certificate.validity == 1_735_689_600...2_366_841_600)
    }

    /// Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", which NIST's SP 800-38D refers to.
    private let vector = (
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", nonce: "cafebabefacedbaddecaf888",
        associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plain:
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        cipher:
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b"
    )

    @Test("AES-256-GCM opens the published vector, and nothing with one bit changed")
    func gcm() throws {
        let key = try #require(Hexadecimal.bytes(vector.key))
        let (nonce, associated) = (try #require(Hexadecimal.bytes(vector.nonce)), try #require(Hexadecimal.bytes(vector.associated)))
        let sealed = try #require(Hexadecimal.bytes(vector.cipher + vector.tag))
        let cipher = PaymentCipher(key: key)
        #expect(cipher.opened(Data(sealed).base64EncodedString(), nonce: nonce, associated: associated) == Hexadecimal.bytes(vector.plain))
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 0x80
            #expect(cipher.opened(Data(changed).base64EncodedString(), nonce: nonce, associated: associated) == nil)
        }
        #expect(cipher.opened(Data(sealed).base64EncodedString(), nonce: nonce, associated: associated + [0]) == nil)
        #expect(cipher.opened(Data(sealed).base64EncodedString(), nonce: Array(nonce.dropLast()), associated: associated) == nil)
        #expect(cipher.opened(Data(sealed.prefix(15)).base64EncodedString(), nonce: nonce, associated: associated) == nil)
        #expect(cipher.opened("no base64!", nonce: nonce, associated: associated) == nil)
    }

    @Test("what is signed for Alipay is sorted by name, without empty values and without the signature")
    func signedText() throws {
        let form = try #require(PaymentForm.read(Array("b=2&a=x+y%26z&empty=&sign_type=RSA2&sign=abc".utf8)))
        #expect(String(decoding: PaymentForm.signedText(form, without: ["sign", "sign_type"]), as: UTF8.self) == "a=x y&z&b=2")
        #expect(String(decoding: PaymentForm.signedText(form, without: ["sign"]), as: UTF8.self) == "a=x y&z&b=2&sign_type=RSA2")
        for wrong in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=1&a=2", "=1"] { #expect(PaymentForm.read(Array(wrong.utf8)) == nil, "\(wrong)") }
    }

    @Test("signatures are over the bytes of a member, wherever it stands and whatever is in it")
    func members() throws {
        let text = #"{ "sign" : "a\"b,}" , "node":{"x":[1,{"sign":"c"}],"y":":"} ,"last" : 12 }"#
        let bytes = Array(text.utf8)
        let found = JSONMembers.ranges(bytes).map { ($0.name, String(decoding: bytes[$0.range], as: UTF8.self)) }
        #expect(found.map(\.0) == ["sign", "node", "last"])
        #expect(found.map(\.1) == [#""a\"b,}""#, #"{"x":[1,{"sign":"c"}],"y":":"}"#, "12"])
    }

    @Test(
        "times are Beijing's, money is in fen",
        arguments: [
            ("2026-01-01 08:00:00", 1_767_225_600), ("2026-01-01T00:00:00Z", 1_767_225_600), ("2026-01-01T08:00:00+08:00", 1_767_225_600),
            ("2025-12-31T19:00:00-05:00", 1_767_225_600), ("2024-02-29 00:00:00", 1_709_136_000),
        ])
    func times(_ time: (text: String, unix: Int64)) throws {
        #expect(BeijingTime.unix(time.text) == time.unix)
        #expect(BeijingTime.plain(1_767_225_600) == "2026-01-01 08:00:00")
        #expect(BeijingTime.stamp(1_767_225_599) == "2026-01-01T07:59:59+08:00")
        for wrong in [
            "", "2026-02-29 00:00:00", "2026-13-01 00:00:00", "2026-01-01 24:00:00", "2026-01-01T00:00:00", "2026-01-01 08:00:00Z",
            "222222017-01-01 00:00:00",
        ] {
            #expect(BeijingTime.unix(wrong) == nil, "\(wrong)")
        }
    }

    @Test("yuan with decimals become whole fen or nothing")
    func yuan() {
        let right: [(String, Int64)] = [
            ("12.35", 1_235), ("12.3", 1_230), ("12", 1_200), ("0.01", 1), ("0.00000", 0), ("999999999.99", 99_999_999_999),
        ]
        for (text, fen) in right { #expect(YuanText.fen(text) == fen, "\(text)") }
        #expect(YuanText.fen("-1.50", signed: true) == -150)
        for wrong in ["", ".", "1.", ".5", "-1", "1e3", "1.001", "1,5", "0x10", "٣", "9999999999", "1.2.3", " 1"] {
            #expect(YuanText.fen(wrong) == nil, "\(wrong)")
        }
        #expect([0, 1, 1_235, -150].map(YuanText.text) == ["0.00", "0.01", "12.35", "-1.50"])
    }
}
