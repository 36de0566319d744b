/// The host's half of the talk on one port: one command at a time, its answer, and everything that comes in between.
///
/// Sans I/O: the caller sends what `begin` and `body` give, hands in what comes, and minds the time.
package struct ATDialogue: Sendable {
    package enum Event: Sendable, Equatable {
        /// A line of the answer that is under way.
        case information(ATLine)
        case unsolicited(ATURC)
        /// The module asks for the body of the command: send `body`.
        case wantsBody
        case finished(ATResponse)
        /// A line that belongs to nothing: a late answer, a part of one, an echo of somebody else.
        case stray(ATLine)
        /// Bytes that are no text.
        case damaged(ATLine)
    }

    /// Lines of one answer that are kept; more are dropped. Source: chosen; the longest list is that of 255 messages.
    package static let longestAnswer = 2_048

    private var parser = ATParser()
    package private(set) var pending: ATCommand?
    private var parts: [ATCommand.Part] = []
    private var information: [ATLine] = []
    private var data: [UInt8] = []
    private var taken: [String] = []
    private var hasEcho = false
    private var hasSentBody = false
    /// What the next data belong to.
    private var dataOwner: DataOwner?
    /// A URC that waits for its second line or its data.
    private var openURC: ATURC?
    /// The module echoes, as the last command showed.
    package private(set) var echoes = false
    /// Commands that were given up; their final results may still come.
    package private(set) var abandoned: [String] = []

    private enum DataOwner { case answer, urc }

    package init() {}

    /// Begins a command; the one before must be finished or abandoned.
    ///
    /// - Returns: what is to be sent.
    package mutating func begin(_ command: ATCommand) -> [UInt8] {
        precondition(pending == nil, "one command at a time")
        pending = command
        parts = command.parts
        (information, data, taken, hasEcho, hasSentBody) = ([], [], [], false, false)
        switch command.body {
        case .text, .counted: parser.expectsPrompt = true
        default: parser.expectsPrompt = false
        }
        return command.bytes
    }

    /// What the module is to be given after `.wantsBody`.
    package mutating func body() -> [UInt8] {
        hasSentBody = true
        switch pending?.body {
        case .text(let text)?: return text + [0x1a]
        case .counted(let bytes)?, .upload(let bytes)?: return bytes
        case nil: return []
        }
    }

    /// Gives the command up, as after its time. What still comes of it is recognised where that is possible.
    package mutating func abandon() {
        guard let command = pending else { return }
        pending = nil
        parser.expectsPrompt = false
        // Without the echo of this one the next cannot be waited for: the module may have been reset meanwhile.
        if !hasEcho { echoes = false }
        abandoned.append(command.text)
        if abandoned.count > 8 { abandoned.removeFirst() }
    }

    /// Nothing late can come any more: the line has been quiet for long enough.
    package mutating func forgetAbandoned() { abandoned = [] }

    /// The port was closed: everything begins anew.
    package mutating func reset() {
        parser.reset()
        let fresh = ATDialogue()
        let parser = parser
        self = fresh
        self.parser = parser
    }

    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [Event] {
        parser.append(bytes)
        var events: [Event] = []
        while let item = parser.next() {
            switch item {
            case .line(let line): take(line, &events)
            case .prompt: events.append(.wantsBody)
            case .data(let bytes): take(bytes, &events)
            case .tooLong(let line): events.append(.damaged(line))
            }
        }
        return events
    }

    // MARK: Lines

    private mutating func take(_ line: ATLine, _ events: inout [Event]) {
        if var urc = openURC {
            urc.lines.append(line.text)
            openURC = nil
            return events.append(.unsolicited(urc))
        }
        if isEcho(line.text) { return }
        guard let pending else { return takeUnasked(line, &events) }
        if echoes, !abandoned.isEmpty, !hasEcho {
            // The module echoes, so everything before the echo of this command belongs to those before it.
            return takeUnasked(line, &events)
        }
        if let final = ATFinal(line.text), !final.needsCall || canEndCall(pending) { return take(final, line, &events) }
        switch ATSorting.place(line.text, among: parts, taken: taken) {
        case .unsolicited: takeUnsolicited(line, &events)
        case .stray: events.append(.stray(line))
        case .information: takeInformation(line, pending, &events)
        }
    }

    private mutating func takeUnasked(_ line: ATLine, _ events: inout [Event]) {
        if line.isClean, ATSorting.isKnownUnsolicited(line.text) { return takeUnsolicited(line, &events) }
        events.append(line.isClean ? .stray(line) : .damaged(line))
    }

    private mutating func takeUnsolicited(_ line: ATLine, _ events: inout [Event]) {
        let urc = ATURC(line.text)
        if ATSorting.hasSecondLine(line.text) {
            openURC = urc
        } else if let length = ATSorting.dataLength(behind: line.text), length > 0, parser.expectData(length) {
            openURC = urc
            dataOwner = .urc
        } else {
            events.append(.unsolicited(urc))
        }
    }

    private mutating func takeInformation(_ line: ATLine, _ command: ATCommand, _ events: inout [Event]) {
        let name = ATFields.name(of: line.text)
        // Damaged bytes are shown, not answered; within a named line they may be a part of a name or a message.
        guard line.isClean || name != nil else { return events.append(.damaged(line)) }
        if let name { taken.append(name) }
        if information.count < Self.longestAnswer { information.append(line) }
        events.append(.information(line))
        guard command.payload == .announced, let name, parts.contains(where: { $0.name == name }) else { return }
        expectData(ATFields(line.text).whole(0))
    }

    private mutating func expectData(_ count: Int?) {
        guard let count, count > 0, parser.expectData(count) else { return }
        dataOwner = .answer
    }

    private mutating func take(_ bytes: [UInt8], _ events: inout [Event]) {
        switch dataOwner {
        case .urc?:
            if var urc = openURC {
                urc.data = bytes
                events.append(.unsolicited(urc))
            }
            openURC = nil
        case .answer?: data += bytes
        case nil: break
        }
        dataOwner = nil
    }

    // MARK: Echo and final results

    /// The echo of the command, of its body, or a late one of a command that was given up.
    private mutating func isEcho(_ text: String) -> Bool {
        if let pending, !hasEcho, text == pending.text {
            hasEcho = true
            return true
        }
        if hasSentBody, case .text(let body)? = pending?.body, text.utf8.elementsEqual(body) { return true }
        return abandoned.contains(text)
    }

    /// Dialling and data end with words that otherwise come by themselves.
    private func canEndCall(_ command: ATCommand) -> Bool {
        parts.contains { ["D", "A", "O"].contains($0.name) } || command.payload != .none
    }

    private mutating func take(_ final: ATFinal, _ line: ATLine, _ events: inout [Event]) {
        guard let command = pending else { return }
        if case .connect(let rest) = final {
            switch (command.body, command.payload) {
            case (.upload?, _) where !hasSentBody: return events.append(.wantsBody)
            case (_, .counted(let count)): return expectData(count)
            case (_, .announced): return expectData(Int(rest))
            default: break
            }
        }
        if command.needsInformation, final.isSuccess, !abandoned.isEmpty, information.isEmpty {
            abandoned.removeFirst()
            return events.append(.stray(line))
        }
        if !information.isEmpty { abandoned = [] }
        echoes = hasEcho
        pending = nil
        parser.expectsPrompt = false
        events.append(.finished(ATResponse(command: command.text, information: information, data: data, final: final)))
        (information, data) = ([], [])
    }
}
