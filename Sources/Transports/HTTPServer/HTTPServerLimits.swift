/// What one client may cost. Whoever answers may have narrower limits, and better words for them.
package struct HTTPServerLimits: Sendable, Hashable {
    /// Beyond it a request is answered 413 before it is read, and its connection closed.
    package var bodyBytes: Int
    /// Where more is taken, as of files that are uploaded.
    package var routes: [HTTPRouteLimit]
    /// Bodies beyond `bodyBytes` at the same time; a further one is answered 503.
    package var largeBodies: Int
    /// All headers together, and each; beyond it the answer is 400.
    package var headerBytes: Int
    package var headerCount: Int
    /// For the handshake of TLS, for the head of a request, and between requests.
    package var idleTime: Duration
    /// For the body of a request, and for taking the answer; a body that may be larger has a second more for each MiB, and so has
    /// an answer.
    package var transferTime: Duration
    /// Further connections wait until others end.
    package var connections: Int
    /// What requests under way have when the server stops.
    package var grace: Duration

    package init(
        bodyBytes: Int = 1 << 20, routes: [HTTPRouteLimit] = [], largeBodies: Int = 4, headerBytes: Int = 1 << 16, headerCount: Int = 256,
        idleTime: Duration = .seconds(60), transferTime: Duration = .seconds(30), connections: Int = 8_192, grace: Duration = .seconds(1)
    ) {
        self.bodyBytes = bodyBytes
        self.routes = routes
        self.largeBodies = largeBodies
        self.headerBytes = headerBytes
        self.headerCount = headerCount
        self.idleTime = idleTime
        self.transferTime = transferTime
        self.connections = connections
        self.grace = grace
    }

    /// Bytes that the body of a request may have.
    ///
    /// A body is kept in memory before anybody looks at who sends it. So nobody gets more than the others without at least showing a token,
    /// and those who show one do not together get more than `largeBodies` allows.
    ///
    /// - Parameter target: the path with its query, as sent.
    func bodyBytes(of method: String, _ target: String, hasToken: Bool) -> Int {
        guard hasToken, let route = routes.first(where: { $0.method == method && $0.holds(target) }) else { return bodyBytes }
        return max(bodyBytes, route.bodyBytes)
    }
}

/// The limit of one route.
package struct HTTPRouteLimit: Sendable, Hashable {
    package var method: String
    /// Without a query; a word in braces stands for any segment: `/api/v1/versions/{version}/image`.
    package var path: String
    package var bodyBytes: Int

    package init(_ method: String, _ path: String, bodyBytes: Int) {
        self.method = method
        self.path = path
        self.bodyBytes = bodyBytes
    }

    fileprivate func holds(_ target: String) -> Bool {
        let called = target.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
        let own = path.split(separator: "/", omittingEmptySubsequences: false)
        return called.count == own.count && zip(own, called).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}
