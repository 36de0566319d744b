package import LabCore
package import WireProtocols

/// The protocols of boards at a serial line, for who only watches it.
package enum PileWire: String, Sendable, CaseIterable {
    case dny, bkv, ee66

    /// The one that most of the device's bytes belong to; DNY where none does.
    package init(spokenIn recording: PortRecording) {
        var best = (wire: PileWire.dny, bytes: 0)
        for wire in Self.allCases {
            var reader = PileFrameReader(wire)
            var count = 0
            for piece in recording.pieces {
                if case .received(let bytes) = piece.content { for frame in reader.take(bytes, at: piece.at) { count += frame.bytes.count } }
            }
            if count > best.bytes { best = (wire, count) }
        }
        self = best.wire
    }
}

/// A frame of a board's line, as far as one has to know it who only watches: what it is about, and which question it answers.
package struct PileLineFrame: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case dny(DNYFrame)
        case bkv(BKVFrame)
        case ee66(EE66Frame)
    }

    package private(set) var content: Content
    /// As it goes over the line.
    package private(set) var bytes: [UInt8]

    init(_ content: Content, _ bytes: [UInt8]) { (self.content, self.bytes) = (content, bytes) }

    /// Two hexadecimal digits of the command; of a BKV command to a socket also what it is to do, and the socket: `82`, `0015/00011d01`.
    package var command: String {
        switch content {
        case .dny(let frame): Hexadecimal.text([frame.command])
        case .ee66(let frame): Hexadecimal.text([frame.command])
        case .bkv(let frame):
            Hexadecimal.text([UInt8(frame.command >> 8), UInt8(truncatingIfNeeded: frame.command)])
                + (frame.command == BKVFrame.Command.control && !frame.isFromDevice ? "/" + Hexadecimal.text(frame.data.prefix(4)) : "")
        }
    }

    /// What an answer repeats of its question.
    var session: String {
        switch content {
        case .dny(let frame): String(frame.messageID)
        case .bkv(let frame): String(frame.sequence)
        case .ee66(let frame): frame.session
        }
    }

    /// The id of the board as it stands on it; `nil` for an EE/66 board, which has none.
    var board: String? {
        switch content {
        case .dny(let frame): DNYPhysicalID(frame.physicalID).text
        case .bkv(let frame): frame.gateway
        case .ee66: nil
        }
    }

    /// Whether it answers, where the frame itself says so: DNY's do not (charging-protocols.md 2.2, 4.2, 5.1).
    var isAnswer: Bool? {
        switch content {
        case .dny: nil
        case .bkv(let frame): frame.isFromDevice == (frame.sequence != 0)
        case .ee66(let frame): frame.isAnswer
        }
    }

    /// Whether it can be the answer to that question.
    func answers(_ question: PileLineFrame) -> Bool {
        guard session == question.session else { return false }
        switch (content, question.content) {
        case (.dny(let one), .dny(let other)): return one.command == other.command
        case (.bkv(let one), .bkv(let other)): return one.command == other.command
        case (.ee66(let one), .ee66(let other)): return one.command == other.command
        default: return false
        }
    }

    /// The same with the session of another frame.
    func withSession(of other: PileLineFrame) -> PileLineFrame {
        switch (content, other.content) {
        case (.dny(var frame), .dny(let other)):
            frame.messageID = other.messageID
            return Self(dny: frame) ?? self
        case (.bkv(var frame), .bkv(let other)):
            frame.sequence = other.sequence
            return (try? frame.encoded()).map { PileLineFrame(.bkv(frame), $0) } ?? self
        case (.ee66(var frame), .ee66(let other)):
            frame.session = other.session
            return (try? frame.encoded()).map { PileLineFrame(.ee66(frame), $0) } ?? self
        default: return self
        }
    }

    /// What a board sends after it when it says the same again: a new DNY frame has a new message ID.
    var again: PileLineFrame {
        guard case .dny(var frame) = content else { return self }
        frame.messageID &+= 1
        return Self(dny: frame) ?? self
    }

    private init?(dny frame: DNYFrame) {
        guard let bytes = try? frame.encoded() else { return nil }
        self.init(.dny(frame), bytes)
    }

    /// What the frame carries, explained; without its envelope.
    var fields: [FrameField] {
        let (report, data) =
            switch content {
            case .dny: (DNYReport.explain(bytes, from: .device), DNYFrame.dataOffset..<bytes.count - 2)
            case .bkv: (BKVReport.explain(bytes), 18..<bytes.count - 3)
            case .ee66: (EE66Report.explain(bytes), 9..<bytes.count - 1)
            }
        return report.fields.filter { data.contains($0.offset) }
    }
}

/// Finds the frames of one direction of a line.
package struct PileFrameReader: Sendable {
    private enum Decoder: Sendable {
        case dny(DNYStreamDecoder)
        case bkv(BKVStreamDecoder)
        case ee66(EE66StreamDecoder)
    }

    private var decoder: Decoder
    private let wire: PileWire
    private var last = RunInstant.start

    /// What has stopped for so long in its middle is no frame. Source: chosen, as hosts of boards do it; 257 bytes at 9600 bit/s take 0.27 s.
    private static let silence = Duration.milliseconds(300)

    package init(_ wire: PileWire) {
        self.wire = wire
        decoder = Self.decoder(of: wire)
    }

    private static func decoder(of wire: PileWire) -> Decoder {
        switch wire {
        case .dny: .dny(DNYStreamDecoder())
        case .bkv: .bkv(BKVStreamDecoder())
        case .ee66: .ee66(EE66StreamDecoder())
        }
    }

    package mutating func take(_ bytes: [UInt8], at now: RunInstant) -> [PileLineFrame] {
        // Heads of EE/66 occur in anything, and one that is none would wait for bytes that are others'.
        if wire == .ee66, last.duration(to: now) > Self.silence { decoder = Self.decoder(of: wire) }
        last = now
        var frames: [PileLineFrame] = []
        switch decoder {
        case .dny(var dny):
            for case .frame(let frame) in dny.decode(bytes) { if let bytes = try? frame.encoded() { frames.append(PileLineFrame(.dny(frame), bytes)) } }
            decoder = .dny(dny)
        case .bkv(var bkv):
            bkv.append(bytes)
            while let item = bkv.next() { if case .frame(let frame, let bytes, _) = item { frames.append(PileLineFrame(.bkv(frame), bytes)) } }
            decoder = .bkv(bkv)
        case .ee66(var ee66):
            ee66.append(bytes)
            while let item = ee66.next() { if case .frame(let frame, let bytes, _) = item { frames.append(PileLineFrame(.ee66(frame), bytes)) } }
            decoder = .ee66(ee66)
        }
        return frames
    }
}
