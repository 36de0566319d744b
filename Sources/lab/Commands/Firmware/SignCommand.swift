import ArgumentParser
import FirmwareImages
import LabCore
import Verdicts

/// `lab firmware sign`: signs an MCUboot image again, or adds signatures to a release manifest or a root.
struct FirmwareSignCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign", abstract: "Signs an MCUboot image, or adds a signature to a release manifest or a root.",
        discussion: """
            Images get new hash, key hash and signature, as imgtool writes them; nothing else of them changes. ESP32 images are signed with \
            espsecure, bundles with rauc. Manifests and roots keep the signatures of other keys.
            A signature made elsewhere: --signed-bytes FILE writes what must be signed; --cms and --authority add a detached CMS over it, made with
            openssl cms -sign -binary -outform DER -in FILE -signer SIGNER.pem -inkey SIGNER.key -out SIGNATURE.der
            """)

    @Argument(help: "An MCUboot image, a release manifest or a root.")
    var file: String

    @Option(name: .customLong("key"), help: "PEM file with a private key; for manifests and roots more than one can be given.")
    var keys: [String] = []

    @Option(help: "A detached CMS in DER over the signed bytes.")
    var cms: String?

    @Option(help: "PEM file with the certificate of the authority that the root names, for --cms.")
    var authority: String?

    @Option(help: "Writes the bytes that signatures of a manifest or a root cover.")
    var signedBytes: String?

    @Option(help: "File to write; without it the signed file takes the place of the old one.")
    var out: String?

    func run() throws {
        let bytes = try FirmwareOutput.read(file)
        switch FirmwareInspector.detect(bytes) {
        case .manifest?, .root?: try signDocument(bytes)
        case .mcuboot?: try signImage(bytes)
        case let other?: throw Stop(.wrongInput, "\(file): \(other.name); its maker's own tool signs it")
        case nil: throw Stop(.wrongInput, "\(file) is neither an MCUboot image nor a manifest; `lab firmware inspect` tells what it is")
        }
    }

    private func signImage(_ bytes: [UInt8]) throws {
        guard keys.count == 1, cms == nil, signedBytes == nil else { throw Stop(.wrongInput, "an image is signed with one --key") }
        let key = try Self.signingKey(keys[0])
        do {
            try FirmwareOutput.write(try ImageSigning.sign(mcuboot: bytes, with: key), to: out ?? file)
        } catch let refusal as ImageRefusal { throw Stop(.failed, "\(file): \(refusal)") }
        Console.print("signed \(out ?? file) with \(key.kind)")
    }

    private func signDocument(_ bytes: [UInt8]) throws {
        guard !keys.isEmpty || cms != nil || signedBytes != nil else {
            throw Stop(.wrongInput, "name a key: --key PEM, or --cms DER --authority PEM")
        }
        var document: SignedDocument
        do { document = try SignedDocument(reading: bytes, limit: RootMetadata.maximumLength) } catch {
            throw Stop(.failed, "\(file): \(error)")
        }
        if let signedBytes {
            try FirmwareOutput.write(document.canonical, to: signedBytes)
            Console.print("wrote the \(document.canonical.count) bytes to be signed to \(signedBytes)")
        }
        guard !keys.isEmpty || cms != nil else { return }
        document = try Self.signed(document, keys: keys, cms: cms, authority: authority)
        try FirmwareOutput.write(document.bytes, to: out ?? file)
        Console.print(
            "signed \(out ?? file): it carries \(document.signatures.count) signature\(document.signatures.count == 1 ? "" : "s")")
    }

    // MARK: Shared with `manifest`

    static func signingKey(_ path: String) throws -> SigningKey {
        do { return try SigningKey(pem: try FirmwareOutput.text(path)) } catch let error as SigningKey.Unusable {
            throw Stop(.wrongInput, "\(path): \(error)")
        }
    }

    static func signed(_ document: SignedDocument, keys: [String], cms: String?, authority: String?) throws -> SignedDocument {
        var document = document
        do { document = try document.signed(by: try keys.map { try signingKey($0) }) } catch let error as SigningKey.Unusable {
            throw Stop(.wrongInput, "\(error)")
        }
        guard let cms else { return document }
        guard let authority else { throw Stop(.wrongInput, "--cms needs --authority, the certificate that the root names") }
        guard let key = try releaseKeys(authority).first(where: { $0.scheme == .cms }) else {
            throw Stop(.wrongInput, "\(authority): it holds no certificate")
        }
        document.attach(SignedDocument.Signature(keyID: key.id, bytes: try FirmwareOutput.read(cms)))
        return document
    }

    static func releaseKeys(_ path: String) throws -> [ReleaseKey] {
        let text = try FirmwareOutput.text(path)
        do { return try ReleaseKey.keys(pem: text) } catch let error as ReleaseKey.Unusable {
            throw Stop(.wrongInput, "\(path): \(error.text)")
        } catch { throw Stop(.wrongInput, "\(path): \(error)") }
    }
}
