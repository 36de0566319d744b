import Crypto
import Emulators
import FirmwareImages
import LabCore

/// I1 to I11: images that must not be installed, each with a manifest that was made for it, and with the manifest of the good one.
extension CatalogueBuilder {
    mutating func addImages() throws {
        try addTruncated()
        try addFlipped()
        try addForged()
        try addForeign()
        try addSizes()
        let good = try goodManifest()
        for (about, garbage) in [("16 zero bytes", Array(repeating: UInt8(0), count: 16)), ("4,096 bytes 0xFF", Array(repeating: 0xff, count: 4_096))] {
            let longer = Array((setup.image + garbage).prefix(setup.layout.imageCapacity))
            refuses(.i11, "\(about) behind the image, manifest of the image", add(Release("trailing", version: version, image: longer, manifest: good)))
            let release = try addMade("\(about) behind the image", longer, version)
            cases.append(TortureCase(family: .i11, about: "\(about) behind the image, as released", offers: [release], endings: [.old, .new], mayRun: [release]))
        }
        try addContainers()
    }

    private mutating func addTruncated() throws {
        var lengths = Set(stride(from: 4_096, to: setup.image.count, by: 4_096))
        for length in [1, 3, 4, 16, 23, 24, 31, 32, 33, 63, 64, 255, 256, 288, 511, 512] { lengths.insert(length) }
        lengths.formUnion([setup.new.body.upperBound, setup.new.body.upperBound + 4, setup.image.count - 64, setup.image.count - 32, setup.image.count - 8, setup.image.count - 1])
        let good = try goodManifest()
        // A squashfs without a signature says itself how long it is; what is behind it may go.
        let needed = setup.new.length
        for length in lengths.sorted() where length > 0 && length < min(setup.image.count, needed) {
            let cut = Array(setup.image.prefix(length))
            let release = try addMade("cut at \(length)", cut, version)
            // What was cut off reads as erased flash does: in the slot it is the whole image again.
            if setup.image[length...].allSatisfy({ $0 == 0xff }) {
                cases.append(TortureCase(family: .i1, about: "cut at \(length) in the padding", offers: [release], endings: [.old, .new], mayRun: [0]))
            } else if isUncovered(cut + Array(repeating: 0xff, count: setup.image.count - length), from: length) {
                cases.append(
                    TortureCase(
                        family: .i1, about: "cut at \(length) in what nobody asks for, as released", offers: [release], endings: [.old, .new],
                        mayRun: [0, release]))
            } else {
                refuses(.i1, "cut at \(length), as released", release)
            }
            refuses(.i1, "cut at \(length), manifest of the whole", add(Release("cut at \(length)", version: version, image: cut, manifest: good)))
        }
    }

    /// Damage behind the body of an image, in its signature, which a bootloader without keys does not look at: it starts such an image, and
    /// must not be blamed for it.
    private func isUncovered(_ damaged: [UInt8], from place: Int) -> Bool {
        guard setup.trust.keys.isEmpty, setup.trust.certificates.isEmpty, place >= setup.new.body.upperBound else { return false }
        if case .success = ImageValidation.validate(damaged, as: setup.model.format, trust: setup.trust) { return true }
        return false
    }

    /// The bootloader sees when an image is damaged.
    var isProtected: Bool { setup.model != .rauc || !setup.trust.certificates.isEmpty }

