/// What a recording says that a device does: answers by command, what comes unasked, when its port goes and comes back.
///
/// A recording falls into lives: from the port's appearing to its vanishing. Everything in a life hangs on what came before it, a command
/// or the appearing, with the time that was measured.
package struct TwinScript: Sendable, Equatable {
    package var lives: [Life] = []
    /// From power to the port, the first time.
    package var boot = Duration.zero
    /// Numbers in commands are replaced, so commands are recognised without them.
    package var isRedacted = false

    package struct Life: Sendable, Equatable {
        /// The device echoes what it is sent, as its first command shows.
        package var echoes = false
        /// What came before the first command.
        package var opening: [Follower] = []
        package var exchanges: [Exchange] = []
        /// From the port's vanishing to its next appearing; `nil` where it did not come back.
        package var absence: Duration?
    }

    /// One command and everything up to the next.
    package struct Exchange: Sendable, Equatable {
        /// The command as `key` makes it.
        package var key: String
        /// What the device said to it, piece by piece; nothing where it did not answer.
        package var answer: [Part] = []
        /// What it asked for with its prompt, after so many pieces of the answer.
        package var body: (after: Int, Body)?
        package var followers: [Follower] = []
        /// A final result came.
        package var isComplete = false

        package static func == (left: Exchange, right: Exchange) -> Bool {
            left.key == right.key && left.answer == right.answer && left.followers == right.followers && left.isComplete == right.isComplete
                && left.body?.after == right.body?.after && left.body?.1 == right.body?.1
        }
    }

    /// Bytes of an answer with the time since the piece before, or since the command was complete.
    package struct Part: Sendable, Equatable {
        package var after: Duration
        package var bytes: [UInt8]
    }

    package enum Body: Sendable, Equatable {
        /// Up to 0x1A or 0x1B.
        case text
        case counted(Int)
    }

    /// What nobody asked for, with the time since the command, or since the port appeared.
    package struct Follower: Sendable, Equatable {
        package enum Event: Sendable, Equatable {
            case bytes([UInt8])
            case vanish
        }

        package var after: Duration
        package var event: Event
    }
}

// MARK: Commands

extension TwinScript {
    /// How a command line is recognised: from `AT` on, in capitals and without blanks outside of quotation marks; where numbers are
    /// replaced, each long number is `#`.
    package func key(_ line: [UInt8]) -> String {
        var text: [UInt8] = []
        var isQuoted = false
        for byte in line[Self.start(of: line)...] {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if isQuoted { text.append(byte) } else if byte != UInt8(ascii: " ") { text.append((0x61...0x7a).contains(byte) ? byte - 0x20 : byte) }
        }
        while text.last == UInt8(ascii: ";") { text.removeLast() }
        if isRedacted, let secret = Self.secretCommands.first(where: { text.starts(with: Array($0.utf8)) }) { return secret + "#" }
        return String(decoding: isRedacted ? Self.withoutNumbers(text) : text, as: UTF8.self)
    }

    private static func start(of line: [UInt8]) -> Int {
        for index in line.indices.dropLast() where [[0x41, 0x54], [0x61, 0x74]].contains(Array(line[index...(index + 1)])) { return index }
        return 0
    }

    /// Their arguments are codes and passwords, which a redacted recording does not have.
    private static let secretCommands = ["AT+CPIN=", "AT+CPWD=", "AT+CLCK=", "AT+CGAUTH=", "AT+QICSGP="]

    /// Source: chosen, shorter than telephone numbers and longer than places, sizes and bands.
    private static let longNumber = 6

    private static func withoutNumbers(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var digits: [UInt8] = []
        for byte in text + [0] {
            if (0x30...0x39).contains(byte) {
                digits.append(byte)
                continue
            }
            result += digits.count >= longNumber ? [UInt8(ascii: "#")] : digits
            digits = []
            if byte != 0 { result.append(byte) }
        }
        return result
    }

    /// What the device does at the `count`-th time, from 0, that it gets this command in a life.
    ///
    /// The answers of a life come in their order, then the last one again and again. What was not asked for comes once; that the
    /// port vanishes belongs to commands that restart the device and comes each time. A command that the life does not have is answered as
    /// the nearest life before would answer last, else as the nearest one after would first.
    package func exchange(_ key: String, life: Int, count: Int) -> Exchange? {
        guard !lives.isEmpty else { return nil }
        let life = min(max(0, life), lives.count - 1)
        let here = lives[life].exchanges.filter { $0.key == key }
        if count < here.count { return here[count] }
        let before = here.last ?? lives[..<life].reversed().lazy.compactMap { $0.exchanges.last { $0.key == key } }.first
        let other = before ?? lives[(life + 1)...].lazy.compactMap { $0.exchanges.first { $0.key == key } }.first
        guard var again = other else { return nil }
        again.followers.removeAll { $0.event != .vanish || !Self.restarts(key) }
        return again
    }

    /// Commands after which the device goes away by itself (specs/rg500q.md §2.3, §4).
    static func restarts(_ key: String) -> Bool {
        key.hasSuffix(",1") && key.hasPrefix("AT+CFUN=") || key.hasPrefix("AT+QPOWD") || key.hasPrefix("AT+QFOTADL")
    }

    /// How long the port stays away in this life.
    func absence(after life: Int) -> Duration? { lives.isEmpty ? nil : lives[min(max(0, life), lives.count - 1)].absence }

    /// How long an answer took from the command to its first piece, in the middle of all: what is not in the recording is refused after that time.
    var usualPause: Duration {
        let pauses = lives.flatMap { $0.exchanges.compactMap { $0.isComplete ? $0.answer.first?.after : nil } }.sorted()
        return pauses.isEmpty ? .milliseconds(5) : pauses[pauses.count / 2]
    }
}
