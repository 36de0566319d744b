import ArgumentParser
import FirmwareImages
import Foundation
import LabCore
import LoadGenerator
import Verdicts

/// `lab firmware`: for the teams that make images.
struct FirmwareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "firmware", abstract: "Inspects, signs and tries out firmware images, release manifests and deltas.",
        discussion: "Exit codes: 0 fit, 1 unfit, 2 unreadable or wrong usage.",
        subcommands: [
            FirmwareInspectCommand.self, FirmwareVerifyCommand.self, FirmwareKeygenCommand.self, FirmwareSignCommand.self,
            FirmwareManifestCommand.self, FirmwareDeltaCommand.self, FirmwareTortureCommand.self])
}

/// Files of firmware and keys, with what is wrong about them said by name.
enum FirmwareFiles {
    /// Larger than any slot that the formats can describe for the chips that they are for, and RAUC bundles of small systems.
    static let largest = 1 << 30

    /// - Throws: what to say about a file that cannot be read, or is too large.
    static func read(_ path: String) throws(Descriptor.Unreadable) -> [UInt8] {
        let bytes = try Descriptor.read(path, atMost: largest + 1)
        guard bytes.count <= largest else { throw Descriptor.Unreadable("it has more than \(largest >> 20) MiB") }
        return bytes
    }

    /// Keys and certificates of PEM files; private keys count as their public halves.
    static func trust(_ paths: [String]) throws -> ImageTrust {
        // As `rauc info` does: certificates must be valid now.
        var trust = ImageTrust(time: MachineClock.unixSeconds)
        for path in paths {
            let text: String
            do {
                text = String(decoding: try Descriptor.read(path, atMost: 1 << 20), as: UTF8.self)
            } catch {
                throw Stop(.wrongInput, "cannot read the key \(path): \(error)")
            }
            do {
                let keys = try ImageKey.keys(pem: text)
                let certificates = PEM.blocks(text).filter { $0.label == "CERTIFICATE" }.map(\.bytes)
                guard !keys.isEmpty || !certificates.isEmpty else { throw ImageKeyError.noKey }
                trust.keys += keys
                trust.certificates += certificates
            } catch {
                throw Stop(.wrongInput, "\(path): \(error)")
            }
        }
        return trust
    }
}
