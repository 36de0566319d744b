import ArgumentParser
import FirmwareImages
import LabCore
import Verdicts

extension SigningKey.Kind: ExpressibleByArgument {}

/// `lab firmware keygen`: a key pair for releases or images.
struct FirmwareKeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Makes a key pair that signs releases, roots or MCUboot images.",
        discussion: """
            Writes the private key to --out (PEM, PKCS#8, only for the owner) and the public key beside it, with .pub.pem for .pem. \
            openssl and imgtool read both. Prints the key's name in release documents: the SHA-256 of its public half.
            """)

    @Option(help: "ed25519, ecdsa-p256, ecdsa-p384 (images only), rsa (3072 bits), image-ed25519.")
    var type: SigningKey.Kind = .ed25519

    @Option(help: "File of the private key; one that is there is not written over.")
    var out: String

    func run() throws {
        let key = try SigningKey(making: type)
        let publicFile = (out.hasSuffix(".pem") ? String(out.dropLast(4)) : out) + ".pub.pem"
        try FirmwareOutput.write(Array(key.privatePEM.utf8), to: out, isSecret: true)
        try FirmwareOutput.write(Array(key.publicPEM.utf8), to: publicFile)
        let name = (try? key.releaseKey).map { ", keyid \(Hexadecimal.text($0.id))" } ?? ""
        Console.print("wrote \(out) (private, \(key.kind)) and \(publicFile)\(name)")
    }
}
