import LabCore

/// What an answer to a request for a range is worth (RFC 9110 §14 and §15; specs/ota.md §4, N2 to N10).
enum RangeVerdict: Sendable, Equatable {
    /// 206: just the bytes that were asked for.
    case part([UInt8])
    /// 200: the file from its first byte.
    case whole([UInt8])
    /// 416: there is nothing at this place.
    case end
    /// Another file than the one that is signed, or another length of it.
    case changed
    /// An answer that breaks its own rules: nothing of it may be taken.
    case wrong(String)
    /// 403: the address has expired.
    case expired
    /// 404, 410: the file is gone.
    case gone
    case redirect(String)
    /// Nothing came, or the server cannot now; with the pause that it asks for.
    case failed(String, after: Duration)

    /// - Parameters:
    ///   - first: the first byte that was asked for.
    ///   - count: how many were asked for.
    ///   - length: bytes of the file that is signed.
    ///   - tag: its entity tag.
    init(
        _ result: Result<HTTPAnswer, HTTPFailure>, first: Int, count: Int, length: Int, tag: String, bugs: Set<SeededBug>
    ) {
        switch result {
        case .failure(.timedOut): self = .failed("low_speed", after: .zero)
        case .failure: self = .failed("download_failed", after: .zero)
        case .success(let answer):
            switch answer.status {
            case 200: self = Self.whole(answer, length: length, tag: tag, bugs: bugs)
            case 206: self = Self.part(answer, first: first, count: count, length: length, tag: tag, bugs: bugs)
            case 301, 302, 303, 307, 308: self = answer.header("location").map { .redirect($0) } ?? .wrong("redirect_without_location")
            case 403: self = .expired
            case 404, 410: self = .gone
            case 416: self = .end
            default:
                let seconds = answer.header("retry-after").flatMap { Int64($0) } ?? 0
                self = .failed("download_failed", after: .seconds(min(max(0, seconds), 3_600)))
            }
        }
    }

    /// What no download has: an encoding, a page for people, a length that is not the length.
    private static func fault(of answer: HTTPAnswer) -> String? {
        if let encoding = answer.header("content-encoding"), encoding != "identity" { return "content_encoding" }
        if answer.header("content-type")?.hasPrefix("text/") == true { return "content_type" }
        if let text = answer.header("content-length"), Int(text) != answer.body.count { return "content_length" }
        return nil
    }

    private static func isOther(_ answer: HTTPAnswer, _ tag: String, _ bugs: Set<SeededBug>) -> Bool {
        // An entity tag of another form says nothing; one of the cloud's form names the file.
        guard !bugs.contains(.ifRangeMissing), let found = answer.header("etag"), found.hasPrefix("\"sha256-") else { return false }
        return found != tag
    }

    private static func whole(_ answer: HTTPAnswer, length: Int, tag: String, bugs: Set<SeededBug>) -> RangeVerdict {
        if let fault = fault(of: answer) { return .wrong(fault) }
        if isOther(answer, tag, bugs) { return .changed }
        if bugs.contains(.endlessDownload) || bugs.contains(.resumeAppendsOn200) { return .whole(answer.body) }
        // More than was signed is endless data (N7), less is a broken connection or a page (N10).
        return answer.body.count == length ? .whole(answer.body) : .wrong(answer.body.count > length ? "endless_data" : "content_length")
    }

    private static func part(
        _ answer: HTTPAnswer, first: Int, count: Int, length: Int, tag: String, bugs: Set<SeededBug>
    ) -> RangeVerdict {
        if let fault = fault(of: answer) { return .wrong(fault) }
        if isOther(answer, tag, bugs) { return .changed }
        if bugs.contains(.contentRangeIgnored) || bugs.contains(.endlessDownload) { return .part(answer.body) }
        guard let text = answer.header("content-range"), let range = ContentRange(text) else { return .wrong("content_range") }
        guard range.length == length else { return .changed }
        guard range.first == first, range.last == first + count - 1, answer.body.count == count else { return .wrong("content_range") }
        return .part(answer.body)
    }
}

/// `bytes 0-1023/65536` (RFC 9110 §14.4).
struct ContentRange: Sendable, Equatable {
    var first: Int
    var last: Int
    var length: Int

    /// `nil` for another unit, an unknown length, a range without an end, and numbers that make no range.
    init?(_ text: String) {
        guard text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = Self.number(parts[1]) else { return nil }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last, last < length else { return nil }
        (self.first, self.last, self.length) = (first, last, length)
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}
