package import LabCore

/// What a recording of a pile's serial port says that its board does: answers by command, and what it sends by itself.
package struct PileTwinScript: Sendable, Equatable {
    /// A frame of the board with the time since the command, or since the port appeared.
    package struct Item: Sendable, Equatable {
        package var after: Duration
        package var frame: PileLineFrame
    }

    /// What the host asks, with the answers in the order of the recording; `nil` where none came.
    package struct Exchange: Sendable, Equatable {
        package var command: String
        package var items: [Item?]
    }

    package let wire: PileWire
    /// In the order in which the commands came first.
    package private(set) var answers: [Exchange] = []
    /// What came by itself; the time is that since the port appeared for the first time.
    package private(set) var unasked: [Item] = []

    /// An answer comes within this time (charging-protocols.md §4.2).
    private static let patience = Duration.seconds(15)
    /// From power to the first frame, where the recording does not say. Source: chosen, within what boards take.
    private static let boot = Duration.seconds(2)

    package init(_ recording: PortRecording) {
        wire = PileWire(spokenIn: recording)
        var (host, pile) = (PileFrameReader(wire), PileFrameReader(wire))
        var begin: RunInstant?
        var open: [(frame: PileLineFrame, at: RunInstant, answer: Int)] = []
        var said: Set<String> = []
        for piece in recording.pieces {
            switch piece.content {
            case .opened: if begin == nil { begin = piece.at }
            case .closed, .lines: break
            case .sent(let bytes):
                // What acknowledges a frame of the board wants nothing back; with DNY it has the message ID of such a frame.
                for frame in host.take(bytes, at: piece.at) where !(frame.isAnswer ?? said.contains(frame.session)) {
                    open.append((frame, piece.at, addCommand(frame.command)))
                }
            case .received(let bytes):
                // A log that does not tell of the opening: the board has booted before it spoke.
                if begin == nil { begin = RunInstant(nanoseconds: piece.at.nanoseconds - Self.boot.nanoseconds) }
                for frame in pile.take(bytes, at: piece.at) {
                    if let index = open.lastIndex(where: { frame.answers($0.frame) && $0.at.duration(to: piece.at) <= Self.patience }) {
                        let asked = open.remove(at: index)
                        setAnswer(asked.frame.command, asked.answer, Item(after: asked.at.duration(to: piece.at), frame: frame))
                    } else if frame.isAnswer != true {
                        said.insert(frame.session)
                        unasked.append(Item(after: (begin ?? piece.at).duration(to: piece.at), frame: frame))
                    }
                }
            }
        }
    }

    private mutating func addCommand(_ command: String) -> Int {
        let index = answers.firstIndex { $0.command == command } ?? answers.endIndex
        if index == answers.endIndex { answers.append(Exchange(command: command, items: [])) }
        answers[index].items.append(nil)
        return answers[index].items.count - 1
    }

    private mutating func setAnswer(_ command: String, _ place: Int, _ item: Item) {
        guard let index = answers.firstIndex(where: { $0.command == command }) else { return }
        answers[index].items[place] = item
    }

    /// In the order of the recording, then the last one again; `nil` for silence, `.none` within for a command that is not there.
    package func answer(to command: String, count: Int) -> Item?? {
        guard let known = answers.first(where: { $0.command == command }), !known.items.isEmpty else { return nil }
        return .some(known.items[min(count, known.items.count - 1)])
    }

    package var isEmpty: Bool { unasked.isEmpty && answers.allSatisfy { $0.items.allSatisfy { $0 == nil } } }
    package var commandCount: Int { answers.count }
    package var answerCount: Int { answers.reduce(0) { $0 + $1.items.count { $0 != nil } } }
    package var unaskedCount: Int { unasked.count }

    /// What the board sends again and again, such as its sign of life: the last of each command that came twice or more, and its last interval.
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
