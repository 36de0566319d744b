import LabCore

/// Walks the tokens of a YAML text before it is composed, in constant stack and linear time, and refuses what the
/// scenario language leaves out: anchors, aliases, tags, directives, several documents, `? ` keys, deep nesting.
///
/// Composing first would be too late: nested collections cost stack, and aliases as keys cost exponential time.
/// It follows the scanner of libyaml 0.2 rule by rule, so that both agree on where a token begins.
struct LexicalGuard {
    /// Lists and records in one another.
    static let maximumDepth = 64

    private let text: SourceText
    private let bytes: [UInt8]
    private var index = 0
    private var line = 1
    /// From 0, in characters, as libyaml counts.
    private var column = 0
    /// Columns of the open block collections.
    private var indents: [Int] = []
    private var flowDepth = 0
    /// Where a token began that may turn out to be a key.
    private var keyStart: (line: Int, column: Int)?
    private var hasContent = false
    private var hasDocumentStart = false

    static func check(_ text: SourceText) throws(Diagnostic) {
        var scan = LexicalGuard(text)
        while try scan.skipToToken() { try scan.token() }
    }

    private init(_ text: SourceText) {
        self.text = text
        bytes = text.bytes
    }

    // MARK: characters

    private func byte(_ ahead: Int = 0) -> UInt8? { index + ahead < bytes.count ? bytes[index + ahead] : nil }
    private func isBreak(_ ahead: Int = 0) -> Bool { byte(ahead) == 0x0a || byte(ahead) == 0x0d }
    private func isBlank(_ ahead: Int = 0) -> Bool { byte(ahead) == 0x20 || byte(ahead) == 0x09 }
    private func endsWord(_ ahead: Int = 0) -> Bool { byte(ahead) == nil || isBlank(ahead) || isBreak(ahead) }
    private func isAt(_ character: Character) -> Bool { byte() == character.asciiValue }

    private mutating func skip() {
        index += 1
        while let next = byte(), next & 0xc0 == 0x80 { index += 1 }
        column += 1
    }

    private mutating func skipBreak() {
        index += byte() == 0x0d ? 2 : 1
        line += 1
        column = 0
    }

    private func failure(_ message: String) -> Diagnostic {
        Diagnostic(at: SourceLocation(file: text.file, line: line, column: column + 1), message)
    }

