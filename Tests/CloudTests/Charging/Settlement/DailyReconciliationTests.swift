import LabCore
import Testing

@testable import Cloud

@Suite("Daily reconciliation (charging-orders.md I5, I16, F11, F47)")
struct DailyReconciliationTests {
    private let day = CivilCalendar.day("2026-01-15") ?? 0
    /// Unix milliseconds of a civil time in UTC+8.
    private func at(_ text: String) -> Int64 { PricingWorld.civil(text) * 1000 }

    private func order(
        _ number: String, _ from: String, _ to: String, energy: Int64 = 1000, price: Int64 = 100, booked: Int64? = nil, register: (Int64, Int64)? = nil,
        isActive: Bool = false, port: Int = 1
    ) -> ReconciledOrder {
        ReconciledOrder(
            order: number, pile: "04ceaa40", port: port, createdAt: at(from), endedAt: isActive ? nil : at(to), isActive: isActive, energy: energy,
            price: price, bookedPrice: booked ?? price, registerStart: register?.0, registerEnd: register?.1)
    }

    private func reconcile(
        _ orders: [ReconciledOrder] = [], _ payments: [BookedPayment] = [], _ statement: [StatementLine] = [],
        settings: DailyReconciliation.Settings = .init()
    ) -> DailyReconciliation {
        DailyReconciliation(day: day, orders: orders, payments: payments, statement: statement, settings: settings)
    }

    private func kinds(_ reconciliation: DailyReconciliation) -> [ReconciliationFinding.Kind] { reconciliation.findings.map(\.kind) }

    private func payment(
        _ number: String, _ fen: Int64, _ direction: PaymentDirection = .payment, state: BookedPayment.State = .booked,
        at text: String = "2026-01-15 12:00", transaction: String? = nil
    ) -> BookedPayment {
        BookedPayment(
            channel: "wechat", direction: direction, number: number, transaction: transaction ?? "T-\(number)", fen: fen, state: state, at: at(text))
    }

    private func line(_ number: String, _ fen: Int64, _ direction: PaymentDirection = .payment, transaction: String? = nil) -> StatementLine {
        StatementLine(
            channel: "wechat", direction: direction, number: number, transaction: transaction ?? "T-\(number)", fen: fen, at: at("2026-01-15 12:00"))
    }

    @Test("a day on which all agrees has no findings, and its sums")
    func clean() {
        let result = reconcile(
            [order("A", "2026-01-15 10:00", "2026-01-15 11:00"), order("B", "2026-01-14 23:00", "2026-01-15 00:00", price: 50)],
            [payment("P1", 150), payment("R1", 30, .refund)], [line("P1", 150), line("R1", 30, .refund)])
        #expect(result.findings == [])
        #expect((result.orders, result.energy, result.price) == (2, 2000, 150))
        #expect((result.received, result.returned, result.statementReceived, result.statementReturned) == (150, 30, 150, 30))
        #expect(result.fields["day"] == "2026-01-15")
    }

    @Test("orders that end before the day's first or after its last second are another day's")
    func dayEdges() {
        let result = reconcile([
            order("A", "2026-01-14 10:00", "2026-01-14 23:59", booked: 1), order("B", "2026-01-15 10:00", "2026-01-16 00:00", booked: 1),
            order("C", "2026-01-15 10:00", "2026-01-15 23:59"),
        ])
        #expect(result.findings == [])
        #expect(result.orders == 1)
    }

    // MARK: Orders and registers

    @Test("an order whose ledger says another price is found")
    func price() {
        let result = reconcile([order("A", "2026-01-15 10:00", "2026-01-15 11:00", price: 100, booked: 99)])
        #expect(kinds(result) == [.priceDiffers])
        #expect((result.findings.first?.expected, result.findings.first?.found) == (100, 99))
    }

    @Test("I16: energy between two orders of a port is a lost order")
    func gap() {
        let orders = [
            order("A", "2026-01-14 10:00", "2026-01-14 11:00", register: (5000, 6000)),
            order("B", "2026-01-15 10:00", "2026-01-15 11:00", register: (7500, 8500)),
        ]
        let result = reconcile(orders)
        #expect(kinds(result) == [.registerGap])
        #expect(result.findings.first?.subject == "04ceaa40:1")
        #expect(result.findings.first?.text.contains("1500 dWh flowed between order A and order B") == true)
        #expect(reconcile(orders.reversed()).findings == result.findings)
    }

    @Test("what an order without a reading has is no gap; what it lacks is; meters of 0.01 kWh may be one step off at each end")
    func unread() {
        func three(_ energy: Int64, settings: DailyReconciliation.Settings = .init()) -> [ReconciliationFinding] {
            reconcile(
                [
                    order("A", "2026-01-15 08:00", "2026-01-15 09:00", register: (5000, 6000)),
                    order("B", "2026-01-15 10:00", "2026-01-15 11:00", energy: energy),
                    order("C", "2026-01-15 12:00", "2026-01-15 13:00", energy: 1150, register: (7000, 8000)),
                ], settings: settings
            ).findings
        }
        var settings = DailyReconciliation.Settings()
        settings.registerStep = 100
        #expect(three(1000, settings: settings) == [])
        #expect(three(1000).map(\.kind) == [.energyDiffers])
        let lost = three(600, settings: settings)
        #expect(lost.map(\.kind) == [.registerGap])
        #expect(lost.first?.text.contains("400 dWh flowed between order A and order C") == true)
    }

