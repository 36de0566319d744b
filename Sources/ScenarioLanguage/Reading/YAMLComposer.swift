import LabCore
import Yams

/// Bytes to `SourceValue`: the guards first, then Yams for the tree, with raw scalars and marks.
struct YAMLComposer {
    /// Scalars, lists and records of one file.
    static let maximumValues = 50_000
    /// Keys of one record, items of one list.
    static let maximumMembers = 1_000
    /// Doubled keys that are looked for in one file.
    private static let maximumDoubledKeys = 20

    private let file: String
    private let log: DiagnosticLog
    private var valueCount = 0
    private var doubledKeys: [SourceLocation: String] = [:]

    /// - Returns: the root, or `nil` after an error that left none.
    static func compose(_ content: [UInt8], file: String, log: DiagnosticLog) -> SourceValue? {
        do {
            let text = try SourceText(content, file: file)
            log.register(text)
            try LexicalGuard.check(text)
            var composer = YAMLComposer(file: file, log: log)
            return try composer.root(of: text)
        } catch {
            log.add(error)
            return nil
        }
    }

    private init(file: String, log: DiagnosticLog) {
        self.file = file
        self.log = log
    }

    private func location(_ mark: Mark?) -> SourceLocation {
        SourceLocation(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    private mutating func root(of text: SourceText) throws(Diagnostic) -> SourceValue {
        guard let node = try node(of: text) else {
            throw Diagnostic(at: SourceLocation(file: file, line: 1, column: 1), "the file is empty; it begins with lab: 1")
        }
        return try value(node)
    }

    /// Yams stops at the first doubled key. Each one found is renamed in the text (same length, so that all
    /// places stay) and the text is composed again, so that one run shows all errors of the file.
    private mutating func node(of text: SourceText) throws(Diagnostic) -> Node? {
        var source = text.bytes
        while true {
            do {
                // A resolver without rules: raw scalars are wanted, and its regular expressions cost most of the time.
                return try Parser(yaml: String(decoding: source, as: UTF8.self), resolver: .basic, encoding: .utf8).singleRoot()
            } catch let error as YamlError {
                guard case .duplicatedKeysInMapping(let names, let context) = error else { throw diagnostic(error) }
                let place = location(context.mark)
                let name = names.first ?? ""
                guard doubledKeys.count < Self.maximumDoubledKeys, doubledKeys[place] == nil,
                    let renamed = rename(name, at: context.mark, of: text, in: source)
                else {
                    for (place, name) in doubledKeys { log.error(at: place, "key '\(name)' occurs twice") }
                    throw Diagnostic(at: place, "key '\(name)' occurs twice")
                }
                doubledKeys[place] = name
                source = renamed
            } catch {
                throw Diagnostic(at: SourceLocation(file: file, line: 1, column: 1), "this is not YAML: \(error)")
            }
        }
    }

    /// Puts a character of its own, which `SourceText` refuses, in the place of the key's first.
    private func rename(_ name: String, at mark: Mark, of text: SourceText, in source: [UInt8]) -> [UInt8]? {
        guard let first = name.unicodeScalars.first, first.isASCII, first != "\\", first != "'" else { return nil }
        var line = 1
        var index = 0
        while line < mark.line, index < source.count {
            if source[index] == 0x0a { line += 1 }
            index += 1
        }
        var column = 1
        while column < mark.column, index < source.count {
            index += 1
            while index < source.count, source[index] & 0xc0 == 0x80 { index += 1 }
            column += 1
        }
        if index < source.count, source[index] == UInt8(ascii: "\"") || source[index] == UInt8(ascii: "'") { index += 1 }
        guard index < source.count, UInt32(source[index]) == first.value else { return nil }
        return Array(source[..<index] + [0xee, 0x80, 0x80 + UInt8(doubledKeys.count)] + source[(index + 1)...])
    }

    private func diagnostic(_ error: YamlError) -> Diagnostic {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            Diagnostic(at: location(mark), "this is not YAML: " + (Self.advice[problem] ?? problem))
        default:
            Diagnostic(at: SourceLocation(file: file, line: 1, column: 1), "this is not YAML")
        }
    }

    /// What to do about the most frequent slips, in the place of libyaml's words.
    private static let advice = [
        "mapping values are not allowed in this context": "a ':' that does not follow a key; put a text with ': ' in quotes",
        "found character that cannot start any token": "no value begins like this; put the text in quotes",
        "did not find expected key": "a key expected; look at the indentation and at open quotes or brackets",
        "could not find expected ':'": "a ':' expected after the key",
        "did not find expected ',' or ']'": "',' or ']' expected",
        "did not find expected ',' or '}'": "',' or '}' expected",
        "did not find expected '-' indicator": "'-' expected; look at the indentation",
        "found unexpected end of stream": "the file ends inside a quoted text",
        "did not find expected <document start>": "text after the end of the document; look at the indentation",
    ]

    // MARK: tree

    private mutating func value(_ node: Node) throws(Diagnostic) -> SourceValue {
        let place = location(node.mark)
        valueCount += 1
        if valueCount > Self.maximumValues { throw Diagnostic(at: place, "more than \(Self.maximumValues) values in one file") }
        // The lexical guard has seen them; this holds if it and libyaml ever disagree.
        if node.anchor != nil { throw Diagnostic(at: place, "YAML anchors are not allowed") }
        switch node {
        case .scalar(let scalar):
            return SourceValue(.scalar(.init(scalar.string, Self.style(scalar.style), at: place)), at: place)
        case .sequence(let sequence):
            try checkMemberCount(sequence.count, at: place)
            var items: [SourceValue] = []
            items.reserveCapacity(sequence.count)
            for item in sequence { items.append(try value(item)) }
            return SourceValue(.list(items), at: place)
        case .mapping(let mapping):
            try checkMemberCount(mapping.count, at: place)
            return SourceValue(.record(try entries(mapping)), at: place)
        case .alias: throw Diagnostic(at: place, "YAML aliases are not allowed")
        }
    }

    private func checkMemberCount(_ count: Int, at place: SourceLocation) throws(Diagnostic) {
        if count > Self.maximumMembers {
            throw Diagnostic(at: place, "\(count) entries in one list or record; at most \(Self.maximumMembers) are allowed")
        }
    }

    private mutating func entries(_ mapping: Node.Mapping) throws(Diagnostic) -> [SourceValue.Entry] {
        var result: [SourceValue.Entry] = []
        var firstLines: [String: Int] = [:]
        for (key, node) in mapping {
            let place = location(key.mark)
            guard case .scalar(let scalar) = key else { throw Diagnostic(at: place, "a key must be a word") }
            if scalar.string == "<<", scalar.style == .plain {
                log.error(at: place, "merge keys '<<' are not allowed; write the fields out, or share steps as blocks")
                continue
            }
            let name = doubledKeys[place] ?? scalar.string
            let member = try value(node)
            if let first = firstLines[name] {
                log.error(at: place, "key '\(name)' occurs twice, first in line \(first)")
                continue
            }
            firstLines[name] = place.line
            result.append(SourceValue.Entry(name: name, location: place, value: member))
        }
        return result
    }

    private static func style(_ style: Node.Scalar.Style) -> SourceValue.Scalar.Style {
        switch style {
        case .singleQuoted: .singleQuoted
        case .doubleQuoted: .doubleQuoted
        case .literal, .folded: .block
        case .any, .plain: .plain
        }
    }
}
