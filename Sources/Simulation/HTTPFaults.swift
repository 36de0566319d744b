package import LabCore

/// One thing that can go wrong between a device's HTTP client and the cloud: a bad proxy, a bad server, a bad network
/// (specs/ota.md §4, N1 to N12 and M6).
package struct HTTPFault: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// No answer, ever.
        case stall
        /// The answer comes at this pace.
        case trickle(bytesPerSecond: Int64)
        /// The connection breaks after so many bytes of the answer's body.
        case reset(afterBytes: Int64)
        /// The server does as if no range was asked for.
        case ignoreRange
        /// The server answers another range: so many bytes later than the one that was asked for.
        case wrongOffset(by: Int64)
        case noContentRange
        /// `content-length` says so many bytes more, or less, than there are.
        case wrongLength(by: Int64)
        /// So many bytes follow that were not asked for.
        case endless(extra: Int64)
        /// Somebody on the way answers.
        case status(Int, retryAfter: Int64?)
        /// A page of HTML with 200, as a network with a log-in page gives.
        case captivePortal
        case redirect(to: String)
        /// A proxy compresses the answer.
        case gzip
        /// A byte of the answer's body is changed.
        case corrupt
        /// The request arrives twice.
        case duplicate
        /// The request takes effect, its answer is lost.
        case loseAnswer
        case delay(Duration)
    }

    package var kind: Kind
    /// It concerns requests whose path holds this text; all where it is `nil`.
    package var path: String?
    /// How many requests it still concerns; `nil` for as long as it is in force.
    package var times: Int64?

    package init(_ kind: Kind, path: String? = nil, times: Int64? = nil) {
        self.kind = kind
        self.path = path
        self.times = times
    }

    /// By the bytes: paths are plain text, and a search for equal characters costs many times as much, with each request of a fleet.
    fileprivate func concerns(_ called: String) -> Bool {
        guard let path else { return true }
        let (text, wanted) = (Array(called.utf8), Array(path.utf8))
        guard wanted.count <= text.count else { return false }
        return (0...text.count - wanted.count).contains { text[$0...].starts(with: wanted) }
    }

    /// The name in scenarios: `http.stall`.
    package var name: String {
        switch kind {
        case .stall: "http.stall"
        case .trickle: "http.trickle"
        case .reset: "http.reset"
        case .ignoreRange: "http.ignore_range"
        case .wrongOffset: "http.wrong_offset"
        case .noContentRange: "http.no_content_range"
        case .wrongLength: "http.wrong_length"
        case .endless: "http.endless"
        case .status: "http.status"
        case .captivePortal: "http.captive_portal"
        case .redirect: "http.redirect"
        case .gzip: "http.gzip"
        case .corrupt: "http.corrupt"
        case .duplicate: "http.duplicate"
        case .loseAnswer: "http.lose_answer"
        case .delay: "http.delay"
        }
    }
}

/// The HTTP faults that are in force on a device's way to the cloud. Asked once for each request.
package struct HTTPFaultStack: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        var id: Int
        var fault: HTTPFault
    }
    private var active: [Entry] = []

    package init() {}

    package var isEmpty: Bool { active.isEmpty }

    /// - Parameter id: names it for `clear`; a fault with the same id is replaced.
    package mutating func apply(_ fault: HTTPFault, id: Int) {
        clear(id)
        active.append(Entry(id: id, fault: fault))
    }

    package mutating func clear(_ id: Int) { active.removeAll { $0.id == id } }

    /// What becomes of a request and of its answer; counts the request for faults that are in force a number of times.
    package mutating func disturbance(of call: HTTPCall) -> HTTPDisturbance {
        var result = HTTPDisturbance(call: call)
        for index in active.indices where active[index].fault.concerns(call.path) {
            if let times = active[index].fault.times {
                guard times > 0 else { continue }
                active[index].fault.times = times - 1
            }
            result.faults.append(active[index].fault)
        }
        return result
    }
}

