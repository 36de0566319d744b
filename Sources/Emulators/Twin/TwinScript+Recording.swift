package import LabCore
import WireProtocols

/// From a recording of an AT port to what its device does.
extension TwinScript {
    package init(_ recording: PortRecording) {
        isRedacted = recording.header.isRedacted
        var reader = ScriptReader(isRedacted: isRedacted)
        for piece in recording.pieces { reader.take(piece) }
        reader.end()
        lives = reader.lives
        boot = reader.boot
    }
}

private struct ScriptReader {
    var lives: [TwinScript.Life] = []
    var boot = Duration.zero
    private let template: TwinScript
    private var isOpen = false
    private var vanished: RunInstant?
    private var life = TwinScript.Life()

    private var editor = ModuleLineEditor()
    private var dialogue = ATDialogue()
    private var segments = LineSegments()
    /// What may be the first of two lines, or data.
    private var held: [LineSegments.Segment] = []
    /// The last command, or the appearing of the port: what comes unasked is counted from there.
    private var anchor = RunInstant.start
    /// The piece of the answer before, or what the answer is to.
    private var lastPart = RunInstant.start
    private var body: [UInt8]?

    init(isRedacted: Bool) {
        template = { var script = TwinScript(); script.isRedacted = isRedacted; return script }()
    }

    mutating func take(_ piece: PortRecording.Piece) {
        switch piece.content {
        case .opened: open(at: piece.at)
        case .closed: close(at: piece.at)
        case .lines: break
        case .sent(let bytes):
            if !isOpen { open(at: piece.at) }
            for byte in bytes { takeSent(byte, at: piece.at) }
        case .received(let bytes):
            if !isOpen { open(at: piece.at) }
            for byte in bytes { takeReceived(byte, at: piece.at) }
        }
    }

    private mutating func open(at now: RunInstant) {
        guard !isOpen else { return }
        if let vanished, !lives.isEmpty { lives[lives.count - 1].absence = vanished.duration(to: now) } else { boot = RunInstant.start.duration(to: now) }
        isOpen = true
        life = TwinScript.Life()
        (editor, dialogue, segments, held, body) = (ModuleLineEditor(), ATDialogue(), LineSegments(), [], nil)
        (anchor, lastPart) = (now, now)
    }

    private mutating func close(at now: RunInstant) {
        // Each try to open a port that is away ends so, too.
        guard isOpen else { return }
        flush()
        append(TwinScript.Follower(after: anchor.duration(to: now), event: .vanish))
        lives.append(life)
        (isOpen, vanished) = (false, now)
    }

    mutating func end() {
        guard isOpen else { return }
        flush()
        // The recording ended before the answer did: that is not how the device answers.
        if let last = life.exchanges.last, !last.isComplete { life.exchanges.removeLast() }
        lives.append(life)
    }

    private mutating func flush() {
        if let rest = segments.rest() { take(rest) }
        settleHeld(asUnsolicited: dialogue.pending == nil)
    }

    // MARK: From the host

    private mutating func takeSent(_ byte: UInt8, at now: RunInstant) {
        if body != nil { return takeBody(byte, at: now) }
        switch editor.take(byte) {
        case .line(let line): begin(line, at: now)
        case .ignored, .kept, .tooLong, .repetition: break
        }
    }

    private mutating func begin(_ line: [UInt8], at now: RunInstant) {
        guard !line.isEmpty, let parsed = ModuleCommandLine(line) else { return }
        flush()
        segments = LineSegments()
        dialogue.abandon()
        let text = String(decoding: line, as: UTF8.self)
        let last = parsed.commands.last
        let body: ATCommand.Body? =
            switch (last?.name, last?.form) {
            case ("+CMGS", .write), ("+CMGW", .write): .text([])
            case ("+QFUPL", .write): .upload([])
            case ("+QISEND", .write), ("+QMTPUBEX", .write), ("+QMTPUB", .write): .counted([])
            default: nil
            }
        _ = dialogue.begin(ATCommand(text, body: body))
        segments.expectsPrompt = body != nil
        life.exchanges.append(TwinScript.Exchange(key: template.key(line)))
        (anchor, lastPart) = (now, now)
    }

    private mutating func takeBody(_ byte: UInt8, at now: RunInstant) {
        body?.append(byte)
        guard let exchange = life.exchanges.last, let taken = body else { return }
        let isComplete =
            switch exchange.body?.1 {
            case .counted(let count): taken.count >= count
            case .text, nil: byte == 0x1a || byte == 0x1b
            }
        guard isComplete else { return }
        body = nil
        lastPart = now
    }

    // MARK: From the device

    private mutating func takeReceived(_ byte: UInt8, at now: RunInstant) {
        if let segment = segments.take(byte, at: now) { take(segment) }
    }

