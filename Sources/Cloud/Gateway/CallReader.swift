import LabCore

/// A request whose outer form is right: sizes, method, path, headers. Nothing is said yet about who sends it.
struct ReadCall: Sendable {
    var method: String
    /// The path as sent, without its query.
    var path: String
    /// The query as sent, without the question mark; empty where there is none.
    var query: String
    /// Names in lower case.
    var headers: [HTTPCall.Header]
    var body: [UInt8]

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// The first two steps of every request: its size, then its form (security.md 4.2, "Order of checks").
struct CallReader: Sendable {
    var limits: RequestLimits
    /// The largest body of any endpoint; the endpoint's own limit is held when the endpoint is known.
    var largestBody: Int

    /// Headers that decide who asks or what is signed: two of them would let two readers see two requests.
    private static let singleHeaders = [
        "authorization", "x-device-id", "x-timestamp", "x-nonce", "x-signature", "x-tenant", "host", "content-type", "content-length",
    ]

    func read(_ call: HTTPCall) throws(APIError) -> ReadCall {
        try checkSize(call)
        guard let first = call.path.utf8.first, first == UInt8(ascii: "/"), call.path.utf8.allSatisfy(Characters.isPath) else {
            throw APIError(.malformedRequest, "The path must begin with '/' and be percent-encoded (RFC 3986).")
        }
        guard (1...16).contains(call.method.utf8.count), call.method.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            throw APIError(.malformedRequest, "The method must be a word of capital letters.")
        }
        let headers = try readHeaders(call.headers)
        let split = call.path.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false).map(Substring.init)
        let path = String(split.first ?? "")
        if Self.hasStrangeSegment(path) { throw APIError(.routeNotFound) }
        return ReadCall(
            method: call.method, path: path, query: split.count > 1 ? String(split[1]) : "", headers: headers, body: call.body)
    }

    /// Whether a segment is empty, "." or "..": it would be routed as another path than the one that was signed.
    private static func hasStrangeSegment(_ path: String) -> Bool {
        if path == "/" { return false }
        // Of the segment that is being read; the first one begins after the path's own slash.
        var (count, dots) = (0, 0)
        let isStrange = { count == 0 || (count == dots && dots <= 2) }
        for byte in path.utf8.dropFirst() {
            if byte == UInt8(ascii: "/") {
                if isStrange() { return true }
                (count, dots) = (0, 0)
            } else {
                count += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        return isStrange()
    }

    private func checkSize(_ call: HTTPCall) throws(APIError) {
        if call.path.utf8.count > limits.pathBytes {
            throw APIError(.pathTooLong, details: ["limit": .integer(Int64(limits.pathBytes))])
        }
        let size = call.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        if call.headers.count > limits.headerCount || size > limits.headerBytes {
            throw APIError(
                .headersTooLarge, details: ["limit": .integer(Int64(limits.headerBytes)), "count": .integer(Int64(limits.headerCount))])
        }
        if call.body.count > largestBody { throw Self.tooLarge(largestBody) }
    }

    static func tooLarge(_ limit: Int) -> APIError { APIError(.bodyTooLarge, details: ["limit": .integer(Int64(limit))]) }

    private func readHeaders(_ headers: [HTTPCall.Header]) throws(APIError) -> [HTTPCall.Header] {
        let read = headers.map { HTTPCall.Header($0.name.lowercased(), $0.value) }
        for header in read {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy({ Characters.isVisible($0) && $0 != UInt8(ascii: ":") }) else {
                throw APIError(.malformedRequest, "A header has a name with a character that is not allowed there.")
            }
            guard header.value.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7f) }) else {
                throw APIError(.malformedRequest, "The header '\(header.name)' contains a control character.")
            }
        }
        for name in Self.singleHeaders where read.count(where: { $0.name == name }) > 1 {
            throw APIError(.malformedRequest, "The header '\(name)' occurs twice.")
        }
        return read
    }
}