/// One request with the faults that it meets.
package struct HTTPDisturbance: Sendable, Equatable {
    /// As the device sent it.
    package let call: HTTPCall
    /// In the order in which they began.
    package fileprivate(set) var faults: [HTTPFault] = []

    fileprivate init(call: HTTPCall) { self.call = call }

    package var isEmpty: Bool { faults.isEmpty }

    /// It never gets an answer.
    package var isStalled: Bool { faults.contains { $0.kind == .stall } }

    /// The request arrives once more.
    package var isDuplicated: Bool { faults.contains { $0.kind == .duplicate } }

    /// How long the request is under way before it arrives.
    package var delay: Duration {
        faults.reduce(.zero) { sum, fault in
            if case .delay(let time) = fault.kind { sum + time } else { sum }
        }
    }

    /// The answer of somebody on the way; `nil` if the request reaches the cloud.
    package var interception: HTTPAnswer? {
        for fault in faults {
            switch fault.kind {
            case .status(let status, let retryAfter):
                let headers = retryAfter.map { [HTTPCall.Header("retry-after", "\($0)")] } ?? []
                return HTTPAnswer(status: status, headers: headers + [HTTPCall.Header("content-length", "0")])
            case .captivePortal:
                let page = Array("<!DOCTYPE html><html><body><h1>Welcome! Please log in.</h1></body></html>".utf8)
                return HTTPAnswer(
                    status: 200,
                    headers: [HTTPCall.Header("content-type", "text/html"), HTTPCall.Header("content-length", "\(page.count)")], body: page)
            case .redirect(let target):
                return HTTPAnswer(status: 302, headers: [HTTPCall.Header("location", target), HTTPCall.Header("content-length", "0")])
            default: continue
            }
        }
        return nil
    }

    /// The request as it arrives.
    package var arriving: HTTPCall {
        faults.reduce(into: call) { call, fault in
            switch fault.kind {
            case .ignoreRange: call.headers.removeAll { $0.name == "range" || $0.name == "if-range" }
            case .wrongOffset(let bytes):
                guard let index = call.headers.firstIndex(where: { $0.name == "range" }) else { return }
                call.headers[index].value = Self.moved(call.headers[index].value, by: bytes) ?? call.headers[index].value
            default: return
            }
        }
    }

    /// The answer as it comes to the device, and how much longer it takes.
    package func disturb(_ result: Result<HTTPAnswer, HTTPFailure>) -> (result: Result<HTTPAnswer, HTTPFailure>, delay: Duration) {
        guard case .success(var answer) = result else { return (result, .zero) }
        var delay = Duration.zero
        for fault in faults {
            switch fault.kind {
            case .trickle(let pace):
                delay += .nanoseconds(Int64(min(Double(answer.body.count) / Double(max(1, pace)) * 1e9, Double(Int64.max / 4))))
            case .reset(let count): if Int64(answer.body.count) > count { return (.failure(.interrupted), delay) }
            case .loseAnswer: return (.failure(.interrupted), delay)
            default: fault.kind.change(&answer)
            }
        }
        return (.success(answer), delay)
    }

    /// `bytes=4096-8191` moved by 512 is `bytes=4608-8703`; `nil` for what is no range from a first byte.
    private static func moved(_ range: String, by bytes: Int64) -> String? {
        guard range.hasPrefix("bytes=") else { return nil }
        let ends = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int64(ends[0]) else { return nil }
        let last = Int64(ends[1]).map { "\(max(0, $0 + bytes))" } ?? ""
        return "bytes=\(max(0, first + bytes))-\(last)"
    }
}

extension HTTPFault.Kind {
    fileprivate func change(_ answer: inout HTTPAnswer) {
        switch self {
        case .noContentRange: answer.headers.removeAll { $0.name == "content-range" }
        case .wrongLength(let bytes):
            answer.set("content-length", "\(max(0, Int64(answer.body.count) + bytes))")
        case .endless(let extra):
            answer.headers.removeAll { $0.name == "content-length" }
            answer.body += repeatElement(0xa5, count: Int(min(max(0, extra), 16 << 20)))
        case .gzip:
            answer.body = Gzip.stored(answer.body)
            answer.set("content-encoding", "gzip")
            answer.set("content-length", "\(answer.body.count)")
        case .corrupt: if !answer.body.isEmpty { answer.body[answer.body.count / 2] ^= 0x01 }
        default: return
        }
    }
}

extension HTTPAnswer {
    fileprivate mutating func set(_ name: String, _ value: String) {
        headers.removeAll { $0.name == name }
        headers.append(HTTPCall.Header(name, value))
    }
}

/// A gzip file whose blocks are stored, not compressed (RFC 1952, RFC 1951 §3.2.4): what it does to a range is the same.
private enum Gzip {
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
        var position = 0
        repeat {
            let length = min(0xffff, bytes.count - position)
            let isLast = position + length == bytes.count
            result.append(isLast ? 1 : 0)
            for value in [UInt16(length), ~UInt16(length)] { result += [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)] }
            result += bytes[position..<position + length]
            position += length
        } while position < bytes.count
        for value in [CRC32.of(bytes), UInt32(truncatingIfNeeded: bytes.count)] {
            for shift in [0, 8, 16, 24] as [UInt32] { result.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        return result
    }
}
