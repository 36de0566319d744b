/// One command of a line as a module understands it: `+CSQ`, `+CREG?`, `+CFUN=1,1`, `E0`, `&F` (ITU-T V.250 §5.3, §5.4).
package struct ModuleCommand: Sendable, Equatable {
    package enum Form: String, Sendable, CaseIterable {
        case execute
        /// `?`
        case read
        /// `=?`
        case test
        /// `=` with arguments.
        case write
    }

    package enum Argument: Sendable, Equatable {
        /// Nothing between two commas.
        case absent
        /// As written, without blanks around it.
        case bare(String)
        /// What stood between quotation marks.
        case quoted(String)

        package var text: String? {
            switch self {
            case .absent: nil
            case .bare(let text), .quoted(let text): text
            }
        }

        /// A whole number that is written without quotation marks.
        package var number: Int? { if case .bare(let text) = self { Int(text) } else { nil } }
    }

    /// In capitals, with its sign: `+QENG`, `E`, `&C`, `S7`, `$TSSPCSW`.
    package var name: String
    package var form: Form
    /// For `write`, in their order; a basic command with a number, such as `E0`, has it as its one argument.
    package var arguments: [Argument]

    package init(_ name: String, _ form: Form = .execute, _ arguments: [Argument] = []) {
        self.name = name
        self.form = form
        self.arguments = arguments
    }

    package subscript(position: Int) -> Argument { arguments.indices.contains(position) ? arguments[position] : .absent }
}

/// The commands of one line, in order, up to the first that is not well formed.
package struct ModuleCommandLine: Sendable, Equatable {
    package var commands: [ModuleCommand]
    /// After the commands something follows that no command can be; the module carries out the commands and then answers `ERROR`.
    package var isMalformed: Bool

    package init(commands: [ModuleCommand], isMalformed: Bool = false) {
        self.commands = commands
        self.isMalformed = isMalformed
    }

    /// Reads a line without its CR. What stands before the first `AT` or `at` does not count (V.250 §5.2.1).
    ///
    /// - Returns: `nil` for a line without `AT`, which a module does not answer.
    package init?(_ line: [UInt8]) {
        guard let start = Self.prefixEnd(line) else { return nil }
        var reader = Reader(text: Array(line[start...]))
        commands = []
        isMalformed = false
        while true {
            reader.skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ";") }
            if reader.isAtEnd { break }
            guard let command = reader.command() else {
                isMalformed = true
                break
            }
            commands.append(command)
        }
    }

    private static func prefixEnd(_ line: [UInt8]) -> Int? {
        guard line.count >= 2 else { return nil }
        for index in 1..<line.count {
            let pair = (line[index - 1], line[index])
            if pair == (0x41, 0x54) || pair == (0x61, 0x74) { return index + 1 }
        }
        return nil
    }
}

private struct Reader {
    let text: [UInt8]
    var position = 0

    var isAtEnd: Bool { position >= text.count }
    var current: UInt8? { position < text.count ? text[position] : nil }

    mutating func skip(while matches: (UInt8) -> Bool) {
        while let byte = current, matches(byte) { position += 1 }
    }

    mutating func take(while matches: (UInt8) -> Bool) -> String {
        let start = position
        skip(while: matches)
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func command() -> ModuleCommand? {
        guard let first = current else { return nil }
        switch first {
        case UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "^"), UInt8(ascii: "#"): return extended()
        case UInt8(ascii: "&"), UInt8(ascii: "\\"), UInt8(ascii: "%"):
            position += 1
            guard let letter = current, letter.isLetter else { return nil }
            return basic(prefix: String(UnicodeScalar(first)))
        default: return first.isLetter ? basic(prefix: "") : nil
        }
    }

    /// `E0`, `&C1`, `S7=30`, `S7?`, `D*99#`.
    private mutating func basic(prefix: String) -> ModuleCommand? {
        guard let letter = current else { return nil }
        position += 1
        let name = prefix + String(UnicodeScalar(letter.capital))
        if name == "D" { return ModuleCommand(name, .write, [.bare(take { $0 != UInt8(ascii: ";") })]) }
        let digits = take { (0x30...0x39).contains($0) }
        if name == "S" {
            if take("?") { return ModuleCommand(name + digits, .read) }
            if take("=") { return ModuleCommand(name + digits, .write, [.bare(take { (0x30...0x39).contains($0) })]) }
            return ModuleCommand(name + digits)
        }
        return ModuleCommand(name, .execute, digits.isEmpty ? [] : [.bare(digits)])
    }

    private mutating func extended() -> ModuleCommand? {
        let sign = text[position]
        position += 1
        let rest = take { $0.isLetter || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
        guard !rest.isEmpty else { return nil }
        let name = String(UnicodeScalar(sign)) + rest.uppercased()
        skip { $0 == 0x20 }
        if take("?") { return end(ModuleCommand(name, .read)) }
        guard take("=") else { return end(ModuleCommand(name)) }
        skip { $0 == 0x20 }
        if take("?") { return end(ModuleCommand(name, .test)) }
        guard let arguments = arguments() else { return nil }
        return ModuleCommand(name, .write, arguments)
    }

    /// The command must end here: at the end of the line, or at a semicolon.
    private mutating func end(_ command: ModuleCommand) -> ModuleCommand? {
        skip { $0 == 0x20 }
        return isAtEnd || current == UInt8(ascii: ";") ? command : nil
    }

    /// Up to the end or a semicolon outside of quotation marks; `nil` if a quotation mark is not closed or something follows it.
    private mutating func arguments() -> [ModuleCommand.Argument]? {
        var arguments: [ModuleCommand.Argument] = []
        while true {
            skip { $0 == 0x20 }
            if take("\"") {
                let inside = take { $0 != UInt8(ascii: "\"") }
                guard take("\"") else { return nil }
                arguments.append(.quoted(inside))
                skip { $0 == 0x20 }
            } else {
                let bare = take { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\"") }
                let trimmed = bare.reversed().drop { $0 == " " }.reversed()
                arguments.append(trimmed.isEmpty ? .absent : .bare(String(trimmed)))
            }
            if take(",") { continue }
            return isAtEnd || current == UInt8(ascii: ";") ? arguments : nil
        }
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self) }
    fileprivate var capital: UInt8 { (0x61...0x7a).contains(self) ? self - 0x20 : self }
}
