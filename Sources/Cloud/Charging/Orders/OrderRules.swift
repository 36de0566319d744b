package import LabCore

/// The table of charging-orders.md 2.1, row by row. What is not in it changes nothing.
///
/// A rule sees one order, one event and the time; what it wants is done by `OrderWork` in one commit, and told after it.
package enum OrderRules {
    /// - Parameters:
    ///   - now: Unix milliseconds.
    ///   - bugs: rules that are broken on purpose, for `lab mutate`.
    /// - Returns: `nil` for what changes nothing.
    package static func transition(
        _ order: Order, _ event: OrderEvent, _ policies: OrderPolicies = OrderPolicies(), now: Int64, bugs: Set<SeededBug> = []
    ) -> Transition? {
        switch (event, order.state) {
        // create: Held -> Starting
        case (.created, .held):
            Transition(.state(.starting), [.arm(.start), .sendStart])

        // startAck ok
        case (.startAnswered(.started), .starting):
            Transition(.state(.charging), [.arm(.stale)])
        // startAck busy/fault
        case (.startAnswered(.busy), .starting):
            Transition(.state(.awaitBill), [.setReason("start_busy"), .arm(.bill), .alarm("conflict"), .sendStop])
        case (.startAnswered(.fault), .starting):
            Transition(.state(.awaitBill), [.setReason("start_fault"), .arm(.bill), .alarm("port_fault"), .sendStop])
        case (.startAnswered(.refused), .starting):
            Transition(.state(.awaitBill), [.setReason("start_refused"), .arm(.bill), .sendStop])
        // startAck "not plugged": the pile waits for the plug until the start times out (F05).

        // telemetry
        case (.telemetry(isPlausible: true), .starting):
            Transition(.state(.charging), [.takeSample, .arm(.stale)])
        case (.telemetry(isPlausible: false), .starting):
            Transition(.state(.charging), [.alarm("implausible_sample"), .arm(.stale)])
        case (.telemetry(isPlausible: true), .charging):
            Transition(.same, [.takeSample, .setLink(.online), .arm(.stale)])
        case (.telemetry(isPlausible: false), .charging):
            Transition(.same, [.alarm("implausible_sample"), .setLink(.online), .arm(.stale)])
        case (.telemetry(isPlausible: true), .stopping), (.telemetry(isPlausible: true), .awaitBill):
            Transition(.same, [.takeSample, .sendStop])
        case (.telemetry(isPlausible: false), .stopping), (.telemetry(isPlausible: false), .awaitBill):
            Transition(.same, [.alarm("implausible_sample"), .sendStop])
        case (.telemetry, .due), (.telemetry, .closed), (.telemetry, .cancelled):
            Transition(.same, [.alarm("energy_without_order"), .sendStop])

        // userStop / limit / remoteStop / alarm
        case (.stop(let reason), .charging):
            Transition(.state(.stopping), [.setReason(reason), .arm(.stop), .sendStop])
        case (.stop(let reason), .starting):
            Transition(.state(.awaitBill), [.setReason(reason), .arm(.bill), .sendStop])

        // timeouts
        case (.timeout(.start), .starting) where bugs.contains(.cancelledOnStartTimeout):
            Transition(.state(.cancelled), [.setReason("start_timeout"), .release])
        case (.timeout(.start), .starting):
            Transition(.state(.awaitBill), [.setReason("start_timeout"), .arm(.bill), .sendStop])
        case (.timeout(.stop), .stopping):
            Transition(.state(.awaitBill), [.arm(.bill), .sendStop])
        case (.timeout(.stale), .charging) where now - (order.sampledAt ?? order.startedAt ?? order.createdAt) < policies.silenceLimit:
            Transition(.same, [.setLink(.stale), .countQuery, .arm(.stale), .sendQuery])
        case (.timeout(.stale), .charging):
            Transition(.state(.awaitBill), [.setLink(.offline), .setReason("silent"), .arm(.bill), .sendStop])

        // stopAck
        case (.stopAnswered(.stopped), .starting), (.stopAnswered(.over), .starting),
            (.stopAnswered(.stopped), .charging), (.stopAnswered(.over), .charging),
            (.stopAnswered(.stopped), .stopping), (.stopAnswered(.over), .stopping):
            Transition(.state(.awaitBill), [.arm(.bill)])
        case (.stopAnswered(.unknown), .awaitBill) where !order.hasBeenSeen:
            Transition(.state(.cancelled), [.release])

        // bill
        case (.bill(let standing), _):
            bill(standing, of: order, bugs: bugs)

        // timeout bill, give-up
        case (.timeout(.bill), .awaitBill) where now - (order.awaitingSince ?? now) < policies.giveUp:
            Transition(.same, [.countTry, .arm(.bill), .sendStop, .sendQuery])
        case (.timeout(.bill), .awaitBill) where order.hasBeenSeen:
            Transition(.settled, [.settleByEstimate, .addReview(.estimated)])
        case (.timeout(.bill), .awaitBill):
            Transition(.state(.cancelled), [.settleByEstimate, .addReview(.estimated)])

        // payNotify
        case (.paid(.nothing), .due): Transition(.state(.closed))
        case (.paid(.something), .due): Transition(.same)

        // refund, operatorResolve
        case (.refunded, .closed): Transition(.same)
        case (.resolved, _) where !order.review.isEmpty: Transition(.same)

        default: nil
        }
    }

    private static func bill(_ standing: BillStanding, of order: Order, bugs: Set<SeededBug>) -> Transition? {
        switch (standing, order.state) {
        case (.valid(let hasEnergy), .starting), (.valid(let hasEnergy), .charging), (.valid(let hasEnergy), .stopping),
            (.valid(let hasEnergy), .awaitBill):
            hasEnergy || order.hasBeenSeen
                ? Transition(.settled, [.keepBill, .settleByBill]) : Transition(.state(.cancelled), [.keepBill, .release])
        case (.implausible, _):
            Transition(.same, [.quarantine, .addReview(.badBill)])
        case (.same, _): nil
        case (.other, .due), (.other, .closed), (.other, .cancelled):
            Transition(.same, [.quarantine, .addReview(.billConflict)])
        case (.late, .due) where bugs.contains(.lateBillIgnored), (.late, .closed) where bugs.contains(.lateBillIgnored):
            nil
        case (.late(.lower), .due), (.late(.lower), .closed):
            Transition(.settled, [.keepBill, .returnDifference])
        case (.late(.equal), .due), (.late(.equal), .closed):
            Transition(.same, [.keepBill])
        case (.late(.higher), .due) where bugs.contains(.lateBillChargedUp),
            (.late(.higher), .closed) where bugs.contains(.lateBillChargedUp):
            Transition(.settled, [.keepBill, .chargeDifference])
        case (.late(.higher), .due), (.late(.higher), .closed):
            Transition(.same, [.keepBill, .absorbDifference, .addReview(.lateBillHigher)])
        default: nil
        }
    }

    /// When a timer that is armed now is over.
    package static func deadline(of timer: OrderTimer, _ order: Order, _ policies: OrderPolicies, now: Int64) -> Int64 {
        switch timer {
        case .start: now + policies.startTimeout
        case .stop: now + policies.stopTimeout
        case .stale:
            order.queries == 0
                ? now + policies.staleTimeout
                : min(now + policies.queryInterval, (order.sampledAt ?? order.startedAt ?? order.createdAt) + policies.silenceLimit)
        case .bill:
            min(now + policies.billTimeout, (order.awaitingSince ?? now) + policies.giveUp)
        }
    }
}

