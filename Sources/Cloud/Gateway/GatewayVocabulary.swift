package import LabCore

/// The events that the gateway and the users' service note.
package enum GatewayVocabulary {
    package static let events: [EventKind] = [
        EventKind(
            "http.request", "A request was answered.",
            fields: [
                FieldKind("method", .text), FieldKind("route", .text, "the path's template, or 'unmatched'"), FieldKind("status", .integer),
                FieldKind("caller", .text, "anonymous, or device, user or factory with the name"), FieldKind("device", .text),
                FieldKind("user", .text), FieldKind("error", .text, "the error's name"), FieldKind("request_id", .text),
            ], volume: .traffic),
        EventKind(
            "request.refused", "The gateway refused a request before it reached a service.",
            fields: [
                FieldKind("reason", .text, "the error's name in lower case: replayed, clock_skew, not_owner"), FieldKind("status", .integer),
                FieldKind("method", .text), FieldKind("route", .text), FieldKind("device", .text, "the device that the request names"),
                FieldKind("user", .text), FieldKind("detail", .text, "why a token was not believed"), FieldKind("request_id", .text),
            ]),
        EventKind(
            "request.failed", "A service failed on a request; the caller was told INTERNAL_ERROR.",
            fields: [FieldKind("route", .text), FieldKind("request_id", .text), FieldKind("reason", .text)]),
        EventKind(
            "auth.login", "A user logged in.", fields: [FieldKind("user", .text), FieldKind("role", .text), FieldKind("peer", .text)]),
        EventKind(
            "auth.login.failed", "A login was refused.",
            fields: [FieldKind("user", .text), FieldKind("reason", .text), FieldKind("failures", .integer), FieldKind("peer", .text)]),
        EventKind(
            "audit.failed", "An entry could not be written into the audit log.",
            fields: [FieldKind("request_id", .text), FieldKind("reason", .text)]),
        EventKind(
            "database.failed", "The commit of a moment failed; those who waited for it were told, and nothing of it was kept.",
            fields: [FieldKind("reason", .text)]),
    ]
}
