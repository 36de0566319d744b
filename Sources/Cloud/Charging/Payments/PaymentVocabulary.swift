import GRDB
package import LabCore

/// What scenarios can hear of the payments, and ask them.
extension Payments {
    private static let channel = FieldKind("channel", .text)
    private static let attemptField = FieldKind("attempt", .text)
    private static let cents = FieldKind("cents", .integer, unit: "cents")

    package static let eventKinds = [
        EventKind(
            "payment.started", "An attempt to pay is durable; the service is asked next.",
            fields: [attemptField, FieldKind("order", .text), FieldKind("user", .text), channel, cents]),
        EventKind(
            "payment.confirmed", "A payment that the service has confirmed was handed to the orders.",
            fields: [
                channel, attemptField, FieldKind("order", .text), FieldKind("transaction", .text), cents,
                FieldKind("outcome", .choice(["booked", "repeated", "returned", "refused"])),
                FieldKind("by", .choice(["notice", "query", "statement"])),
            ]),
        EventKind(
            "payment.closed", "An attempt has ended without money.",
            fields: [attemptField, channel, FieldKind("state", .choice(["closed", "refused"])), FieldKind("reason", .text)]),
        EventKind(
            "payment.notice_refused", "A notice was not believed; nothing changed.",
            fields: [channel, attemptField, FieldKind("reason", .choice(NoticeRefusal.allCases.map(\.rawValue)))]),
        EventKind("payment.notice_ignored", "A notice that changes nothing here.", fields: [channel, FieldKind("event", .text)]),
        EventKind(
            "payment.refund", "A refund goes on.",
            fields: [
                channel, attemptField, FieldKind("refund", .text), cents,
                FieldKind("state", .choice(["pending", "done", "failed", "refused"])),
                FieldKind("reason", .text),
            ]),
        EventKind(
            "payment.statement", "A day's statement is in the database.",
            fields: [channel, FieldKind("day", .text), FieldKind("rows", .integer), cents, FieldKind("differences", .integer)]),
        EventKind(
            "payment.unanswered", "A request to a payment service brought nothing that can be believed.",
            fields: [channel, FieldKind("call", .text), FieldKind("reason", .text)]),
        EventKind(
            "payment.alarm", "Somebody must look at a payment.", fields: [FieldKind("kind", .text), FieldKind("text", .text), attemptField]),
        EventKind(
            "payment.failed", "The database failed the payments; it is tried again.",
            fields: [FieldKind("what", .text), FieldKind("reason", .text)]),
    ]

    package static let queryKinds = [
        ActionKind(
            "payment", "An attempt to pay.", takes: [FieldKind("attempt", .text, required: true)],
            gives: [
                FieldKind("order", .text), FieldKind("user", .text), channel, cents,
                FieldKind("state", .choice(["created", "open", "paid", "closed", "refused"])),
                FieldKind("transaction", .text), FieldKind("outcome", .text), FieldKind("refunds", .integer),
                FieldKind("refunded", .integer, unit: "cents"),
            ]),
        ActionKind(
            "statement", "A day's statement as it was fetched.",
            takes: [FieldKind("channel", .text, required: true), FieldKind("day", .text, required: true, "2026-01-02, Beijing's")],
            gives: [
                FieldKind("fetched", .bool), FieldKind("rows", .integer), FieldKind("paid", .integer, unit: "cents"),
                FieldKind("refunded", .integer, unit: "cents"),
            ]),
    ]

    /// Answers one of `queryKinds`.
    ///
    /// - Throws: `ActionFailure` `unknown_attempt`, `unknown_query`; the storage's errors.
    package func answer(_ query: String, _ arguments: Fields) throws -> Fields {
        switch query {
        case "payment":
            let number = arguments["attempt"]?.text ?? ""
            let found = try storage.read { db in (try PaymentStore.attempt(number, in: db), try PaymentStore.refunds(of: number, in: db)) }
            guard let attempt = found.0 else { throw ActionFailure("unknown_attempt", "No attempt has the number '\(number)'.") }
            return [
                "order": .text(attempt.order), "user": .text(attempt.user), "channel": .text(attempt.channel),
                "cents": .integer(attempt.fen),
                "state": .text(attempt.state.rawValue), "transaction": .text(attempt.transaction ?? ""),
                "outcome": .text(attempt.outcome ?? ""),
                "refunds": .integer(Int64(found.1.count)),
                "refunded": .integer(found.1.reduce(0) { $0 + ($1.state == .done ? $1.fen : 0) }),
            ]
        case "statement":
            let rows = try storage.read { db in
                try PaymentStore.statement(channel: arguments["channel"]?.text ?? "", day: arguments["day"]?.text ?? "", in: db)
            }
            return [
                "fetched": .bool(rows != nil), "rows": .integer(Int64(rows?.count ?? 0)),
                "paid": .integer((rows ?? []).reduce(0) { $0 + ($1.refund == nil ? $1.fen : 0) }),
                "refunded": .integer((rows ?? []).reduce(0) { $0 + ($1.refund == nil ? 0 : $1.fen) }),
            ]
        default: throw ActionFailure("unknown_query", "The payments have no query '\(query)'.")
        }
    }
}
