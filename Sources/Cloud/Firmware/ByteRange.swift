/// Range requests of a file with a strong tag (RFC 9110 §13.1.5, §14).
enum ByteRange: Sendable, Equatable {
    /// Answered with 200 and everything.
    case whole
    /// Answered with 206.
    case part(Range<Int>)
    /// Answered with 416.
    case unsatisfiable

    /// - Parameters:
    ///   - range: the header `range`; what is no single byte range is ignored, as §14.2 allows.
    ///   - condition: the header `if-range`; only the present strong tag, character by character, lets the range count (§13.1.5).
    ///   - tag: the file's entity tag with its quotes.
    static func of(_ range: String?, ifRange condition: String?, tag: String, size: Int) -> ByteRange {
        guard let range else { return .whole }
        if let condition, condition.trimmingSpace != tag { return .whole }
        guard let specification = specification(range) else { return .whole }
        switch specification {
        case (let first?, let last):
            if let last, last < first { return .whole }
            guard first < size else { return .unsatisfiable }
            return .part(first..<min((last ?? .max - 1) + 1, size))
        case (nil, let suffix?):
            // A suffix of nothing, or of an empty file, is no byte at all (§14.1.2).
            guard suffix > 0, size > 0 else { return .unsatisfiable }
            return .part(max(0, size - suffix)..<size)
        case (nil, nil): return .whole
        }
    }

    /// First and last of `bytes=first-last`; a missing first means the last so many bytes.
    private static func specification(_ text: String) -> (first: Int?, last: Int?)? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].trimmingSpace.lowercased() == "bytes", !parts[1].contains(",") else { return nil }
        let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false).map(\.trimmingSpace)
        guard ends.count == 2, let first = number(ends[0]), let last = number(ends[1]) else { return nil }
        if first == nil && last == nil { return nil }
        return (first, last)
    }

    /// `.some(nil)` where nothing stands; `nil` for what is no number. Beyond all files it does not matter how far.
    private static func number(_ text: String) -> Int?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy(Characters.isDigit) else { return nil }
        return .some(Int(text).map { min($0, .max - 1) } ?? .max - 1)
    }
}

extension StringProtocol {
    fileprivate var trimmingSpace: String {
        var rest = Array(utf8)[...]
        while let first = rest.first, first == 0x20 || first == 0x09 { rest = rest.dropFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest = rest.dropLast() }
        return String(decoding: rest, as: UTF8.self)
    }
}
