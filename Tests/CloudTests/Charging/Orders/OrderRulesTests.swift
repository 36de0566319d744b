import LabCore
import Testing

@testable import Cloud

/// The table of 2.1, row by row: what is in it, and that all else changes nothing.
@Suite("Order state machine (charging-orders.md 2.1)")
struct OrderRulesTests {
    private static let policies = OrderPolicies()
    private static let start: Int64 = 1_767_225_600_000

    private static func order(_ state: OrderState, samples: Int = 0, since: Int64 = 0) -> Order {
        var order = Order(
            number: "0000000000000001", tenant: "acme", user: "rider", pile: "04ceaa40", port: 1, hold: 2_000, createdAt: start)
        order.state = state
        order.samples = samples
        if samples > 0 { order.sampledAt = start + since }
        if state == .awaitBill { order.awaitingSince = start }
        return order
    }

    private static func decide(_ order: Order, _ event: OrderEvent, at time: Int64 = 0, bugs: Set<SeededBug> = []) -> Transition? {
        OrderRules.transition(order, event, policies, now: start + time, bugs: bugs)
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var name: String
        var from: OrderState
        var event: OrderEvent
        var samples = 0
        var to: Transition.Target
        var effects: [OrderEffect]
        var testDescription: String { "\(name), from \(from.rawValue)" }
    }

    static let rows: [Row] = [
        Row(name: "create", from: .held, event: .created, to: .state(.starting), effects: [.arm(.start), .sendStart]),
        Row(name: "startAck ok", from: .starting, event: .startAnswered(.started), to: .state(.charging), effects: [.arm(.stale)]),
        Row(
            name: "startAck busy", from: .starting, event: .startAnswered(.busy), to: .state(.awaitBill),
            effects: [.setReason("start_busy"), .arm(.bill), .alarm("conflict"), .sendStop]),
        Row(
            name: "startAck fault", from: .starting, event: .startAnswered(.fault), to: .state(.awaitBill),
            effects: [.setReason("start_fault"), .arm(.bill), .alarm("port_fault"), .sendStop]),
        Row(
            name: "telemetry", from: .starting, event: .telemetry(isPlausible: true), to: .state(.charging),
            effects: [.takeSample, .arm(.stale)]),
        Row(
            name: "telemetry", from: .charging, event: .telemetry(isPlausible: true), to: .same,
            effects: [.takeSample, .setLink(.online), .arm(.stale)]),
        Row(
            name: "telemetry above the rated power", from: .charging, event: .telemetry(isPlausible: false), to: .same,
            effects: [.alarm("implausible_sample"), .setLink(.online), .arm(.stale)]),
        Row(name: "telemetry", from: .stopping, event: .telemetry(isPlausible: true), to: .same, effects: [.takeSample, .sendStop]),
        Row(name: "telemetry", from: .awaitBill, event: .telemetry(isPlausible: true), to: .same, effects: [.takeSample, .sendStop]),
        Row(
            name: "telemetry", from: .due, event: .telemetry(isPlausible: true), to: .same,
            effects: [.alarm("energy_without_order"), .sendStop]),
        Row(
            name: "telemetry", from: .closed, event: .telemetry(isPlausible: true), to: .same,
            effects: [.alarm("energy_without_order"), .sendStop]),
        Row(
            name: "telemetry", from: .cancelled, event: .telemetry(isPlausible: true), to: .same,
            effects: [.alarm("energy_without_order"), .sendStop]),
        Row(
            name: "userStop", from: .charging, event: .stop(reason: "user"), to: .state(.stopping),
            effects: [.setReason("user"), .arm(.stop), .sendStop]),
        Row(
            name: "alarm", from: .charging, event: .stop(reason: "smoke"), to: .state(.stopping),
            effects: [.setReason("smoke"), .arm(.stop), .sendStop]),
        Row(
            name: "userStop", from: .starting, event: .stop(reason: "user"), to: .state(.awaitBill),
            effects: [.setReason("user"), .arm(.bill), .sendStop]),
        Row(
            name: "timeout start", from: .starting, event: .timeout(.start), to: .state(.awaitBill),
            effects: [.setReason("start_timeout"), .arm(.bill), .sendStop]),
        Row(name: "timeout stop", from: .stopping, event: .timeout(.stop), to: .state(.awaitBill), effects: [.arm(.bill), .sendStop]),
        Row(
            name: "timeout stale", from: .charging, event: .timeout(.stale), to: .same,
            effects: [.setLink(.stale), .countQuery, .arm(.stale), .sendQuery]),
        Row(name: "stopAck known", from: .starting, event: .stopAnswered(.stopped), to: .state(.awaitBill), effects: [.arm(.bill)]),
        Row(name: "stopAck known", from: .charging, event: .stopAnswered(.stopped), to: .state(.awaitBill), effects: [.arm(.bill)]),
        Row(name: "stopAck known", from: .stopping, event: .stopAnswered(.over), to: .state(.awaitBill), effects: [.arm(.bill)]),
        Row(name: "stopAck never ran", from: .awaitBill, event: .stopAnswered(.unknown), to: .state(.cancelled), effects: [.release]),
        Row(name: "bill", from: .starting, event: .bill(.valid(hasEnergy: true)), to: .settled, effects: [.keepBill, .settleByBill]),
        Row(name: "bill", from: .charging, event: .bill(.valid(hasEnergy: true)), to: .settled, effects: [.keepBill, .settleByBill]),
        Row(name: "bill", from: .stopping, event: .bill(.valid(hasEnergy: true)), to: .settled, effects: [.keepBill, .settleByBill]),
        Row(name: "bill", from: .awaitBill, event: .bill(.valid(hasEnergy: true)), to: .settled, effects: [.keepBill, .settleByBill]),
        Row(
            name: "bill of 0 after a sample", from: .charging, event: .bill(.valid(hasEnergy: false)), samples: 1, to: .settled,
            effects: [.keepBill, .settleByBill]),
        Row(
            name: "bill of 0 and nothing seen", from: .awaitBill, event: .bill(.valid(hasEnergy: false)), to: .state(.cancelled),
            effects: [.keepBill, .release]),
        Row(
            name: "bill that cannot be true", from: .charging, event: .bill(.implausible), to: .same,
            effects: [.quarantine, .addReview(.badBill)]),
        Row(name: "bill, other hash", from: .due, event: .bill(.other), to: .same, effects: [.quarantine, .addReview(.billConflict)]),
        Row(name: "bill, other hash", from: .closed, event: .bill(.other), to: .same, effects: [.quarantine, .addReview(.billConflict)]),
        Row(
            name: "bill, other hash", from: .cancelled, event: .bill(.other), to: .same, effects: [.quarantine, .addReview(.billConflict)]),
        Row(
            name: "bill after estimate, lower", from: .closed, event: .bill(.late(.lower)), to: .settled,
            effects: [.keepBill, .returnDifference]),
        Row(
            name: "bill after estimate, lower", from: .due, event: .bill(.late(.lower)), to: .settled,
            effects: [.keepBill, .returnDifference]),
        Row(
            name: "bill after estimate, higher", from: .closed, event: .bill(.late(.higher)), to: .same,
            effects: [.keepBill, .absorbDifference, .addReview(.lateBillHigher)]),
        Row(
            name: "timeout bill", from: .awaitBill, event: .timeout(.bill), to: .same,
            effects: [.countTry, .arm(.bill), .sendStop, .sendQuery]),
        Row(name: "payNotify, all of it", from: .due, event: .paid(.nothing), to: .state(.closed), effects: []),
        Row(name: "payNotify, a part", from: .due, event: .paid(.something), to: .same, effects: []),
        Row(name: "refund", from: .closed, event: .refunded, to: .same, effects: []),
    ]

