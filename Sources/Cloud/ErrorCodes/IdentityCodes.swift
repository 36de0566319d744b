/// 2xxx: who asks, and whether they may.
extension ErrorCode {
    package static let authenticationRequired = ErrorCode(
        2001, "AUTHENTICATION_REQUIRED", status: 401, "The request says nothing about who asks.",
        remedy: "Send authorization: Bearer <token>; users get one at /api/v1/auth/login, devices at registration.")
    package static let tokenInvalid = ErrorCode(
        2002, "TOKEN_INVALID", status: 401, "The token is not one of this cloud for this use.", remedy: "Get a new token.")
    package static let tokenExpired = ErrorCode(
        2003, "TOKEN_EXPIRED", status: 401, "The token has expired.",
        remedy: "Get a new token: users by login, devices at /api/v1/auth/device/token.")
    package static let tokenRevoked = ErrorCode(
        2004, "TOKEN_REVOKED", status: 401, "The token was made for keys that are no longer valid.", remedy: "Register or log in again.")
    package static let signatureRequired = ErrorCode(
        2005, "SIGNATURE_REQUIRED", status: 401, "The request must be signed.",
        remedy: "Send x-device-id, x-timestamp, x-nonce and x-signature.")
    package static let signatureInvalid = ErrorCode(
        2006, "SIGNATURE_INVALID", status: 401, "The signature does not belong to this request, or the device is not known.",
        remedy: "Sign method, path, query, host, timestamp, nonce, device id, tenant and body as they are sent.")
    package static let clockSkew = ErrorCode(
        2007, "CLOCK_SKEW", status: 401, "The timestamp is more than 300 s away from the cloud's time.",
        remedy: "Check x-server-time-signature, set the clock to x-server-time, and send the request again.")
    package static let replayed = ErrorCode(
        2008, "REPLAYED", status: 401, "This signature was used before.", remedy: "Use a new nonce for every request.")
    package static let nonceStoreFull = ErrorCode(
        2009, "NONCE_STORE_FULL", status: 429, "Too many signed requests within ten minutes.",
        remedy: "Wait for the seconds in the header retry-after.")
    package static let loginFailed = ErrorCode(
        2010, "LOGIN_FAILED", status: 401, "User name or password is wrong.", remedy: "Check both.")
    package static let loginDelayed = ErrorCode(
        2011, "LOGIN_DELAYED", status: 429, "Too many failed logins for this name.", remedy: "Wait for the seconds in the header retry-after.")
    package static let permissionDenied = ErrorCode(
        2012, "PERMISSION_DENIED", status: 403, "The role does not have the permission for this.",
        remedy: "Ask somebody whose role has the permission in data.permission.")
    package static let notOwner = ErrorCode(
        2013, "NOT_OWNER", status: 403, "A device reaches its own data only.", remedy: "Use the device's own id in the path.")
    package static let tenantMismatch = ErrorCode(
        2014, "TENANT_MISMATCH", status: 403, "The token belongs to another tenant.", remedy: "Send the token's tenant in x-tenant.")
    package static let userNotFound = ErrorCode(
        2015, "USER_NOT_FOUND", status: 404, "There is no user of this name.", remedy: "List the users at /api/v1/users.")
    package static let userExists = ErrorCode(
        2016, "USER_EXISTS", status: 409, "The user name or the mail address is taken.", remedy: "Choose another.")

    static let identityCodes: [ErrorCode] = [
        authenticationRequired, tokenInvalid, tokenExpired, tokenRevoked, signatureRequired, signatureInvalid, clockSkew, replayed,
        nonceStoreFull, loginFailed, loginDelayed, permissionDenied, notOwner, tenantMismatch, userNotFound, userExists,
    ]
}
