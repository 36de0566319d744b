/// The "program" in an image that an emulated badge runs: a block that says how the firmware behaves.
///
/// In the body at any multiple of 16 bytes: `LUNAAPP1`, u16 length (little-endian) of the text, then lines `key=value`:
/// version, behaviour, schema. Images of other people hold none; they behave normally.
package struct EmulatedApplication: Sendable, Hashable {
    /// How the firmware fails, so that confirming and rolling back can be tested (specs/ota.md §4, A1 to A3, A6).
    package enum Behaviour: String, Sendable, CaseIterable {
        case normal
        /// At once after the jump.
        case crash
        /// 30 s after the jump.
        case crashLate = "crash_late"
        /// Until the watchdog bites.
        case hang
        case noNetwork = "no_network"
        case noCloud = "no_cloud"
        case sensorDead = "sensor_dead"
        /// The self-test never ends.
        case selfTestHang = "selftest_hang"
        /// The self-test passes every second time.
        case selfTestFlapping = "selftest_flapping"
        case heapFalling = "heap_falling"
    }

    /// What the program says of itself: reported as the running version.
    package var version: String
    package var behaviour: Behaviour
    /// Version of the stored settings that the program writes; older ones are migrated forward.
    package var schema: Int

    package init(version: String, behaviour: Behaviour = .normal, schema: Int = 1) {
        self.version = version
        self.behaviour = behaviour
        self.schema = schema
    }

    private static let magic = Array("LUNAAPP1".utf8)
    /// Longest text that is read.
    private static let longestText = 1_024

    /// The block as bytes, to lie at a multiple of 16 of the body.
    package var encoded: [UInt8] {
        let text = Array("version=\(version)\nbehaviour=\(behaviour.rawValue)\nschema=\(schema)\n".utf8)
        return Self.magic + LittleEndian.bytes(UInt16(clamping: text.count)) + text
    }

    /// The first block in `body`, which is cut to the file; nil where there is none that can be read.
    ///
    /// Offsets count from the beginning of the body, and in files of which the body begins elsewhere than at a multiple
    /// of 16, from the beginning of the file, too.
    package static func find(in bytes: [UInt8], body: Range<Int>) -> EmulatedApplication? {
        let body = body.clamped(to: 0..<bytes.count)
        if let found = search(bytes, from: body.lowerBound, to: body.upperBound) { return found }
        guard body.lowerBound % 16 != 0 else { return nil }
        return search(bytes, from: Bounds.roundedUp(body.lowerBound, to: 16), to: body.upperBound)
    }

    private static func search(_ bytes: [UInt8], from start: Int, to end: Int) -> EmulatedApplication? {
        var offset = start
        while offset + magic.count + 2 <= end {
            if bytes[offset] == magic[0], bytes[offset + 1] == magic[1], bytes[offset..<offset + magic.count].elementsEqual(magic),
                let found = read(bytes, at: offset + magic.count, end: end)
            {
                return found
            }
            offset += 16
        }
        return nil
    }

    private static func read(_ bytes: [UInt8], at offset: Int, end: Int) -> EmulatedApplication? {
        guard let count = LittleEndian.u16(bytes, at: offset).map(Int.init), count <= longestText, offset + 2 + count <= end else {
            return nil
        }
        let text = String(decoding: bytes[offset + 2..<offset + 2 + count], as: UTF8.self)
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        guard let version = values["version"], let behaviour = values["behaviour"].flatMap(Behaviour.init) else { return nil }
        return EmulatedApplication(version: version, behaviour: behaviour, schema: values["schema"].flatMap { Int($0) } ?? 1)
    }
}
