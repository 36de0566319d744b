import LabCore

/// The manifest of a bundle (RAUC documentation, "Manifest"): what it is, for which device, which images it holds.
struct BundleManifest: Sendable, Hashable {
    struct Image: Sendable, Hashable {
        /// The class of the slot, such as `rootfs`.
        var slot: String
        var filename: String
        var sha256: [UInt8]?
        var size: Int?
    }

    struct Verity: Sendable, Hashable {
        var rootHash: [UInt8]
        var salt: [UInt8]
        /// Bytes of the hash tree.
        var size: Int
    }

    var compatible = ""
    var version = ""
    var description = ""
    var build = ""
    /// `plain` where the manifest does not say.
    var format = "plain"
    var verity: Verity?
    var images: [Image] = []
    /// `security-counter` of `[meta.lab]`: RAUC has no counters of its own, and leaves meta sections alone.
    var securityCounter: UInt32 = 0

    struct Failure: Error, Hashable {
        var text: String
    }

    static let maximumLength = 64 * 1024

    /// Reads the text of a manifest, in the syntax of GLib key files: groups, `key=value`, comments with `#`.
    init(_ bytes: [UInt8]) throws(Failure) {
        guard bytes.count <= Self.maximumLength, let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(text: "the manifest is no UTF-8, or has more than \(Self.maximumLength) bytes")
        }
        var group = ""
        var verity: [String: String] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = Self.trimmed(line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("[") {
                guard line.hasSuffix("]") else { throw Failure(text: "line \(index + 1) of the manifest is no group") }
                group = String(line.dropFirst().dropLast())
                if group.hasPrefix("image.") { try begin(group) }
                continue
            }
            guard let sign = line.firstIndex(of: "="), !group.isEmpty else {
                throw Failure(text: "line \(index + 1) of the manifest is no `key=value`")
            }
            let key = String(Self.trimmed(line[..<sign]))
            let value = String(Self.trimmed(line[line.index(after: sign)...]))
            if group == "bundle", key.hasPrefix("verity-") { verity[key] = value }
            try take(key, value, in: group)
        }
        guard !compatible.isEmpty else { throw Failure(text: "the manifest names no `compatible`") }
        if format != "plain" { try takeVerity(verity) }
        for image in images { try Self.check(image) }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let blanks: Set<Character> = [" ", "\t", "\r", "\r\n"]
        var rest = text.drop { blanks.contains($0) }
        while let last = rest.last, blanks.contains(last) { rest.removeLast() }
        return rest
    }

    private mutating func begin(_ group: String) throws(Failure) {
        guard images.count < 64 else { throw Failure(text: "the manifest names more than 64 images") }
        let slot = String(group.dropFirst(6))
        guard !images.contains(where: { $0.slot == slot }) else {
            throw Failure(text: "the manifest names the image for '\(FixedText.read(slot.utf8))' twice")
        }
        images.append(Image(slot: slot, filename: ""))
    }

    private mutating func take(_ key: String, _ value: String, in group: String) throws(Failure) {
        switch (group, key) {
        case ("update", "compatible"): compatible = value
        case ("update", "version"): version = value
        case ("update", "description"): description = value
        case ("update", "build"): build = value
        case ("bundle", "format"):
            guard ["plain", "verity", "crypt"].contains(value) else {
                throw Failure(text: "the bundle format '\(FixedText.read(value.utf8))' is none that RAUC has")
            }
            format = value
        case ("meta.lab", "security-counter"):
            guard let counter = UInt32(value) else { throw Failure(text: "the security counter is no number of 32 bits") }
            securityCounter = counter
        case (_, "filename") where group.hasPrefix("image."): images[images.count - 1].filename = value
        case (_, "sha256") where group.hasPrefix("image."):
            guard let hash = Hexadecimal.bytes(value), hash.count == 32 else {
                throw Failure(text: "an image's `sha256` is not 64 hexadecimal digits")
            }
            images[images.count - 1].sha256 = hash
        case (_, "size") where group.hasPrefix("image."):
            guard let size = Int(value), size >= 0 else { throw Failure(text: "an image's `size` is no size") }
            images[images.count - 1].size = size
        default: break
        }
    }

    private mutating func takeVerity(_ values: [String: String]) throws(Failure) {
        guard let hash = values["verity-hash"].flatMap(Hexadecimal.bytes), hash.count == 32,
            let salt = values["verity-salt"].flatMap(Hexadecimal.bytes), salt.count == 32,
            let size = values["verity-size"].flatMap({ Int($0) }),
            size > 0, size % VerityTree.blockSize == 0
        else {
            throw Failure(
                text: "a \(format) bundle needs verity-hash and verity-salt of 64 hexadecimal digits and a verity-size of whole blocks")
        }
        verity = Verity(rootHash: hash, salt: salt, size: size)
    }

    /// Names that leave the bundle: RAUC joins them to a path (specs/ota.md §4, I10).
    private static func check(_ image: Image) throws(Failure) {
        let name = image.filename
        let shown = FixedText.read(name.utf8)
        guard !name.isEmpty else { throw Failure(text: "the image for '\(FixedText.read(image.slot.utf8))' has no file") }
        guard name.utf8.count <= 255, name != ".", name != "..",
            !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") || $0 < 0x20 })
        else {
            throw Failure(text: "the image name '\(shown)' is no plain file name: it could lead out of the bundle")
        }
    }
}