    private mutating func addFlipped() throws {
        let end = setup.new.length
        var places = Set([0, 1, 3, 4, 8, 9, 10, 12, 13, 20, 21, 24, 31].filter { $0 < end })
        for offset in [1, 2, 8, 16, 32, 33, 60, 64, 70, 100] where end > offset { places.insert(end - offset) }
        for _ in 0..<40 { places.insert(Int(generator.integer(below: UInt64(end)))) }
        let good = try goodManifest()
        for place in places.sorted() {
            var flipped = setup.image
            flipped[place] ^= 1 << UInt8(place % 8)
            refuses(
                .i2, "a bit flipped at \(place), manifest of the good one", add(Release("bit \(place)", version: version, image: flipped, manifest: good)))
            guard isProtected else { continue }
            let release = try addMade("bit \(place)", flipped, version)
            // Padding of a signature sector is covered by nothing; then the image is still the same one.
            let isPadding = setup.model == .esp && !setup.trust.keys.isEmpty && place >= end - 4_096 || isUncovered(flipped, from: place)
            cases.append(
                TortureCase(
                    family: .i2, about: "a bit flipped at \(place), as released", offers: [release], endings: isPadding ? [.old, .new] : [.old],
                    mayRun: isPadding ? [release] : []))
        }
        guard isProtected else {
            omissions.append("I2 and I3, as released: this bootloader asks for no signature of bundles, so the manifest's hash is all there is")
            return
        }
        let body = setup.new.body
        for _ in 0..<8 where body.count > 64 {
            let first = body.lowerBound + 32 + Int(generator.integer(below: UInt64(body.count - 40)))
            var twice = setup.image
            twice[first] ^= 0x10
            twice[first + 4] ^= 0x10
            refuses(.i2, "two bits flipped at \(first) that cancel in a checksum", try addMade("two bits \(first)", twice, version))
        }
    }

    /// The hash is made right again, the signature cannot be.
    private mutating func addForged() throws {
        guard setup.model == .mcuboot, !setup.trust.keys.isEmpty else { return }
        for _ in 0..<8 {
            var forged = setup.image
            forged[setup.new.body.lowerBound + Int(generator.integer(below: UInt64(setup.new.body.count)))] ^= 0x04
            guard let fixed = MCUbootForgery.withRightHash(forged) else { continue }
            refuses(.i3, "body changed, hash made right, old signature", try addMade("forged", fixed, version))
        }
    }

    private mutating func addForeign() throws {
        let other = try addMade("for v9.9", setup.image, version) { $0.hardware = ["v9.9"] }
        refuses(.i5, "a manifest for other hardware", other, results: ["rejected"])
        let same = try addMade("same", setup.old, setup.oldVersion, counter: setup.oldCounter)
        refuses(.i6, "the version that runs", same, results: ["rejected"])
        cases.append(TortureCase(family: .i6, about: "the old version when the new one runs", offers: [0, same], endings: [.new], results: ["rejected"], mayRun: [0]))
        if setup.oldCounter > 0 {
            refuses(
                .i6, "a manifest with a lower security counter than the device's", try addMade("low counter", setup.image, version, counter: setup.oldCounter - 1),
                results: ["rejected"])
        }
        guard setup.canMakeImages else { return }
        if setup.model == .mcuboot, !setup.trust.keys.isEmpty {
            refuses(.i4, "signed with a key that the bootloader does not know", try addMade("foreign key", try setup.made(version, seed: ReleaseTeam.seed(11)), version))
            var stripped = try setup.made(version)
            // The last record is the signature: type, length, 64 bytes.
            stripped[stripped.count - 68] = 0xa7
            refuses(.i4, "signature under another type", try addMade("no signature", stripped, version))
            stripped = try setup.made(version)
            stripped.replaceSubrange(stripped.count - 64..<stripped.count, with: Array(repeating: 0, count: 64))
            refuses(.i4, "a signature of zeros", try addMade("zero signature", stripped, version))
        }
        if setup.model == .mcuboot, !setup.trust.hardware.isEmpty {
            refuses(.i5, "an image for other hardware", try addMade("v9.9", try setup.made(version, hardware: "v9.9"), version))
        }
        if setup.model == .esp {
            var chip = try setup.made(version)
            chip[12] = 0
            refuses(.i5, "an image for another chip", try addMade("chip 0", chip, version))
        }
        if let lower = lowerVersion {
            refuses(.i6, "a lower version", try addMade("lower", try setup.made(lower), lower), results: ["rejected"])
        }
        if setup.oldCounter > 0 {
            let counter = setup.oldCounter - 1
            refuses(.i6, "a higher version with a lower security counter", try addMade("counter", try setup.made(version, counter: counter), version, counter: counter))
            refuses(
                .i6, "a lower security counter than the manifest says",
                try addMade("counter lies", try setup.made(version, counter: counter), version, counter: setup.new.securityCounter))
        }
    }

