import Foundation
import Programs
import Testing

/// 0 fit, 1 unfit, 2 unreadable or wrongly asked: for each command below `lab firmware`. The files are those that imgtool, esptool, espsecure
/// and rauc made (firmware-images/README.md says what is in them), so that the expected codes are their makers' and not the lab's.
@Suite("lab firmware: exit codes (cli.md)")
struct FirmwareCommandTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var words: String
        var status: Int32
        /// What the last line of standard output must hold, or for 2 standard error.
        var says: String
        var testDescription: String { words }

        init(_ words: String, _ status: Int32, _ says: String) {
            self.words = words
            self.status = status
            self.says = says
        }
    }

    /// `@` is the folder of the images, `=` a folder of the test's own that holds `empty`, `text` and the torn image `torn.bin`.
    private static let rows = [
        Row("inspect @/badge-2.4.0.bin --key @/keys/test-image-ed25519.pub.pem", 0, ""),
        Row("inspect @/badge-2.4.0.esp.bin --key @/keys/test-esp-rsa3072.pub.pem", 0, ""),
        Row("inspect @/badge-2.4.0.raucb --key @/keys/test-rauc-authority.cert.pem", 0, ""),
        Row("inspect @/badge-2.4.0.manifest.json", 0, ""),
        Row("inspect @/badge-2.3.0-to-2.4.0.delta", 0, ""),
        Row("inspect @/badge-2.4.0-wrong-key.bin --key @/keys/test-image-ed25519.pub.pem", 1, ""),
        Row("inspect =/torn.bin", 1, ""),
        Row("inspect =/text", 2, "unreadable"),
        Row("inspect =/empty", 2, "unreadable"),
        Row("inspect =/none", 2, "unreadable"),
        Row("inspect @/badge-2.4.0.bin =/torn.bin =/none", 2, "unreadable"),
        Row("verify @/badge-2.4.0.bin --key @/keys/test-image-ed25519.pub.pem --hardware v1.0", 0, "valid: version 2.4.0"),
        Row("verify @/badge-2.4.0.esp.bin --key @/keys/test-esp-rsa3072.pub.pem --chip 9", 0, "valid: version 2.4.0"),
        Row("verify @/badge-2.4.0.raucb --key @/keys/test-rauc-authority.cert.pem --compatible luna-badge", 0, "valid: version 2.4.0"),
        Row("verify @/badge-2.4.0-wrong-key.bin --key @/keys/test-image-ed25519.pub.pem", 1, "refused"),
        Row("verify @/badge-2.4.0-wrong-hardware.bin --key @/keys/test-image-ed25519.pub.pem --hardware v1.0", 1, "refused"),
        Row("verify @/badge-2.4.0.esp.bin --key @/keys/test-esp-rsa3072.pub.pem --chip 5", 1, "refused"),
        Row("verify @/badge-2.4.0.raucb --key @/keys/test-rauc-authority.cert.pem --compatible other", 1, "refused"),
        Row("verify @/badge-2.4.0.bin --key @/keys/test-image-ed25519.pub.pem --security-counter 9", 1, "refused"),
        Row("verify =/torn.bin --key @/keys/test-image-ed25519.pub.pem", 1, "refused"),
        Row("verify =/text --key @/keys/test-image-ed25519.pub.pem", 2, "no MCUboot or ESP32 image"),
        Row("verify =/none --key @/keys/test-image-ed25519.pub.pem", 2, "cannot read"),
        Row("verify @/badge-2.4.0.bin", 2, "name the bootloader's key"),
        Row("verify @/badge-2.4.0.bin --key =/text", 2, ""),
        Row("verify @/badge-2.4.0.manifest.json --root @/root.json --at 2026-01-02T00:00:00Z --image @/badge-2.4.0.bin", 0, ""),
        Row("verify @/hostile/unsigned.manifest.json --root @/root.json --at 2026-01-02T00:00:00Z", 1, "arbitrary software"),
        Row("verify @/hostile/expired.manifest.json --root @/root.json --at 2026-01-02T00:00:00Z", 1, "freeze"),
        Row("verify =/text --root @/root.json --at 2026-01-02T00:00:00Z", 2, ""),
        Row("sign @/badge-2.4.0-wrong-key.bin --key @/keys/test-image-ed25519.pem --out =/signed.bin", 0, "signed"),
        Row("sign =/torn.bin --key @/keys/test-image-ed25519.pem --out =/never.bin", 1, ""),
        Row("sign @/badge-2.4.0.raucb --key @/keys/test-image-ed25519.pem --out =/never.bin", 2, "own tool signs it"),
        Row("sign =/text --key @/keys/test-image-ed25519.pem --out =/never.bin", 2, "neither an MCUboot image nor a manifest"),
        Row("sign @/badge-2.4.0.bin --key @/keys/test-image-ed25519.pub.pem --out =/never.bin", 2, ""),
        Row("keygen --type ed25519 --out =/new.pem", 0, "wrote"),
        Row("keygen --type ed25519 --out =/text", 2, "never written over"),
        Row("keygen --type des --out =/other.pem", 2, ""),
        Row("manifest @/badge-2.4.0.bin --version 7 --key @/keys/test-release-ed25519.pem --out =/m.json", 0, "manifest 7, 1 signature"),
        Row("manifest =/text --version 7 --out =/never.json", 2, "is no image"),
        Row("manifest @/badge-2.4.0.bin --version 0 --out =/never.json", 2, "counts from 1"),
        Row("delta @/badge-2.3.0.bin @/badge-2.4.0.bin --out =/d.delta", 0, "wrote"),
        Row("delta @/badge-2.3.0.bin @/badge-2.3.0-to-2.4.0.delta --apply --out =/applied.bin", 0, "wrote"),
        Row("delta @/badge-2.2.0.bin @/badge-2.3.0-to-2.4.0.delta --apply --out =/never.bin", 1, ""),
        Row("delta @/badge-2.3.0.bin =/text --apply --out =/never.bin", 1, ""),
        Row("delta @/badge-2.3.0.bin =/empty --out =/never.delta", 2, "is empty"),
        Row("delta @/badge-2.3.0.bin =/none --out =/never.delta", 2, "cannot read"),
        Row("torture @/badge-2.4.0.bin --key @/keys/test-image-ed25519.pub.pem --from @/badge-2.3.0.bin --family N4 --out =/t", 0, "0 bricked, 0 failed"),
        Row("torture @/badge-2.4.0.bin --bug content-range-ignored --family N3 --out =/t", 1, "failed"),
        Row("torture @/badge-2.4.0.bin --key @/keys/test-image-ed25519.pub.pem --from @/badge-2.3.0.bin --family M8 --family A9 --out =/t", 0, "7 runs, 0 bricked, 0 failed"),
        Row("torture @/badge-2.4.0.esp.bin --family M8 --family A9 --out =/t", 0, "8 runs, 0 bricked, 0 failed"),
        Row("torture @/badge-2.4.0.raucb --family M8 --family A9 --out =/t", 0, "7 runs, 0 bricked, 0 failed"),
        Row("torture @/badge-2.4.0.bin --bug gate-off-by-one --family M8 --out =/t", 1, "FAILED M8, failures exactly at the gate stop it: O7"),
        Row("torture @/badge-2.4.0.bin --bug gate-without-minimum --family M8 --out =/t", 1, "6 runs, 0 bricked, 1 failed"),
        Row("torture @/badge-2.4.0.bin --bug execution-never-times-out --family M8 --out =/t", 1, "6 runs, 0 bricked, 2 failed"),
        Row("torture @/badge-2.4.0-wrong-key.bin --key @/keys/test-image-ed25519.pub.pem --out =/t", 1, "would not start"),
        Row("torture =/text --out =/t", 2, "none of the formats"),
        Row("torture @/badge-2.4.0.bin --family Z9 --out =/t", 2, "no cases of the family"),
    ]

    @Test("each command ends with the code that its help promises", arguments: rows)
    func code(row: Row) throws {
        let folder = try TemporaryFolder()
        let images = "\(Repository.root)/firmware-images"
        try folder.write("", to: "empty")
        try folder.write("not an image\n", to: "text")
        let whole = try Data(contentsOf: URL(fileURLWithPath: "\(images)/badge-2.4.0.bin"))
        try whole.prefix(20_000).write(to: URL(fileURLWithPath: "\(folder.path)/torn.bin"))
        let words = row.words.split(separator: " ").map { word in
            word.hasPrefix("@") ? images + word.dropFirst() : word.hasPrefix("=") ? folder.path + word.dropFirst() : String(word)
        }
        let result = try LabProcess.run(["firmware"] + words, in: folder.path)
        #expect(result.status == row.status, "\(result.all)")
        #expect(row.says.isEmpty || result.all.contains(row.says), "\(result.all)")
        // What was refused has left nothing behind that somebody could take for a result.
        #expect(!folder.files.contains { $0.hasPrefix("never") }, "\(folder.files)")
        if row.words.hasPrefix("delta"), row.words.contains("--apply"), row.status == 0 {
            #expect(try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/applied.bin")) == whole)
        }
    }
}
