import LabCore
import LoadGenerator
import Testing

/// Reads one answer from pieces; what is behind it stays.
private func read(_ pieces: [[UInt8]], isHeadOnly: Bool = false, limits: HTTPAnswerReader.Limits = .init()) throws -> (
    reader: HTTPAnswerReader, rest: Int
) {
    var reader = HTTPAnswerReader(limits: limits)
    reader.begin(isHeadOnly: isHeadOnly)
    var rest = 0
    for piece in pieces {
        let taken = try reader.read(piece.span)
        rest += piece.count - taken
    }
    return (reader, rest)
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite("Answers of HTTP/1.1 (RFC 9112)")
struct HTTPAnswerReaderTests {
    struct Answer: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String
        var status: Int
        var bodyBytes: Int
        var keepsAlive: Bool
    }

    static let answers = [
        Answer(
            testDescription: "with a length", text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, bodyBytes: 5,
            keepsAlive: true),
        Answer(
            testDescription: "with a length of 0", text: "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n", status: 201, bodyBytes: 0,
            keepsAlive: true),
        Answer(
            testDescription: "without a reason", text: "HTTP/1.1 404\r\ncontent-length: 2\r\n\r\nno", status: 404, bodyBytes: 2,
            keepsAlive: true),
        Answer(
            testDescription: "in chunks, with an extension and a trailer",
            text: "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\ndigest: x\r\n\r\n",
            status: 200, bodyBytes: 15, keepsAlive: true),
        Answer(testDescription: "204 has no body", text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, bodyBytes: 0, keepsAlive: true),
        Answer(
            testDescription: "304 has no body whatever its length says", text: "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
            status: 304, bodyBytes: 0, keepsAlive: true),
        Answer(
            testDescription: "after 100 and 103",
            text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            status: 200, bodyBytes: 1, keepsAlive: true),
        Answer(
            testDescription: "that closes", text: "HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 1\r\n\r\nx", status: 200,
            bodyBytes: 1, keepsAlive: false),
        Answer(
            testDescription: "of HTTP/1.0", text: "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", status: 200, bodyBytes: 1,
            keepsAlive: false),
        Answer(
            testDescription: "of HTTP/1.0 that stays", text: "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
            status: 200, bodyBytes: 1, keepsAlive: true),
        Answer(
            testDescription: "with both lengths: chunks count, and the connection is not used again",
            text: "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", status: 200,
            bodyBytes: 1, keepsAlive: false),
        Answer(
            testDescription: "with bare line feeds", text: "HTTP/1.1 200 OK\ncontent-length: 2\n\nok", status: 200, bodyBytes: 2,
            keepsAlive: true),
    ]

    @Test("are read whole, and what follows them is left", arguments: answers)
    func whole(_ answer: Answer) throws {
        let (reader, rest) = try read([bytes(answer.text) + bytes("HTTP/1.1")])
        #expect(reader.isComplete)
        #expect((reader.status, reader.bodyBytes, reader.keepsAlive) == (answer.status, answer.bodyBytes, answer.keepsAlive))
        #expect(rest == 8)
    }

    @Test("are the same cut in two at every byte, and byte by byte", arguments: answers)
    func cut(_ answer: Answer) throws {
        let whole = bytes(answer.text)
        for cut in 1..<whole.count {
            let (reader, rest) = try read([Array(whole[..<cut]), Array(whole[cut...])])
            #expect(reader.isComplete && rest == 0, "cut at \(cut)")
            #expect(
                (reader.status, reader.bodyBytes, reader.keepsAlive) == (answer.status, answer.bodyBytes, answer.keepsAlive),
                "cut at \(cut)")
            #expect(try !read([Array(whole[..<cut])]).reader.isComplete, "cut at \(cut)")
        }
        let (reader, _) = try read(whole.map { [$0] })
        #expect(reader.isComplete && reader.bodyBytes == answer.bodyBytes)
    }

    @Test("to HEAD end with their head")
    func head() throws {
        #expect(try read([bytes("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")], isHeadOnly: true).reader.isComplete)
    }

    @Test("without a length end with the connection")
    func untilClose() throws {
        var (reader, _) = try read([bytes("HTTP/1.1 200 OK\r\n\r\nhello")])
        #expect(!reader.isComplete)
        try reader.end()
        #expect(reader.isComplete && reader.bodyBytes == 5 && !reader.keepsAlive)
    }

    @Test(
        "that the connection cuts off are errors",
        arguments: [
            "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        ])
    func cutOff(_ text: String) throws {
        var (reader, _) = try read([bytes(text)])
        #expect(throws: HTTPAnswerError.self) { try reader.end() }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var text: String
        var reason: HTTPAnswerError.Reason
        var offset: Int
        var testDescription: String { text }
    }

    @Test(
        "that are none are refused at their byte",
        arguments: [
            Refused(text: "hello\r\n", reason: .badStatusLine, offset: 0),
            Refused(text: "HTTP/2 200 OK\r\n", reason: .badStatusLine, offset: 0),
            Refused(text: "HTTP/1.1 20 OK\r\n", reason: .badStatusLine, offset: 0),
            Refused(text: "HTTP/1.1 2000\r\n", reason: .badStatusLine, offset: 0),
            Refused(text: "HTTP/1.1 101 Switching\r\n", reason: .badStatusLine, offset: 0),
            Refused(text: "HTTP/1.1 200 OK\r\nno colon\r\n", reason: .badHeader, offset: 17),
            Refused(text: "HTTP/1.1 200 OK\r\n: x\r\n", reason: .badHeader, offset: 17),
            Refused(text: "HTTP/1.1 200 OK\r\ncontent-length : 3\r\n", reason: .badHeader, offset: 17),
            Refused(text: "HTTP/1.1 200 OK\r\na: b\r\n c: folded\r\n", reason: .badHeader, offset: 23),
            Refused(text: "HTTP/1.1 200 OK\r\ncontent-length: -3\r\n", reason: .badLength, offset: 17),
            Refused(text: "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n", reason: .badLength, offset: 17),
            Refused(text: "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999999\r\n", reason: .badLength, offset: 17),
            Refused(text: "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n", reason: .badLength, offset: 36),
            Refused(text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", reason: .badChunk, offset: 47),
            Refused(text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n", reason: .badChunk, offset: 51),
        ])
    func refused(_ refused: Refused) {
        #expect {
            _ = try read([bytes(refused.text)])
        } throws: { error in
            let error = error as? HTTPAnswerError
            return error?.reason == refused.reason && error?.offset == refused.offset
        }
    }

    @Test("that never end are given up: a line, a head, answers before the answer, a body")
    func bounded() {
        var limits = HTTPAnswerReader.Limits()
        (limits.headBytes, limits.lineBytes, limits.interimAnswers, limits.bodyBytes) = (200, 100, 2, 10)
        let start = "HTTP/1.1 200 OK\r\n"
        for text in [
            start + "a: " + String(repeating: "x", count: 100), start + String(repeating: "a: 0123456789\r\n", count: 20),
            String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 3), start + "\r\n" + String(repeating: "x", count: 11),
            start + "transfer-encoding: chunked\r\n\r\n1;" + String(repeating: "x", count: 100),
        ] {
            #expect(throws: HTTPAnswerError.self) { _ = try read(bytes(text).map { [$0] }, limits: limits) }
        }
    }

    @Test("however damaged, end in an answer or an error, and the same however they are cut", arguments: [UInt64(1), 2, 3])
    func damaged(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        for round in 0..<2_000 {
            var text = bytes(Self.answers[Int(chance.integer(below: UInt64(Self.answers.count)))].text)
            for _ in 0..<1 + chance.integer(below: 4) {
                let place = Int(chance.integer(below: UInt64(text.count)))
                switch chance.integer(below: 3) {
                case 0: text[place] = UInt8(truncatingIfNeeded: chance.next())
                case 1: text.remove(at: place)
                default: text.insert(UInt8(truncatingIfNeeded: chance.next()), at: place)
                }
            }
            let first = Self.outcome([text])
            let cut = Int(chance.integer(below: UInt64(text.count + 1)))
            #expect(Self.outcome([Array(text[..<cut]), Array(text[cut...])]) == first, "seed \(seed), round \(round)")
            #expect(Self.outcome(text.map { [$0] }) == first, "seed \(seed), round \(round)")
        }
    }

    private static func outcome(_ pieces: [[UInt8]]) -> String {
        do {
            let (reader, rest) = try read(pieces)
            return "\(reader.isComplete) \(reader.status) \(reader.bodyBytes) \(reader.keepsAlive) \(rest)"
        } catch let error as HTTPAnswerError { return "\(error.reason)" } catch { return "unknown" }
    }
}
