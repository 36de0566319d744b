import LabCore
@testable import ScenarioLanguage
import Testing

@Suite("Hostile YAML is refused with a line, in bounded time and memory", .timeLimit(.minutes(1)))
struct HostileFileTests {
    private let steps = "steps:\n  - wait: 1s\n"

    // MARK: what the language leaves out

    struct Refused: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var messages: [String]
        var testDescription: String { name }
    }

    static let refused = [
        Refused(
            name: "an anchor", text: "lab: 1\nabout: &a x\nsteps: []\n",
            messages: ["2:8: error: '&a' is a YAML anchor, which is not allowed; share steps as blocks, or put a text in quotes"]),
        Refused(
            name: "an alias", text: "lab: 1\nabout: [x, *a]\n",
            messages: ["2:12: error: '*a' is a YAML alias, which is not allowed; write the value out, or put a text in quotes"]),
        Refused(
            name: "a tag", text: "lab: 1\nabout: !!python/object:os.system x\n",
            messages: ["2:8: error: '!!python/object:os.system' is a YAML tag, which is not allowed; put a text in quotes"]),
        Refused(
            name: "a merge key", text: "lab: 1\nabout: x\nsteps:\n  - wait: 1s\n    <<: {id: x}\n",
            messages: ["5:5: error: merge keys '<<' are not allowed; write the fields out, or share steps as blocks"]),
        Refused(
            name: "two documents", text: "---\nlab: 1\n---\nlab: 1\n",
            messages: ["3:1: error: a second document; one file holds one scenario"]),
        Refused(
            name: "a document end", text: "lab: 1\n...\nlab: 1\n", messages: ["2:1: error: '...' is not allowed; one file holds one document"]),
        Refused(name: "a directive", text: "%YAML 1.1\n---\nlab: 1\n", messages: ["1:1: error: YAML directives are not allowed; remove the line"]),
        Refused(
            name: "an explicit key", text: "lab: 1\n? about\n: x\n",
            messages: ["2:1: error: keys that begin with '?' are not allowed; write key: value"]),
        Refused(name: "a list as key", text: "lab: 1\n[a, b]: x\n", messages: ["2:1: error: a key must be a word"]),
        Refused(name: "a tab in the indentation", text: "lab: 1\nsteps:\n\t- wait: 1s\n", messages: ["3:1: error: a tab in the indentation; indent with spaces"]),
        Refused(name: "nothing", text: "", messages: ["1:1: error: the file is empty; it begins with lab: 1"]),
        Refused(name: "only a comment", text: "# nothing\n", messages: ["1:1: error: the file is empty; it begins with lab: 1"]),
        Refused(name: "a text", text: "hello\n", messages: ["1:1: error: a scenario must be a record of keys and values, this is hello"]),
        Refused(
            name: "an unclosed list", text: "lab: 1\ntags: [a, b\nabout: x\n", messages: ["3:6: error: this is not YAML: ',' or ']' expected"]),
        Refused(
            name: "a colon in a text", text: "lab: 1\nabout: one: two\n",
            messages: ["2:11: error: this is not YAML: a ':' that does not follow a key; put a text with ': ' in quotes"]),
        Refused(
            name: "a reserved character", text: "lab: 1\nabout: @home\n",
            messages: ["2:8: error: this is not YAML: no value begins like this; put the text in quotes"]),
        Refused(
            name: "a billion laughs",
            text: "lab: 1\na: &a [lol, lol]\n" + (1..<30).map { "a\($0): &a\($0) [*a, *a]\n" }.joined(),
            messages: ["2:4: error: '&a' is a YAML anchor, which is not allowed; share steps as blocks, or put a text in quotes"]),
    ]

    @Test("refuses", arguments: refused)
    func refuses(_ file: Refused) { #expect(messages(file.text) == file.messages) }

    @Test("the same signs inside of texts are text")
    func signsInTexts() {
        let text = """
            lab: 1
            about: |
              &a *b !c --- ... %d ? e
              - [[[[ {{{{
            tags: [a]
            vars:
              quoted: "&a *b !c \\" & [[[["
              single: '*a &b it''s {{{{'
              plain: it's a *b & !c [[ and
                a second line, not
              folded: >-
                  *a
                  &b
            steps:
              - wait: 1s
            """
        #expect(messages(text) == [])
    }

    // MARK: depth and size

    @Test("100,000 open brackets, on lines of 1,000", arguments: ["[", "{a: "])
    func deepFlow(_ open: String) {
        let line = String(repeating: open, count: 1_000) + "\n"
        // The root is the first level, so the 64th bracket is one too many.
        let column = 8 + 63 * open.count
        #expect(messages("lab: 1\nsteps: " + String(repeating: line, count: 100)) == ["2:\(column): error: nested deeper than 64 levels"])
    }

    @Test("deep lists in one line and deep records by indentation")
    func deepBlocks() {
        #expect(messages("lab: 1\nsteps:\n" + String(repeating: "- ", count: 5_000)) == ["3:129: error: nested deeper than 64 levels"])
        let records = (0..<1_000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(messages(records) == ["65:66: error: nested deeper than 64 levels"])
    }

    @Test("63 levels are composed without trouble")
    func allowedDepth() {
        let text = "lab: 1\nabout: x\nvars: {deep: " + String(repeating: "[", count: 60) + String(repeating: "]", count: 60) + "}\n" + steps
        #expect(messages(text) == [])
    }

    @Test("10 MB")
    func tenMegabytes() {
        let line = Array("# 345678901234567890123456789012345678901234567890123456789012\n".utf8)
        let content = Array(repeatElement(line, count: 10_000_000 / line.count).joined())
        // 2^20 bytes are 16644 lines of 63 bytes and 4 bytes.
        #expect(messages(bytes: content) == ["16645:5: error: the file is larger than 1 MiB; split it into smaller files"])
    }

    @Test("a very long line")
    func longLine() {
        #expect(messages("lab: 1\nabout: " + String(repeating: "x", count: 100_000)) == [
            "2:16385: error: the line is longer than 16384 bytes; break it into several lines"
        ])
    }

    @Test("100,000 keys")
    func manyKeys() {
        let keys = (0..<100_000).map { "k\($0): 1\n" }.joined()
        #expect(messages(keys) == ["1:1: error: 100000 entries in one list or record; at most 1000 are allowed"])
    }

    @Test("60,000 values in lists of lists")
    func manyValues() {
        let row = "- [" + String(repeating: "1,", count: 99) + "1]\n"
        #expect(messages(String(repeating: row, count: 600)).map { $0.drop { $0 != "e" } } == ["error: more than 50000 values in one file"])
    }

    @Test("thousands of errors are shown in part")
    func manyErrors() {
        let text = "lab: 1\nabout: x\nsteps:\n" + String(repeating: "  - slep: 1s\n", count: 900)
        let found = messages(text)
        #expect(found.count == 101)
        #expect(found.first?.hasPrefix("4:5: error: unknown step 'slep'") == true)
        #expect(found.last == "104:5: error: and 800 more errors in this file")
    }

    @Test("twenty doubled keys and more come with their places")
    func manyDoubledKeys() {
        let text = "lab: 1\nabout: x\n" + steps + "tags: []\ntags: []\n\"tags\": []\nabout: y\n"
        #expect(messages(text) == [
            "6:1: error: key 'tags' occurs twice, first in line 5", "7:1: error: key 'tags' occurs twice, first in line 5",
            "8:1: error: key 'about' occurs twice, first in line 2",
        ])
    }

    @Test("thousands of misspelt names among thousands of known ones")
    func manyMisspeltNames() {
        let steps = "steps:\n" + (0..<990).map { "  - expect: cloud.mqtt.online\n    id: id_\($0)\n" }.joined()
        let claims = (0..<32).map { "di_\($0).latency < 1s" }.joined(separator: " and ")
        let found = messages(scenario(steps + "limits:\n" + String(repeating: "  - \(claims)\n", count: 900)))
        #expect(found.count == 101)
        #expect(found.first == "1986:5: error: nothing measures 'di_0.latency' — did you mean 'id_0.latency'?")
        #expect(found.last == "1989:93: error: and 28700 more errors in this file")
    }

    @Test("hundreds of doubled keys: the first twenty-one are shown")
    func hundredsOfDoubledKeys() {
        let found = messages("lab: 1\nabout: x\nsteps:\n" + String(repeating: "  - {wait: 1s, wait: 2s}\n", count: 900))
        #expect(found == (4...24).map { "\($0):6: error: key 'wait' occurs twice" })
    }

    @Test("one error in many cells of a matrix is said once, with its proposal, even where proposals have run out")
    func manyCellsOneError() {
        let list = "[" + (1...900).map(String.init).joined(separator: ", ") + "]"
        let text = scenario("matrix: {n: \(list)}\nvars: {\((1...90).map { "name_\($0): 1" }.joined(separator: ", "))}\nsteps:\n  - wait: \"${nmae_1}\"\n")
        #expect(messages(text) == ["7:14: error: nothing is called 'nmae_1' here — did you mean 'name_1'?"])
    }

    // MARK: encodings

    struct Encoded: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var message: String
        var testDescription: String { name }
    }

    static let encodings = [
        Encoded(name: "UTF-16 LE", bytes: [0xff, 0xfe, 0x6c, 0, 0x61, 0], message: "1:1: error: the file is UTF-16; save it as UTF-8"),
        Encoded(name: "UTF-16 BE", bytes: [0xfe, 0xff, 0, 0x6c, 0, 0x61], message: "1:1: error: the file is UTF-16; save it as UTF-8"),
        Encoded(name: "UTF-16 without a mark", bytes: [0x6c, 0, 0x61, 0], message: "1:1: error: the file is UTF-16; save it as UTF-8"),
        Encoded(name: "UTF-32", bytes: [0xff, 0xfe, 0, 0, 0x6c, 0, 0, 0], message: "1:1: error: the file is UTF-32; save it as UTF-8"),
        Encoded(name: "NUL", bytes: Array("lab: 1\nabout: a".utf8) + [0], message: "2:9: error: a NUL byte; the file is not text"),
        Encoded(name: "ELF", bytes: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], message: "1:1: error: control character 0x7f; the file is not text"),
        Encoded(name: "escape", bytes: Array("lab: 1\n\u{1b}[31m".utf8), message: "2:1: error: control character 0x1b; the file is not text"),
        Encoded(name: "Latin-1", bytes: Array("about: caf".utf8) + [0xe9, 0x0a], message: "1:11: error: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        Encoded(name: "overlong", bytes: Array("a: ".utf8) + [0xc0, 0xaf], message: "1:4: error: byte 0xc0 is not UTF-8; save the file as UTF-8"),
        Encoded(name: "overlong in three", bytes: Array("a: ".utf8) + [0xe0, 0x80, 0xaf], message: "1:4: error: byte 0xe0 is not UTF-8; save the file as UTF-8"),
        Encoded(name: "surrogate", bytes: Array("é: ".utf8) + [0xed, 0xa0, 0x80], message: "1:4: error: byte 0xed is not UTF-8; save the file as UTF-8"),
        Encoded(name: "cut", bytes: Array("a: ".utf8) + [0xf0, 0x9f, 0x98], message: "1:4: error: byte 0xf0 is not UTF-8; save the file as UTF-8"),
        Encoded(name: "beyond Unicode", bytes: Array("a: ".utf8) + [0xf4, 0x90, 0x80, 0x80], message: "1:4: error: byte 0xf4 is not UTF-8; save the file as UTF-8"),
        Encoded(
            name: "U+2028", bytes: Array("about: a\u{2028}b".utf8),
            message: "1:9: error: the line separator U+2028 is not allowed here; write it as an escape in double quotes"),
        Encoded(
            name: "old Mac line ends", bytes: Array("lab: 1\rabout: x".utf8),
            message: "1:7: error: a carriage return without a line feed; save the file with LF or CRLF line ends"),
    ]

    @Test("refuses an encoding that is not UTF-8 text", arguments: encodings)
    func encoding(_ file: Encoded) { #expect(messages(bytes: file.bytes) == [file.message]) }

    @Test("takes a byte order mark, CRLF and characters beyond ASCII, with their columns")
    func takenEncodings() {
        let good = "lab: 1\nabout: Grüße 🚲\n" + steps
        #expect(messages("\u{feff}" + good) == [])
        #expect(messages(good.replacing("\n", with: "\r\n")) == [])
        let wrong = "lab: 1\r\nabout: x\r\nsteps:\r\n  - {do: \"é🚲\"}\r\n  - slep: 1s\r\n"
        #expect(messages("\u{feff}" + wrong).map { String($0.prefix { $0 != "v" && $0 != "u" }) } == ["4:10: error: ", "5:5: error: "])
    }

    // MARK: what unfolds

    @Test("names that double each other")
    func doublingNames() {
        let texts = "vars:\n  a0: xxxxxxxxxx\n" + (1..<40).map { "  a\($0): \"${a\($0 - 1)}${a\($0 - 1)}\"\n" }.joined()
        let found = messages(scenario(texts + steps))
        #expect(found == ["15:8: error: the text grows beyond 10000 characters"])
        let lists = "vars:\n  a0: [x, x]\n" + (1..<40).map { "  a\($0): [\"${a\($0 - 1)}\", \"${a\($0 - 1)}\"]\n" }.joined()
        #expect(messages(scenario(lists + steps)).first == "6:8: error: a list cannot stand inside a list or record by name; write it out")
    }

    @Test("blocks that double each other")
    func doublingBlocks() {
        let blocks = "blocks:\n  b0: {steps: [{wait: 1s}]}\n" + (1..<16).map { "  b\($0): {steps: [{use: b\($0 - 1)}, {use: b\($0 - 1)}]}\n" }.joined()
        let found = messages(scenario(blocks + "steps:\n  - use: b15\n"))
        #expect(found.contains { $0.contains("the scenario unfolds to more than 10000 steps; make its loops or blocks smaller") })
        #expect(found.count <= 101)
    }

    @Test("loops in loops")
    func nestedLoops() {
        let list = "[" + (1...100).map(String.init).joined(separator: ", ") + "]"
        let loops = "steps:\n  - loop: {a: \(list)}\n    steps:\n      - loop: {b: \(list)}\n        steps:\n          - wait: 1s\n          - wait: 1s\n"
        #expect(messages(scenario(loops)).contains { $0.contains("unfolds to more than 10000 steps") })
        let axes = (1...9).map { "x\($0): \(list)" }.joined(separator: ", ")
        #expect(messages(scenario("steps:\n  - loop: {\(axes)}\n    steps: [{wait: 1s}]\n")) == ["5:11: error: the loop has more than 10000 turns"])
    }

    @Test("a matrix of 10^18 cells, and one whose cells unfold to too much")
    func hugeMatrix() {
        let list = "[" + (1...100).map(String.init).joined(separator: ", ") + "]"
        let axes = (1...9).map { "  x\($0): \(list)\n" }.joined()
        #expect(messages(scenario("matrix:\n" + axes + steps)) == ["5:3: error: the matrix has more than 1000 cells"])
        let large = "matrix:\n  x: [\((1...900).map(String.init).joined(separator: ", "))]\nsteps:\n" + String(repeating: "  - wait: 1s\n", count: 900)
        #expect(messages(scenario(large)).map { String($0.drop { $0 != "e" }) } == [
            "error: the file unfolds to more than 200000 values; make its matrix, loops or blocks smaller"
        ])
    }

    @Test("expressions and patterns that would overflow a recursive reader")
    func deepExpressions() {
        let parentheses = "steps:\n  - wait: \"${" + String(repeating: "(", count: 9_000) + "\"\n"
        #expect(messages(scenario(parentheses)) == ["5:78: error: more than 64 operators in one ${…}"])
        let signs = "steps:\n  - wait: \"${" + String(repeating: "-", count: 9_000) + "\"\n"
        #expect(messages(scenario(signs)) == ["5:78: error: more than 64 operators in one ${…}"])
        let pattern = "steps:\n  - expect: badge.boot.done\n    where: {reason: {matches: \"" + String(repeating: "(", count: 900) + "\"}}\n"
        #expect(messages(scenario(pattern)) == ["6:31: error: the regular expression is too long; at most 1000 characters and 50 groups"])
        let objective = "steps:\n  - wait: 1s\nlimits:\n  - " + Array(repeating: "max(x) < 1s", count: 40).joined(separator: " and ") + "\n"
        #expect(messages(scenario(objective)).first == "7:516: error: more than 32 claims in one objective")
    }

    @Test("imports in a circle over several files")
    func importCircle() {
        let files = ["a.yaml": "lab: 1\nabout: a\nimport: [b.yaml]\n" + steps, "b.yaml": "lab: 1\nabout: b\nimport: [a.yaml]\nblocks: {b: {steps: [{wait: 1s}]}}\n"]
        #expect(load(files, "a.yaml").diagnostics.map(\.description) == ["b.yaml:3:10: error: the import goes in a circle: a.yaml → b.yaml → a.yaml"])
    }
}
