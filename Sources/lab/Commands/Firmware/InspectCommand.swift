import ArgumentParser
import FirmwareImages
import LabCore
import Reports
import Verdicts

/// `lab firmware inspect`: what a file is, what is wrong with it, and what the bootloader would do.
struct FirmwareInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Tells what firmware files are, what is wrong with them, and what the bootloader would do.",
        discussion: """
            Fit is what the maker's own tool accepts with the same keys: imgtool verify, esptool image-info and espsecure verify-signature, \
            rauc info. What a bootloader may refuse beyond that is a warning. Without --key signatures are unchecked. \
            `lab firmware verify` answers as the bootloader with exactly these keys.
            Exit codes, the worst of all files: 2 unreadable, 1 unfit, 0 fit.
            """)

    @Argument(help: "MCUboot and ESP32 images, otadata, RAUC bundles, release manifests, deltas: told apart by content.")
    var files: [String]

    @Option(name: .customLong("key"), help: "PEM file with a key or certificate that is trusted; can be given more than once.")
    var keys: [String] = []

    @Option(help: "Bytes of the slot into which the image must fit.")
    var slotSize: Int?

    @Flag(help: "As JSON: a list with one entry for each file.")
    var json = false

    func run() throws {
        var trust = try FirmwareFiles.trust(keys)
        trust.slotSize = slotSize
        var worst = ExitCode.passed
        var documents: [FieldValue] = []
        for file in files {
            switch inspect(file, trust) {
            case .success(let report):
                if !report.isFit, worst == .passed { worst = .failed }
                if json { documents.append(report.json(file: file)) } else { Console.print(report.text(file: VisibleText.clean(file))) }
            case .failure(let unreadable):
                worst = .wrongInput
                documents.append(["file": .text(file), "format": nil, "fit": false, "unreadable": .text(unreadable.description)])
                if !json { Console.print("\(VisibleText.clean(file)): unreadable: \(unreadable)") }
            }
        }
        if json { Console.print(JSONWriter.text(.list(documents))) }
        throw Stop(worst)
    }

    private func inspect(_ file: String, _ trust: ImageTrust) -> Result<ImageReport, UnreadableImage> {
        do {
            return FirmwareInspector.inspect(try FirmwareFiles.read(file), trust: trust)
        } catch {
            return .failure(UnreadableImage("\(error)"))
        }
    }
}
