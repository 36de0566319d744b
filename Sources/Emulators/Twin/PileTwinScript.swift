package import LabCore
package import WireProtocols

/// What a recording of a DNY pile's serial port says that the pile does: answers by command number, and what it sends by itself.
package struct PileTwinScript: Sendable, Equatable {
    /// A frame of the pile with the time since the command, or since the port appeared.
    package struct Item: Sendable, Equatable {
        package var after: Duration
        package var frame: DNYFrame
    }

    /// For each command of the host, in the order in which they came first, its answers in theirs.
    package private(set) var answers: [(command: UInt8, items: [Item?])] = []
    /// What came by itself; the time is that since the port appeared for the first time.
    package private(set) var unasked: [Item] = []
    package private(set) var boot = Duration.zero

    /// An answer repeats the message ID of its command and comes within this time (charging-protocols.md §4.2).
    private static let patience = Duration.seconds(15)

    package static func == (left: PileTwinScript, right: PileTwinScript) -> Bool {
        left.unasked == right.unasked && left.boot == right.boot && left.answers.map(\.command) == right.answers.map(\.command)
            && left.answers.map(\.items) == right.answers.map(\.items)
    }

    package init(_ recording: PortRecording) {
        var (host, pile) = (DNYStreamDecoder(), DNYStreamDecoder())
        var begin: RunInstant?
        var open: [(frame: DNYFrame, at: RunInstant, answer: Int)] = []
        var said: Set<UInt16> = []
        for piece in recording.pieces {
            switch piece.content {
            case .opened: if begin == nil { begin = piece.at }
            case .closed, .lines: break
            case .sent(let bytes):
                for case .frame(let frame) in host.decode(bytes) {
                    // What has the message ID of a frame of the pile acknowledges it; nothing comes back.
                    if said.contains(frame.messageID) { continue }
                    open.append((frame, piece.at, addCommand(frame.command)))
                }
            case .received(let bytes):
                if begin == nil { begin = piece.at }
                for case .frame(let frame) in pile.decode(bytes) {
                    let index = open.lastIndex {
                        $0.frame.command == frame.command && $0.frame.messageID == frame.messageID && $0.at.duration(to: piece.at) <= Self.patience
                    }
                    if let index {
                        let asked = open.remove(at: index)
                        setAnswer(asked.frame.command, asked.answer, Item(after: asked.at.duration(to: piece.at), frame: frame))
                    } else {
                        said.insert(frame.messageID)
                        unasked.append(Item(after: (begin ?? piece.at).duration(to: piece.at), frame: frame))
                    }
                }
            }
        }
        boot = RunInstant.start.duration(to: begin ?? .start)
    }

    private mutating func addCommand(_ command: UInt8) -> Int {
        let index = answers.firstIndex { $0.command == command } ?? answers.endIndex
        if index == answers.endIndex { answers.append((command, [])) }
        answers[index].items.append(nil)
        return answers[index].items.count - 1
    }

    private mutating func setAnswer(_ command: UInt8, _ place: Int, _ item: Item) {
        guard let index = answers.firstIndex(where: { $0.command == command }) else { return }
        answers[index].items[place] = item
    }

    /// In the order of the recording, then the last one again; `nil` for silence, `.none` within for a command that is not there.
    package func answer(to command: UInt8, count: Int) -> Item?? {
        guard let known = answers.first(where: { $0.command == command }), !known.items.isEmpty else { return nil }
        return .some(known.items[min(count, known.items.count - 1)])
    }

    package var isEmpty: Bool { unasked.isEmpty && answers.allSatisfy { $0.items.allSatisfy { $0 == nil } } }
    package var commandCount: Int { answers.count }
    package var answerCount: Int { answers.reduce(0) { $0 + $1.items.count { $0 != nil } } }
    package var unaskedCount: Int { unasked.count }

    /// What the pile sends again and again, such as its sign of life: the last of each command that came twice or more, and its last interval.
    var repeated: [(item: Item, interval: Duration)] {
        var found: [(item: Item, interval: Duration)] = []
        for item in unasked {
            let earlier = unasked.last { $0.frame.command == item.frame.command && $0.after < item.after }
            guard let earlier, unasked.last(where: { $0.frame.command == item.frame.command }) == item else { continue }
            found.append((item, item.after - earlier.after))
        }
        return found
    }
}
