import FirmwareImages
import Foundation
import LabCore
import Testing

/// The makers' own tools, where `firmware-images/make` has installed them or `FIRMWARE_TOOLS` says.
struct Makers {
    /// Python with imgtool and esptool.
    let python: String

    static func installed(for test: String, needs module: String) -> Makers? {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        for folder in [environment["FIRMWARE_TOOLS"], cache + "/lab-firmware-tools", environment["VIRTUAL_ENV"]].compactMap(\.self) {
            let python = folder + "/bin/python3"
            if FileManager.default.isExecutableFile(atPath: "\(folder)/bin/\(module)"), FileManager.default.isExecutableFile(atPath: python)
            {
                return Makers(python: python)
            }
        }
        print("SKIPPED \(test): \(module) is not installed; firmware-images/make installs it")
        return nil
    }

    struct Judged {
        var file: String
        var bytes: [UInt8]
        var trust: ImageTrust
        var isFit: Bool
        var about: String
    }

    /// Lets a script beside this file make and judge images in a folder that is removed afterwards.
    func judge(_ script: String, seed: UInt64, _ arguments: [String] = []) throws -> [Judged] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lab-makers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [here.appendingPathComponent("Makers/\(script)").path, folder.path, String(seed)] + arguments
        let output = folder.appendingPathComponent("output")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = process.standardOutput
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw MakersFailure(description: "\(script): \(String(decoding: try Data(contentsOf: output), as: UTF8.self))")
        }
        let verdicts = try JSONReader.read(Array(try Data(contentsOf: folder.appendingPathComponent("verdicts.json"))))
        return try (verdicts.list ?? []).compactMap(\.record).map { entry in
            let file = entry["file"]?.text ?? ""
            var trust = ImageTrust()
            if let key = entry["key"]?.text {
                trust.keys = [try ImageKey(pem: String(decoding: try Data(contentsOf: folder.appendingPathComponent(key)), as: UTF8.self))]
            }
            return Judged(
                file: file, bytes: Array(try Data(contentsOf: folder.appendingPathComponent(file))), trust: trust,
                isFit: entry["fit"]?.bool ?? false,
                about: entry["about"]?.text ?? "")
        }
    }
}

struct MakersFailure: Error, CustomStringConvertible { var description: String }

@Suite("The inspector's verdict is that of the makers' own tools", .serialized)
struct MakersTests {
    /// What bootloaders look at and the tools do not. imgtool: bounds of TLVs, a missing hash where the signature is right, the high
    /// byte of TLV types. esptool: lengths that are no multiple of 4, the high byte of the chip's id.
    static let notSeenByTools: Set<String> = ["bad_layout", "truncated", "hash_missing", "unprotected_tlv", "unknown_chip"]

    private func compare(_ judged: [Makers.Judged], tool: String, seed: UInt64) -> String {
        var stricter = 0
        for image in judged {
            let report = try? FirmwareInspector.inspect(image.bytes, trust: image.trust).get()
            guard (report?.isFit ?? false) != image.isFit else { continue }
            if image.isFit, report?.findings.contains(where: { $0.severity != .note && Self.notSeenByTools.contains($0.code) }) ?? false {
                stricter += 1
                continue
            }
            let text = report.map { $0.text(file: "") } ?? "unreadable"
            Issue.record("seed \(seed), \(image.file), \(image.about): \(tool) says \(image.isFit), the lab \(text)")
        }
        let fit = judged.count { $0.isFit }
        return "\(tool), seed \(seed): \(judged.count) images, \(fit) fit; in \(stricter) the lab sees damage that it does not look for"
    }

    @Test(
        "imgtool verify: every signature, hash, padding, encryption and compression, good and damaged", .timeLimit(.minutes(20)),
        arguments: [ImageFuzz.seed])
    func imgtool(_ seed: UInt64) throws {
        guard let makers = Makers.installed(for: "images of imgtool", needs: "imgtool") else { return }
        let judged = try makers.judge("mcuboot.py", seed: seed)
        print(compare(judged, tool: "imgtool", seed: seed))
        #expect(judged.count > 500)
        #expect(judged.count { $0.isFit } > 60)
    }

    @Test(
        "esptool image-info and espsecure verify-signature: chips, hashes, secure boot v1 and v2, good and damaged",
        .timeLimit(.minutes(20)), arguments: [ImageFuzz.seed])
    func esptool(_ seed: UInt64) throws {
        guard let makers = Makers.installed(for: "images of esptool", needs: "esptool") else { return }
        let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../../firmware-images/tools/program.py")
        let judged = try makers.judge("esp32.py", seed: seed, [program.standardized.path])
        print(compare(judged, tool: "esptool", seed: seed))
        #expect(judged.count > 250)
        #expect(judged.count { $0.isFit } > 25)
    }

    static let shipped: [(file: String, key: String, isTaken: Bool)] = [
        ("badge-2.2.0.bin", "test-image-ed25519", true), ("badge-2.3.0.bin", "test-image-ed25519", true),
        ("badge-2.4.0.bin", "test-image-ed25519", true),
        ("badge-2.5.0.bin", "test-image-ed25519", true), ("badge-2.4.0-crash.bin", "test-image-ed25519", true),
        ("badge-2.4.0-wrong-key.bin", "test-image-ed25519", false), ("badge-2.4.0-wrong-hardware.bin", "test-image-ed25519", false),
        ("badge-2.4.0-low-counter.bin", "test-image-ed25519", false), ("badge-2.3.0.esp.bin", "test-esp-rsa3072", true),
        ("badge-2.4.0.esp.bin", "test-esp-rsa3072", true), ("badge-2.4.0-crash.esp.bin", "test-esp-rsa3072", true),
        ("badge-2.4.0.esp.bin", "test-rauc-signer", false),
    ]

    @Test("The images of this repository are taken by their bootloader, or refused, as their names say", arguments: shipped)
    func shippedImage(_ file: String, _ key: String, _ isTaken: Bool) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../firmware-images")
            .standardized
        let bytes = Array(try Data(contentsOf: folder.appendingPathComponent(file)))
        let pem = String(decoding: try Data(contentsOf: folder.appendingPathComponent("keys/\(key).pub.pem")), as: UTF8.self)
        let format = try #require(FirmwareInspector.detect(bytes).flatMap { ImageFormat(rawValue: $0.rawValue) })
        let trust = ImageTrust(
            keys: [try ImageKey(pem: pem)], hardware: format == .mcuboot ? "v1.0" : "", chip: 9, slotSize: 0x10000,
            minimumSecurityCounter: 1)
        let image = validate(bytes, format, trust).image
        #expect((image != nil) == isTaken)
        guard let image else { return }
        let application = try #require(EmulatedApplication.find(in: bytes, body: image.body))
        #expect(application.version == image.version.description)
        #expect(file.hasPrefix("badge-\(application.version)"))
        #expect(application.behaviour == (file.contains("crash") ? .crash : .normal))
    }
}
