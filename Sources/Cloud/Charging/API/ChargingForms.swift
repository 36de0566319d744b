import LabCore

/// How the charging surface shows things: money in fen and energy in dWh as whole numbers, each with a text for people.
enum ChargingForms {
    // MARK: Pages (charging-platform.md, "API设计规范": limit, offset and the total)

    static let pages = [
        FieldKind("limit", .integer, "rows, 1 to 100; 20 where absent"), FieldKind("offset", .integer, "rows that are left out first"),
    ]

    static func listFields(_ item: [FieldKind]) -> [FieldKind] {
        [
            FieldKind("items", .list(.record(item)), required: true), FieldKind("limit", .integer, required: true),
            FieldKind("offset", .integer, required: true), FieldKind("total", .integer, required: true),
        ]
    }

    static func page(_ request: CloudRequest) throws(APIError) -> (limit: Int, offset: Int) {
        (try request.integer("limit", in: 1...100, else: 20), try request.integer("offset", in: 0...10_000_000, else: 0))
    }

    static func list(_ items: [Fields], _ page: (limit: Int, offset: Int), total: Int) -> APIAnswer {
        APIAnswer(data: [
            "items": .list(items.map { .record($0) }), "limit": .integer(Int64(page.limit)), "offset": .integer(Int64(page.offset)),
            "total": .integer(Int64(total)),
        ])
    }

    // MARK: Units

    /// `12.35`: yuan with the fen, by whole numbers only.
    static func yuan(_ fen: Int64) -> String {
        let rest = String(fen.magnitude % 100)
        return "\(fen < 0 ? "-" : "")\(fen.magnitude / 100).\(rest.utf8.count < 2 ? "0" : "")\(rest)"
    }

    /// `1.2346`: kWh with all four digits that a meter gives.
    static func kilowattHours(_ dwh: Int64) -> String {
        let rest = String(dwh.magnitude % 10_000)
        return "\(dwh < 0 ? "-" : "")\(dwh.magnitude / 10_000).\(String(repeating: "0", count: 4 - rest.utf8.count))\(rest)"
    }

    /// ISO 8601 of Unix milliseconds.
    static func time(_ milliseconds: Int64) -> FieldValue { .text(Timestamp.text(unixSeconds: milliseconds / 1000)) }

    /// Unix milliseconds of a moment in a query or a body; `nil` where it is absent.
    static func moment(_ name: String, in fields: Fields) throws(APIError) -> Int64? {
        guard let value = fields[name] else { return nil }
        guard let second = value.text.flatMap({ Timestamp.unixSeconds($0) }) else {
            throw .invalidField(name, "'\(name)' must be a moment in UTC such as 2026-01-31T08:00:00Z")
        }
        return second * 1000
    }

    static func day(_ name: String, in fields: Fields) throws(APIError) -> Int64? {
        guard let value = fields[name] else { return nil }
        guard let day = value.text.flatMap({ StationStatistics.day($0) }) else {
            throw .invalidField(name, "'\(name)' must be a day such as 2026-01-31")
        }
        return day
    }

    // MARK: What makes sending twice safe

    /// The header `idempotency-key`.
    ///
    /// - Throws: `IDEMPOTENCY_KEY_REQUIRED`, also where it is none.
    static func idempotencyKey(_ request: CloudRequest) throws(APIError) -> String {
        guard let key = request.headers.first(where: { $0.name == "idempotency-key" })?.value, (8...64).contains(key.utf8.count),
            key.utf8.allSatisfy({ Characters.isBase64URL($0) || $0 == UInt8(ascii: ".") })
        else { throw APIError(.idempotencyKeyRequired) }
        return key
    }

    /// A path parameter or field that is a whole number from 1.
    static func number(_ text: String, else code: ErrorCode) throws(APIError) -> Int64 {
        guard let number = Int64(text), number > 0, String(number) == text else { throw APIError(code) }
        return number
    }

