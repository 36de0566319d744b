import LabCore

// Scan, order, watch, stop, pay; and the rider's own account.
extension ChargingAPI {
    var riderEndpoints: [Endpoint] {
        [register, me, scan, createOrder, listOwnOrders, exportOwnOrders, ownOrderEndpoint, stopOwnOrder, payOrder]
    }

    // MARK: The account

    private static let accountFields = [
        FieldKind("username", .text, required: true), FieldKind("phone", .text, "masked"), FieldKind("email", .text),
        FieldKind("created_at", .text),
    ]

    private static func show(_ user: User) -> Fields {
        var fields: Fields = ["username": .text(user.name)]
        if let phone = user.phone { fields["phone"] = .text(Phone.masked(phone)) }
        fields["email"] = .text(user.email)
        fields["created_at"] = .text(user.createdAt)
        return fields
    }

    private var register: Endpoint {
        Endpoint(
            "POST", Self.root + "/riders", "Registers a rider, who then logs in at /api/v1/auth/login.", access: .open, rateClass: .login,
            body: [
                FieldKind("username", .text, required: true, UserRules.nameRule), FieldKind("phone", .text, required: true, Phone.rule),
                FieldKind("password", .text, required: true, UserRules.passwordRule), FieldKind("email", .text),
            ], answer: Self.accountFields, statuses: [201, 409]
        ) { request in
            guard request.tenant == users.tenant else { throw APIError(.tenantMismatch) }
            let name = try request.text("username", maximum: 64) ?? ""
            let phone = try request.text("phone", maximum: 20) ?? ""
            guard Phone.isNumber(phone) else { throw APIError.invalidField("phone", "'phone' is wrong: \(Phone.rule).") }
            try users.create(
                name: name, email: try request.text("email"), phone: Phone.canonical(phone), password: request.body["password"]?.text ?? "",
                role: .rider)
            guard let user = try users.find(name) else { throw APIError(.internalError) }
            environment.note("rider.registered", ["user": .text(name)])
            return APIAnswer(status: 201, data: .record(Self.show(user)))
        }
    }

    private var me: Endpoint {
        rider("GET", "/me", "The rider's own account.", answer: Self.accountFields) { _, name in
            guard let user = try users.find(name) else { throw APIError(.userNotFound) }
            return APIAnswer(data: .record(Self.show(user)))
        }
    }

    // MARK: Scanning

    private var scan: Endpoint {
        rider(
            "GET", "/scan", "What the code on a pile leads to: the port, its state, its price.",
            query: [FieldKind("code", .text, required: true, "'<pile>:<port>', as printed beside the port")],
            answer: [
                FieldKind("pile", .text, required: true), FieldKind("port", .integer, required: true), FieldKind("site", .text),
                FieldKind("site_name", .text),
                FieldKind("state", .choice(PortState.allCases.map(\.rawValue))), FieldKind("is_online", .bool),
                FieldKind("can_start", .bool),
                FieldKind("obstacle", .text, "why no charge can begin: pile_offline, port_disabled, port_faulted, port_busy, no_tariff"),
                FieldKind("rated_power_dw", .integer, unit: "dW"), FieldKind("tariff", .text), FieldKind("tariff_rules", .record([])),
            ], statuses: [200, 404]
        ) { request, _ in
            let code = request.query["code"]?.text ?? ""
            let parts = code.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, (1...64).contains(parts[0].utf8.count), let port = Int(parts[1]), (1...32).contains(port) else {
                throw APIError.invalidField("code", "'code' must be '<pile>:<port>' as printed beside the port")
            }
            return APIAnswer(data: .record(try shown(pile: String(parts[0]), port: port)))
        }
    }

    private func shown(pile id: String, port: Int) throws(APIError) -> Fields {
        guard let pile = stations.pile(id) else { throw APIError(.pileNotFound) }
        guard let condition = stations.condition(pile: id, port: port) else { throw APIError(.portNotFound) }
        var fields: Fields = ["pile": .text(id), "port": .integer(Int64(port)), "site": .text(pile.site)]
        if let site = stations.tree[pile.site] { fields["site_name"] = .text(site.name) }
        fields["state"] = .text(condition.state.rawValue)
        fields["is_online"] = .bool(condition.isOnline)
        let tariff = stations.tariff(pile: id, at: stations.milliseconds)
        let obstacle: String? =
            if !condition.isOnline { "pile_offline" } else if condition.isDisabled { "port_disabled" } else if condition.fault != nil {
                "port_faulted"
            } else if condition.state == .charging { "port_busy" } else if tariff == nil { "no_tariff" } else { nil }
        fields["can_start"] = .bool(obstacle == nil)
        if let obstacle { fields["obstacle"] = .text(obstacle) }
        fields["rated_power_dw"] = .integer(pile.ratedPower)
        if let tariff {
            fields["tariff"] = .text(tariff.label)
            fields["tariff_rules"] = .record(tariff.rules)
        }
        return fields
    }

    // MARK: Orders

