/// A command line as the host sends it, with what belongs to it: its body, its way to answer, its time.
package struct ATCommand: Sendable, Hashable {
    /// What the module is given after it asked for it.
    package enum Body: Sendable, Hashable {
        /// After the prompt, ended by 0x1A: the text or PDU of a message.
        case text([UInt8])
        /// After the prompt, as many bytes as the command names.
        case counted([UInt8])
        /// After `CONNECT`, as many bytes as the command names.
        case upload([UInt8])
    }

    /// Raw bytes in the answer.
    package enum Payload: Sendable, Hashable {
        case none
        /// Behind a line that ends with their number: `+QIRD: 4`, `CONNECT 1024`.
        case announced
        /// Behind `CONNECT`, this many.
        case counted(Int)
    }

    /// From `AT` on, without its CR.
    package var text: String
    package var body: Body?
    package var payload: Payload
    /// Within this time the final result must have come.
    package var limit: Duration
    /// An answer without an information line cannot be its own: such a final result belongs to a command before it.
    package var needsInformation: Bool

    /// - Parameters:
    ///   - limit: `nil` takes the one of the command (`standardLimit`).
    package init(
        _ text: String, body: Body? = nil, payload: Payload = .none, limit: Duration? = nil, needsInformation: Bool = false
    ) {
        self.text = text
        self.body = body
        self.payload = payload
        self.needsInformation = needsInformation
        self.limit = limit ?? Self.standardLimit(of: text)
    }

    /// What goes over the line.
    package var bytes: [UInt8] { Array(text.utf8) + [0x0d] }

    /// One command of a line: commands are chained with `;` (rg500q.md §2.1).
    package struct Part: Sendable, Hashable {
        package enum Form: Sendable, Hashable { case test, read, write, execute }
        /// In upper case with its sign: `+CREG`, `&V`, `I`.
        package var name: String
        package var form: Form
    }

    package var parts: [Part] { Self.parts(of: text) }

    static func parts(of text: String) -> [Part] {
        let line = text.utf8.count >= 2 && text.prefix(2).uppercased() == "AT" ? text.dropFirst(2) : text[...]
        var parts: [Part] = []
        var isQuoted = false
        var start = line.startIndex
        for index in line.indices {
            if line[index] == "\"" { isQuoted.toggle() }
            guard line[index] == ";", !isQuoted else { continue }
            parts.append(part(line[start..<index]))
            start = line.index(after: index)
        }
        parts.append(part(line[start...]))
        return parts
    }

    private static func part(_ text: Substring) -> Part {
        let isExtended = ["+", "*", "$"].contains(text.first)
        guard isExtended else {
            // Basic commands: letters with a number behind them, `E0`, `&V`; a dialled number ends the name.
            let sign = text.prefix { $0 == "&" || $0 == "\\" }
            return Part(name: (sign + text.dropFirst(sign.count).prefix(1)).uppercased(), form: .execute)
        }
        let name = text.prefix { $0 != "=" && $0 != "?" }
        let rest = text.dropFirst(name.count)
        let form: Part.Form = rest.hasPrefix("=?") ? .test : rest.hasPrefix("=") ? .write : rest.hasPrefix("?") ? .read : .execute
        return Part(name: name.uppercased(), form: form)
    }

    // MARK: Times

    /// Longest times that the manuals give; everything else answers within 300 ms.
    /// Source: rg500q.md §2.1; where two are named, the longer.
    private static let limits: [(name: String, seconds: Int64)] = [
        ("+CPIN", 5), ("+CFUN", 15), ("+QMBNCFG", 30), ("+QPRTPARA", 30), ("+CGATT", 140), ("+QIDEACT", 40), ("+CGACT", 150),
        ("+QIACT", 150),
        ("+COPS", 180), ("+CMGS", 120), ("+CMSS", 120), ("+QSCAN", 360), ("+QIOPEN", 150), ("+QICLOSE", 10),
    ]
    /// What the link, the USB stack and a busy module add to the 300 ms that the manuals give. Source: chosen; a limit that is met
    /// by a hair on an idle module would take a slow one for a dead one.
    package static let shortLimit = Duration.seconds(1)
    private static let scanLimit = Duration.seconds(300)
    private static let uploadLimit = Duration.seconds(60)

    /// The longest time of a command line: the sum for chained commands.
    package static func standardLimit(of text: String) -> Duration {
        parts(of: text).reduce(.zero) { sum, part in sum + limit(of: part) }
    }

    private static func limit(of part: Part) -> Duration {
        if part.name == "+COPS", part.form == .test { return scanLimit }
        if part.form == .test { return shortLimit }
        if part.name == "+QFUPL" || part.name == "+QFDWL" { return uploadLimit }
        return limits.first { $0.name == part.name }.map { .seconds($0.seconds) } ?? shortLimit
    }
}

/// The whole answer to one command.
package struct ATResponse: Sendable, Hashable {
    /// The command line that it answers.
    package var command: String
    /// Information lines in their order, without echo and unsolicited lines.
    package var information: [ATLine]
    /// Raw bytes, where the command has some.
    package var data: [UInt8]
    package var final: ATFinal

    package init(command: String, information: [ATLine] = [], data: [UInt8] = [], final: ATFinal) {
        self.command = command
        self.information = information
        self.data = data
        self.final = final
    }

    package var lines: [String] { information.map(\.text) }
    package var isSuccess: Bool { final.isSuccess }
}
