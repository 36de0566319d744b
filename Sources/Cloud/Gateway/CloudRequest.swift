package import LabCore

/// A request that has passed the gateway: it is authenticated, allowed and valid by the endpoint's field lists.
package struct CloudRequest: Sendable {
    package var method: String
    /// The path as sent, without its query.
    package var path: String
    /// The values of the path's parameters, percent-decoded, 1 to 128 bytes each.
    package var pathParameters: Fields
    /// The query with its values read as the types of the endpoint's list.
    package var query: Fields
    package var body: Fields
    /// The bytes of the body as they came.
    package var rawBody: [UInt8]
    /// Header names are lower case.
    package var headers: [HTTPCall.Header]
    package var identity: Identity
    package var tenant: String
    package var at: RunInstant
    /// The request's own id, also in the answer's `x-request-id` and in the audit log.
    package var id: String
    /// The address of the other end, or the node's name where there is no network.
    package var peer: String

    package init(
        method: String, path: String, pathParameters: Fields = [:], query: Fields = [:], body: Fields = [:], rawBody: [UInt8] = [],
        headers: [HTTPCall.Header] = [], identity: Identity = .anonymous, tenant: String = "default", at: RunInstant, id: String,
        peer: String = "local"
    ) {
        self.method = method
        self.path = path
        self.pathParameters = pathParameters
        self.query = query
        self.body = body
        self.rawBody = rawBody
        self.headers = headers
        self.identity = identity
        self.tenant = tenant
        self.at = at
        self.id = id
        self.peer = peer
    }

    /// The path parameter of that name; empty if the path has none, which the router does not let happen.
    package func parameter(_ name: String) -> String { pathParameters[name]?.text ?? "" }

    /// A whole number of the query, or `standard` where it is absent.
    ///
    /// - Throws: `INVALID_FIELD` outside of `range`.
    package func integer(_ name: String, in range: ClosedRange<Int>, else standard: Int) throws(APIError) -> Int {
        guard let value = query[name] else { return standard }
        guard let whole = value.integer, let number = Int(exactly: whole), range.contains(number) else {
            throw .invalidField(name, "'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A text of the body of 1 to `maximum` bytes without control characters, `nil` where it is absent.
    ///
    /// - Throws: `INVALID_FIELD`.
    package func text(_ name: String, maximum: Int = 128) throws(APIError) -> String? {
        guard let value = body[name] else { return nil }
        guard let text = value.text, (1...maximum).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw .invalidField(name, "'\(name)' must be a text of 1 to \(maximum) bytes without control characters")
        }
        return text
    }
}

/// Who makes a request, as far as it is proven.
package enum Identity: Sendable, Equatable {
    case anonymous
    /// A device that has shown its factory key.
    case factory(serial: String)
    /// A device that has shown its secret of that epoch.
    case device(id: String, epoch: Int)
    case user(name: String, role: UserRole)
    /// Another company's system, by the id of its key, and the operator who gave it the key.
    case partner(id: String, operatorID: String)

    /// For logs, the audit and rate limits: `device luna_badge_0007`.
    package var label: String {
        switch self {
        case .anonymous: "anonymous"
        case .factory(let serial): "factory \(serial)"
        case .device(let id, _): "device \(id)"
        case .user(let name, _): "user \(name)"
        case .partner(let id, _): "partner \(id)"
        }
    }
}

/// What an endpoint answers with: `data` of the envelope, and the status.
package struct APIAnswer: Sendable, Equatable {
    package var status: Int
    package var data: FieldValue
    package var headers: [HTTPCall.Header]
    /// Bytes that go out as they are instead of the envelope (`/metrics`, `/openapi.json`), with their content type.
    package var plain: Plain?

    package struct Plain: Sendable, Equatable {
        package var contentType: String
        package var bytes: [UInt8]
        package init(contentType: String, bytes: [UInt8]) {
            self.contentType = contentType
            self.bytes = bytes
        }
    }

    package init(status: Int = 200, data: FieldValue = .null, headers: [HTTPCall.Header] = [], plain: Plain? = nil) {
        self.status = status
        self.data = data
        self.headers = headers
        self.plain = plain
    }
}
