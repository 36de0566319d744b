package import LabCore

/// What the payment service can do, tell, answer and suffer, for the checker and for `lab describe`.
extension PaymentService {
    package static let kind = NodeKind(
        name: "payments",
        about: "A payment service with the shapes of WeChat Pay API v3 and Alipay, with test keys of its own and one merchant.",
        actions: actions, events: events, queries: queries, faults: faultKinds)

    private static let channel = FieldKind("channel", .choice(PaymentBook.Channel.allCases.map(\.rawValue)), "both where absent")
    private static let times = FieldKind("times", .integer, "ends after striking so often; lasts where absent")
    private static let attempt = FieldKind("attempt", .text, required: true, "the merchant's number (out_trade_no)")
    private static let cents = FieldKind("cents", .integer, unit: "cents")

    private static let actions = [
        ActionKind(
            "pay", "The user pays in the app.",
            takes: [
                attempt, FieldKind("cents", .integer, unit: "cents", "what arrives, where it is not what was asked for"),
                FieldKind("force", .bool, "also where the payment is closed or its time is over: the money was under way"),
            ], gives: [FieldKind("transaction", .text), cents]),
        ActionKind(
            "refund.finish", "Ends a refund that is under way.",
            takes: [FieldKind("refund", .text, required: true, "the merchant's number")],
            gives: [FieldKind("state", .choice(["processing", "success", "closed", "abnormal"]))]),
        ActionKind(
            "trade.finish", "Ends the time for refunds of an Alipay trade, which is noticed once more as TRADE_FINISHED.", takes: [attempt],
            gives: [FieldKind("state", .choice(["waiting", "paid", "closed", "finished"]))]),
    ]

    private static let queries = [
        ActionKind(
            "transaction", "A payment as the service sees it.", takes: [attempt],
            gives: [
                FieldKind("channel", .text), FieldKind("transaction", .text),
                FieldKind("state", .choice(["waiting", "paid", "closed", "finished"])),
                FieldKind("cents", .integer, unit: "cents", "what arrived"), FieldKind("asked", .integer, unit: "cents"),
                FieldKind("refunded", .integer, unit: "cents"), FieldKind("refunds", .integer),
                FieldKind("notices", .integer, "sent so far"),
                FieldKind("noticed", .bool, "the last one was taken"),
            ]),
        ActionKind(
            "refund", "A refund as the service sees it.", takes: [FieldKind("refund", .text, required: true)],
            gives: [
                FieldKind("attempt", .text), cents, FieldKind("state", .choice(["processing", "success", "closed", "abnormal"])),
                FieldKind("id", .text),
            ]),
        ActionKind(
            "balance", "Money that the service holds for the merchant.", takes: [channel],
            gives: [cents, FieldKind("paid", .integer, unit: "cents"), FieldKind("refunded", .integer, unit: "cents")]),
        ActionKind(
            "statement", "The sums of a day of Beijing's calendar.",
            takes: [FieldKind("day", .text, required: true, "2026-01-02"), channel],
            gives: [
                FieldKind("rows", .integer), FieldKind("paid", .integer, unit: "cents"), FieldKind("refunded", .integer, unit: "cents"),
                cents,
            ]),
    ]

    private static let call = FieldKind(
        "call", .choice(["prepay", "query", "close", "refund", "refund_query", "bill", "bill_download", "certificates"]), "all where absent"
    )

    private static let faultKinds = [
        ActionKind("notice.lose", "Notices do not arrive.", takes: [channel, times]),
        ActionKind(
            "notice.duplicate", "Each notice comes several times, a second apart.",
            takes: [FieldKind("times", .integer, required: true, "how often in all, 2 to 1000"), channel]),
        ActionKind(
            "notice.late", "The first try of a notice waits.", takes: [FieldKind("by", .duration, required: true), channel, times]),
        ActionKind(
            "notice.tamper", "Notices have another amount than the one that was signed.",
            takes: [FieldKind("cents", .integer, unit: "cents", "1 where absent"), channel, times]),
        ActionKind("notice.wrong_signature", "Notices have a signature over something else.", takes: [channel, times]),
        ActionKind(
            "notice.expired", "Notices are signed with a time that is too old.",
            takes: [FieldKind("by", .duration, "6m where absent; the cloud takes up to 5 minutes"), channel, times]),
        ActionKind(
            "notice.probe", "WeChat Pay sends a notice whose signature begins with WECHATPAY/SIGNTEST/ now, and one before each notice.",
            takes: [channel, times]),
        ActionKind("answer.lose", "Requests take effect, and the connection breaks before the answer.", takes: [call, channel, times]),
        ActionKind("answer.tamper", "A digit of each answer is another one than was signed.", takes: [call, channel, times]),
        ActionKind(
            "refund.fail", "Refunds fail: WeChat Pay takes them and ends them so, Alipay refuses them.",
            takes: [FieldKind("state", .choice(["abnormal", "closed"]), "WeChat Pay; abnormal where absent"), channel, times]),
        ActionKind("refund.slow", "Refunds take long.", takes: [FieldKind("by", .duration, "1h where absent"), channel, times]),
        ActionKind(
            "down", "The service does nothing and sends nothing.",
            takes: [
                FieldKind("mode", .choice(["unreachable", "error", "busy"]), "no connection, 500 or 429; unreachable where absent"),
                channel,
            ]),
    ]

    private static func event(_ name: String, _ about: String, _ fields: FieldKind...) -> EventKind {
        EventKind(name, about, fields: [FieldKind("channel", .text), FieldKind("attempt", .text)] + fields)
    }

    private static let transaction = FieldKind("transaction", .text)
    private static let refund = FieldKind("refund", .text)
    private static let notice = [FieldKind("kind", .choice(["payment", "refund", "finished"])), FieldKind("try", .integer)]

    private static let events = [
        event("prepay.accepted", "The merchant has opened a payment.", cents),
        event("payment.made", "The user has paid.", transaction, cents),
        event("payment.closed", "The merchant has closed a payment."),
        event("trade.finished", "The time for refunds is over.", transaction),
        event("refund.accepted", "The merchant has asked for a refund.", refund, cents),
        event("refund.finished", "A refund has ended.", refund, cents, FieldKind("state", .choice(["success", "closed", "abnormal"]))),
        event(
            "notice.sent", "A notice goes to the cloud.", notice[0], notice[1],
            FieldKind("flaw", .choice(["probe", "tamper", "wrong_signature", "expired"]))),
        event("notice.lost", "A notice was lost on its way.", notice[0], notice[1]),
        event(
            "notice.answered", "The cloud has answered a notice, or nobody has.", notice[0], notice[1], FieldKind("status", .integer),
            FieldKind("failure", .text), FieldKind("taken", .bool)),
        event("notice.given_up", "The last try of a notice was not taken.", notice[0], notice[1]),
        event(
            "probe.answered", "The cloud has answered a probe.", notice[0], notice[1], FieldKind("status", .integer),
            FieldKind("failure", .text)),
        EventKind(
            "request.refused", "A request of the merchant was refused.",
            fields: [FieldKind("channel", .text), FieldKind("call", .text), FieldKind("code", .text)]),
        EventKind(
            "answer.lost", "A request took effect and its answer was lost.",
            fields: [FieldKind("channel", .text), FieldKind("call", .text)]),
        EventKind(
            "answer.tampered", "An answer was changed after it was signed.",
            fields: [FieldKind("channel", .text), FieldKind("call", .text)]),
        EventKind(
            "statement.served", "The merchant has asked for a statement.",
            fields: [FieldKind("channel", .text), FieldKind("day", .text), FieldKind("rows", .integer)]),
    ]
}
