package import LabCore

/// SELECT, the mini language of every command: a path, a glob, or `tag:ota & !tag:slow & badge.*` (cli.md).
///
/// `!` binds closest, then `&`, then `|`; parentheses group. A word selects by name: `*` stands for any characters and
/// `?` for one; `.` and `/` are the same in a name, so `badge.*` is every scenario under `badge/`. A word without
/// `*` and `?` is one scenario, its file, or a folder with everything in it.
package struct Selector: Sendable, Equatable {
    indirect enum Term: Sendable, Equatable {
        case tag(Glob)
        case name(Glob)
        case path(String)
        case not(Term)
        case all([Term])
        case any([Term])
    }

    let term: Term

    /// - Throws: a diagnostic with the column; its file is `selection`.
    package init(parsing text: String) throws(Diagnostic) {
        var parser = SelectorParser(text)
        do throws(PlacedFailure) {
            term = try parser.selection()
        } catch {
            throw Diagnostic(at: SourceLocation(file: "selection", line: 1, column: error.offset + 1), error.message)
        }
    }

    package func matches(_ scenario: Scenario) -> Bool {
        matches(name: scenario.name, file: scenario.file, tags: scenario.tags)
    }

    package func matches(name: String, file: String, tags: [String]) -> Bool {
        term.matches(name: name, file: file, tags: tags)
    }
}

extension Selector.Term {
    func matches(name: String, file: String, tags: [String]) -> Bool {
        switch self {
        case .tag(let glob): tags.contains(where: glob.matches)
        case .name(let glob): glob.matches(Self.slashed(name)) || glob.matches(Self.slashed(file))
        case .path(let path): Self.holds(path, name) || Self.holds(path, file) || Self.slashed(path) == Self.slashed(name)
        case .not(let term): !term.matches(name: name, file: file, tags: tags)
        case .all(let terms): terms.allSatisfy { $0.matches(name: name, file: file, tags: tags) }
        case .any(let terms): terms.contains { $0.matches(name: name, file: file, tags: tags) }
        }
    }

    /// The path itself, or a folder above it.
    private static func holds(_ path: String, _ candidate: String) -> Bool { candidate == path || candidate.hasPrefix(path + "/") || path == "." }

    static func slashed(_ text: String) -> String { text.replacing(".", with: "/") }
}

/// `*` stands for any characters, `?` for one.
struct Glob: Sendable, Equatable {
    let pattern: [Character]

    init(_ pattern: String) { self.pattern = Array(pattern) }

    /// In time that is at most pattern times text: after a mismatch only the last `*` is tried again.
    func matches(_ text: String) -> Bool {
        let text = Array(text)
        var (index, position) = (0, 0)
        var retry: (index: Int, position: Int)?
        while position < text.count {
            if index < pattern.count, pattern[index] == "*" {
                retry = (index, position)
                index += 1
            } else if index < pattern.count, pattern[index] == "?" || pattern[index] == text[position] {
                index += 1
                position += 1
            } else if let last = retry {
                retry = (last.index, last.position + 1)
                (index, position) = (last.index + 1, last.position + 1)
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == "*" }
    }
}

struct SelectorParser {
    private static let maximumLength = 2_000
    private static let maximumDepth = 32

    private let characters: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    init(_ text: String) { characters = Array(text.unicodeScalars) }

    private var current: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

    private mutating func skipSpace() { while current == " " { position += 1 } }

    mutating func selection() throws(PlacedFailure) -> Selector.Term {
        guard characters.count <= Self.maximumLength else {
            throw PlacedFailure(offset: Self.maximumLength, message: "the selection is longer than \(Self.maximumLength) characters")
        }
        let result = try alternatives()
        skipSpace()
        guard let stranger = current else { return result }
        throw PlacedFailure(
            offset: position, message: stranger == ")" ? "')' without a '('" : "'&' or '|' expected between two terms, found '\(stranger)'")
    }

    private mutating func alternatives() throws(PlacedFailure) -> Selector.Term {
        var terms = [try conjunction()]
        while take("|") { terms.append(try conjunction()) }
        return terms.count == 1 ? terms[0] : .any(terms)
    }

    private mutating func conjunction() throws(PlacedFailure) -> Selector.Term {
        var terms = [try term()]
        while take("&") { terms.append(try term()) }
        return terms.count == 1 ? terms[0] : .all(terms)
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == sign else { return false }
        position += 1
        return true
    }

    private mutating func term() throws(PlacedFailure) -> Selector.Term {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw PlacedFailure(offset: position, message: "nested deeper than \(Self.maximumDepth) levels") }
        if take("!") { return .not(try term()) }
        if take("(") {
            let inner = try alternatives()
            guard take(")") else { throw PlacedFailure(offset: position, message: "')' expected") }
            return inner
        }
        return try word()
    }

    private mutating func word() throws(PlacedFailure) -> Selector.Term {
        let start = position
        var text = String.UnicodeScalarView()
        while let character = current, !" &|!()".unicodeScalars.contains(character) {
            text.append(character)
            position += 1
        }
        let word = String(text)
        guard !word.isEmpty else {
            let found = current.map { "'\($0)'" } ?? "the end"
            throw PlacedFailure(offset: start, message: "tag:WORD, a path or a name such as badge.* expected, found \(found)")
        }
        guard let colon = word.firstIndex(of: ":") else { return Self.name(word) }
        let tag = String(word[word.index(after: colon)...])
        guard word[..<colon] == "tag" else {
            throw PlacedFailure(offset: start, message: "unknown '\(word[...colon])'; only tag: is known")
        }
        guard !tag.isEmpty else { throw PlacedFailure(offset: position, message: "a word expected after 'tag:'") }
        return .tag(Glob(tag))
    }

    private static func name(_ word: String) -> Selector.Term {
        if word.contains("*") || word.contains("?") { return .name(Glob(Selector.Term.slashed(word))) }
        let path = FilePath.normalized(word)
        return .path(path.isEmpty ? "." : path)
    }
}
