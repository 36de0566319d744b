/// Takes numbers and codes out of a recording, piece by piece, with their lengths kept, so that times and pieces stay as they were.
///
/// Found are: runs of 14 to 22 digits (IMEI, IMSI, ICCID), telephone numbers behind a plus sign, in quotation marks of commands and answers
/// that have some, when dialled and in the text of messages; all of them in PDUs and in UCS2, on SIM files; PINs and passwords of
/// commands. A number that reads have cut is found as well: the last word of a piece is held back until it has ended.
package struct RecordingRedaction: Sendable {
    private var words: RedactedWords
    private var waiting: [PortRecording.Piece] = []
    /// The number of the first piece that waits.
    private var firstWaiting = 0
    private var waitingBytes = 0
    private var lanes = [Lane(isFromHost: true), Lane(isFromHost: false)]

    /// The two directions.
    private struct Lane: Sendable {
        var isFromHost: Bool
        var context = RedactedWords.Context()
        /// The word that has not ended, and where its bytes stand.
        var word: [UInt8] = []
        var places: [(piece: Int, offset: Int)] = []

        var firstPiece: Int? { places.first?.piece }
    }

    /// A word that does not end is looked at as it is after so much. Source: chosen; a PDU has 352 digits at most (3GPP TS 23.040 §9.2.3).
    private static let longestWord = 1_024
    private static let mostWaiting = 4_096
    private static let mostWaitingBytes = 256 << 10
    private static let longestWait = Duration.seconds(5)

    package init(keyedHash: @escaping NumberReplacement.KeyedHash) { words = RedactedWords(NumberReplacement(keyedHash: keyedHash)) }

    /// Different numbers that were replaced.
    package var count: Int { words.count }

    /// - Returns: the pieces that are finished, in their order; others come later.
    package mutating func take(_ piece: PortRecording.Piece) -> [PortRecording.Piece] {
        if let oldest = waiting.first, oldest.at.duration(to: piece.at) > Self.longestWait { endWords() }
        let number = firstWaiting + waiting.count
        waiting.append(piece)
        switch piece.content {
        case .sent(let bytes): take(bytes, of: number, lane: 0)
        case .received(let bytes): take(bytes, of: number, lane: 1)
        // What follows a state begins anew.
        case .opened, .closed:
            endWords()
            for lane in lanes.indices { lanes[lane].context = RedactedWords.Context() }
        case .lines: break
        }
        if waiting.count > Self.mostWaiting || waitingBytes > Self.mostWaitingBytes { endWords() }
        return finished()
    }

    /// The rest, at the end of the recording, or where it must be written now.
    package mutating func flush() -> [PortRecording.Piece] {
        endWords()
        return finished()
    }

    private mutating func finished() -> [PortRecording.Piece] {
        let limit = lanes.compactMap(\.firstPiece).min() ?? firstWaiting + waiting.count
        let done = Array(waiting.prefix(limit - firstWaiting))
        waiting.removeFirst(done.count)
        firstWaiting += done.count
        if waiting.isEmpty { waitingBytes = 0 }
        return done
    }

    private mutating func endWords() {
        for lane in lanes.indices { endWord(lane) }
    }

    private mutating func take(_ bytes: [UInt8], of piece: Int, lane: Int) {
        waitingBytes += bytes.count
        for (offset, byte) in bytes.enumerated() {
            if byte.isOfWord {
                lanes[lane].word.append(byte)
                lanes[lane].places.append((piece, offset))
                if lanes[lane].word.count >= Self.longestWord { endWord(lane) }
            } else {
                endWord(lane)
                lanes[lane].context.take(byte)
            }
        }
    }

    private mutating func endWord(_ lane: Int) {
        let word = lanes[lane].word
        guard !word.isEmpty else { return }
        let replaced = words.replace(word, lanes[lane].context, isFromHost: lanes[lane].isFromHost)
        if replaced != word {
            for (place, byte) in zip(lanes[lane].places, replaced) { waiting[place.piece - firstWaiting].content.set(byte, at: place.offset) }
        }
        lanes[lane].context.take(replaced)
        (lanes[lane].word, lanes[lane].places) = ([], [])
    }
}

extension PortRecording {
    /// The recording with numbers and codes replaced.
    package func redacted(keyedHash: @escaping NumberReplacement.KeyedHash) -> PortRecording {
        guard !header.isRedacted else { return self }
        var redaction = RecordingRedaction(keyedHash: keyedHash)
        var result = self
        result.header.isRedacted = true
        result.pieces = pieces.flatMap { redaction.take($0) }
        result.pieces += redaction.flush()
        return result
    }
}

extension PortRecording.Content {
    fileprivate mutating func set(_ byte: UInt8, at offset: Int) {
        switch self {
        case .sent(var bytes):
            self = .opened
            bytes[offset] = byte
            self = .sent(bytes)
        case .received(var bytes):
            self = .opened
            bytes[offset] = byte
            self = .received(bytes)
        case .opened, .closed, .lines: break
        }
    }
}

extension UInt8 {
    fileprivate var isOfWord: Bool { isDigit || (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self) }
    var isDigit: Bool { (0x30...0x39).contains(self) }
}
