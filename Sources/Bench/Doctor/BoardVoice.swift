package import LabCore
import WireProtocols

/// What the board of a charging pile says on its line, as far as a bench wants to know it: that it speaks, who it is, and its firmware
/// (charging-protocols.md 2.4, 4.4).
package struct BoardVoice: Sendable {
    /// As the first frame has it: the physical ID of DNY, the gateway's number of BKV.
    package private(set) var identity: String?
    /// As its registration or heartbeat has it.
    package private(set) var firmware: String?
    package private(set) var frames = 0
    /// Bytes of the modem in front of the board, its card's number and its sign of life: they say nothing of the board.
    package private(set) var ofModem = 0
    private var wire: Wire
    private var bytes: [UInt8] = []

    private enum Wire {
        case dny(DNYStreamDecoder)
        case bkv(BKVStreamDecoder)
    }

    /// So much is kept of a line on which no frame came.
    private static let longest = 4_096

    /// - Parameter facts: of the node; `protocol` says what is spoken.
    /// - Returns: `nil` for a protocol without ids: EE/66.
    package init?(_ facts: Fields) {
        switch facts["protocol"]?.text ?? "dny" {
        case "dny": wire = .dny(DNYStreamDecoder())
        case "bkv", "gn": wire = .bkv(BKVStreamDecoder())
        default: return nil
        }
    }

    /// What stands on the board, as lab.yaml has it, and the key that says it there.
    package static func written(_ facts: Fields, _ expected: HealthExpectation) -> (id: String, key: String)? {
        if let identity = expected.identity { return (identity, "identity") }
        // On a bus every board has its own. Of a BKV gateway and its socket, `82241218000382-1`, frames name the gateway.
        return facts["line"]?.text == "bus" ? nil : facts["pile"]?.text.map { (String($0.prefix { $0 != "-" }), "pile") }
    }

    package var isAlive: Bool { frames > 0 }

    /// What came where no frame did; empty where only the modem spoke.
    package var strange: [UInt8] { isAlive || bytes.count <= ofModem ? [] : bytes }

    package mutating func hear(_ came: [UInt8]) {
        if !isAlive { bytes = Array((bytes + came).suffix(Self.longest)) }
        switch wire {
        case .dny(var decoder):
            for item in decoder.decode(came) { take(item) }
            wire = .dny(decoder)
        case .bkv(var decoder):
            decoder.append(came)
            while let item = decoder.next() { take(item) }
            wire = .bkv(decoder)
        }
    }

    private mutating func take(_ item: DNYStreamDecoder.Item) {
        switch item {
        case .frame(let frame):
            frames += 1
            identity = identity ?? DNYPhysicalID(frame.physicalID).text
            guard case .registration(let registration)? = try? DNYMessage(frame, from: .device) else { return }
            firmware = "\(registration.firmware / 100).\(registration.firmware % 100 < 10 ? "0" : "")\(registration.firmware % 100)"
        case .iccid(let number): ofModem += number.utf8.count
        case .link: ofModem += "link".utf8.count
        case .garbage, .refused: break
        }
    }

    private mutating func take(_ item: BKVStreamDecoder.Item) {
        switch item {
        case .frame(let frame, _, _):
            frames += 1
            identity = identity ?? frame.gateway
            guard frame.command == BKVFrame.Command.heartbeat, frame.data.count >= 28 else { return }
            firmware = String(decoding: frame.data[20..<28].prefix { $0 != 0 }, as: UTF8.self)
        case .native: frames += 1
        case .refused, .malformed, .skipped: break
        }
    }
}