    @Test("1 Wh is tolerated, and what an idle port may draw; another port's register is another register")
    func tolerance() {
        func pair(_ start: Int64, port: Int = 1) -> [ReconciledOrder] {
            [
                order("A", "2026-01-15 08:00", "2026-01-15 09:00", register: (5000, 6000)),
                order("B", "2026-01-15 19:00", "2026-01-15 20:00", register: (start, start + 1000), port: port),
            ]
        }
        #expect(kinds(reconcile(pair(6010))) == [])
        #expect(kinds(reconcile(pair(6011))) == [.registerGap])
        #expect(kinds(reconcile(pair(9000, port: 2))) == [])
        // 2 W for the ten hours from the one's end to the other's start are 200 dWh.
        var settings = DailyReconciliation.Settings()
        settings.idlePower = 20
        #expect(kinds(reconcile(pair(6210), settings: settings)) == [])
        #expect(kinds(reconcile(pair(6211), settings: settings)) == [.registerGap])
    }

    @Test("a register below the last one: near 0 it began again, elsewhere one of two bills is wrong")
    func backwards() {
        func pair(_ start: Int64) -> [ReconciledOrder] {
            [
                order("A", "2026-01-15 08:00", "2026-01-15 09:00", register: (5000, 6000)),
                order("B", "2026-01-15 10:00", "2026-01-15 11:00", register: (start, start + 1000)),
            ]
        }
        #expect(kinds(reconcile(pair(50))) == [.registerRestarted])
        #expect(kinds(reconcile(pair(5500))) == [.registerOverlap])
    }

    @Test("an order that was billed other energy than its register moved by is found")
    func energy() {
        #expect(kinds(reconcile([order("A", "2026-01-15 08:00", "2026-01-15 09:00", energy: 1010, register: (5000, 6000))])) == [])
        #expect(kinds(reconcile([order("A", "2026-01-15 08:00", "2026-01-15 09:00", energy: 1011, register: (5000, 6000))])) == [.energyDiffers])
        // A register that began again within the order says nothing.
        #expect(kinds(reconcile([order("A", "2026-01-15 08:00", "2026-01-15 09:00", energy: 900, register: (5000, 400))])) == [])
    }

    @Test("an order that is still active a day after it was made is found")
    func unfinished() {
        #expect(kinds(reconcile([order("A", "2026-01-14 23:59", "", isActive: true)])) == [.orderUnfinished])
        #expect(kinds(reconcile([order("A", "2026-01-15 00:00", "", isActive: true)])) == [])
    }

    // MARK: Payments

    @Test("booked, and not in the statement")
    func missingInStatement() {
        #expect(kinds(reconcile([], [payment("P1", 150)], [])) == [.missingInStatement])
    }

    @Test("in the statement, and our attempt is not booked: its notice was lost (F47); also where we had closed it")
    func missingInBooks() {
        #expect(kinds(reconcile([], [payment("P1", 150, state: .open)], [line("P1", 150)])) == [.missingInBooks])
        #expect(kinds(reconcile([], [payment("P1", 150, state: .closed)], [line("P1", 150)])) == [.missingInBooks])
    }

    @Test("an attempt that nobody paid is nothing")
    func unpaid() {
        #expect(kinds(reconcile([], [payment("P1", 150, state: .open), payment("P2", 1, state: .closed)], [])) == [])
    }

    @Test("a number that was never given, another amount, another transaction, the same line twice")
    func differences() {
        #expect(kinds(reconcile([], [], [line("X", 9)])) == [.unknownTransaction])
        #expect(kinds(reconcile([], [payment("P1", 150)], [line("P1", 149)])) == [.amountDiffers])
        #expect(kinds(reconcile([], [payment("P1", 150)], [line("P1", 150, transaction: "T-other")])) == [.transactionDiffers])
        #expect(kinds(reconcile([], [payment("P1", 150)], [line("P1", 150), line("P1", 150, transaction: "T-second")])) == [.twiceInStatement])
    }

    @Test("a payment and a refund of one number are two things")
    func directions() {
        #expect(kinds(reconcile([], [payment("P1", 150)], [line("P1", 150), line("P1", 150, .refund)])) == [.unknownTransaction])
    }

    @Test("a refund that is not paid out is found; a notice after midnight is found by its number")
    func refundsAndMidnight() {
        #expect(kinds(reconcile([], [payment("R1", 30, .refund, state: .open)], [])) == [.refundOpen])
        // Booked on the next day by our clock, listed today.
        #expect(kinds(reconcile([], [payment("P1", 150, at: "2026-01-16 00:00")], [line("P1", 150)])) == [])
        // Booked yesterday: it is yesterday's statement that must list it.
        #expect(kinds(reconcile([], [payment("P1", 150, at: "2026-01-14 23:59")], [])) == [])
    }
}
