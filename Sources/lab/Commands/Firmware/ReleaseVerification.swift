import ArgumentParser
import FirmwareImages
import Foundation
import LabCore
import LoadGenerator
import Reports
import Verdicts

/// What a device with a root would say to a release manifest and the files that come with it, or to the next root.
struct ReleaseVerification {
    struct Options: ParsableArguments {
        @Option(name: .customLong("root"), help: "The root that the device got in the factory, and those after it, in their order.")
        var roots: [String] = []

        @Option(help: "Kind of the device.")
        var product = "luna-badge"

        @Option(help: "Whose device it is.")
        var tenant = "default"

        @Option(help: "The highest manifest version that the device has seen.")
        var lastVersion: Int64 = 0

        @Option(help: "The moment of the device's clock, such as 2026-01-01T00:00:00Z; now if it is left out.")
        var at: String?

        @Option(help: "The image that came with the manifest.")
        var image: String?

        @Option(help: "The delta that came with the manifest.")
        var delta: String?
    }

    var options: Options
    /// Empty: v1.0.
    var hardware: String
    var securityCounter: UInt32

    /// - Throws: `Stop` with 1 and the name of the attack for what a device would refuse, with 2 for what cannot be read.
    func run(_ bytes: [UInt8], file: String) throws {
        let now = try moment()
        let name = VisibleText.clean(file)
        guard let kind = FirmwareInspector.detect(bytes), kind == .manifest || kind == .root else {
            throw Stop(.wrongInput, "\(name) is no release manifest and no root; `lab firmware inspect` tells what it is")
        }
        var chain: [[UInt8]] = []
        for path in options.roots { chain.append(try FirmwareOutput.read(path)) }
        let image = try options.image.map { try FirmwareOutput.read($0) }
        let delta = try options.delta.map { try FirmwareOutput.read($0) }
        do throws(ManifestRefusal) {
            let factory = try RootMetadata.trusted(chain[0])
            chain.removeFirst()
            if kind == .root {
                let root = try factory.following(chain + [bytes], now: now)
                return Console.print("\(name): valid: root \(root.version), expires \(UTCTime.text(root.expires))")
            }
            let root = chain.isEmpty ? factory : try factory.following(chain, now: now)
            let trust = ReleaseTrust(
                root: root, product: options.product, tenant: options.tenant, hardware: hardware.isEmpty ? "v1.0" : hardware,
                lastVersion: options.lastVersion, minimumSecurityCounter: securityCounter)
            let manifest = try ReleaseManifest.verify(bytes, trust: trust, now: now).get()
            if let image, let refusal = manifest.refusal(ofImage: image) { throw refusal }
            if let delta, let refusal = manifest.refusal(ofDelta: delta) { throw refusal }
            Console.print(
                "\(name): valid: manifest \(manifest.version) by root \(root.version), firmware \(manifest.firmware), expires \(UTCTime.text(manifest.expires))"
            )
        } catch {
            Console.print("\(name): refused: \(error.attack.rawValue): \(error.reason): \(VisibleText.clean(error.text))")
            throw Stop(.failed)
        }
    }

    private func moment() throws -> Int64 {
        guard let text = options.at else { return MachineClock.unixSeconds }
        guard let seconds = UTCTime.seconds(text) else {
            throw Stop(.wrongInput, "--at must be a moment such as 2026-01-01T00:00:00Z, not '\(text)'")
        }
        return seconds
    }
}
