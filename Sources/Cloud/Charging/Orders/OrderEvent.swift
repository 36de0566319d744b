/// What happens to an order (the first column of charging-orders.md 2.1), after everything that needs more than the order has been looked up.
package enum OrderEvent: Sendable, Equatable {
    case created
    case startAnswered(StartAnswer)
    /// - Parameter isPlausible: whether the reading can be true, seen from the last one and the pile's rated power.
    case telemetry(isPlausible: Bool)
    /// Somebody or something wants it to end: `user`, `limit`, `remote`, or the alarm's word.
    case stop(reason: String)
    case timeout(OrderTimer)
    case stopAnswered(StopAnswer)
    case bill(BillStanding)
    case paid(OpenAfter)
    case refunded
    case resolved

    /// What a payment leaves open.
    package enum OpenAfter: Sendable, Equatable {
        case something, nothing
    }
}

/// What a bill is, compared with what is known.
package enum BillStanding: Sendable, Equatable {
    /// Can be true, and is the first of its order.
    case valid(hasEnergy: Bool)
    /// Negative, ending before its start, above the rated power.
    case implausible
    /// The same content as before.
    case same
    /// Another content than the one that settled the order.
    case other
    /// The first bill of an order that was settled by estimate, compared with it.
    case late(LateBill)
}

package enum LateBill: Sendable, Equatable {
    case lower, equal, higher
}

/// What a transition does in its commit, and after it.
package enum OrderEffect: Sendable, Equatable {
    // In the commit.
    case takeSample
    case setReason(String)
    case setLink(OrderLink)
    case addReview(OrderReview)
    /// The price of the bill, the capture, the rest.
    case settleByBill
    /// The price of the last good sample.
    case settleByEstimate
    /// Nothing happened: the whole hold goes back.
    case release
    case keepBill
    case quarantine
    /// The price is lowered to the bill's, and the difference goes back.
    case returnDifference
    /// The operator bears the difference.
    case absorbDifference
    /// Broken on purpose: the user is charged the difference.
    case chargeDifference
    case countQuery, countTry
    case arm(OrderTimer)
    case alarm(String)
    // After the commit.
    case sendStart
    case sendStop
    case sendQuery
}

package struct Transition: Sendable, Equatable {
    package enum Target: Sendable, Equatable {
        case same
        case state(OrderState)
        /// `due` or `closed`, as the money says.
        case settled
    }

    package var to: Target
    package var effects: [OrderEffect]

    package init(_ to: Target, _ effects: [OrderEffect] = []) {
        self.to = to
        self.effects = effects
    }
}
