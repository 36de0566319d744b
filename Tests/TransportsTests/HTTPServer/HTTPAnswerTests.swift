import LabCore
import NIOCore
import NIOHTTP1
import Testing

@testable import Transports

@Suite("Requests and answers between HTTP/1.1 and the lab's words")
struct HTTPAnswerTests {
    private func written(_ answer: HTTPAnswer, isToHead: Bool = false) -> String {
        var buffer = ByteBuffer()
        buffer.writeAnswer(answer, isToHead: isToHead)
        return String(buffer: buffer)
    }

    @Test("an answer has the length of its body, which HEAD does not get (RFC 9110 §9.3.2)")
    func length() {
        let answer = HTTPAnswer(status: 200, headers: [HTTPCall.Header("x-a", "1")], body: Array("four".utf8))
        #expect(written(answer) == "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 4\r\n\r\nfour")
        #expect(written(answer, isToHead: true) == "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 4\r\n\r\n")
        #expect(written(HTTPAnswer(status: 299)) == "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n")
    }

    @Test("204 and 304 have neither body nor length (RFC 9110 §6.4.1, §8.6)", arguments: [(204, "No Content"), (304, "Not Modified")])
    func withoutBody(status: Int, reason: String) {
        let answer = HTTPAnswer(status: status, headers: [HTTPCall.Header("content-length", "4")], body: Array("four".utf8))
        #expect(written(answer) == "HTTP/1.1 \(status) \(reason)\r\n\r\n")
    }

    @Test("a header can neither end its line nor say that the body is in chunks (RFC 9110 §5.5, RFC 9112 §6.1)")
    func injection() {
        let headers = [
            ("x-a", " b\r\nx-c: d\t"), ("x\r\ny", "1"), ("", "1"), ("x y", "1"), ("Transfer-Encoding", "chunked"), ("X-Z", "ü \t!"), ("x-e", ""),
        ]
        let answer = HTTPAnswer(status: 200, headers: headers.map { HTTPCall.Header($0.0, $0.1) })
        #expect(written(answer) == "HTTP/1.1 200 OK\r\nx-a: b  x-c: d\r\nX-Z: ü \t!\r\nx-e: \r\ncontent-length: 0\r\n\r\n")
    }

    @Test(
        "the path comes without scheme and host (RFC 9112 §3.2)",
        arguments: [
            ("/a?b=http://c", "/a?b=http://c"), ("http://lab.test/a/b?c", "/a/b?c"), ("https://lab.test?c=/d", "/?c=/d"), ("http://lab.test", "/"),
            ("*", "*"), ("//a", "//a"),
        ])
    func path(target: String, path: String) {
        #expect(HTTPRequestOpening(HTTPRequestHead(version: .http1_1, method: .GET, uri: target)).call.path == path)
    }

    @Test("names of headers come in lower case and in their order, only the first host before all others")
    func headers() {
        let headers: HTTPHeaders = ["Accept": "A", "Host": "one", "x-b": "B", "HOST": "two", "Authorization": "t", "Content-Length": "7"]
        let opening = HTTPRequestOpening(HTTPRequestHead(version: .http1_1, method: .RAW(value: "PRI"), uri: "/", headers: headers))
        #expect(opening.call.method == "PRI")
        #expect(opening.call.headers.map(\.name) == ["host", "accept", "x-b", "host", "authorization", "content-length"])
        #expect(opening.call.headers.map(\.value) == ["one", "A", "B", "two", "t", "7"])
        #expect(opening.hasToken && opening.contentLength == 7 && !opening.isWaiting && !opening.isLast)
    }
}
