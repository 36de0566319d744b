import LabCore

/// Collects what is wrong in all files: each complaint once, sorted by place, a bounded number for a file.
final class DiagnosticLog {
    /// Shown for one file; the rest is counted.
    static let shownPerFile = 100
    /// Kept for one file, so that a hostile file costs bounded memory.
    private static let keptPerFile = 1_000

    private var kept: [String: Set<Diagnostic>] = [:]
    private var overflow: [String: Int] = [:]
    private var texts: [String: SourceText] = [:]

    func register(_ text: SourceText) { texts[text.file] = text }

    func add(_ diagnostic: Diagnostic) {
        let file = diagnostic.location.file
        if kept[file, default: []].count < Self.keptPerFile {
            kept[file, default: []].insert(diagnostic)
        } else if kept[file]?.contains(diagnostic) == false {
            overflow[file, default: 0] += 1
        }
    }

    func error(at location: SourceLocation, _ message: String) { add(Diagnostic(at: location, message)) }

    /// An error at a character inside a scalar.
    func error(in scalar: SourceValue.Scalar, at offset: Int, _ message: String) {
        let isFull = (kept[scalar.location.file]?.count ?? 0) >= Self.keptPerFile
        error(at: isFull ? scalar.location : location(in: scalar, at: offset), message)
    }

    func hasErrors(in file: String) -> Bool {
        kept[file]?.contains { $0.severity == .error } ?? false
    }

    /// The place of the character number `offset` (from 0) of a scalar's text in its file; the place of the
    /// scalar where its text goes over several lines.
    func location(in scalar: SourceValue.Scalar, at offset: Int) -> SourceLocation {
        guard offset > 0 || scalar.style != .plain, let text = texts[scalar.location.file] else { return scalar.location }
        let line = Array(String(decoding: text.line(scalar.location.line), as: UTF8.self).unicodeScalars)
        var position = scalar.location.column - 1
        var decoded = 0
        switch scalar.style {
        case .block, .computed: return scalar.location
        case .plain: (position, decoded) = (position + offset, offset)
        case .singleQuoted, .doubleQuoted:
            position += 1
            while decoded < offset, position < line.count {
                position += Self.lengthOfCharacter(in: line, at: position, scalar.style)
                decoded += 1
            }
        }
        guard decoded == offset, position <= line.count else { return scalar.location }
        return SourceLocation(file: scalar.location.file, line: scalar.location.line, column: position + 1)
    }

    /// Source characters of one decoded character: escapes are longer than what they stand for (YAML 1.1 §5.6).
    private static func lengthOfCharacter(in line: [Unicode.Scalar], at position: Int, _ style: SourceValue.Scalar.Style) -> Int {
        if style == .singleQuoted { return line[position] == "'" ? 2 : 1 }
        guard line[position] == "\\", position + 1 < line.count else { return 1 }
        switch line[position + 1] {
        case "x": return 4
        case "u": return 6
        case "U": return 10
        default: return 2
        }
    }

    /// Names that are still compared for "did you mean": a file of thousands of misspelt names among thousands of
    /// known ones gets its places, but not a proposal for each.
    private var comparisonsLeft = 50_000

    /// What was proposed, so that every cell of a matrix says the same about one place.
    private struct Question: Hashable {
        var place: SourceLocation
        var word: String
        var choices: String
        var count: Int
    }

    private var proposals: [Question: String] = [:]

    /// What was probably meant, ` — did you mean 'boot'?`, else what there is, ` (actions: boot, reboot)`.
    ///
    /// - Parameters:
    ///   - place: where the word stands.
    ///   - title: what stands before the list, such as `actions: `.
    ///   - none: what is said where there is nothing to choose from.
    func hint(for word: String, at place: SourceLocation, among names: [String], _ title: String, none: String = "") -> String {
        if names.isEmpty { return none }
        let question = Question(place: place, word: word, choices: title, count: names.count)
        if let known = proposals[question] { return known }
        guard comparisonsLeft >= names.count else { return " (\(title)\(Self.list(names)))" }
        comparisonsLeft -= names.count
        let guess = DidYouMean.suggestion(for: word, among: names)
        let hint = guess.map { " — did you mean '\($0)'?" } ?? " (\(title)\(Self.list(names)))"
        proposals[question] = hint
        return hint
    }

    /// The names, with an end where there are very many.
    static func list(_ names: [String]) -> String {
        names.prefix(30).joined(separator: ", ") + (names.count > 30 ? ", … \(names.count - 30) more" : "")
    }

    /// All complaints, sorted by file and place.
    func sorted() -> [Diagnostic] {
        var result: [Diagnostic] = []
        for file in kept.keys.sorted() {
            let all = (kept[file] ?? []).sorted { ($0.location, $0.message) < ($1.location, $1.message) }
            result += all.prefix(Self.shownPerFile)
            let hidden = all.count - Self.shownPerFile + (overflow[file] ?? 0)
            if hidden > 0, all.count > Self.shownPerFile {
                result.append(Diagnostic(at: all[Self.shownPerFile].location, "and \(hidden) more errors in this file"))
            }
        }
        return result
    }
}
