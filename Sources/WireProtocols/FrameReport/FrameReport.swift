package import LabCore

/// A frame as a codec explains it to people and programs: every field with its place, its unit and where it is specified.
///
/// One type for all protocols. It explains refused frames, too: as far as they could be read, with the reason among `problems`.
package struct FrameReport: Sendable, Equatable {
    package enum Direction: String, Sendable, Hashable, CaseIterable {
        case deviceToPlatform = "device_to_platform"
        case platformToDevice = "platform_to_device"
        case hostToDevice = "host_to_device"

        package var text: String {
            switch self {
            case .deviceToPlatform: "device to platform"
            case .platformToDevice: "platform to device"
            case .hostToDevice: "host to device"
            }
        }
    }

    /// The word for the protocol on the command line, such as `dny`.
    package var protocolName: String
    /// The command as the protocol writes it, such as `21` or `0015/07`; empty where it could not be read.
    package var command: String
    /// What the command is called, such as `heartbeat`; empty where nobody knows.
    package var commandName: String
    /// Who sends it; `nil` where the bytes do not say.
    package var direction: Direction?
    /// Bytes of the whole frame.
    package var length: Int
    /// `nil` where the protocol has none, or the frame ends before it.
    package var checksum: FrameChecksum?
    /// In the order of their offsets.
    package var fields: [FrameField]
    package var problems: [FrameProblem]
    /// Where the frame began in the stream that it was found in, in bytes from 0; `nil` for a frame on its own.
    package var streamOffset: Int?

    package init(
        protocolName: String, command: String = "", commandName: String = "", direction: Direction? = nil, length: Int,
        checksum: FrameChecksum? = nil, fields: [FrameField] = [], problems: [FrameProblem] = []
    ) {
        self.protocolName = protocolName
        self.command = command
        self.commandName = commandName
        self.direction = direction
        self.length = length
        self.checksum = checksum
        self.fields = fields
        self.problems = problems
    }

    /// Whether a receiver must not act on this frame.
    package var isRefused: Bool { problems.contains { $0.kind == .refusal } }

    /// The first field of that name.
    package subscript(name: String) -> FrameField? { fields.first { $0.name == name } }
}

/// One field of a frame.
package struct FrameField: Sendable, Equatable {
    /// Snake case; parts of lists and records are named with their place, such as `ports[1].state`.
    package var name: String
    /// Bytes from the first byte of the frame.
    package var offset: Int
    package var bytes: [UInt8]
    /// What the wire says, in wire units: whole numbers are not scaled.
    package var value: FieldValue
    /// What one of `value` is, such as `0.1 V`, `s`, `Unix s`; empty for what has none.
    package var unit: String
    /// How people read it, such as `241.7 V` or `plugged, not started`; empty where `value` says it all.
    package var meaning: String
    /// The section that specifies it, such as `charging-protocols.md 4.5`.
    package var source: String

    /// Bytes that it takes.
    package var size: Int { bytes.count }

    package init(
        name: String, offset: Int, bytes: some Sequence<UInt8>, value: FieldValue, unit: String = "", meaning: String = "", source: String
    ) {
        self.name = name
        self.offset = offset
        self.bytes = Array(bytes)
        self.value = value
        self.unit = unit
        self.meaning = meaning
        self.source = source
    }

    /// A whole number times a power of ten, written exactly: `scaled(2417, decimals: 1, "V")` is `241.7 V`.
    package static func scaled(_ value: Int64, decimals: Int, _ unit: String) -> String {
        var digits = String(value.magnitude)
        if decimals > 0 {
            digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
        }
        return (value < 0 ? "-" : "") + digits + (unit.isEmpty ? "" : " " + unit)
    }
}

/// What a frame carries as its checksum, and what it should be.
package struct FrameChecksum: Sendable, Hashable {
    /// How it is computed, such as `sum of all bytes before it, 16 bits`.
    package var rule: String
    package var expected: UInt32
    package var found: UInt32
    /// Bytes that it takes on the wire, 1 to 4.
    package var size: Int

    package init(rule: String, expected: UInt32, found: UInt32, size: Int) {
        self.rule = rule
        self.expected = expected
        self.found = found
        self.size = size
    }

    package var isRight: Bool { expected == found }
}

/// Something about a frame that its sender should know.
package struct FrameProblem: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        /// Accepted all the same.
        case warning
        /// A receiver must not act on the frame.
        case refusal
    }

    package var kind: Kind
    /// Bytes from the first byte of the frame.
    package var offset: Int
    /// What is wrong, what was expected, and what to do.
    package var text: String

    package init(_ kind: Kind, at offset: Int, _ text: String) {
        self.kind = kind
        self.offset = offset
        self.text = text
    }
}
