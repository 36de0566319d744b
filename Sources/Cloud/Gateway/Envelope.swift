import LabCore

/// The one form of all answers: `{"code":0,"data":…,"message":"success"}`, failures with their number.
enum Envelope {
    static func success(_ data: FieldValue) -> [UInt8] {
        JSONWriter.bytes(["code": 0, "data": data, "message": "success"])
    }

    static func failure(_ error: APIError, requestID: String) -> [UInt8] {
        let data = (["error": .text(error.code.name)] as Fields).merging(error.details).merging(["request_id": .text(requestID)])
        return JSONWriter.bytes([
            "code": .integer(Int64(error.code.number)), "data": .record(data), "message": .text(error.message),
        ])
    }

    /// What every answer says to browsers and caches: this is data, of its own type, for nobody else, not to be kept.
    private static let fixed = [
        HTTPCall.Header("cache-control", "no-store"), HTTPCall.Header("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        HTTPCall.Header("referrer-policy", "no-referrer"), HTTPCall.Header("x-content-type-options", "nosniff"),
        HTTPCall.Header("x-frame-options", "DENY"),
    ]

    static func answer(_ answer: APIAnswer) -> HTTPAnswer {
        if answer.status == 204 { return HTTPAnswer(status: 204, headers: answer.headers + fixed) }
        let (type, body) = answer.plain.map { ($0.contentType, $0.bytes) } ?? ("application/json", success(answer.data))
        return Self.answer(answer.status, type, answer.headers, body)
    }

    static func answer(_ error: APIError, requestID: String) -> HTTPAnswer {
        var headers = error.headers
        // RFC 9110 §11.6.1: every 401 names a scheme.
        if error.code.status == 401 { headers.append(HTTPCall.Header("www-authenticate", "Bearer")) }
        return answer(error.code.status, "application/json", headers, failure(error, requestID: requestID))
    }

    private static func answer(_ status: Int, _ type: String, _ headers: [HTTPCall.Header], _ body: [UInt8]) -> HTTPAnswer {
        HTTPAnswer(status: status, headers: [HTTPCall.Header("content-type", type)] + headers + fixed, body: body)
    }
}
