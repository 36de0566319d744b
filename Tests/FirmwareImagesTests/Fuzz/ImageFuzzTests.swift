import Crypto
import FirmwareImages
import LabCore
import Testing

/// At least 200,000 mutated images for each format: nothing crashes, and what the bootloader takes has its covered bytes unchanged.
@Suite("Mutated images", .serialized)
struct ImageFuzzTests {
    /// What is taken must begin with these bytes: all that the signature covers.
    private func fuzz(
        _ format: ImageFormat, _ images: [(bytes: [UInt8], covered: Int)], _ trust: ImageTrust, fields: [Int],
        repair: (inout [UInt8]) -> Void
    ) {
        var mutator = ImageMutator(seed: ImageFuzz.seed, purpose: "fuzz \(format.rawValue)", fields: fields)
        var taken = 0
        for number in 0..<ImageFuzz.count {
            let image = images[number % images.count]
            var bytes = mutator.mutate(image.bytes, with: images[(number + 1) % images.count].bytes)
            // Attackers make hashes right again; then only the signature stands between.
            if number % 4 == 0 { repair(&bytes) }
            if case .success = ImageValidation.validate(bytes, as: format, trust: trust) {
                taken += 1
                if !images.contains(where: { $0.bytes.prefix($0.covered).elementsEqual(bytes.prefix($0.covered)) }) {
                    Issue.record(
                        "seed \(ImageFuzz.seed), image \(number): taken though covered bytes are changed: \(Hexadecimal.text(bytes))")
                    return
                }
            }
            if number % 8 == 1 {
                _ = try? FirmwareInspector.inspect(bytes, trust: number % 16 == 1 ? trust : ImageTrust()).get().text(file: "")
            }
        }
        print(
            "fuzz \(format.rawValue): \(ImageFuzz.count) images from seed \(ImageFuzz.seed), \(taken) of them with unchanged covered bytes")
    }

    @Test("MCUboot")
    func mcuboot() throws {
        let trust = ImageTrust(keys: try [Vectors.ed25519Key, Vectors.p256Key].map(Vectors.key), hardware: "v1.0", slotSize: 4_096)
        // Covered: up to the unprotected area.
        let images: [(bytes: [UInt8], covered: Int)] = [
            (Vectors.protected, 0x9c), (Vectors.ed25519, 0x50), (Vectors.p256, 0x50), (Vectors.ed25519Pure, 0x50),
            (Vectors.ed25519SHA512, 0x50),
        ]
        fuzz(
            .mcuboot, images, trust,
            fields: [0, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x50, 0x52, 0x54, 0x56, 0x5c, 0x78, 0x7a, 0x9c, 0x9e, 0xa0, 0xa2, 0xc4, 0xe8]
        ) { bytes in
            let covered = bytes.count > 0x9e && bytes[10] != 0 ? 0x9c : 0x50
            guard bytes.count >= covered + 40, bytes[covered + 4] == 0x10 else { return }
            bytes.replaceSubrange(covered + 8..<covered + 40, with: Array(SHA256.hash(data: bytes[..<covered])))
        }
    }

    @Test("ESP32")
    func esp32() throws {
        let trust = ImageTrust(keys: try [ESP32Vectors.rsaKey, ESP32Vectors.p256Key].map { try ImageKey(pem: $0) }, chip: 9)
        // Covered: everything before the sector of signatures.
        let images: [(bytes: [UInt8], covered: Int)] = [ESP32Vectors.rsa, ESP32Vectors.p256, ESP32Vectors.twice].map { ($0, 0x1000) }
        fuzz(
            .esp32, images, trust,
            fields: [
                0, 1, 12, 13, 23, 0x18, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x124, 0x126, 0x14f, 0x1000, 0x1001, 0x1002, 0x1004, 0x1024, 0x14ac,
            ]
        ) { bytes in
            guard bytes.count >= 0x170 else { return }
            bytes[0x14f] = bytes[0x20..<0x120].reduce(0xef, ^) ^ bytes[0x128..<0x148].reduce(0, ^)
            bytes.replaceSubrange(0x150..<0x170, with: Array(SHA256.hash(data: bytes[..<0x150])))
        }
    }

    @Test("Bytes without any form, and beginnings of every format before them")
    func noise() {
        var chance = SeededGenerator(seed: ImageFuzz.seed, purpose: "fuzz noise")
        let beginnings: [[UInt8]] = [
            [], [0x3d, 0xb8, 0xf3, 0x96], [0xe9, 1], Array("hsqs".utf8), Array("{\"signed\":".utf8), Array(repeating: 0xff, count: 32),
        ]
        for number in 0..<max(1_000, ImageFuzz.count / 10) {
            let bytes = beginnings[number % beginnings.count] + chance.bytes(Int(chance.integer(below: 200)))
            _ = FirmwareInspector.inspect(bytes)
            for format in ImageFormat.allCases {
                if case .success = ImageValidation.validate(bytes, as: format, trust: ImageTrust()) {
                    Issue.record("seed \(ImageFuzz.seed), number \(number): \(format.rawValue) takes noise: \(Hexadecimal.text(bytes))")
                }
            }
        }
    }
}
