import LabCore
import Testing

@testable import WireProtocols

@Suite("AT framing (rg500q.md §5.1)")
struct ATParserTests {
    private func lines(_ text: String) -> [String] {
        items(Array(text.utf8)).compactMap { if case .line(let line) = $0 { line.text } else { nil } }
    }

    private func all(_ parser: inout ATParser) -> [ATParser.Item] {
        var items: [ATParser.Item] = []
        while let item = parser.next() { items.append(item) }
        return items
    }

    private func items(_ bytes: [UInt8]) -> [ATParser.Item] {
        var parser = ATParser()
        parser.append(bytes)
        var items: [ATParser.Item] = []
        while let item = parser.next() { items.append(item) }
        return items
    }

    @Test("echo ends with CR, lines with CR LF, and blank lines do not count")
    func framing() {
        #expect(lines("AT+CGSN\r\r\n860000000000009\r\n\r\nOK\r\n") == ["AT+CGSN", "860000000000009", "OK"])
        #expect(lines("\r\nOK\r\n") == ["OK"])
        #expect(lines("+QMTPUB: (0-5)\r\nOK\r\n") == ["+QMTPUB: (0-5)", "OK"])
        #expect(lines("\r\n\r\n\r\n\r\nOK\r\n\n\n\r") == ["OK"])
    }

    @Test("a line that has not ended is not a line yet")
    func unfinished() {
        #expect(lines("\r\nO") == [])
        #expect(lines("\r\nOK") == [])
        #expect(lines("\r\nOK\r") == ["OK"])
    }

    @Test("offsets count every byte that came")
    func offsets() {
        let found = items(Array("AT\r\r\nOK\r\n".utf8)).compactMap { if case .line(let line) = $0 { line.offset } else { nil } }
        #expect(found == [0, 5])
    }

    @Test("the prompt has a blank and no line end, stands at the beginning of a line, and counts only while it is expected")
    func prompt() {
        var parser = ATParser()
        parser.expectsPrompt = true
        parser.append(Array("AT+CMGS=\"1\"\r\r\n> ".utf8))
        var found = all(&parser)
        #expect(found == [.line(ATLine(#"AT+CMGS="1""#)), .prompt])
        #expect(!parser.expectsPrompt)
        parser.append(Array("> \r\n".utf8))
        found = all(&parser)
        #expect(found == [.line(ATLine("> ", offset: 16))])

        var half = ATParser()
        half.expectsPrompt = true
        half.append(Array("\r\n>".utf8))
        found = all(&half)
        #expect(found == [])
        half.append(Array("x\r\n".utf8))
        found = all(&half)
        #expect(found == [.line(ATLine(">x", offset: 2))])

        var inside = ATParser()
        inside.expectsPrompt = true
        inside.append(Array("\r\na> \r\n".utf8))
        found = all(&inside)
        #expect(found == [.line(ATLine("a> ", offset: 2))])
    }

    @Test(
        "counted data begin right behind the line end, whatever they are", arguments: ["test", "\r\nOK\r\n", "\n\n\n\n", "", "> x\0\u{1a}"])
    func data(payload: String) {
        for pieces in 1...9 {
            var parser = ATParser()
            var got: [ATParser.Item] = []
            var rest = Array("+QIRD: \(payload.utf8.count)\r\n\(payload)\r\nOK\r\n".utf8)[...]
            while !rest.isEmpty {
                parser.append(rest.prefix(pieces))
                rest = rest.dropFirst(pieces)
                while let item = parser.next() {
                    got.append(item)
                    if got.count == 1 { parser.expectData(payload.utf8.count) }
                }
            }
            #expect(got.count == 3, "pieces of \(pieces): \(got)")
            #expect(got.dropFirst().first == .data(Array(payload.utf8)), "pieces of \(pieces)")
        }
    }

    @Test("more data than a port ever sends at once are not waited for")
    func dataLimit() {
        var parser = ATParser()
        let taken = [ATParser.longestData, ATParser.longestData + 1, -1].map { parser.expectData($0) }
        #expect(taken == [true, false, false])
    }

    @Test("a line of 4,096 bytes is taken, one more is cut, and what follows is read again")
    func longLines() {
        let fits = String(repeating: "a", count: 4_096)
        #expect(lines("\(fits)\r\nOK\r\n") == [fits, "OK"])
        let found = items(Array("a\(fits)\r\nOK\r\n".utf8))
        #expect(found == [.tooLong(ATLine(String(repeating: "a", count: 64), isClean: false)), .line(ATLine("OK", offset: 4_099))])
    }

    @Test("a megabyte without a line end keeps nothing in memory but the place where it is")
    func endless() {
        var parser = ATParser()
        var count = 0
        for _ in 0..<256 {
            parser.append([UInt8](repeating: 0x55, count: 4_096))
            while parser.next() != nil { count += 1 }
        }
        #expect(count == 1)
        parser.append(Array("\r\nOK\r\n".utf8))
        let found = all(&parser)
        #expect(found == [.line(ATLine("OK", offset: 1 << 20 + 2))])
    }

    @Test("control characters at the ends of a line are dropped; inside, they make it unclean")
    func controls() {
        #expect(items([0, 0, 0x4f, 0x4b, 0x0d]) == [.line(ATLine("OK", offset: 2))])
        #expect(items(Array("hello\u{1a}\r\n".utf8)) == [.line(ATLine("hello"))])
        #expect(items([0, 0x1b, 0x0d, 0x0a]) == [])
        #expect(items([0x4f, 0x00, 0x4b, 0x0d]) == [.line(ATLine("O\0K", isClean: false))])
        #expect(items([0xff, 0x4f, 0x4b, 0x0d]) == [.line(ATLine("\u{fffd}OK", isClean: false))])
    }

    @Test("however the bytes are split, the items are the same", arguments: UInt64(0)..<50)
    func splits(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "splits of AT bytes")
        let alphabet: [UInt8] = [0x0d, 0x0a, 0x3e, 0x20, 0x41, 0x54, 0x2b, 0x00, 0xff, 0x22]
        let bytes = (0..<400).map { _ in alphabet[Int(generator.integer(below: 10))] }
        func run(_ cuts: (Int) -> Int) -> [ATParser.Item] {
            var parser = ATParser()
            parser.expectsPrompt = true
            var got: [ATParser.Item] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = max(1, cuts(rest.count))
                parser.append(rest.prefix(size))
                rest = rest.dropFirst(size)
                while let item = parser.next() {
                    got.append(item)
                    if got.count % 5 == 0 { parser.expectData(got.count % 7) }
                    parser.expectsPrompt = got.count % 3 == 0
                }
            }
            return got
        }
        let whole = run { $0 }
        #expect(run { _ in 1 } == whole, "seed \(seed)")
        var other = generator
        #expect(run { _ in Int(other.integer(below: 12)) } == whole, "seed \(seed)")
    }
}
