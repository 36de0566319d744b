package import LabCore

/// One kind of request of a load: how the bytes of the k-th item are made.
package struct LoadRequest: Sendable {
    /// The route, for `where` and `for each`: `GET /api/v1/devices/{device_id}`.
    package var label: String
    /// The method is HEAD, so that no body is to be expected.
    package var isHeadOnly: Bool
    /// Appends head and body of item `index`. Called on the generator's threads; must not block, and give the same for the same index.
    package var write: @Sendable (_ index: Int, _ bytes: inout [UInt8]) -> Void

    package init(label: String, isHeadOnly: Bool = false, write: @escaping @Sendable (_ index: Int, _ bytes: inout [UInt8]) -> Void) {
        self.label = label
        self.isHeadOnly = isHeadOnly
        self.write = write
    }
}

/// A request with places to fill in: `${k}` is the item's number, `${k:6}` the same with zeros in front, `${hex:16}` so many
/// hexadecimal digits and `${digits:6}` so many decimal ones, which follow from the seed and the item's number. `$$` is a `$`.
package struct RequestTemplate: Sendable, Equatable {
    package var label: String
    package var method: String
    /// With its query, percent-encoded.
    package var path: String
    package var headers: [HTTPCall.Header]
    package var body: String

    package init(_ method: String, _ path: String, headers: [HTTPCall.Header] = [], body: String = "", label: String? = nil) {
        self.label = label ?? "\(method) \(path)"
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// Cuts the texts once, so that an item costs copies only. `host` and `content-length` are added where they are missing.
    ///
    /// - Throws: `.unusable` for an unknown place, and for what would break the head of a request.
    package func compiled(host: String, seed: UInt64) throws(LoadFailure) -> LoadRequest {
        try check(method, "method", forbidden: " \r\n")
        try check(path, "path", forbidden: " \r\n")
        guard path.hasPrefix("/") || path == "*" else {
            throw LoadFailure(.unusable, "the path '\(path)' does not begin with '/'", remedy: "write the path from the host on")
        }
        var head = "\(method) \(path) HTTP/1.1\r\n"
        if !headers.contains(where: { $0.name.lowercased() == "host" }) { head += "host: \(host)\r\n" }
        for header in headers {
            try check(header.name, "name of a header", forbidden: " :\r\n")
            try check(header.value, "value of the header '\(header.name)'", forbidden: "\r\n")
            head += "\(header.name): \(header.value)\r\n"
        }
        let (headPieces, bodyPieces) = (try Self.pieces(head), try Self.pieces(body))
        let hasLength = headers.contains { ["content-length", "transfer-encoding"].contains($0.name.lowercased()) }
        let needsLength = !hasLength && (!body.isEmpty || ["POST", "PUT", "PATCH"].contains(method))
        let (lengthName, end) = (Array("content-length: ".utf8), Array("\r\n".utf8))
        return LoadRequest(label: label, isHeadOnly: method == "HEAD") { index, bytes in
            var chance = SeededGenerator(seed: seed ^ (UInt64(bitPattern: Int64(index)) &* 0x9e37_79b9_7f4a_7c15))
            for piece in headPieces { piece.append(index, &chance, to: &bytes) }
            if needsLength {
                bytes.append(contentsOf: lengthName)
                RequestPiece.append(UInt64(bodyPieces.reduce(0) { $0 + $1.count(index) }), width: 1, to: &bytes)
                bytes.append(contentsOf: end)
            }
            bytes.append(contentsOf: end)
            for piece in bodyPieces { piece.append(index, &chance, to: &bytes) }
        }
    }

    private func check(_ text: String, _ what: String, forbidden: String) throws(LoadFailure) {
        guard !text.isEmpty || what.hasPrefix("value") else {
            throw LoadFailure(.unusable, "the \(what) of the request '\(label)' is empty")
        }
        guard !text.unicodeScalars.contains(where: { forbidden.unicodeScalars.contains($0) }) else {
            throw LoadFailure(.unusable, "the \(what) of the request '\(label)' has a space or a line break in it")
        }
    }

    private static func pieces(_ text: String) throws(LoadFailure) -> [RequestPiece] {
        var pieces: [RequestPiece] = []
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "$") else {
                literal.append(byte)
                continue
            }
            switch rest.first {
            case UInt8(ascii: "$"):
                literal.append(byte)
                rest.removeFirst()
            case UInt8(ascii: "{"):
                let inside = rest.dropFirst().prefix { $0 != UInt8(ascii: "}") }
                let name = String(decoding: inside, as: UTF8.self)
                guard inside.endIndex < rest.endIndex, let piece = RequestPiece(named: name) else {
                    throw LoadFailure(
                        .unusable, "'${\(name.prefix(40))}' cannot be filled in",
                        remedy: "use ${k}, ${k:6}, ${hex:16} or ${digits:6}, and $$ for a '$'")
                }
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = []
                pieces.append(piece)
                rest = rest[(inside.endIndex + 1)...]
            default: literal.append(byte)
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        return pieces
    }
}

/// A part of a template, ready to be copied or counted.
enum RequestPiece: Sendable {
    case literal([UInt8])
    case index(width: Int)
    case chance(count: Int, isHexadecimal: Bool)

    init?(named name: String) {
        let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let width = parts.count == 2 ? Int(parts[1]) : nil
        switch (parts[0], width) {
        case ("k", nil) where parts.count == 1: self = .index(width: 1)
        case ("k", let width?) where (1...20).contains(width): self = .index(width: width)
        case ("hex", let width?) where (1...1_024).contains(width): self = .chance(count: width, isHexadecimal: true)
        case ("digits", let width?) where (1...1_024).contains(width): self = .chance(count: width, isHexadecimal: false)
        default: return nil
        }
    }

    func count(_ index: Int) -> Int {
        switch self {
        case .literal(let bytes): return bytes.count
        case .chance(let count, _): return count
        case .index(let width):
            var (digits, rest) = (1, index / 10)
            while rest > 0 { (digits, rest) = (digits + 1, rest / 10) }
            return max(digits, width)
        }
    }

    func append(_ index: Int, _ chance: inout SeededGenerator, to bytes: inout [UInt8]) {
        switch self {
        case .literal(let literal): bytes.append(contentsOf: literal)
        case .index(let width): Self.append(UInt64(max(0, index)), width: width, to: &bytes)
        case .chance(let count, let isHexadecimal):
            var word: UInt64 = 0
            for position in 0..<count {
                if position % 16 == 0 { word = chance.next() }
                if isHexadecimal {
                    bytes.append(Self.hexadecimal[Int(word & 15)])
                    word >>= 4
                } else {
                    bytes.append(UInt8(ascii: "0") + UInt8(word % 10))
                    word /= 10
                }
            }
        }
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)

    static func append(_ number: UInt64, width: Int, to bytes: inout [UInt8]) {
        let first = bytes.count
        var rest = number
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        while bytes.count - first < width { bytes.append(UInt8(ascii: "0")) }
        bytes[first...].reverse()
    }
}
