import Foundation
import LabCore

/// One request after the other over one connection of its own, which it makes when it needs it.
final class HTTPClient {
    struct Answer {
        var status: Int
        var body: [UInt8]
        var data: FieldValue? { (try? JSONReader.read(body))?.record?["data"] }
    }

    private let connection: Connection
    private let port: Int
    private var request: (bytes: [UInt8], done: (Answer?) -> Void)?
    private var input: [UInt8] = []
    private var isConnecting = false

    init(_ loop: LoadLoop, port: Int) {
        connection = Connection(loop)
        self.port = port
        connection.onOpen = { [unowned self] in
            isConnecting = false
            onConnected()
            if let request { connection.send(request.bytes) }
        }
        connection.onBytes = { [unowned self] in received($0) }
        connection.onClosed = { [unowned self] in
            isConnecting = false
            finish(nil)
        }
    }

    var onConnected: () -> Void = {}
    var isOpen: Bool { connection.isOpen }
    var isBusy: Bool { request != nil }

    func connect() {
        guard !connection.isOpen, !isConnecting else { return }
        isConnecting = true
        connection.open(port: port)
    }

    /// - Parameter done: `nil` where there is no answer.
    func send(_ bytes: [UInt8], done: @escaping (Answer?) -> Void) {
        precondition(request == nil)
        request = (bytes, done)
        input = []
        if connection.isOpen { connection.send(bytes) } else { connect() }
    }

    private func finish(_ answer: Answer?) {
        guard let done = request?.done else { return }
        request = nil
        done(answer)
    }

    private func received(_ bytes: ArraySlice<UInt8>) {
        input += bytes
        guard let end = Self.end(ofHead: input) else { return }
        let head = String(decoding: input[..<end], as: UTF8.self).lowercased()
        var length = 0
        for line in head.split(separator: "\r\n") where line.hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).trimmingCharacters(in: .whitespaces)) ?? 0
        }
        guard input.count >= end + 4 + length else { return }
        let status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
        finish(Answer(status: status, body: Array(input[(end + 4)..<(end + 4 + length)])))
    }

    private static func end(ofHead bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4) where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
            return index
        }
        return nil
    }

    /// The bytes of a request as they go over the connection.
    static func bytes(_ call: HTTPCall, host: String = "cloud.lab") -> [UInt8] {
        var text = "\(call.method) \(call.path) HTTP/1.1\r\n"
        if call.header("host") == nil { text += "host: \(host)\r\n" }
        for header in call.headers { text += "\(header.name): \(header.value)\r\n" }
        if !call.body.isEmpty || call.method != "GET" { text += "content-length: \(call.body.count)\r\n" }
        return Array((text + "\r\n").utf8) + call.body
    }

    static func bytes(
        _ method: String, _ path: String, token: String, headers: [HTTPCall.Header] = [], body: Fields? = nil
    ) -> [UInt8] {
        var all = [HTTPCall.Header("authorization", "Bearer \(token)")] + headers
        if body != nil { all.append(HTTPCall.Header("content-type", "application/json")) }
        return bytes(HTTPCall(method, path, headers: all, body: body.map { JSONWriter.bytes(.record($0)) } ?? []))
    }
}
