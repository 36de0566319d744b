import LabCore

// Orders as the operator's staff sees them: within the scope of their roles, with reviews and refunds.
extension ChargingAPI {
    var operatorOrderEndpoints: [Endpoint] {
        [listOrders, exportOrders, oneOrder, resolveOrder, listRefunds, refundOrder]
    }

    private static let query =
        orderQuery + [
            byOrganisation, FieldKind("pile", .text), FieldKind("port", .integer), FieldKind("user", .text),
            FieldKind("has_review", .bool, "only those that somebody has to look at"),
        ]

    /// The organisation that an order belongs to: its site, or its operator where the site is gone.
    private func place(of order: OrderView) -> String { stations.tree[order.site] == nil ? order.operatorID : order.site }

    private func operatorFilter(_ request: CloudRequest, _ scope: StaffScope) throws -> OrderFilter {
        var filter = try filter(request)
        filter.user = request.query["user"]?.text
        filter.hasReview = request.query["has_review"]?.bool
        filter.pile = try request.query["pile"]?.text.map { try pile($0, .readOrders, scope, request).registered.id }
        if let port = request.query["port"]?.integer { filter.port = Int(exactly: port) }
        filter.sites = try sites(.readOrders, scope, request)
        // An operator's own filter too: a site of his is never another one's.
        if !scope.isPlatform, scope.operators.count == 1 { filter.operatorID = scope.operators.first }
        return filter
    }

    private var listOrders: Endpoint {
        staff(
            "GET", "/operator/orders", "The orders within reach, the newest first.", .readOrders, query: ChargingForms.pages + Self.query,
            answer: ChargingForms.listFields(ChargingForms.operatorOrderFields), statuses: [200, 404]
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let found = try backend.orders(try operatorFilter(request, scope), limit: page.limit, offset: page.offset)
            return ChargingForms.list(found.items.map(ChargingForms.showToOperator), page, total: found.total)
        }
    }

    private var exportOrders: Endpoint {
        staff(
            "GET", "/operator/orders/export", "The orders within reach as a table.", .readOrders, query: Self.query,
            plainAnswer: "text/csv",
            statuses: [200, 404]
        ) { request, scope in
            Self.csv(try export(try operatorFilter(request, scope)), withUser: true)
        }
    }

    private func order(_ request: CloudRequest, _ permission: StaffPermission, _ scope: StaffScope) throws -> OrderView {
        let number = request.parameter("order")
        guard let order = try backend.order(number) else { throw APIError(.orderNotFound) }
        try reach(place(of: order), permission, scope, request, what: "order \(number)", else: .orderNotFound)
        return order
    }

    private var oneOrder: Endpoint {
        staff(
            "GET", "/operator/orders/{order}", "One order.", .readOrders, answer: ChargingForms.operatorOrderFields, statuses: [200, 404]
        ) { request, scope in
            APIAnswer(data: .record(ChargingForms.showToOperator(try order(request, .readOrders, scope))))
        }
    }

    // MARK: Reviews

    private var resolveOrder: Endpoint {
        staff(
            "POST", "/operator/orders/{order}/resolve", "Decides about an order that is under review.", .resolveOrders,
            body: [
                FieldKind("review", .text, "one of the order's reviews; all where absent"),
                FieldKind("reason", .text, required: true, "why; kept with the order"),
                FieldKind("refund_fen", .integer, unit: "fen", "given back with it"),
            ], answer: ChargingForms.operatorOrderFields, statuses: [200, 404, 409]
        ) { request, scope in
            let order = try order(request, .resolveOrders, scope)
            let fen = try ChargingForms.whole("refund_fen", in: request.body, 0...10_000_000) ?? 0
            if fen > 0 { try reach(place(of: order), .refund, scope, request, what: "refund of \(order.number)", else: .orderNotFound) }
            let decision = ReviewDecision(
                order: order.number, review: try request.text("review", maximum: 32),
                reason: try request.text("reason", maximum: 512) ?? "", refundFen: fen,
                by: request.identity.label)
            return APIAnswer(data: .record(ChargingForms.showToOperator(try await backend.resolve(decision))))
        }
    }

    // MARK: Refunds

    private static let refundFields = [
        FieldKind("refund", .text, required: true, "its number at the payment service"), FieldKind("order", .text, required: true),
        FieldKind("amount_fen", .integer, unit: "fen", required: true), FieldKind("amount_text", .text, unit: "yuan"),
        FieldKind("state", .choice(["pending", "done", "failed"]), required: true), FieldKind("created_at", .text),
    ]

    private static func show(_ refund: RefundView) -> Fields {
        [
            "refund": .text(refund.number), "order": .text(refund.order), "amount_fen": .integer(refund.fen),
            "amount_text": .text(ChargingForms.yuan(refund.fen)), "state": .text(refund.state),
            "created_at": ChargingForms.time(refund.createdAt),
        ]
    }

    private var listRefunds: Endpoint {
        staff(
            "GET", "/operator/orders/{order}/refunds", "The refunds of an order.", .readOrders,
            answer: [FieldKind("items", .list(.record(Self.refundFields)), required: true)], statuses: [200, 404]
        ) { request, scope in
            let order = try order(request, .readOrders, scope)
            return APIAnswer(data: ["items": .list(try backend.refunds(of: order.number).map { .record(Self.show($0)) })])
        }
    }

    private var refundOrder: Endpoint {
        staff(
            "POST", "/operator/orders/{order}/refunds", "Gives money back; needs the header idempotency-key.", .refund,
            body: [
                FieldKind("amount_fen", .integer, unit: "fen", required: true, "1 or more"), FieldKind("reason", .text, required: true),
            ],
            answer: Self.refundFields, statuses: [201, 404, 409]
        ) { request, scope in
            let key = try ChargingForms.idempotencyKey(request)
            let order = try order(request, .refund, scope)
            let draft = RefundDraft(
                order: order.number, key: key, fen: try ChargingForms.whole("amount_fen", in: request.body, 1...10_000_000) ?? 0,
                reason: try request.text("reason", maximum: 256) ?? "", by: request.identity.label)
            return APIAnswer(status: 201, data: .record(Self.show(try await backend.refund(draft))))
        }
    }
}
