import LabCore
import NIOHTTP1

/// What the head of a request says.
struct HTTPRequestOpening {
    /// Without its body; names of headers in lower case, the first `host` before all others.
    var call: HTTPCall
    /// Bytes; `nil` for a body in chunks and where there is none.
    var contentLength: Int?
    var hasToken = false
    /// It waits for 100 before it sends the body (RFC 9110 §10.1.1).
    var isWaiting = false
    /// The connection ends with its answer.
    var isLast: Bool

    init(_ head: HTTPRequestHead) {
        call = HTTPCall(head.method.rawValue, Self.path(head.uri))
        isLast = !head.isKeepAlive
        var headers: [HTTPCall.Header] = []
        headers.reserveCapacity(head.headers.count)
        var (hasHost, wantsUpgrade, namesUpgrade) = (false, false, false)
        for (name, value) in head.headers {
            let header = HTTPCall.Header(Self.lowercased(name), value)
            switch header.name {
            case "host" where !hasHost:
                hasHost = true
                headers.insert(header, at: 0)
                continue
            case "content-length": contentLength = Int(value)
            case "authorization": hasToken = true
            case "expect": isWaiting = head.version != .http1_0 && value.lowercased() == "100-continue"
            case "upgrade": wantsUpgrade = true
            case "connection": namesUpgrade = namesUpgrade || value.lowercased().contains("upgrade")
            default: break
            }
            headers.append(header)
        }
        call.headers = headers
        // The parser takes what follows these for another protocol, which nobody speaks here (RFC 9110 §7.8, §9.3.6).
        if head.method == .CONNECT || wantsUpgrade && namesUpgrade { isLast = true }
    }

    /// Most clients send most names in lower case, and those cost nothing.
    private static func lowercased(_ name: String) -> String {
        name.utf8.contains { UInt8(ascii: "A") <= $0 && $0 <= UInt8(ascii: "Z") } ? name.lowercased() : name
    }

    /// The path with its query. Clients that take the server for a proxy send them with scheme and host (RFC 9112 §3.2.2).
    private static func path(_ target: String) -> String {
        guard target.utf8.first != UInt8(ascii: "/"), let scheme = target.firstRange(of: "://") else { return target }
        let rest = target[scheme.upperBound...]
        guard let start = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) else { return "/" }
        return rest[start] == "/" ? String(rest[start...]) : "/" + rest[start...]
    }
}
