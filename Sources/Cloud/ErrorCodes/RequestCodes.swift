/// 1xxx: the request itself is wrong, whoever asks.
extension ErrorCode {
    package static let malformedRequest = ErrorCode(
        1001, "MALFORMED_REQUEST", status: 400, "The request cannot be read.", remedy: "Send what the documentation of the route shows.")
    package static let malformedBody = ErrorCode(
        1002, "MALFORMED_BODY", status: 400, "The body is not one JSON record.",
        remedy: "Send RFC 8259 JSON in UTF-8, no key twice, nested at most 16 deep.")
    package static let missingField = ErrorCode(
        1003, "MISSING_FIELD", status: 400, "A field is missing.", remedy: "Add the field that is named in data.field.")
    package static let unknownField = ErrorCode(
        1004, "UNKNOWN_FIELD", status: 400, "A field is not known here.", remedy: "Leave out the field that is named in data.field.")
    package static let invalidField = ErrorCode(
        1005, "INVALID_FIELD", status: 400, "A field has a wrong value.", remedy: "Send a value of the kind that the message names.")
    package static let routeNotFound = ErrorCode(
        1006, "ROUTE_NOT_FOUND", status: 404, "There is nothing at this path.", remedy: "Look for the path in /openapi.json.")
    package static let methodNotAllowed = ErrorCode(
        1007, "METHOD_NOT_ALLOWED", status: 405, "The path does not have this method.", remedy: "Use a method from the header allow.")
    package static let bodyTooLarge = ErrorCode(
        1008, "BODY_TOO_LARGE", status: 413, "The body is too large.", remedy: "Send at most data.limit bytes.")
    package static let pathTooLong = ErrorCode(
        1009, "PATH_TOO_LONG", status: 414, "The path with its query is too long.", remedy: "Send at most data.limit bytes.")
    package static let unsupportedMediaType = ErrorCode(
        1010, "UNSUPPORTED_MEDIA_TYPE", status: 415, "The body is not declared as JSON.",
        remedy: "Send content-type: application/json and no content-encoding.")
    package static let wrongHost = ErrorCode(
        1011, "WRONG_HOST", status: 421, "This host is not served here.", remedy: "Send the name of this cloud in the header host.")
    package static let headersTooLarge = ErrorCode(
        1012, "HEADERS_TOO_LARGE", status: 431, "The headers are too many or too large.", remedy: "Send at most data.limit bytes of headers.")
    package static let rateLimited = ErrorCode(
        1013, "RATE_LIMITED", status: 429, "Too many requests.", remedy: "Wait for the seconds in the header retry-after.")
    package static let errorCodeNotFound = ErrorCode(
        1014, "ERROR_CODE_NOT_FOUND", status: 404, "No error code has this number or name.", remedy: "List them at /api/v1/errors.")

    static let requestCodes: [ErrorCode] = [
        malformedRequest, malformedBody, missingField, unknownField, invalidField, routeNotFound, methodNotAllowed, bodyTooLarge,
        pathTooLong, unsupportedMediaType, wrongHost, headersTooLarge, rateLimited, errorCodeNotFound,
    ]
}
