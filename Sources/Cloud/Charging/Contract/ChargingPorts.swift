// The borders between the parts of the charging cloud: each part knows the others by these only.
// All calls come on the thread of the cloud's clock and return without waiting.

/// Told what piles say. The orders and the stations are.
package protocol PileListener: AnyObject, Sendable {
    func received(_ event: PileEvent)
}

/// Books bills. `done` is called once, after the commit that holds the bill, or with `failed` when there is none.
package protocol BillKeeper: AnyObject, Sendable {
    func received(_ bill: PileBill, done: @escaping @Sendable (BillOutcome) -> Void)
}

/// Reaches piles. The gateway does.
package protocol PileCommander: AnyObject, Sendable {
    /// - Returns: false where the pile has no session; nothing was sent then and no event follows.
    @discardableResult
    func send(_ command: PileCommand, to pile: String) -> Bool
    func isOnline(_ pile: String) -> Bool
}

/// What the gateway and the orders ask about piles. The stations answer, from memory or in the given read.
package protocol PileRegistry: AnyObject, Sendable {
    /// A pile that may log in; `nil` for one that nobody has entered (F57).
    func pile(_ id: String) -> RegisteredPile?
    /// The sockets of a BKV gateway (14 digits) that have been entered, by number: 1 to 250 (charging-protocols.md 2.1).
    func sockets(of gateway: String) -> [Int]
}

extension PileRegistry {
    /// Asks for each number that a socket can have.
    package func sockets(of gateway: String) -> [Int] { (1...250).filter { pile("\(gateway)-\($0)") != nil } }
}

package struct RegisteredPile: Sendable, Equatable {
    package var id: String
    /// The operator whose pile it is: the tenant of its orders.
    package var operatorID: String
    package var site: String
    package var ports: Int
    /// dW; a sample or bill above 1.2 times this is implausible.
    package var ratedPower: Int64
    /// Disabled ports, from 1: no new order there (F62).
    package var disabledPorts: [Int]
    /// Minutes of the site's civil time ahead of UTC.
    package var utcOffset: Int
    /// The radio address of a BKV socket, 6 bytes, which its gateway must be told; empty where it is not known or there is none.
    package var hardwareAddress: [UInt8]

    package init(
        id: String, operatorID: String, site: String, ports: Int, ratedPower: Int64 = 20_000, disabledPorts: [Int] = [], utcOffset: Int = 480,
        hardwareAddress: [UInt8] = []
    ) {
        self.id = id
        self.operatorID = operatorID
        self.site = site
        self.ports = ports
        self.ratedPower = ratedPower
        self.disabledPorts = disabledPorts
        self.utcOffset = utcOffset
        self.hardwareAddress = hardwareAddress
    }
}

/// What the payments ask of the orders, and the orders of the payments.
package protocol OrderPayments: AnyObject, Sendable {
    /// Books money that a payment service says has arrived, in one commit; keyed by the transaction.
    func paid(_ notice: PaymentNotice) throws -> PaymentOutcome
    /// What a payment service says of a refund; keyed by the refund's number.
    func refunded(number: String, succeeded: Bool) throws
}

package struct PaymentNotice: Sendable, Equatable {
    /// `wechat`, `alipay`.
    package var channel: String
    /// The service's own number of the payment.
    package var transaction: String
    /// Our number of the attempt (`out_trade_no`).
    package var attempt: String
    package var fen: Int64
    /// Unix seconds, as the service says.
    package var paidAt: Int64

    package init(channel: String, transaction: String, attempt: String, fen: Int64, paidAt: Int64) {
        self.channel = channel
        self.transaction = transaction
        self.attempt = attempt
        self.fen = fen
        self.paidAt = paidAt
    }
}

package enum PaymentOutcome: Sendable, Equatable {
    case booked
    case repeated
    /// Nothing was owed any more: the whole amount goes back under this refund number.
    case returned(refund: String)
    /// No such attempt, or another amount than it was made for.
    case refused(reason: String)
}