    /// A whole number of a body within a range; `nil` where it is absent.
    static func whole(_ name: String, in body: Fields, _ range: ClosedRange<Int64>) throws(APIError) -> Int64? {
        guard let value = body[name] else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw .invalidField(name, "'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    // MARK: Orders

    static let lineFields = [FieldKind("kind", .text, required: true), FieldKind("amount_fen", .integer, unit: "fen", required: true)]

    static let orderFields = [
        FieldKind("order", .text, required: true), FieldKind("state", .text, required: true), FieldKind("site", .text),
        FieldKind("pile", .text),
        FieldKind("port", .integer), FieldKind("reason", .text, "why it ended"), FieldKind("is_estimated", .bool),
        FieldKind("energy_dwh", .integer, unit: "dWh"), FieldKind("energy_text", .text, unit: "kWh"),
        FieldKind("power_dw", .integer, unit: "dW"),
        FieldKind("duration_seconds", .integer, unit: "s"), FieldKind("amount_fen", .integer, unit: "fen"),
        FieldKind("amount_text", .text, unit: "yuan"),
        FieldKind("hold_fen", .integer, unit: "fen"), FieldKind("open_fen", .integer, unit: "fen"),
        FieldKind("paid_fen", .integer, unit: "fen"),
        FieldKind("refunded_fen", .integer, unit: "fen"), FieldKind("lines", .list(.record(lineFields))), FieldKind("tariff", .text),
        FieldKind("limit_minutes", .integer), FieldKind("limit_energy_dwh", .integer), FieldKind("created_at", .text),
        FieldKind("started_at", .text),
        FieldKind("ended_at", .text), FieldKind("settled_at", .text),
    ]

    /// As its rider sees it.
    static func show(_ order: OrderView) -> Fields {
        var fields: Fields = [
            "order": .text(order.number), "state": .text(order.state), "site": .text(order.site), "pile": .text(order.pile),
            "port": .integer(Int64(order.port)),
        ]
        if let reason = order.reason { fields["reason"] = .text(reason) }
        fields["is_estimated"] = .bool(order.isEstimated)
        fields["energy_dwh"] = .integer(order.energy)
        fields["energy_text"] = .text(kilowattHours(order.energy))
        fields["power_dw"] = .integer(order.power)
        fields["duration_seconds"] = .integer(order.seconds)
        fields["amount_fen"] = .integer(order.amount)
        fields["amount_text"] = .text(yuan(order.amount))
        fields["hold_fen"] = .integer(order.hold)
        fields["open_fen"] = .integer(order.open)
        fields["paid_fen"] = .integer(order.paid)
        fields["refunded_fen"] = .integer(order.refunded)
        fields["lines"] = .list(order.lines.map { ["kind": .text($0.kind), "amount_fen": .integer($0.fen)] })
        fields["tariff"] = .text(order.tariff)
        if let minutes = order.limitMinutes { fields["limit_minutes"] = .integer(minutes) }
        if let energy = order.limitEnergy { fields["limit_energy_dwh"] = .integer(energy) }
        fields["created_at"] = time(order.createdAt)
        if let moment = order.startedAt { fields["started_at"] = time(moment) }
        if let moment = order.endedAt { fields["ended_at"] = time(moment) }
        if let moment = order.settledAt { fields["settled_at"] = time(moment) }
        return fields
    }

    static let operatorOrderFields =
        orderFields + [
            FieldKind("user", .text), FieldKind("operator", .text), FieldKind("reviews", .list(.text), "what somebody has to look at"),
        ]

    /// As the operator sees it.
    static func showToOperator(_ order: OrderView) -> Fields {
        show(order).merging([
            "user": .text(order.user), "operator": .text(order.operatorID), "reviews": .list(order.reviews.map { .text($0) }),
        ])
    }

    // MARK: CSV (RFC 4180)

    static let csvColumns = [
        "order", "state", "site", "pile", "port", "created_at", "started_at", "ended_at", "energy_dwh", "duration_seconds", "amount_fen",
        "paid_fen",
        "refunded_fen", "tariff",
    ]

    static func csv(_ orders: [OrderView], withUser: Bool) -> [UInt8] {
        let columns = withUser ? csvColumns + ["user"] : csvColumns
        var text = columns.joined(separator: ",") + "\r\n"
        for order in orders {
            let shown = showToOperator(order)
            text += columns.map { cell(shown[$0]?.description ?? "") }.joined(separator: ",") + "\r\n"
        }
        return Array(text.utf8)
    }

    /// A cell that begins like a formula would be one in a spreadsheet: it gets an apostrophe.
    static func cell(_ text: String) -> String {
        let isFormula = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
        let isNumber = text.utf8.dropFirst(text.hasPrefix("-") ? 1 : 0).allSatisfy(Characters.isDigit)
        let safe = isFormula && !isNumber ? "'" + text : text
        let mustQuote = safe.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 0x0a || $0 == 0x0d }
        return mustQuote ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
    }
}