/// What a user asks for.
package struct OrderRequest: Sendable, Equatable {
    package var user: String
    package var pile: String
    package var port: Int
    package var clientKey: String?
    /// `nil`: what the limits cost, or the standard hold.
    package var hold: Int64?
    package var limitEnergy: Int64?
    package var limitSeconds: Int64?
    package var card: String?

    package init(
        user: String, pile: String, port: Int, clientKey: String? = nil, hold: Int64? = nil, limitEnergy: Int64? = nil,
        limitSeconds: Int64? = nil, card: String? = nil
    ) {
        self.user = user
        self.pile = pile
        self.port = port
        self.clientKey = clientKey
        self.hold = hold
        self.limitEnergy = limitEnergy
        self.limitSeconds = limitSeconds
        self.card = card
    }
}

/// The guard of `create` (2.1, first row), over what was looked up in the transaction that writes the order.
package struct Admission: Sendable, Equatable {
    package var isDisabled = false
    package var isFaulted = false
    package var isOnline = true
    /// The active order on the port.
    package var occupant: String?
    /// An order of this user that is not paid.
    package var debt: String?
    package var activeOrders: [String] = []
    package var balance: Int64 = 0
    package var hold: Int64 = 0

    package init() {}

    package enum Refusal: String, Sendable, Equatable {
        case userHasDue = "user_has_due"
        case portDisabled = "port_disabled"
        case portBusy = "port_busy"
        case pileOffline = "pile_offline"
        case portFaulted = "port_faulted"
        case tooManyOrders = "too_many_orders"
        case insufficientFunds = "insufficient_funds"
    }

    package func refusal(_ policies: OrderPolicies, bugs: Set<SeededBug> = []) -> Refusal? {
        if debt != nil { return .userHasDue }
        if isDisabled { return .portDisabled }
        if occupant != nil, !bugs.contains(.portNotExclusive) { return .portBusy }
        if !isOnline { return .pileOffline }
        if isFaulted { return .portFaulted }
        if activeOrders.count >= policies.maximumActive { return .tooManyOrders }
        if balance < hold { return .insufficientFunds }
        return nil
    }
}
