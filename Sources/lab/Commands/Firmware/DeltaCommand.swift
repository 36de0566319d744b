import ArgumentParser
import FirmwareImages
import LabCore
import Verdicts

/// `lab firmware delta`: the difference between two images, in the lab's own container.
struct FirmwareDeltaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delta", abstract: "Makes the delta that leads from one image to another.",
        discussion:
            "It is applied once before it is written. With --apply the second file is a delta, and what it makes of BASE is written.")

    @Argument(help: "The image that devices run.")
    var base: String

    @Argument(help: "The image that they are to get; with --apply a delta.")
    var target: String

    @Flag(help: "Applies a delta instead of making one.")
    var apply = false

    @Option(help: "File to write.")
    var out: String

    func run() throws {
        let old = try FirmwareOutput.read(base)
        let new = try FirmwareOutput.read(target)
        guard !new.isEmpty else { throw Stop(.wrongInput, "\(target) is empty") }
        do {
            if apply {
                let result = try DeltaImage.apply(new, to: old, limit: FirmwareFiles.largest)
                try FirmwareOutput.write(result, to: out)
                return Console.print("wrote \(out): \(result.count) bytes")
            }
            let delta = DeltaImage.make(from: old, to: new)
            guard try DeltaImage.apply(delta, to: old, limit: new.count) == new else {
                throw Stop(.labBug, "the delta does not make \(target)")
            }
            try FirmwareOutput.write(delta, to: out)
            let tenths = (delta.count * 1_000 + new.count - 1) / new.count
            Console.print("wrote \(out): \(delta.count) bytes, \(tenths / 10).\(tenths % 10) % of \(target)")
        } catch let refusal as DeltaRefusal { throw Stop(.failed, "\(target): \(refusal)") }
    }
}
