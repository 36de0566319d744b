package import LabCore

/// What scenarios can say about piles, orders, wallets and payments. What the gateway and the payments note, they list themselves.
package enum ChargingVocabulary {
    private static let order = FieldKind("order", .text, "the order's number")
    private static let requiredOrder = FieldKind("order", .text, required: true, "the order's number")
    private static let user = FieldKind("user", .text)
    private static let requiredUser = FieldKind("user", .text, required: true)
    private static let pile = FieldKind("pile", .text, "the pile's id")
    private static let requiredPile = FieldKind("pile", .text, required: true, "the pile's id")
    private static let port = FieldKind("port", .integer, "from 1")
    private static let requiredPort = FieldKind("port", .integer, required: true, "from 1")
    private static let cents = FieldKind("cents", .integer, unit: "fen")
    private static let requiredCents = FieldKind("cents", .integer, unit: "fen", required: true)
    private static let energy = FieldKind("energy", .integer, unit: "dWh")
    private static let reason = FieldKind("reason", .text)
    private static let operatorID = FieldKind("operator", .text, "lab where absent")
    private static let site = FieldKind("site", .text, "a site's code, depot where absent")
    private static let channel = FieldKind("channel", .choice(["wechat", "alipay"]))
    private static let attempt = FieldKind("attempt", .text, "our number of a payment")
    private static let transaction = FieldKind("transaction", .text, "the payment service's number")
    private static let states = FieldType.choice(OrderState.allCases.map(\.rawValue))
    private static let reviews = FieldType.choice(OrderReview.allCases.map(\.rawValue))
    private static let tariff = FieldKind("tariff", .record(TariffVocabulary.fields), "in the form of Docs/charging-prices.md")

    /// Those of all protocols; a pile refuses what is not its own.
    private static let parameters: [FieldKind] = {
        var kinds: [FieldKind] = []
        for parameter in PileProtocol.allCases.flatMap({ WireParameter.all($0) }) where !kinds.contains(where: { $0.name == parameter.name }) {
            kinds.append(FieldKind(parameter.name, .integer, unit: parameter.unit))
        }
        return kinds
    }()

    static let commits =
        OrderQueue.Word.allCases.map(\.rawValue) + [
            "organisation.add", "organisation.change", "pile.enter", "pile.change", "pile.image", "pile.business", "port.change",
            "tariff.set", "alarm.raise",
            "alarm.clear", "alarm.acknowledge", "batch.begin", "batch.results", "batch.resume", "parameters.settle", "partner.key",
            "role.add",
            "staff.grant", "staff.revoke", "shares.run", "payment.start", "payment.open", "payment.close", "payment.confirm",
            "payment.refund", "payment.refunded", "payment.statement",
        ]

    /// Further fields of `commit.before` and `commit.after`.
    static let commitFields = [
        FieldKind("order", .text), FieldKind("pile", .text), FieldKind("port", .integer), FieldKind("site", .text),
        FieldKind("organisation", .text),
        FieldKind("kind", .text), FieldKind("piles", .integer), FieldKind("attempt", .text), FieldKind("refund", .text),
        FieldKind("channel", .text),
        FieldKind("subject", .text), FieldKind("day", .text), FieldKind("batch", .integer), FieldKind("user", .text),
        FieldKind("key", .text),
    ]

    package static let actions: [ActionKind] = stations + orders + money

    private static let stations = [
        ActionKind(
            "pile.provision", "Enters a pile, or a range of them, with their operator and site where those are not there.",
            takes: [
                pile, FieldKind("prefix", .text, "of a range: the digits before the number"),
                FieldKind("from", .integer, "the first number of a range, 1 where absent"),
                FieldKind("count", .integer, "piles of a range, 100000 at most"),
                FieldKind("protocol", .choice(PileProtocol.allCases.map(\.rawValue)), "dny where absent"),
                FieldKind("ports", .integer, "2 where absent"), operatorID, site,
                FieldKind("rated_power", .integer, unit: "W", "of a port, 2000 where absent"),
                FieldKind("utc_offset", .integer, unit: "min", "of a new operator, 480 where absent"),
            ], gives: [FieldKind("count", .integer), FieldKind("site", .text, "the site's id")]),
        ActionKind(
            "tariff.set", "Adds a version of the tariff of an operator or a site.",
            takes: [
                FieldKind("tariff", .record(TariffVocabulary.fields), required: true, "in the form of Docs/charging-prices.md"), operatorID,
                FieldKind("site", .text, "a site's code; all of the operator where absent"),
            ],
            gives: [FieldKind("tariff", .text, "organisation and version: lab.depot@2")]),
        ActionKind(
            "port.disable", "Takes a port out of service; what charges there goes on.", takes: [requiredPile, requiredPort, reason]),
        ActionKind("port.enable", "Puts a port back into service.", takes: [requiredPile, requiredPort]),
        ActionKind(
            "alarm.clear", "An operator says that an alarm is over.", takes: [requiredPile, port, FieldKind("kind", .text, required: true)]),
        ActionKind("pile.restart", "Restarts a pile from afar.", takes: [requiredPile], gives: [FieldKind("batch", .integer)]),
        ActionKind(
            "pile.set_parameters", "Sets parameters of a pile.",
            takes: [requiredPile, FieldKind("parameters", .record(parameters), required: true)],
            gives: [FieldKind("batch", .integer)]),
        ActionKind(
            "pile.upgrade", "Sends firmware to a pile.",
            takes: [requiredPile, FieldKind("image", .file, required: true), FieldKind("version", .text, required: true)],
            gives: [FieldKind("batch", .integer)]),
        ActionKind(
            "pile.query", "Asks a pile for the state of its ports.", takes: [requiredPile], gives: [FieldKind("sent", .bool)]),
        ActionKind(
            "card.register", "Gives a card to a user, at all operators or at one.",
            takes: [FieldKind("card", .text, required: true), requiredUser, FieldKind("operator", .text)]),
    ]

    private static let orders = [
        ActionKind(
            "order.create", "A user asks for a charge: the deposit is set aside and the pile is told to start.",
            takes: [
                FieldKind("user", .text, "who charges"), FieldKind("pile", .text), FieldKind("port", .integer),
                FieldKind("users", .integer, "in place of user, pile and port: riders of a crowd of so many, in turn, each at the next port that is free"),
                FieldKind("minutes", .integer, unit: "min", "a quarter of one where a crowd names no limit"), FieldKind("energy", .integer, unit: "Wh"), tariff,
                FieldKind("cents_per_minute", .integer, unit: "fen"), FieldKind("cents_per_kwh", .integer, unit: "fen"),
                FieldKind("hold", .integer, unit: "fen", "what the limits cost where absent"), FieldKind("client_key", .text),
            ],
            gives: [
                order, FieldKind("state", states), FieldKind("limit_energy", .integer, unit: "dWh"),
                FieldKind("limit_seconds", .integer, unit: "s"),
                FieldKind("hold", .integer, unit: "fen"),
            ]),
        ActionKind(
            "order.stop", "The user ends his charge: the order named, or the one that runs.", takes: [order, user],
            gives: [order, FieldKind("state", states)]),
        ActionKind(
            "order.resolve", "An operator decides about an order that is under review.",
            takes: [
                requiredOrder, FieldKind("review", reviews, "all that are open where absent"), FieldKind("reason", .text, required: true),
                FieldKind("cents", .integer, unit: "fen", "given back"),
            ], gives: [order, FieldKind("state", states)]),
    ]

    private static let money = [
        ActionKind(
            "wallet.top_up", "Money for a wallet that no payment service brings; makes the user where he is not there.",
            takes: [requiredUser, requiredCents, FieldKind("key", .text, "tops up once for each")],
            gives: [FieldKind("cents", .integer, unit: "fen", "in the wallet")]),
        ActionKind(
            "payment.start", "A user begins to pay what an order owes, or to fill his wallet.",
            takes: [order, user, cents, FieldKind("channel", .choice(["wechat", "alipay"]), "wechat where absent")],
            gives: [attempt, FieldKind("fen", .integer, unit: "fen"), FieldKind("parameters", .any, "what the channel's app goes on with")]),
        ActionKind(
            "refund.create", "An operator gives back part of what an order cost.",
            takes: [requiredOrder, FieldKind("key", .text, required: true), requiredCents],
            gives: [FieldKind("refund", .text, "its number at the payment service"), FieldKind("state", .choice(["pending", "done"]))]),
        ActionKind(
            "reconcile.run", "Asks payment services for what was not heard of, and compares a day.",
            takes: [FieldKind("day", .text, "2026-01-31; today where absent"), operatorID], gives: reconciliation),
        ActionKind(
            "shares.agree", "Says who gets which part of an operator's revenue from a month on.",
            takes: [
                operatorID, FieldKind("month", .text, required: true),
                FieldKind(
                    "parties", .list(.record([FieldKind("party", .text, required: true), FieldKind("basis_points", .integer, required: true, "10000 in all")])),
                    required: true),
            ]),
        ActionKind(
            "shares.run", "Shares out an operator's month, once.",
            takes: [operatorID, FieldKind("month", .text, required: true, "2026-01")],
            gives: [cents, FieldKind("parts", .any), FieldKind("repeated", .bool)]),
    ]

    package static let queries: [ActionKind] =
        [
            ActionKind(
                "order", "How an order stands.", takes: [requiredOrder],
                gives: [
                    order, user, pile, port, FieldKind("operator", .text), FieldKind("state", states),
                    FieldKind("link", .choice(OrderLink.allCases.map(\.rawValue))),
                    FieldKind("review", .list(.text)), FieldKind("flags", .list(.text)), FieldKind("estimated", .bool), energy,
                    FieldKind("seconds", .integer, unit: "s"), FieldKind("samples", .integer),
                    FieldKind("running", .integer, unit: "fen", "what it costs so far"),
                    FieldKind("hold", .integer, unit: "fen"), FieldKind("price", .integer, unit: "fen"), FieldKind("lines", .any),
                    FieldKind("captured", .integer, unit: "fen"),
                    FieldKind("paid", .integer, unit: "fen"), FieldKind("open", .integer, unit: "fen"),
                    FieldKind("returned", .integer, unit: "fen"),
                    FieldKind("refunded", .integer, unit: "fen"), FieldKind("absorbed", .integer, unit: "fen"), reason,
                    FieldKind("card", .text),
                    FieldKind("limit_energy", .integer, unit: "dWh"), FieldKind("limit_seconds", .integer, unit: "s"),
                    FieldKind("tariff", .any),
                ]),
            ActionKind(
                "orders", "How many orders there are in each state.", takes: [user, pile, port, FieldKind("state", states)],
                gives: [FieldKind("count", .integer), FieldKind("active", .integer), FieldKind("review", .integer)]
                    + OrderState.allCases.map { FieldKind($0.rawValue, .integer) } + [
                        FieldKind("last", .text, "the newest order"), energy, cents,
                    ]),
            ActionKind(
                "wallet", "What a user's wallet has.", takes: [requiredUser],
                gives: [
                    FieldKind("cents", .integer, unit: "fen", "free to use"), FieldKind("held", .integer, unit: "fen"),
                    FieldKind("due", .integer, unit: "fen"),
                ]),
            ActionKind(
                "pile", "How a pile stands.", takes: [requiredPile],
                gives: [
                    pile, FieldKind("operator", .text), FieldKind("site", .text), FieldKind("online", .bool), FieldKind("protocol", .text),
                    FieldKind("ports", .list(.text)), FieldKind("firmware", .text), FieldKind("disabled", .list(.integer)),
                    FieldKind("alarms", .list(.text)),
                    FieldKind("orders", .integer, "that run"),
                ]),
            ActionKind(
                "ledger", "The entries of an order.", takes: [requiredOrder],
                gives: [
                    FieldKind("entries", .list(.any)), FieldKind("count", .integer), FieldKind("postings", .integer),
                    FieldKind("revenue", .integer, unit: "fen"),
                    FieldKind("receivable", .integer, unit: "fen"), FieldKind("hold", .integer, unit: "fen"),
                ]),
            ActionKind(
                "invariants", "Everything that charging-orders.md 2.2 says must hold, over the database.", takes: [],
                gives: [FieldKind("violations", .integer), FieldKind("text", .text), FieldKind("orders", .integer)]),
            ActionKind(
                "bills", "The bills that are in the database.", takes: [pile, order],
                gives: [FieldKind("booked", .integer), FieldKind("quarantined", .integer), FieldKind("reasons", .list(.text))]),
            ActionKind(
                "reconciliation", "What the comparison of a day found.", takes: [FieldKind("day", .text), operatorID],
                gives: reconciliation),
        ] + Payments.queryKinds

    private static let reconciliation = [
        FieldKind("findings", .integer), FieldKind("text", .text), FieldKind("kinds", .list(.text)), FieldKind("report", .any),
    ]

    package static let faults: [ActionKind] = []

    package static let events: [EventKind] = orderEvents + moneyEvents + stationEvents + Payments.eventKinds + PileGatewayVocabulary.events

    private static let place = [order, user, pile, port]

    private static let orderEvents = [
        EventKind(
            "invariant.violated", "A commit broke something that must always hold; looked for where the cloud is `audited`.",
            fields: [FieldKind("what", .text, "the commit"), FieldKind("text", .text)]),
        EventKind(
            "order.created", "An order and its deposit are there.",
            fields: place + [
                FieldKind("tariff", .any), FieldKind("hold", .integer, unit: "fen"), FieldKind("card", .text), FieldKind("offline", .bool),
            ]),
        EventKind("order.started", "The pile charges.", fields: place),
        EventKind(
            "order.state", "An order is in another state.", fields: [order, FieldKind("from", states), FieldKind("to", states), reason]),
        EventKind(
            "order.sample", "A look at the charge was taken.",
            fields: [order, energy, FieldKind("power", .integer, unit: "dW"), FieldKind("cents", .integer, unit: "fen", "so far")],
            volume: .traffic),
        EventKind(
            "order.settled", "An order has its price.",
            fields: place + [cents, energy, FieldKind("seconds", .integer, unit: "s"), reason, FieldKind("estimated", .bool)]),
        EventKind("order.closed", "An order is paid.", fields: place + [cents]),
        EventKind("order.cancelled", "An order ended without a charge.", fields: place + [reason]),
        EventKind("order.review", "A person has to look at an order.", fields: [order, FieldKind("reason", reviews)]),
        EventKind(
            "order.resolved", "A person has looked at an order.",
            fields: [order, FieldKind("review", reviews), FieldKind("by", .text), cents]),
        EventKind(
            "bill.quarantined", "A bill is kept and not booked.",
            fields: [
                pile, port, order,
                FieldKind("reason", .choice(["already_settled", "unknown_order", "foreign_order", "implausible", "unknown_card"])), energy,
            ]),
        EventKind("card.refused", "A card at a port was refused.", fields: [pile, port, FieldKind("card", .text), reason]),
    ]

    private static let moneyEvents = [
        EventKind(
            "wallet.debited", "A user is charged, or less than before where cents are below 0; `owed` where the wallet cannot pay it.",
            fields: [user, order, cents, FieldKind("owed", .bool)]),
        EventKind(
            "wallet.credited", "Money came into a wallet.",
            fields: [user, order, cents, FieldKind("kind", .choice(["top_up", "payment", "adjustment", "refund"]))]),
        EventKind(
            "revenue.credited", "An operator earned by a line of the price, or less than before where cents are below 0.",
            fields: [FieldKind("operator", .text), order, FieldKind("line", .text), cents]),
        EventKind(
            "payment.booked", "Money of a payment service is booked.",
            fields: [channel, transaction, attempt, cents, order, user, FieldKind("open", .integer, unit: "fen")]),
        EventKind("payment.repeated", "A notice came that is booked already.", fields: [channel, transaction, attempt, cents]),
        EventKind(
            "payment.returned", "Nothing was owed for a payment: all of it goes back.",
            fields: [channel, transaction, attempt, cents, order, FieldKind("refund", .text)]),
        EventKind(
            "payment.refused", "A notice was not believed, or is about nothing that is known.",
            fields: [channel, transaction, attempt, cents, reason]),
        EventKind("refund.accepted", "A refund is booked.", fields: [order, FieldKind("key", .text), FieldKind("refund", .text), cents]),
        EventKind("refund.done", "A payment service has paid a refund out.", fields: [order, FieldKind("refund", .text), cents]),
        EventKind("refund.failed", "A payment service could not pay a refund out.", fields: [order, FieldKind("refund", .text), cents]),
    ]

    private static let stationEvents = [
        EventKind(
            "alarm.raised", "Something is wrong at a pile.",
            fields: [pile, FieldKind("operator", .text), port, order, FieldKind("kind", .text), FieldKind("text", .text)]),
        EventKind("alarm.cleared", "It is over.", fields: [pile, port, FieldKind("kind", .text)]),
        EventKind("port.disabled", "A port is out of service.", fields: [pile, port, FieldKind("by", .text)]),
        EventKind("port.enabled", "A port is back in service.", fields: [pile, port, FieldKind("by", .text)]),
        EventKind(
            "tariff.changed", "There is a new version of a tariff.",
            fields: [FieldKind("organisation", .text), FieldKind("tariff", .text), FieldKind("by", .text)]),
        EventKind(
            "batch.begun", "Something is done to many piles.",
            fields: [FieldKind("batch", .integer), FieldKind("kind", .text), FieldKind("piles", .integer), FieldKind("by", .text)]),
        EventKind(
            "batch.finished", "A batch has a result for each pile.",
            fields: [
                FieldKind("batch", .integer), FieldKind("kind", .text), FieldKind("done", .integer), FieldKind("failed", .integer),
                FieldKind("stored", .integer),
            ]),
        EventKind("parameters.applied", "A pile has taken its parameters.", fields: [pile, FieldKind("version", .integer)]),
        EventKind("parameters.rejected", "A pile has refused its parameters.", fields: [pile, FieldKind("version", .integer), reason]),
        EventKind("rider.registered", "Somebody registered to charge.", fields: [user]),
        EventKind(
            "staff.granted", "Somebody got a role.",
            fields: [user, FieldKind("role", .text), FieldKind("organisation", .text), FieldKind("by", .text)]),
        EventKind("staff.revoked", "Somebody lost a role.", fields: [user, FieldKind("by", .text)]),
        EventKind(
            "security.foreign_tenant", "Somebody asked for what is another tenant's, and was told that it is not there.",
            fields: [
                FieldKind("caller", .text), FieldKind("owner", .text), FieldKind("what", .text), FieldKind("method", .text),
                FieldKind("request_id", .text),
            ]),
        EventKind("stations.failed", "The database did not take something of the stations.", fields: [FieldKind("what", .text), reason]),
    ]
}