    private mutating func take(_ segment: LineSegments.Segment) {
        let waits = dialogue.pending != nil
        let command = dialogue.pending?.text
        let events = dialogue.receive(segment.bytes)
        held.append(segment)
        guard waits else { return settleHeld(asUnsolicited: true) }
        if events.isEmpty {
            if segment.text == Array((command ?? "").utf8) {
                held.removeLast()
                // Later echoes say what the commands before them have set.
                if !life.exchanges.dropLast().contains(where: { Self.setsEcho($0.key) }) { life.echoes = true }
            }
            return
        }
        settleHeld(asUnsolicited: events.contains { if case .unsolicited = $0 { true } else { false } })
        for event in events {
            switch event {
            case .wantsBody: expectBody()
            case .finished: life.exchanges[life.exchanges.count - 1].isComplete = true
            default: break
            }
        }
    }

    private static func setsEcho(_ key: String) -> Bool { ["ATE", "ATZ", "AT&F"].contains { key.hasPrefix($0) } }

    private mutating func expectBody() {
        _ = dialogue.body()
        segments.expectsPrompt = false
        let index = life.exchanges.count - 1
        body = []
        var kind = TwinScript.Body.text
        let line = Array((dialogue.pending?.text ?? "").utf8)
        if let command = ModuleCommandLine(line)?.commands.last, command.name != "+CMGS", command.name != "+CMGW" {
            // The count is the last number but for QFUPL, where it is the second argument.
            let count = command.name == "+QFUPL" ? command[1].number : command.arguments.last?.number
            if let count, count > 0 { kind = .counted(count) }
        }
        life.exchanges[index].body = (after: life.exchanges[index].answer.count, kind)
    }

    private mutating func settleHeld(asUnsolicited: Bool) {
        let settled = held
        held = []
        for chunk in settled.flatMap(\.chunks) {
            if asUnsolicited || life.exchanges.isEmpty {
                append(TwinScript.Follower(after: anchor.duration(to: chunk.at), event: .bytes(chunk.bytes)))
            } else {
                let index = life.exchanges.count - 1
                let gap = lastPart.duration(to: chunk.at)
                let answer = life.exchanges[index].answer
                if gap == .zero, !answer.isEmpty, life.exchanges[index].body?.after != answer.count {
                    life.exchanges[index].answer[answer.count - 1].bytes += chunk.bytes
                } else {
                    life.exchanges[index].answer.append(TwinScript.Part(after: max(gap, .zero), bytes: chunk.bytes))
                }
                lastPart = max(lastPart, chunk.at)
            }
        }
    }

    private mutating func append(_ follower: TwinScript.Follower) {
        var follower = follower
        follower.after = max(follower.after, .zero)
        if life.exchanges.isEmpty { Self.add(follower, to: &life.opening) } else { Self.add(follower, to: &life.exchanges[life.exchanges.count - 1].followers) }
    }

    private static func add(_ follower: TwinScript.Follower, to list: inout [TwinScript.Follower]) {
        if let last = list.last, last.after == follower.after, case .bytes(let before) = last.event, case .bytes(let more) = follower.event {
            list[list.count - 1].event = .bytes(before + more)
        } else {
            list.append(follower)
        }
    }
}

/// Cuts what a device sends into lines with the blank lines before them and the times of their bytes.
struct LineSegments {
    struct Segment {
        struct Chunk {
            var at: RunInstant
            var bytes: [UInt8]
        }

        var chunks: [Chunk] = []
        /// Without line ends.
        var text: [UInt8] = []
        var bytes: [UInt8] { chunks.flatMap(\.bytes) }
    }

    private enum Phase { case before, text, afterReturn }

    /// `> ` is a segment of its own.
    var expectsPrompt = false
    private var segment = Segment()
    private var phase = Phase.before
    /// A line end that belongs to the line before, and the byte that showed it.
    private static let longestText = 4_096

    init() {}

    /// Returns the segment that this byte ends, or that ended before it.
    mutating func take(_ byte: UInt8, at now: RunInstant) -> Segment? {
        if phase == .afterReturn, byte != 0x0a {
            let done = finish()
            _ = take(byte, at: now)
            return done
        }
        append(byte, at: now)
        switch (phase, byte) {
        case (.afterReturn, _): return finish()
        case (.before, 0x0d), (.before, 0x0a): return nil
        case (_, 0x0d):
            phase = .afterReturn
            return nil
        case (_, 0x0a): return finish()
        default:
            phase = .text
            segment.text.append(byte)
            let isPrompt = expectsPrompt && segment.text == [UInt8(ascii: ">"), UInt8(ascii: " ")]
            return isPrompt || segment.text.count >= Self.longestText ? finish() : nil
        }
    }

    /// What has come and not ended.
    mutating func rest() -> Segment? { segment.chunks.isEmpty ? nil : finish() }

    private mutating func append(_ byte: UInt8, at now: RunInstant) {
        if segment.chunks.last?.at == now {
            segment.chunks[segment.chunks.count - 1].bytes.append(byte)
        } else {
            segment.chunks.append(Segment.Chunk(at: now, bytes: [byte]))
        }
    }

    private mutating func finish() -> Segment {
        let done = segment
        (segment, phase) = (Segment(), .before)
        return done
    }
}
