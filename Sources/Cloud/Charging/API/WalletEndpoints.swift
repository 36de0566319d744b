import LabCore

// The rider's wallet. Its money comes and goes by the ledger only; nothing here takes an amount on trust.
extension ChargingAPI {
    var walletEndpoints: [Endpoint] { [wallet, walletEntries, topUp] }

    private var wallet: Endpoint {
        rider(
            "GET", "/wallet", "What is in the rider's wallet.",
            answer: [
                FieldKind("balance_fen", .integer, unit: "fen", required: true), FieldKind("balance_text", .text, unit: "yuan"),
                FieldKind("held_fen", .integer, unit: "fen", required: true, "reserved by orders that run"),
                FieldKind("due_fen", .integer, unit: "fen", required: true, "owed by orders that are not paid"),
            ]
        ) { _, user in
            let wallet = try backend.wallet(of: user)
            return APIAnswer(data: [
                "balance_fen": .integer(wallet.balance), "balance_text": .text(ChargingForms.yuan(wallet.balance)),
                "held_fen": .integer(wallet.held),
                "due_fen": .integer(wallet.due),
            ])
        }
    }

    private var walletEntries: Endpoint {
        rider(
            "GET", "/wallet/entries", "What came into the wallet and went out of it, the newest first.", query: ChargingForms.pages,
            answer: ChargingForms.listFields([
                FieldKind("at", .text, required: true), FieldKind("kind", .text, required: true), FieldKind("order", .text),
                FieldKind("amount_fen", .integer, unit: "fen", required: true), FieldKind("amount_text", .text, unit: "yuan"),
            ])
        ) { request, user in
            let page = try ChargingForms.page(request)
            let found = try backend.walletEntries(of: user, limit: page.limit, offset: page.offset)
            let items = found.items.map { entry -> Fields in
                var fields: Fields = ["at": ChargingForms.time(entry.at), "kind": .text(entry.kind)]
                if let order = entry.order { fields["order"] = .text(order) }
                fields["amount_fen"] = .integer(entry.fen)
                fields["amount_text"] = .text(ChargingForms.yuan(entry.fen))
                return fields
            }
            return ChargingForms.list(items, page, total: found.total)
        }
    }

    private var topUp: Endpoint {
        rider(
            "POST", "/wallet/top-ups", "Begins a payment into the wallet; needs the header idempotency-key.",
            body: [FieldKind("amount_fen", .integer, unit: "fen", required: true, "1 to 1000000"), Self.channel],
            answer: Self.paymentFields,
            statuses: [201, 409]
        ) { request, user in
            let key = try ChargingForms.idempotencyKey(request)
            let fen = try ChargingForms.whole("amount_fen", in: request.body, 1...1_000_000) ?? 0
            let payment = try await backend.startTopUp(user: user, fen: fen, channel: request.body["channel"]?.text ?? "", key: key)
            return APIAnswer(status: 201, data: Self.show(payment))
        }
    }
}
