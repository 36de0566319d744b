import HTTPTypes
import Hummingbird
import LabCore
import NIOCore

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

    static func response(to answer: APIAnswer) -> Response {
        if answer.status == 204 { return response(status: 204, contentType: nil, headers: answer.headers, body: []) }
        let (type, body) = answer.plain.map { ($0.contentType, $0.bytes) } ?? ("application/json", success(answer.data))
        return response(status: answer.status, contentType: type, headers: answer.headers, body: body)
    }

    static func response(to error: APIError, requestID: String) -> Response {
        var headers = error.headers
        // RFC 9110 §11.6.1: every 401 names a scheme.
        if error.code.status == 401 { headers.append(HTTPCall.Header("www-authenticate", "Bearer")) }
        return response(
            status: error.code.status, contentType: "application/json", headers: headers, body: failure(error, requestID: requestID))
    }

    private static func response(status: Int, contentType: String?, headers: [HTTPCall.Header], body: [UInt8]) -> Response {
        var fields = HTTPFields()
        if let contentType { fields[.contentType] = contentType }
        fields.add(headers + fixed)
        return Response(status: HTTPResponse.Status(code: status), headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension HTTPFields {
    mutating func add(_ headers: [HTTPCall.Header]) {
        for header in headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            append(HTTPField(name: name, value: header.value))
        }
    }
}

/// Collects a response's body into memory.
final class BodyCollector: ResponseBodyWriter {
    private(set) var bytes: [UInt8] = []
    func write(_ buffer: ByteBuffer) async throws { bytes.append(contentsOf: buffer.readableBytesView) }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
