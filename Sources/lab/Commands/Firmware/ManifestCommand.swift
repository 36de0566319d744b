import ArgumentParser
import FirmwareImages
import Foundation
import LabCore
import LoadGenerator
import Verdicts

/// `lab firmware manifest`: the signed promise about an image, or with --root the root that names who may give it.
struct FirmwareManifestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Makes a release manifest for an image, or with --root the root that names the keys.",
        discussion: """
            Moments are written as 2026-01-01T00:00:00Z. What an image says about itself (version, format, security counter) is taken from it. \
            A root is signed with its own root keys and, when it follows another (--previous), with the keys of that one.
            """)

    @Argument(help: "The image; left out with --root.")
    var image: String?

    @Flag(help: "Makes a root instead.")
    var root = false

    @Option(name: .customLong("version"), help: "Number of the manifest, or of the root; each new one is higher (roots by one).")
    var number: Int64

    @Option(help: "Moment of issue; now if it is left out.")
    var issued: String?

    @Option(help: "Moment from which it is not taken; a year after --issued if it is left out.")
    var expires: String?

    @Option(name: .customLong("key"), help: "PEM file with a private key that signs; can be given more than once.")
    var keys: [String] = []

    @Option(help: "A detached CMS in DER over the signed bytes, see `lab firmware sign`.")
    var cms: String?

    @Option(help: "PEM file with the certificate of the authority that the root names, for --cms.")
    var authority: String?

    @Option(help: "File to write.")
    var out: String

    // A release.
    @Option(help: "Kind of device.")
    var product = "luna-badge"

    @Option(help: "Whose devices.")
    var tenant = "default"

    @Option(help: "Hardware revision on which it runs; can be given more than once. v1.0 if it is left out.")
    var hardware: [String] = []

    @Option(help: "Firmware version, where the image does not say it or the manifest is to say another.")
    var firmware: String?

    @Option(help: "Security counter, where the manifest is to say another than the image.")
    var securityCounter: UInt32?

    @Option(help: "Oldest firmware from which one may come.")
    var minCompatible: String?

    @Option(help: "A delta that makes the image, see `lab firmware delta`; needs --base.")
    var delta: String?

    @Option(help: "Firmware version of the delta's base.")
    var base: String?

    // A root.
    @Option(name: .customLong("root-key"), help: "PEM file with a key that may sign the next root; can be given more than once.")
    var rootKeys: [String] = []

    @Option(help: "How many root keys must sign.")
    var rootThreshold = 1

    @Option(
        name: .customLong("release-key"),
        help: "PEM file with a key, or the certificate of an authority, that may sign releases; can be given more than once.")
    var releaseKeys: [String] = []

    @Option(help: "How many release keys must sign.")
    var releaseThreshold = 1

    @Option(help: "The root before this one: checked that devices can follow.")
    var previous: String?

    func run() throws {
        // A person at the command line signs now, unless they say otherwise.
        let from = try moment(issued, "--issued") ?? MachineClock.unixSeconds
        let until = try moment(expires, "--expires") ?? from + 365 * 86_400
        guard from < until else { throw Stop(.wrongInput, "--expires must come after --issued") }
        guard number >= 1 else { throw Stop(.wrongInput, "--version counts from 1") }
        guard root == (image == nil) else {
            throw Stop(.wrongInput, root ? "--root takes no image" : "name the image, or ask for a root with --root")
        }
        let document = try SignedDocument(signed: try root ? rootFields(from, until) : releaseFields(from, until))
        let signed = try FirmwareSignCommand.signed(document, keys: keys, cms: cms, authority: authority)
        if root { try check(root: signed.bytes, at: from) }
        try FirmwareOutput.write(signed.bytes, to: out)
        let count = signed.signatures.count
        Console.print(
            "wrote \(out): \(root ? "root" : "manifest") \(number), \(count == 0 ? "not signed yet" : "\(count) signature\(count == 1 ? "" : "s")")"
        )
    }

    private func moment(_ text: String?, _ option: String) throws -> Int64? {
        guard let text else { return nil }
        guard let seconds = UTCTime.seconds(text) else {
            throw Stop(.wrongInput, "\(option) must be a moment such as 2026-01-01T00:00:00Z, not '\(text)'")
        }
        return seconds
    }

    private func version(_ text: String, _ option: String) throws -> FirmwareVersion {
        guard let version = FirmwareVersion(text) else {
            throw Stop(.wrongInput, "\(option) must be a version such as 2.4.0, not '\(text)'")
        }
        return version
    }

    // MARK: Release

    private func releaseFields(_ from: Int64, _ until: Int64) throws -> Fields {
        let path = image ?? ""
        let bytes = try FirmwareOutput.read(path)
        guard let format = FirmwareInspector.detect(bytes).flatMap({ ImageFormat(rawValue: $0.rawValue) }) else {
            throw Stop(.wrongInput, "\(path) is no image; `lab firmware inspect` tells what it is")
        }
        // Without keys: a manifest can be made for images that devices refuse, so that tests can see that they do.
        let found = try? ImageValidation.validate(bytes, as: format, trust: ImageTrust(), checks: []).get()
        guard let firmware = try firmware.map({ try version($0, "--firmware") }) ?? found?.version else {
            throw Stop(.wrongInput, "\(path) does not say its version; name it with --firmware")
        }
        var files: (bytes: [UInt8], baseFirmware: FirmwareVersion)?
        if let delta {
            guard let base else { throw Stop(.wrongInput, "--delta needs --base, the firmware version that it starts from") }
            files = (try FirmwareOutput.read(delta), try version(base, "--base"))
        }
        do {
            return try ReleaseManifest.make(
                version: number, issued: from, expires: until, product: product, tenant: tenant, firmware: firmware, format: format,
                image: bytes,
                hardware: hardware.isEmpty ? ["v1.0"] : hardware, securityCounter: securityCounter ?? found?.securityCounter ?? 0,
                minimumCompatible: try minCompatible.map { try version($0, "--min-compatible") }, delta: files
            ).signed
        } catch let refusal as DeltaRefusal { throw Stop(.wrongInput, "\(delta ?? ""): \(refusal)") }
    }

    // MARK: Root

    private func rootFields(_ from: Int64, _ until: Int64) throws -> Fields {
        let rootRole = try role(rootKeys, rootThreshold, "--root-key")
        guard !rootRole.keys.contains(where: { $0.scheme == .cms }) else {
            throw Stop(.wrongInput, "roots are signed with keys, not with certificates")
        }
        return RootMetadata.signed(
            version: number, issued: from, expires: until, root: rootRole, release: try role(releaseKeys, releaseThreshold, "--release-key")
        )
    }

    private func role(_ paths: [String], _ threshold: Int, _ option: String) throws -> ReleaseRole {
        var found: [ReleaseKey] = []
        for path in paths { for key in try FirmwareSignCommand.releaseKeys(path) where !found.contains(key) { found.append(key) } }
        guard !found.isEmpty else { throw Stop(.wrongInput, "a root names keys: \(option) PEM") }
        guard (1...found.count).contains(threshold) else {
            throw Stop(.wrongInput, "\(threshold) of \(found.count) keys of \(option) cannot sign")
        }
        return ReleaseRole(keys: found, threshold: threshold)
    }

    /// A root that no device would take is not written, unless it is still to be signed by others.
    private func check(root bytes: [UInt8], at now: Int64) throws {
        do {
            guard let previous else { _ = try RootMetadata.trusted(bytes); return }
            _ = try RootMetadata.trusted(try FirmwareOutput.read(previous)).next(bytes, now: now)
        } catch let refusal as ManifestRefusal {
            let isToBeSigned = ["unsigned", "under_signed", "unknown_key"].contains(refusal.reason)
            guard isToBeSigned else { throw Stop(.failed, "no device would take this root: \(refusal)") }
            Console.error("not enough signatures yet: \(refusal)")
        }
    }
}