    private var lowerVersion: FirmwareVersion? {
        let old = setup.oldVersion
        if old.minor > 0 { return FirmwareVersion(old.major, old.minor - 1, 0) }
        return old.revision > 0 ? FirmwareVersion(old.major, old.minor, old.revision - 1) : nil
    }

    private mutating func addSizes() throws {
        let capacity = setup.layout.imageCapacity
        var large = setup.image
        large += Array(repeating: 0x5a, count: capacity + 4_096 - large.count)
        refuses(.i7, "larger than the slot", try addMade("large", large, version))
        for length in [0, 1, 2 * capacity, 1 << 31, 1 << 32, 1 << 40] {
            refuses(.i7, "the manifest says \(length) bytes", try addMade("length \(length)", setup.image, version) { $0.length = length })
        }
        for change in [-1, 1, 4_096] {
            let length = setup.image.count + change
            refuses(.i7, "the manifest says \(change) bytes more than there are", try addMade("length \(length)", setup.image, version) { $0.length = length })
        }
        let good = try goodManifest()
        for (about, image) in [
            ("a file of no bytes", []), ("a file of zeros", Array(repeating: UInt8(0), count: setup.image.count)),
            ("a file of 0xFF", Array(repeating: 0xff, count: setup.image.count)), ("the old image", setup.old),
        ] {
            refuses(.i8, "\(about), manifest of the good one", add(Release(about, version: version, image: image, manifest: good)))
            refuses(.i8, "\(about), as released", try addMade(about, image, version))
        }
        let next = FirmwareVersion(version.major, version.minor, version.revision + 1)
        let mixed = add(Release("mixed", version: next, image: setup.image, manifest: good))
        refuses(.i9, "the manifest of another version", mixed, results: ["rejected"])
    }

    private mutating func addContainers() throws {
        // A delta is the container that a badge unpacks: one that claims to become a hundred times its slot.
        let delta = DeltaImage.make(from: setup.old, to: deltaTarget)
        var bomb = delta
        for index in 16..<20 { bomb[index] = 0x7f }
        let manifest = try deltaManifest(delta) { manifest in
            manifest.delta?.length = bomb.count
            manifest.delta?.sha256 = ReleaseHash.of(bomb)
        }
        let release = add(Release("bomb", version: version, image: deltaTarget, manifest: manifest, delta: bomb))
        cases.append(TortureCase(family: .i10, about: "a delta that claims to become 2 GB", offers: [release], endings: [.new], mayRun: [release]))
        for place in [0, 40, 96, 120, 1_000] where place < setup.image.count {
            var tricked = setup.image
            for index in place..<min(place + 16, tricked.count) { tricked[index] = UInt8(truncatingIfNeeded: generator.next()) }
            let release = add(Release("nonsense \(place)", version: version, image: tricked, manifest: try goodManifest()))
            refuses(.i10, "16 bytes of nonsense at \(place)", release)
        }
    }
}

/// Makes MCUboot's hash right for a changed image, as somebody without the key could.
enum MCUbootForgery {
    static func withRightHash(_ image: [UInt8]) -> [UInt8]? {
        func u16(_ offset: Int) -> Int { Int(image[offset]) | Int(image[offset + 1]) << 8 }
        guard image.count > 40 else { return nil }
        let body = Int(image[12]) | Int(image[13]) << 8 | Int(image[14]) << 16 | Int(image[15]) << 24
        let end = u16(8) + body + u16(10)
        var offset = end + 4
        while offset + 4 <= image.count {
            let length = u16(offset + 2)
            if u16(offset) == 0x10, length == 32, offset + 36 <= image.count {
                return Array(image[..<(offset + 4)]) + Array(SHA256.hash(data: image[..<end])) + Array(image[(offset + 36)...])
            }
            offset += 4 + length
        }
        return nil
    }
}