    @Test("does what the row says", arguments: rows)
    func row(_ row: Row) {
        let result = Self.decide(Self.order(row.from, samples: row.samples), row.event, at: 540_000)
        #expect(result == Transition(row.to, row.effects))
    }

    static let events: [OrderEvent] = [
        .created, .startAnswered(.started), .startAnswered(.busy), .startAnswered(.fault), .startAnswered(.refused),
        .startAnswered(.notPlugged),
        .telemetry(isPlausible: true), .stop(reason: "user"), .timeout(.start), .timeout(.stop), .timeout(.stale), .timeout(.bill),
        .stopAnswered(.stopped), .stopAnswered(.over), .stopAnswered(.unknown), .bill(.valid(hasEnergy: true)),
        .bill(.valid(hasEnergy: false)),
        .bill(.same), .bill(.other), .bill(.late(.lower)), .bill(.late(.higher)), .paid(.nothing), .paid(.something), .refunded,
    ]

    @Test("no transition leads out of a terminal state (I10)", arguments: [OrderState.closed, .cancelled])
    func terminal(_ state: OrderState) {
        for event in Self.events {
            for samples in [0, 3] {
                guard let result = Self.decide(Self.order(state, samples: samples), event, at: 10_000_000) else { continue }
                // A lower late bill settles again: a closed order that owes nothing stays closed.
                #expect(result.to == .same || result.to == .settled, "\(event)")
            }
        }
    }

