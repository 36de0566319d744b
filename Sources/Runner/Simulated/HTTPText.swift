import LabCore
import Simulation

/// Requests and answers as HTTP/1.1 text (RFC 9112), for their size on a link and for what a broken link makes of them.
enum HTTPText {
    static func bytes(of call: HTTPCall) -> [UInt8] {
        message("\(call.method) \(call.path) HTTP/1.1", call.headers, call.body)
    }

    static func bytes(of answer: HTTPAnswer) -> [UInt8] {
        message("HTTP/1.1 \(answer.status) ", answer.headers, answer.body)
    }

    private static func message(_ first: String, _ headers: [HTTPCall.Header], _ body: [UInt8]) -> [UInt8] {
        var text = first + "\r\n"
        for header in headers { text += "\(header.name): \(header.value)\r\n" }
        text += "content-length: \(body.count)\r\n\r\n"
        return Array(text.utf8) + body
    }

    /// Reads a request after bytes of it were changed; `nil` where a server could not read it any more.
    static func call(_ bytes: [UInt8], _ corruptions: [ByteCorruption]) -> HTTPCall? {
        guard let (first, headers, body) = parts(bytes, corruptions) else { return nil }
        let words = first.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2] == "HTTP/1.1", isToken(words[0]), words[1].hasPrefix("/") else { return nil }
        return HTTPCall(String(words[0]), String(words[1]), headers: headers, body: body)
    }

    /// Reads an answer after bytes of it were changed; one that a client cannot read breaks its connection.
    static func answer(_ bytes: [UInt8], _ corruptions: [ByteCorruption]) -> Result<HTTPAnswer, HTTPFailure> {
        guard let (first, headers, body) = parts(bytes, corruptions) else { return .failure(.interrupted) }
        let words = first.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]), (100...599).contains(status) else {
            return .failure(.interrupted)
        }
        return .success(HTTPAnswer(status: status, headers: headers, body: body))
    }

    private static func parts(_ bytes: [UInt8], _ corruptions: [ByteCorruption]) -> (String, [HTTPCall.Header], [UInt8])? {
        var bytes = bytes
        for corruption in corruptions { corruption.apply(to: &bytes) }
        let end: [UInt8] = [13, 10, 13, 10]
        guard let gap = bytes.indices.dropLast(3).first(where: { bytes[$0] == 13 && Array(bytes[$0..<$0 + 4]) == end }) else { return nil }
        guard let head = String(validating: bytes[..<gap], as: UTF8.self) else { return nil }
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        guard !lines.isEmpty else { return nil }
        let first = String(lines.removeFirst())
        var headers: [HTTPCall.Header] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), isToken(line[..<colon]) else { return nil }
            let value = line[line.index(after: colon)...].trimmingSpaces
            if line[..<colon].lowercased() == "content-length" {
                guard Int(value) == bytes.count - gap - 4 else { return nil }
            } else {
                headers.append(HTTPCall.Header(line[..<colon].lowercased(), String(value)))
            }
        }
        return (first, headers, Array(bytes[(gap + 4)...]))
    }

    /// RFC 9110 §5.6.2
    private static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
