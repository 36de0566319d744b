import FirmwareImages
import LabCore
import Testing

@Suite("Signing MCUboot images again (MCUboot design.md, imgtool)")
struct ImageSigningTests {
    private func image() throws -> [UInt8] {
        try FactoryImage.make(version: FirmwareVersion(2, 4, 0), format: .mcuboot, size: 4_096, privateKey: Array(repeating: 5, count: 32))
            .image
    }

    private func verdict(_ image: [UInt8], _ key: ImageKey) -> String {
        switch ImageValidation.validate(image, as: .mcuboot, trust: ImageTrust(keys: [key], hardware: "v1.0")) {
        case .success(let image): "\(image.version)"
        case .failure(let refusal): refusal.reason
        }
    }

    @Test("with every kind of key; the old key then does not fit", arguments: [SigningKey.Kind.ed25519, .ecdsaP256, .ecdsaP384, .rsa])
    func kinds(_ kind: SigningKey.Kind) throws {
        let old = try image()
        let key = try SigningKey(making: kind)
        let new = try ImageSigning.sign(mcuboot: old, with: key)
        #expect(verdict(new, try ImageKey(der: key.publicDER)) == "2.4.0")
        #expect(verdict(new, try ImageKey(der: try SigningKey(seed: Array(repeating: 5, count: 32)).publicDER)) == "unknown_key")
        #expect(verdict(old, try ImageKey(der: key.publicDER)) == "unknown_key")
        // The same key from its own PEM.
        let again = try SigningKey(pem: key.privatePEM)
        #expect(again.publicDER == key.publicDER)
        #expect(try ImageKey(pem: key.publicPEM) == (try ImageKey(der: key.publicDER)))
    }

    @Test("with the key that it had it stays the same, byte by byte")
    func unchanged() throws {
        let old = try image()
        #expect(try ImageSigning.sign(mcuboot: old, with: try SigningKey(seed: Array(repeating: 5, count: 32))) == old)
        #expect(try ImageSigning.sign(mcuboot: old + [0xff, 0xff], with: try SigningKey(seed: Array(repeating: 5, count: 32))) == old)
    }

    @Test("what is no image, or padded with a trailer, is refused")
    func refused() throws {
        let key = try SigningKey(seed: Array(repeating: 5, count: 32))
        #expect(throws: ImageRefusal.self) { try ImageSigning.sign(mcuboot: [], with: key) }
        #expect(throws: ImageRefusal.self) { try ImageSigning.sign(mcuboot: try image() + [0xff, 1], with: key) }
        #expect(throws: ImageRefusal.self) { try ImageSigning.sign(mcuboot: Array(try image().dropLast()), with: key) }
    }

    @Test("keys of openssl are read, protected ones are told", .enabled(if: ToolFolder.has("openssl")))
    func keyFiles() throws {
        let folder = try ToolFolder()
        for (options, kind) in [
            ("-algorithm ED25519", "ed25519"), ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "ecdsa-p256"),
            ("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "ecdsa-p384"), ("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "rsa-2048"),
        ] {
            try folder.run("openssl genpkey \(options) -out key.pem")
            let key = try SigningKey(pem: try folder.text("key.pem"))
            #expect(key.kind == kind)
            // And back: openssl reads what we write.
            try folder.write("ours.pem", key.privatePEM)
            #expect(try folder.run("openssl pkey -in ours.pem -pubout") == key.publicPEM)
        }
        try folder.run("openssl genpkey -algorithm ED25519 -aes256 -pass pass:secret -out locked.pem")
        #expect(throws: SigningKey.Unusable.self) { try SigningKey(pem: try folder.text("locked.pem")) }
        #expect(throws: SigningKey.Unusable.self) { try SigningKey(pem: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") }
    }
}
