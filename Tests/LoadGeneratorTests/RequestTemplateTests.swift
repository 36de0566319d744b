import LabCore
import LoadGenerator
import Testing

@Suite("Requests of a load")
struct RequestTemplateTests {
    private func text(_ template: RequestTemplate, _ index: Int, seed: UInt64 = 1) throws -> String {
        var bytes: [UInt8] = []
        try template.compiled(host: "cloud.lab:8080", seed: seed).write(index, &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("have host and length without being asked")
    func head() throws {
        #expect(
            try text(RequestTemplate("GET", "/health", headers: [.init("accept", "*/*")]), 0)
                == "GET /health HTTP/1.1\r\nhost: cloud.lab:8080\r\naccept: */*\r\n\r\n")
        #expect(try text(RequestTemplate("POST", "/x"), 0) == "POST /x HTTP/1.1\r\nhost: cloud.lab:8080\r\ncontent-length: 0\r\n\r\n")
        #expect(
            try text(RequestTemplate("POST", "/x", headers: [.init("Host", "other"), .init("Content-Length", "2")], body: "ok"), 0)
                == "POST /x HTTP/1.1\r\nHost: other\r\nContent-Length: 2\r\n\r\nok")
    }

    @Test("have the item's number in path, headers and body, and the length that follows")
    func number() throws {
        let template = RequestTemplate("PUT", "/d/${k:4}", headers: [.init("x-n", "${k}")], body: "{\"k\":${k},\"price\":\"$$5\"}")
        #expect(
            try text(template, 7)
                == "PUT /d/0007 HTTP/1.1\r\nhost: cloud.lab:8080\r\nx-n: 7\r\ncontent-length: 20\r\n\r\n{\"k\":7,\"price\":\"$5\"}")
        #expect(try text(template, 12_345).hasPrefix("PUT /d/12345 HTTP/1.1\r\n"))
        #expect(try text(template, 12_345).contains("content-length: 24\r\n"))
    }

    @Test("have seeded values: the same for the same item and seed, others for others")
    func chance() throws {
        let template = RequestTemplate("POST", "/x", body: "${hex:40} ${digits:20}")
        let first = try text(template, 1)
        #expect(try text(template, 1) == first)
        #expect(try text(template, 2) != first)
        #expect(try text(template, 1, seed: 2) != first)
        let body = first.split(separator: "\r\n").last ?? ""
        let parts = body.split(separator: " ")
        #expect(parts.map(\.count) == [40, 20])
        #expect(parts[0].allSatisfy { $0.isHexDigit } && parts[1].allSatisfy { $0.isNumber })
    }

    @Test(
        "that cannot be are refused",
        arguments: [
            RequestTemplate("GET", "/${name}"), RequestTemplate("GET", "/${k:0}"), RequestTemplate("GET", "/${k"),
            RequestTemplate("GET", "/${hex}"), RequestTemplate("GET", "/${hex:2000}"),
            RequestTemplate("GET", "health"), RequestTemplate("GET", "/a b"), RequestTemplate("GET x", "/"), RequestTemplate("", "/"),
            RequestTemplate("GET", "/", headers: [.init("a b", "c")]), RequestTemplate("GET", "/", headers: [.init("a", "c\r\nx: y")]),
        ])
    func refused(_ template: RequestTemplate) {
        #expect(throws: LoadFailure.self) { try template.compiled(host: "x", seed: 1) }
    }
}
