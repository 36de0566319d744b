import FirmwareImages
import LabCore
import Testing

@testable import Emulators

/// An image that was validated beforehand is compared byte by byte: the bootloader's verdict on any content stays what it is without that.
@Suite("Bootloaders: images that are known beforehand")
struct KnownImageTests {
    private static func verdict(_ store: FirmwareStore, on file: [UInt8]) throws -> String {
        var store = store
        for sector in 0..<BootBench.layout.imageSectors { try store.eraseUpdateSector(sector) }
        try store.writeUpdate(at: 0, file)
        switch store.validateUpdate(length: file.count) {
        case .success(let image): return "\(image.version) \(image.length) \(image.securityCounter)"
        case .failure(let refusal): return refusal.reason
        }
    }

    @Test("the same verdict on the image, on it with one bit changed anywhere, cut short, and with more behind it", arguments: BootModel.allCases)
    func sameVerdicts(model: BootModel) throws {
        let images = try BootBench.Images(model)
        let plain = try FirmwareStore(model: model, trust: images.trust, image: images.old, layout: BootBench.layout)
        var knowing = plain
        knowing.remember(try #require(plain.recognised(images.new)))
        #expect(try Self.verdict(knowing, on: images.new).hasPrefix("2.4.0 "))
        var files = [images.new, images.old, Array(images.new.dropLast()), images.new + [0x5a]]
        // Erased flash behind a file is no part of it; only a bundle is read from an end that the agent names.
        if model != .rauc { files.append(images.new + Array(repeating: 0xff, count: 64)) }
        for place in stride(from: 0, to: images.new.count, by: 41) {
            files.append(images.new)
            files[files.count - 1][place] ^= 0x10
        }
        for (number, file) in files.enumerated() {
            #expect(try Self.verdict(knowing, on: file) == Self.verdict(plain, on: file), "file \(number)")
        }
    }

    @Test("a known image below the security counter is refused as any other")
    func counter() throws {
        let images = try BootBench.Images(.mcuboot, counters: (3, 2))
        var store = try FirmwareStore(model: .mcuboot, trust: images.trust, image: images.old, layout: BootBench.layout)
        _ = try store.boot()
        store.remember(try #require(store.recognised(images.new)))
        #expect(try Self.verdict(store, on: images.new) == ImageRefusal.Reason.downgradeCounter.rawValue)
    }

    @Test("what the bootloader would not start is never known", arguments: [BootModel.mcuboot, .esp])
    func damaged(model: BootModel) throws {
        let images = try BootBench.Images(model)
        let store = try FirmwareStore(model: model, trust: images.trust, image: images.old, layout: BootBench.layout)
        var bent = images.new
        bent[bent.count / 2] ^= 1
        #expect(store.recognised(bent) == nil)
    }
}