    private var createOrder: Endpoint {
        rider(
            "POST", "/orders", "Begins a charge; needs the header idempotency-key, and gives the same order for the same key.",
            body: [
                FieldKind("pile", .text, required: true), FieldKind("port", .integer, required: true),
                FieldKind("minutes", .integer, unit: "min", "1 to 1440"), FieldKind("energy_dwh", .integer, unit: "dWh", "1 to 10000000"),
                FieldKind("hold_fen", .integer, unit: "fen", "reserved of the wallet"),
            ], answer: ChargingForms.orderFields, statuses: [201, 402, 404, 409]
        ) { request, user in
            let key = try ChargingForms.idempotencyKey(request)
            let pile = try request.text("pile", maximum: 64) ?? ""
            let port = try ChargingForms.whole("port", in: request.body, 1...32) ?? 0
            if stations.pile(pile) == nil { throw APIError(.pileNotFound) }
            if stations.condition(pile: pile, port: Int(port)) == nil { throw APIError(.portNotFound) }
            let draft = OrderDraft(
                user: user, pile: pile, port: Int(port), clientKey: key,
                limitMinutes: try ChargingForms.whole("minutes", in: request.body, 1...1_440),
                limitEnergy: try ChargingForms.whole("energy_dwh", in: request.body, 1...10_000_000),
                holdFen: try ChargingForms.whole("hold_fen", in: request.body, 1...1_000_000))
            return APIAnswer(status: 201, data: .record(ChargingForms.show(try await backend.createOrder(draft))))
        }
    }

    static let orderQuery = [
        FieldKind("state", .choice(["held", "starting", "charging", "stopping", "await_bill", "due", "closed", "cancelled"])),
        FieldKind("from", .text, "created from this moment on, ISO 8601 in UTC"), FieldKind("to", .text, "created before it"),
    ]

    func filter(_ request: CloudRequest) throws(APIError) -> OrderFilter {
        OrderFilter(
            state: request.query["state"]?.text, from: try ChargingForms.moment("from", in: request.query),
            to: try ChargingForms.moment("to", in: request.query))
    }

    /// Everything that the filter finds, the newest first, up to the limit of an export.
    func export(_ filter: OrderFilter) throws -> [OrderView] {
        var orders: [OrderView] = []
        while orders.count < Self.exportRows {
            let page = try backend.orders(filter, limit: 500, offset: orders.count).items
            orders += page
            if page.count < 500 { break }
        }
        return orders
    }

    static func csv(_ orders: [OrderView], withUser: Bool) -> APIAnswer {
        APIAnswer(
            headers: [HTTPCall.Header("content-disposition", "attachment; filename=\"orders.csv\"")],
            plain: APIAnswer.Plain(contentType: "text/csv", bytes: ChargingForms.csv(orders, withUser: withUser)))
    }

    private var listOwnOrders: Endpoint {
        rider(
            "GET", "/orders", "The rider's own orders, the newest first.", query: ChargingForms.pages + Self.orderQuery,
            answer: ChargingForms.listFields(ChargingForms.orderFields)
        ) { request, user in
            let page = try ChargingForms.page(request)
            var filter = try filter(request)
            filter.user = user
            let found = try backend.orders(filter, limit: page.limit, offset: page.offset)
            return ChargingForms.list(found.items.map(ChargingForms.show), page, total: found.total)
        }
    }

    private var exportOwnOrders: Endpoint {
        rider("GET", "/orders/export", "The rider's own orders as a table.", query: Self.orderQuery, plainAnswer: "text/csv") {
            request, user in
            var filter = try filter(request)
            filter.user = user
            return Self.csv(try export(filter), withUser: false)
        }
    }

    private var ownOrderEndpoint: Endpoint {
        rider(
            "GET", "/orders/{order}", "One of the rider's own orders, with what it costs so far.", answer: ChargingForms.orderFields,
            statuses: [200, 404]
        ) { request, user in
            APIAnswer(data: .record(ChargingForms.show(try ownOrder(request, of: user))))
        }
    }

    private var stopOwnOrder: Endpoint {
        rider(
            "POST", "/orders/{order}/stop", "Ends a charge; again, it changes nothing.", body: [], answer: ChargingForms.orderFields,
            statuses: [200, 404, 409]
        ) { request, user in
            let order = try ownOrder(request, of: user)
            return APIAnswer(data: .record(ChargingForms.show(try await backend.stopOrder(order.number, by: user))))
        }
    }

    // MARK: Paying

    static let paymentFields = [
        FieldKind("attempt", .text, required: true), FieldKind("channel", .text, required: true),
        FieldKind("amount_fen", .integer, unit: "fen", required: true),
        FieldKind("amount_text", .text, unit: "yuan"), FieldKind("state", .text),
        FieldKind("parameters", .record([]), "for the channel's own app"),
    ]
    static let channel = FieldKind("channel", .choice(["wechat", "alipay"]), required: true)

    static func show(_ payment: PaymentView) -> FieldValue {
        [
            "attempt": .text(payment.attempt), "channel": .text(payment.channel), "amount_fen": .integer(payment.fen),
            "amount_text": .text(ChargingForms.yuan(payment.fen)), "state": .text(payment.state), "parameters": .record(payment.parameters),
        ]
    }

    private var payOrder: Endpoint {
        rider(
            "POST", "/orders/{order}/payments", "Begins to pay what an order still owes.", body: [Self.channel], answer: Self.paymentFields,
            statuses: [201, 404, 409]
        ) { request, user in
            let order = try ownOrder(request, of: user)
            let payment = try await backend.startPayment(order: order.number, channel: request.body["channel"]?.text ?? "")
            return APIAnswer(status: 201, data: Self.show(payment))
        }
    }
}
