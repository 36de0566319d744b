import LabCore

/// What stands in for the vendor's update package, `/fota/update.zip`: a zip with stored members, the manifest `fota.txt` and the
/// difference `payload.bin` (specs/rg500q.md §4.1). The form is our own, since the vendor's is not documented; what can be wrong with
/// it, and the code that the updater ends with, is that of §4.3.
///
/// The manifest is lines `key=value` in ASCII: `lab-fota` (1), `model`, `base`, `base_sub` (may be missing), `target`, `target_sub`,
/// `sub_edition`, `space` (bytes that unpacking needs), `payload` (its length), `payload_crc32` (8 hexadecimal digits).
package struct UpdatePackage: Sendable, Equatable {
    /// The beginning of the version: the model without its variant, `RG500QEA` (§4.5).
    package var model: String
    /// The exact version that it changes, as `ATI` says it.
    package var base: String
    /// What follows the `_` in `AT+QGMR`; `nil` fits any.
    package var baseSubVersion: String?
    package var target: String
    package var targetSubVersion: String
    /// What `AT+CSUB` says afterwards.
    package var subEdition: String
    /// Bytes that the module must have free to unpack it.
    package var space: Int
    package var payload: [UInt8]

    package static let manifestName = "fota.txt"
    package static let payloadName = "payload.bin"
    private static let longestManifest = 4_096

    package init(
        base: String, baseSubVersion: String? = nil, target: String, targetSubVersion: String = "01.001.01.001", subEdition: String = "V01",
        space: Int = 0, payload: [UInt8]
    ) {
        model = String(target.prefix(8))
        self.base = base
        self.baseSubVersion = baseSubVersion
        self.target = target
        self.targetSubVersion = targetSubVersion
        self.subEdition = subEdition
        self.space = space
        self.payload = payload
    }

    /// A package is not installed: the code of `+QIND: "FOTA","END",<code>`, and why.
    package struct Refusal: Error, Sendable, Equatable {
        package var code: Int
        package var text: String
    }

    // MARK: Making

    package var encoded: [UInt8] {
        var lines = ["lab-fota=1", "model=\(model)", "base=\(base)"]
        if let baseSubVersion { lines.append("base_sub=\(baseSubVersion)") }
        lines += ["target=\(target)", "target_sub=\(targetSubVersion)", "sub_edition=\(subEdition)", "space=\(space)"]
        lines += ["payload=\(payload.count)", "payload_crc32=\(Self.sum(payload))"]
        let manifest = Array(lines.joined(separator: "\n").utf8) + [0x0a]
        return StoredZip(members: [
            StoredZip.Member(name: Self.manifestName, bytes: manifest), StoredZip.Member(name: Self.payloadName, bytes: payload),
        ]).encoded
    }

    private static func sum(_ bytes: [UInt8]) -> String {
        let digits = String(CRC32.of(bytes), radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    // MARK: Reading

    /// Reads a package and checks it against itself.
    ///
    /// - Throws: 501 for what is no archive, 504 for one that is no package or tries to leave its folder, 505 for one of which a
    ///   member is missing, 506 for sums that are wrong.
    package init(_ bytes: [UInt8]) throws(Refusal) {
        let archive = try Self.archive(bytes)
        guard let text = archive[Self.manifestName] else { throw Refusal(code: 505, text: "\(Self.manifestName) is missing") }
        guard let payload = archive[Self.payloadName] else { throw Refusal(code: 505, text: "\(Self.payloadName) is missing") }
        let values = try Self.values(text)
        func value(_ key: String) throws(Refusal) -> String {
            guard let value = values[key], !value.isEmpty else { throw Refusal(code: 504, text: "the manifest lacks '\(key)'") }
            return value
        }
        guard try value("lab-fota") == "1" else { throw Refusal(code: 504, text: "the manifest has another form") }
        model = try value("model")
        base = try value("base")
        baseSubVersion = values["base_sub"]
        target = try value("target")
        targetSubVersion = try value("target_sub")
        subEdition = try value("sub_edition")
        guard let space = Int(try value("space")), space >= 0, let length = Int(try value("payload")) else {
            throw Refusal(code: 504, text: "the manifest has no lengths")
        }
        self.space = space
        guard length == payload.count else { throw Refusal(code: 506, text: "the payload has \(payload.count) bytes and not \(length)") }
        guard try value("payload_crc32") == Self.sum(payload) else { throw Refusal(code: 506, text: "the payload has another sum") }
        self.payload = payload
    }

    private static func archive(_ bytes: [UInt8]) throws(Refusal) -> StoredZip {
        do throws(StoredZip.Refusal) { return try StoredZip(bytes) } catch {
            switch error {
            case .damaged(let offset): throw Refusal(code: 501, text: "no archive: damaged at byte \(offset)")
            case .unsupported(let what): throw Refusal(code: 501, text: "cannot unpack: \(what)")
            case .badSum(let name): throw Refusal(code: 506, text: "\(name) has another sum")
            case .badName(let name): throw Refusal(code: 504, text: "the name '\(name)' leads out of the folder")
            case .link(let name): throw Refusal(code: 504, text: "'\(name)' is a link")
            case .doubled(let name): throw Refusal(code: 504, text: "'\(name)' is there twice")
            }
        }
    }

    /// Only looked up, never walked through.
    private static func values(_ text: [UInt8]) throws(Refusal) -> [String: String] {
        guard text.count <= longestManifest, text.allSatisfy({ (0x20...0x7e).contains($0) || $0 == 0x0a }) else {
            throw Refusal(code: 504, text: "the manifest is no text")
        }
        var values: [String: String] = [:]
        for line in text.split(separator: 0x0a) {
            let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw Refusal(code: 504, text: "a line of the manifest is no key=value") }
            let key = String(decoding: parts[0], as: UTF8.self)
            guard values[key] == nil else { throw Refusal(code: 504, text: "'\(key)' is there twice") }
            values[key] = String(decoding: parts[1], as: UTF8.self)
        }
        return values
    }
}
