/// 9xxx: the cloud itself is at fault.
extension ErrorCode {
    package static let internalError = ErrorCode(
        9001, "INTERNAL_ERROR", status: 500, "The cloud failed to answer the request.",
        remedy: "Report the request id; repeat the request later.")
    package static let databaseFull = ErrorCode(
        9002, "DATABASE_FULL", status: 507, "The cloud's database is full.", remedy: "Repeat the request when the operator has made room.")
    package static let unavailable = ErrorCode(
        9003, "UNAVAILABLE", status: 503, "The cloud cannot reach its database.", remedy: "Repeat the request later.")

    static let serverCodes: [ErrorCode] = [internalError, databaseFull, unavailable]
}
