import GRDB
package import LabCore

// What payments and the daily comparison are asked for, by people and by scenarios.
extension ChargingService {
    package func startPayment(order: String, channel: String) async throws -> PaymentView {
        orders.settle()
        return Self.view(of: try await payments.start(order: order, channel: channel))
    }

    package func startTopUp(user: String, fen: Int64, channel: String, key: String) async throws -> PaymentView {
        Self.view(of: try await payments.start(topUp: user, tenant: "", fen: fen, key: key, channel: channel))
    }

    private static func view(of payment: StartedPayment) -> PaymentView {
        PaymentView(attempt: payment.attempt, channel: payment.channel, fen: payment.fen, state: "open", parameters: payment.parameters)
    }

    // MARK: Scenarios

    func performPayment(_ action: String, _ arguments: Fields) async throws -> Fields {
        if action == "reconcile.run" { return try summary(arguments) }
        let channel = arguments["channel"]?.text ?? "wechat"
        let view: PaymentView
        if arguments["cents"] == nil {
            let order = try ChargingScenario(charging: self).order(arguments, ofUserIn: [.due])
            view = try await startPayment(order: order, channel: channel)
        } else {
            let fen = arguments["cents"]?.integer ?? 0
            view = try await startTopUp(
                user: try CloudScenario.text("user", in: arguments), fen: fen, channel: channel,
                key: Hexadecimal.text(environment.randomBytes(8)))
        }
        return ["attempt": .text(view.attempt), "fen": .integer(view.fen), "parameters": .record(view.parameters)]
    }

    func answerPayment(_ query: String, _ arguments: Fields) throws -> Fields {
        query == "reconciliation" ? try summary(arguments) : try payments.answer(query, arguments)
    }

    private func summary(_ arguments: Fields) throws -> Fields {
        let day = arguments["day"]?.text ?? CivilCalendar.text(day: CivilCalendar.day(at: orders.milliseconds))
        let operatorID = arguments["operator"]?.text ?? ChargingScenario.standardOperator
        guard let report = try compare(operatorID: operatorID, day: day) else {
            throw ActionFailure("unknown_day", "'\(day.prefix(32))' is no day until today; write one as 2026-01-31.")
        }
        return [
            "findings": .integer(Int64(report.findings.count)), "text": .text(report.findings.map(\.text).joined(separator: "\n")),
            "kinds": .list(report.findings.map { .text($0.kind.rawValue) }), "report": .record(report.fields),
        ]
    }

    // MARK: The comparison of a day

    package func reconciliation(operatorID: String, day: String) throws -> Fields? { try compare(operatorID: operatorID, day: day)?.fields }

    /// Compares an operator's orders with the ledger and the registers, and the platform's payments with the statements of the services.
    ///
    /// - Returns: `nil` for what is no day, or lies ahead.
    private func compare(operatorID: String, day text: String) throws -> DailyReconciliation? {
        guard let day = CivilCalendar.day(text), day <= CivilCalendar.day(at: orders.milliseconds) else { return nil }
        orders.settle()
        return try storage.read { db in
            var statement: [StatementLine] = []
            var channels: [String] = []
            for channel in payments.channels {
                guard let rows = try PaymentStore.statement(channel: channel, day: text, in: db) else { continue }
                channels.append(channel)
                statement += rows.map { row in
                    StatementLine(
                        channel: channel, direction: row.refund == nil ? .payment : .refund, number: row.refund ?? row.attempt,
                        transaction: row.transaction, fen: row.fen, at: row.at * 1000)
                }
            }
            // A channel whose statement has not come yet says nothing of its payments.
            var settings = DailyReconciliation.Settings()
            // No wire tells energy in smaller steps than 0.01 kWh.
            settings.registerStep = 100
            settings.idlePower = orders.policies.idlePower
            let booked = try ReconciliationStore.payments(aroundDay: day, in: db).filter { channels.contains($0.channel) }
            return DailyReconciliation(
                day: day, orders: try ReconciliationStore.orders(operatorID: operatorID, day: day, in: db), payments: booked,
                statement: statement, settings: settings)
        }
    }
}

/// The rows of a day's comparison.
private enum ReconciliationStore {
    private static func time(ofDay day: Int64) -> Range<Int64> {
        let start = (day * 86_400 - 480 * 60) * 1000
        return start..<start + 86_400_000
    }

    /// Those that ended on the day, those that run, and the last one before it on each port.
    static func orders(operatorID: String, day: Int64, in db: Database) throws -> [ReconciledOrder] {
        let time = time(ofDay: day)
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT o.*, b.register_start, b.register_end FROM orders o LEFT JOIN bills b ON b.id = o.bill
                WHERE o.tenant = ?1 AND o.created_at < ?3 AND (
                    coalesce(o.ended_at, o.settled_at) IS NULL OR (coalesce(o.ended_at, o.settled_at) >= ?2 AND coalesce(o.ended_at, o.settled_at) < ?3)
                    OR o.id IN (SELECT max(id) FROM orders WHERE tenant = ?1 AND coalesce(ended_at, settled_at) < ?2 GROUP BY pile, port))
                ORDER BY o.id
                """, arguments: [operatorID, time.lowerBound, time.upperBound])
        return try rows.map { row in
            let order = Order(row)
            let booked = try Ledger().money(order: order.number, in: db)
            return ReconciledOrder(
                order: order.number, pile: order.pile, port: order.port, createdAt: order.createdAt,
                endedAt: order.endedAt ?? order.settledAt,
                isActive: order.state.isActive, energy: order.billedEnergy ?? order.energy, price: order.price + order.absorbed,
                bookedPrice: booked.price, registerStart: row["register_start"], registerEnd: row["register_end"])
        }
    }

    /// Of the day and of those beside it: a statement may name what happened at midnight.
    static func payments(aroundDay day: Int64, in db: Database) throws -> [BookedPayment] {
        let time = time(ofDay: day - 1).lowerBound..<time(ofDay: day + 1).upperBound
        let attempts = try Row.fetchAll(
            db,
            sql: """
                SELECT a.*, p.booked_at, p.txn FROM payment_attempts a LEFT JOIN order_payments p ON p.attempt = a.number AND p.channel = a.channel
                WHERE coalesce(a.paid_at * 1000, a.created_at) >= ? AND coalesce(a.paid_at * 1000, a.created_at) < ? ORDER BY a.id
                """, arguments: [time.lowerBound, time.upperBound])
        let refunds = try Row.fetchAll(
            db,
            sql: "SELECT * FROM payment_refunds WHERE coalesce(done_at, created_at) >= ? AND coalesce(done_at, created_at) < ? ORDER BY id",
            arguments: [time.lowerBound, time.upperBound])
        return attempts.map { row in
            let isBooked = (row["booked_at"] as Int64?) != nil
            let isClosed = row["state"] as String == "closed"
            return BookedPayment(
                channel: row["channel"], direction: .payment, number: row["number"], transaction: row["txn"], fen: row["fen"],
                state: isBooked ? .booked : isClosed ? .closed : .open,
                at: (row["paid_at"] as Int64?).map { $0 * 1000 } ?? row["created_at"])
        }
            + refunds.map { row in
                // The statements name the payment that a refund belongs to, not the refund's own transaction.
                BookedPayment(
                    channel: row["channel"], direction: .refund, number: row["number"], fen: row["fen"],
                    state: row["state"] as String == "done" ? .booked : row["state"] as String == "refused" ? .closed : .open,
                    at: row["done_at"] ?? row["created_at"])
            }
    }
}
