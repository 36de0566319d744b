import ArgumentParser
import FirmwareImages
import LabCore
import Reports
import Verdicts

/// `lab firmware verify`: whether a bootloader with these keys would start the image.
struct FirmwareVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Tells whether a bootloader would start an image, or an update agent take a manifest.",
        discussion: """
            Images are judged by --key, release manifests and roots by --root: a refused one is told with the TUF name of the attack.
            Exit codes: 0 it would, 1 it would not, 2 the file is no image and no manifest.
            """)

    @Argument(help: "An MCUboot or ESP32 image, a RAUC bundle, a release manifest or a root.")
    var file: String

    @Option(name: .customLong("key"), help: "PEM file with a key or certificate of the bootloader; can be given more than once.")
    var keys: [String] = []

    @Option(help: "The hardware that the bootloader is for, such as v1.0.")
    var hardware = ""

    @Option(help: "RAUC's compatible, such as luna-badge.")
    var compatible = ""

    @Option(help: "Chip id of the ESP32 family: 0 ESP32, 2 S2, 5 C3, 9 S3, 12 C2, 13 C6, 16 H2.")
    var chip: UInt16?

    @Option(help: "Bytes of the slot.")
    var slotSize: Int?

    @Option(help: "The lowest security counter that is taken.")
    var securityCounter: UInt32 = 0

    @OptionGroup(title: "Manifests") var release: ReleaseVerification.Options

    func run() throws {
        if !release.roots.isEmpty {
            return try ReleaseVerification(options: release, hardware: hardware, securityCounter: securityCounter).run(
                try FirmwareOutput.read(file), file: file)
        }
        guard !keys.isEmpty else { throw Stop(.wrongInput, "name the bootloader's key: --key PEM, or for a manifest the root: --root FILE") }
        var trust = try FirmwareFiles.trust(keys)
        trust.hardware = hardware
        trust.compatible = compatible
        trust.chip = chip
        trust.slotSize = slotSize
        trust.minimumSecurityCounter = securityCounter
        let bytes: [UInt8]
        do {
            bytes = try FirmwareFiles.read(file)
        } catch {
            throw Stop(.wrongInput, "cannot read \(file): \(error)")
        }
        guard let format = FirmwareInspector.detect(bytes).flatMap({ ImageFormat(rawValue: $0.rawValue) }) else {
            throw Stop(.wrongInput, "\(file) is no MCUboot or ESP32 image and no RAUC bundle; `lab firmware inspect` tells what it is")
        }
        guard format == .rauc ? !trust.certificates.isEmpty : !trust.keys.isEmpty else {
            throw Stop(
                .wrongInput,
                format == .rauc ? "a RAUC bundle is verified with a certificate" : "an image is verified with a key, not with a certificate"
            )
        }
        switch ImageValidation.validate(bytes, as: format, trust: trust) {
        case .success(let image):
            Console.print(
                "\(VisibleText.clean(file)): valid: version \(image.version), security counter \(image.securityCounter), \(image.length) bytes, "
                    + "digest \(Hexadecimal.text(image.digest))")
        case .failure(let refusal):
            Console.print("\(VisibleText.clean(file)): refused: \(VisibleText.clean(refusal.description))")
            throw Stop(.failed)
        }
    }
}
