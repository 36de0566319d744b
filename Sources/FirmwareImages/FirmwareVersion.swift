/// The version of a firmware, as MCUboot's header holds it: major, minor, revision, build (specs/ota.md §5).
///
/// The order is that of the four numbers; the build counts last.
package struct FirmwareVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// 0 to 255 in MCUboot's header; other formats allow more.
    package var major: UInt32
    package var minor: UInt32
    package var revision: UInt32
    /// 0 where the text names none.
    package var build: UInt32

    package init(_ major: UInt32, _ minor: UInt32, _ revision: UInt32, build: UInt32 = 0) {
        self.major = major
        self.minor = minor
        self.revision = revision
        self.build = build
    }

    /// Reads `2.4.0`, `v2.4.0` and `2.4.0+7`; nil for everything else.
    package init?(_ text: String) {
        let parts = (text.first == "v" ? text.dropFirst() : text[...]).split(separator: "+", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return nil }
        let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(Self.number)
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let revision = numbers[2] else { return nil }
        guard parts.count == 2 else {
            self.init(major, minor, revision)
            return
        }
        guard let build = Self.number(parts[1]) else { return nil }
        self.init(major, minor, revision, build: build)
    }

    /// Digits only: `UInt32("+1")` would be a number, too.
    private static func number(_ text: Substring) -> UInt32? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt32(text) : nil
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor, left.revision, left.build) < (right.major, right.minor, right.revision, right.build)
    }

    /// `2.4.0`, or `2.4.0+7` where there is a build.
    package var description: String {
        "\(major).\(minor).\(revision)" + (build == 0 ? "" : "+\(build)")
    }
}