    /// The word that begins here, for messages.
    private var word: String {
        let rest = bytes[index...].prefix { $0 > 0x20 && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "]") && $0 != UInt8(ascii: "}") }
        return String(decoding: rest.prefix(40), as: UTF8.self)
    }

    // MARK: tokens

    /// - Returns: `false` at the end of the text.
    private mutating func skipToToken() throws(Diagnostic) -> Bool {
        while true {
            let isIndentation = column == 0
            while isBlank() {
                if byte() == 0x09, flowDepth == 0, isIndentation { throw failure("a tab in the indentation; indent with spaces") }
                skip()
            }
            if isAt("#") { while byte() != nil, !isBreak() { skip() } }
            guard isBreak() else { return byte() != nil }
            skipBreak()
        }
    }

    private mutating func token() throws(Diagnostic) {
        if flowDepth == 0 { while let last = indents.last, last > column { indents.removeLast() } }
        if column == 0 {
            if isAt("%") { throw failure("YAML directives are not allowed; remove the line") }
            if isDocumentMark("-") { return try documentStart() }
            if isDocumentMark(".") { throw failure("'...' is not allowed; one file holds one document") }
        }
        hasContent = true
        guard let first = byte() else { return }
        switch first {
        case UInt8(ascii: "["), UInt8(ascii: "{"): try openFlow()
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
            flowDepth = max(0, flowDepth - 1)
            skip()
        case UInt8(ascii: ","): skip()
        case UInt8(ascii: "-") where endsWord(1):
            try rollIndent(to: column)
            keyStart = nil
            skip()
        case UInt8(ascii: "?") where flowDepth > 0 || endsWord(1):
            throw failure("keys that begin with '?' are not allowed; write key: value")
        case UInt8(ascii: ":") where flowDepth > 0 || endsWord(1): try valueMark()
        case UInt8(ascii: "*"):
            throw failure("'\(word)' is a YAML alias, which is not allowed; write the value out, or put a text in quotes")
        case UInt8(ascii: "&"):
            throw failure("'\(word)' is a YAML anchor, which is not allowed; share steps as blocks, or put a text in quotes")
        case UInt8(ascii: "!"): throw failure("'\(word)' is a YAML tag, which is not allowed; put a text in quotes")
        case UInt8(ascii: "|") where flowDepth == 0, UInt8(ascii: ">") where flowDepth == 0: blockScalar()
        case UInt8(ascii: "'"): quotedScalar(UInt8(ascii: "'"))
        case UInt8(ascii: "\""): quotedScalar(UInt8(ascii: "\""))
        default: plainScalar()
        }
    }

    private func isDocumentMark(_ character: Character) -> Bool {
        let mark = character.asciiValue
        return byte() == mark && byte(1) == mark && byte(2) == mark && endsWord(3)
    }

    private mutating func documentStart() throws(Diagnostic) {
        if hasContent || hasDocumentStart { throw failure("a second document; one file holds one scenario") }
        hasDocumentStart = true
        for _ in 0..<3 { skip() }
    }

    private mutating func noteKeyStart() { if flowDepth == 0 { keyStart = (line, column) } }

    private mutating func openFlow() throws(Diagnostic) {
        noteKeyStart()
        flowDepth += 1
        try checkDepth()
        skip()
    }

    private mutating func rollIndent(to column: Int) throws(Diagnostic) {
        guard flowDepth == 0, (indents.last ?? -1) < column else { return }
        indents.append(column)
        try checkDepth()
    }

    private func checkDepth() throws(Diagnostic) {
        if indents.count + flowDepth > Self.maximumDepth { throw failure("nested deeper than \(Self.maximumDepth) levels") }
    }

    private mutating func valueMark() throws(Diagnostic) {
        if flowDepth == 0 { try rollIndent(to: keyStart?.line == line ? keyStart?.column ?? column : column) }
        if flowDepth == 0 { keyStart = nil }
        skip()
    }

    private mutating func quotedScalar(_ quote: UInt8) {
        noteKeyStart()
        skip()
        while let next = byte() {
            if isBreak() {
                skipBreak()
            } else if next == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                skip()
                if isBreak() { skipBreak() } else if byte() != nil { skip() }
            } else if next == quote {
                skip()
                guard quote == UInt8(ascii: "'"), byte() == quote else { return }
                skip()
            } else {
                skip()
            }
        }
    }

    /// Ends where libyaml ends it: at `: `, at ` #`, in a flow collection at its signs, at a line that is indented less.
    private mutating func plainScalar() {
        noteKeyStart()
        let indent = (indents.last ?? -1) + 1
        repeat {
            if column == 0, isDocumentMark("-") || isDocumentMark(".") { return }
            if isAt("#") { return }
            let start = index
            while !endsWord(), !endsPlainScalar { skip() }
            guard isBlank() || isBreak() else {
                // A character that can neither begin nor continue a scalar is libyaml's to refuse.
                if index == start, byte() != nil { skip() }
                return
            }
            while isBlank() || isBreak() { if isBreak() { skipBreak() } else { skip() } }
        } while byte() != nil && (flowDepth > 0 || column >= indent)
    }

    private var endsPlainScalar: Bool {
        switch byte() {
        case UInt8(ascii: ":"): endsWord(1)
        case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"): flowDepth > 0
        default: false
        }
    }

    private mutating func blockScalar() {
        keyStart = nil
        skip()
        var explicitIndent = 0
        while let next = byte(), !isBreak() {
            if (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(next) { explicitIndent = Int(next - UInt8(ascii: "0")) }
            if isBlank() || next == UInt8(ascii: "#") { break }
            skip()
        }
        while byte() != nil, !isBreak() { skip() }
        if isBreak() { skipBreak() }
        let parent = indents.last ?? -1
        var indent = explicitIndent == 0 ? 0 : max(parent, 0) + explicitIndent
        skipBlockBreaks(&indent)
        if indent == 0 { indent = max(deepestBlank, parent + 1, 1) }
        while column == indent, byte() != nil {
            while byte() != nil, !isBreak() { skip() }
            if isBreak() { skipBreak() }
            skipBlockBreaks(&indent)
        }
    }

    private var deepestBlank = 0

    /// Empty lines and the indentation of the next line; with `indent` 0 it looks for the indentation.
    private mutating func skipBlockBreaks(_ indent: inout Int) {
        deepestBlank = 0
        while true {
            while indent == 0 || column < indent, byte() == 0x20 { skip() }
            deepestBlank = max(deepestBlank, column)
            guard isBreak() else { return }
            skipBreak()
        }
    }
}