    @Test("a start that timed out is never cancelled: the pile may be charging")
    func startTimeout() {
        #expect(Self.decide(Self.order(.starting), .timeout(.start))?.to == .state(.awaitBill))
        #expect(Self.decide(Self.order(.starting), .timeout(.start), bugs: [.cancelledOnStartTimeout])?.to == .state(.cancelled))
    }

    @Test(
        "events without a row change nothing",
        arguments: [
            (OrderState.charging, OrderEvent.startAnswered(.started)), (.awaitBill, .startAnswered(.started)),
            (.starting, .startAnswered(.notPlugged)),
            (.stopping, .stop(reason: "user")), (.awaitBill, .stop(reason: "user")), (.closed, .stop(reason: "user")),
            (.charging, .timeout(.start)),
            (.charging, .stopAnswered(.unknown)), (.stopping, .stopAnswered(.unknown)), (.closed, .bill(.same)), (.charging, .bill(.same)),
            (.closed, .paid(.nothing)), (.due, .refunded), (.charging, .refunded), (.awaitBill, .timeout(.stop)),
            (.cancelled, .timeout(.bill)),
            (.cancelled, .bill(.late(.lower))), (.charging, .bill(.late(.higher))), (.closed, .created),
        ])
    func refused(_ state: OrderState, _ event: OrderEvent) {
        #expect(Self.decide(Self.order(state), event) == nil)
    }

    @Test("an order that was seen charging is not cancelled by 'never ran'")
    func neverRan() {
        #expect(Self.decide(Self.order(.awaitBill, samples: 1), .stopAnswered(.unknown)) == nil)
        #expect(Self.decide(Self.order(.awaitBill), .stopAnswered(.unknown))?.to == .state(.cancelled))
    }

    @Test("queries until 24 minutes of silence, then the charge counts as over")
    func stale() {
        let order = Self.order(.charging, samples: 1)
        #expect(Self.decide(order, .timeout(.stale), at: 1_439_999)?.to == .same)
        #expect(
            Self.decide(order, .timeout(.stale), at: 1_440_000)
                == Transition(.state(.awaitBill), [.setLink(.offline), .setReason("silent"), .arm(.bill), .sendStop]))
    }

    @Test("gives up after two hours, by the last good sample where there is one")
    func giveUp() {
        #expect(Self.decide(Self.order(.awaitBill), .timeout(.bill), at: 7_199_999)?.to == .same)
        #expect(
            Self.decide(Self.order(.awaitBill, samples: 2), .timeout(.bill), at: 7_200_000)
                == Transition(.settled, [.settleByEstimate, .addReview(.estimated)]))
        #expect(
            Self.decide(Self.order(.awaitBill), .timeout(.bill), at: 7_200_000)
                == Transition(.state(.cancelled), [.settleByEstimate, .addReview(.estimated)]))
    }

    @Test("waits 60 s for a start, 30 s for a stop, longer than a pile's 30 minutes for a bill, and 2 h in all")
    func deadlines() {
        var order = Self.order(.awaitBill)
        let now = Self.start
        #expect(OrderRules.deadline(of: .start, order, Self.policies, now: now) == now + 60_000)
        #expect(OrderRules.deadline(of: .stop, order, Self.policies, now: now) == now + 30_000)
        #expect(OrderRules.deadline(of: .stale, order, Self.policies, now: now) == now + 540_000)
        #expect(OrderRules.deadline(of: .bill, order, Self.policies, now: now) > now + 1_800_000)
        order.awaitingSince = now - 7_000_000
        #expect(OrderRules.deadline(of: .bill, order, Self.policies, now: now) == now + 200_000)
    }

    @Test("admits an order only where every guard holds, and says which one does not")
    func admission() {
        var admission = Admission()
        admission.balance = 2_000
        admission.hold = 2_000
        #expect(admission.refusal(Self.policies) == nil)
        func refusal(_ change: (inout Admission) -> Void) -> Admission.Refusal? {
            var changed = admission
            change(&changed)
            return changed.refusal(Self.policies)
        }
        #expect(refusal { $0.debt = "A" } == .userHasDue)
        #expect(refusal { $0.isDisabled = true } == .portDisabled)
        #expect(refusal { $0.occupant = "A" } == .portBusy)
        #expect(refusal { $0.isOnline = false } == .pileOffline)
        #expect(refusal { $0.isFaulted = true } == .portFaulted)
        #expect(refusal { $0.activeOrders = ["A"] } == .tooManyOrders)
        #expect(refusal { $0.balance = 1_999 } == .insufficientFunds)
    }
}
