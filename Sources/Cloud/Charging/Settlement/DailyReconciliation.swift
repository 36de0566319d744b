package import LabCore

/// The comparison of a day: orders with the ledger and with the piles' registers, payments with the statements of the services
/// (charging-orders.md F11, F47, I5, I16). Pure: rows in, findings out, in an order that depends on nothing but the rows.
package struct DailyReconciliation: Sendable, Equatable {
    package struct Settings: Sendable, Equatable {
        /// dWh by which a register may be off between two orders, and an order from its register: 1 Wh.
        package var registerTolerance: Int64 = 10
        /// dWh in which the meters count: two readings, and an order's own energy, are each off by less than one such step.
        package var registerStep: Int64 = 0
        /// dW that a port may draw without an order.
        package var idlePower: Int64 = 0
        /// Milliseconds after which an order that is still active is reported: a day.
        package var longestOrder: Int64 = 86_400_000
        package init() {}
    }

    /// Civil day, and its Unix milliseconds.
    package private(set) var day: Int64
    package private(set) var time: Range<Int64>
    package private(set) var findings: [ReconciliationFinding] = []
    package private(set) var orders = 0
    package private(set) var energy: Int64 = 0
    package private(set) var price: Int64 = 0
    package private(set) var received: Int64 = 0
    package private(set) var returned: Int64 = 0
    package private(set) var statementReceived: Int64 = 0
    package private(set) var statementReturned: Int64 = 0
    private let settings: Settings

    /// - Parameters:
    ///   - orders: those that ended on the day or run, and for each port the last one before it.
    ///   - payments: of the day, and as many around it as the statement may name: they are found by their number.
    ///   - statement: the lines of the day.
    package init(
        day: Int64, utcOffset: Int64 = 480, orders: [ReconciledOrder], payments: [BookedPayment], statement: [StatementLine],
        settings: Settings = Settings()
    ) {
        self.day = day
        let start = (day * OrderCuts.day - utcOffset * 60) * 1000
        time = start..<start + OrderCuts.day * 1000
        self.settings = settings
        compare(orders)
        compareRegisters(orders)
        compare(payments, with: statement)
    }

    package var fields: Fields {
        [
            "day": .text(CivilCalendar.text(day: day)), "orders": .integer(Int64(orders)), "energy": .integer(energy), "cents": .integer(price),
            "received": .integer(received), "returned": .integer(returned), "statement_received": .integer(statementReceived),
            "statement_returned": .integer(statementReturned), "findings": .list(findings.map { .record($0.fields) }),
        ]
    }

    private mutating func report(
        _ kind: ReconciliationFinding.Kind, _ subject: String, channel: String? = nil, expected: Int64, found: Int64, _ text: String
    ) {
        findings.append(
            ReconciliationFinding(kind: kind, subject: subject, channel: channel, expected: expected, found: found, text: text))
    }

    // MARK: Orders and ledger

    private mutating func compare(_ rows: [ReconciledOrder]) {
        for row in rows.sorted(by: { $0.order < $1.order }) {
            if row.isActive, row.createdAt < time.upperBound - settings.longestOrder {
                report(
                    .orderUnfinished, row.order, expected: 0, found: (time.upperBound - row.createdAt) / 1000,
                    "The order is still active at the end of the day. Look at its pile and its timers.")
            }
            guard let ended = row.endedAt, time.contains(ended), !row.isActive else { continue }
            orders += 1
            energy += row.energy
            price += row.price
            if row.price != row.bookedPrice {
                report(
                    .priceDiffers, row.order, expected: row.price, found: row.bookedPrice,
                    "The order costs \(row.price) fen, its lines in the ledger add up to \(row.bookedPrice). Compare its postings with its bill.")
            }
        }
    }

    // MARK: Registers

    private mutating func compareRegisters(_ rows: [ReconciledOrder]) {
        let finished = rows.filter { !$0.isActive && $0.endedAt != nil }
            .sorted { ($0.pile, $0.port, $0.endedAt ?? 0, $0.order) < ($1.pile, $1.port, $1.endedAt ?? 0, $1.order) }
        var before: ReconciledOrder?
        // Of orders on the port since then that were settled without a reading.
        var unread: Int64 = 0
        for row in finished {
            if let last = before, (last.pile, last.port) != (row.pile, row.port) { (before, unread) = (nil, 0) }
            guard row.registerStart != nil, row.registerEnd != nil else {
                unread += row.energy
                continue
            }
            defer { (before, unread) = (row, 0) }
            guard let ended = row.endedAt, time.contains(ended), let start = row.registerStart, let end = row.registerEnd else { continue }
            // A register that began again within the order is the bill's own matter.
            if end >= start, abs(end - start - row.energy) > settings.registerTolerance + 2 * settings.registerStep {
                report(
                    .energyDiffers, row.order, expected: end - start, found: row.energy,
                    "The register moved by \(end - start) dWh, the order has \(row.energy). Compare its samples with its bill.")
            }
            if let before { compareRegisters(before, row, start: start, unread: unread) }
        }
    }

    private mutating func compareRegisters(_ before: ReconciledOrder, _ row: ReconciledOrder, start: Int64, unread: Int64) {
        guard let last = before.registerEnd, let lastEnded = before.endedAt else { return }
        let place = "\(row.pile):\(row.port)"
        let idle = max(0, row.createdAt - lastEnded) / 1000 * settings.idlePower / 3600
        let moved = start - last
        let gap = moved - unread
        let tolerance = settings.registerTolerance + settings.registerStep
        if moved < 0, start <= MeterReadings.restartLevel {
            report(
                .registerRestarted, place, expected: last, found: start,
                "The register began again before order \(row.order). Energy after order \(before.order) cannot be judged.")
        } else if moved < -tolerance {
            report(
                .registerOverlap, place, expected: last, found: start,
                "Order \(row.order) begins \(-moved) dWh below the end of order \(before.order). One of the two bills is wrong.")
        } else if gap > tolerance + idle {
            report(
                .registerGap, place, expected: last, found: start,
                "\(gap) dWh flowed between order \(before.order) and order \(row.order). Look for a lost order.")
        }
    }

    // MARK: Payments

    private struct Name: Hashable {
        var channel: String
        var direction: PaymentDirection
        var number: String
    }

    private mutating func compare(_ payments: [BookedPayment], with statement: [StatementLine]) {
        // Only looked into, never iterated.
        var known: [Name: BookedPayment] = [:]
        for payment in payments {
            known[Name(channel: payment.channel, direction: payment.direction, number: payment.number)] = payment
            guard payment.state == .booked, time.contains(payment.at) else { continue }
            if payment.direction == .payment { received += payment.fen } else { returned += payment.fen }
        }
        var listed: Set<Name> = []
        for line in statement.sorted(by: { ($0.channel, $0.number, $0.transaction) < ($1.channel, $1.number, $1.transaction) }) {
            if line.direction == .payment { statementReceived += line.fen } else { statementReturned += line.fen }
            let name = Name(channel: line.channel, direction: line.direction, number: line.number)
            if listed.insert(name).inserted {
                compare(line, with: known[name])
            } else {
                report(
                    .twiceInStatement, line.number, channel: line.channel, expected: 0, found: line.fen,
                    "The statement lists \(line.number) again, as \(line.transaction). Ask the service.")
            }
        }
        for payment in payments.sorted(by: { ($0.channel, $0.number) < ($1.channel, $1.number) }) where time.contains(payment.at) {
            if listed.contains(Name(channel: payment.channel, direction: payment.direction, number: payment.number)) { continue }
            if payment.state == .booked {
                report(
                    .missingInStatement, payment.number, channel: payment.channel, expected: payment.fen, found: 0,
                    "\(payment.fen) fen are booked, the statement does not list them. Ask the service about \(payment.number).")
            } else if payment.direction == .refund, payment.state == .open {
                report(
                    .refundOpen, payment.number, channel: payment.channel, expected: payment.fen, found: 0,
                    "The refund is not paid out. Send it again under the same number.")
            }
        }
    }

    private mutating func compare(_ line: StatementLine, with payment: BookedPayment?) {
        guard let payment else {
            return report(
                .unknownTransaction, line.number, channel: line.channel, expected: 0, found: line.fen,
                "Transaction \(line.transaction) is for a number that was never given. Send the money back by hand.")
        }
        if payment.fen != line.fen {
            report(
                .amountDiffers, line.number, channel: line.channel, expected: payment.fen, found: line.fen,
                "The statement has \(line.fen) fen, the books \(payment.fen). Ask the service about transaction \(line.transaction).")
        } else if payment.state != .booked {
            report(
                .missingInBooks, line.number, channel: line.channel, expected: line.fen, found: 0,
                "Transaction \(line.transaction) is not booked. Query \(line.number) at the service and book it.")
        } else if let booked = payment.transaction, booked != line.transaction {
            report(
                .transactionDiffers, line.number, channel: line.channel, expected: payment.fen, found: line.fen,
                "The statement has transaction \(line.transaction), the books \(booked). Ask the service which one was paid.")
        }
    }
}
